/**
 * Alerts as alarms of CloudWatch, over the figures that the CloudWatch agent scrapes from the same `/metrics`. It adds
 * them up over connections, so an alarm says that there is one, and Prometheus or `cutover status` which.
 */
import type { cloudwatch } from '@pulumi/aws/types/input.js';
import type { Alert, Where } from './alerts.ts';

export const NAMESPACE = 'Cutover';
const PERIOD_SECONDS = 60;

export type AlarmShape = {
  readonly metricQueries: cloudwatch.MetricAlarmMetricQuery[];
  readonly comparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold' | 'LessThanLowerThreshold';
  readonly threshold?: number;
  readonly thresholdMetricId?: string;
  readonly evaluationPeriods: number;
  /** A figure that is gone is itself a reason to look. */
  readonly treatMissingData: 'breaching' | 'notBreaching' | 'missing';
};

type Query = cloudwatch.MetricAlarmMetricQuery;

/** `dimensions`: of everything that the agent publishes for this deployment. */
export function alarmOf({ condition, forMs }: Alert, dimensions: Where): AlarmShape {
  const evaluationPeriods = Math.max(1, Math.round(forMs / 1000 / PERIOD_SECONDS));
  const query = (id: string, metric: string, stat: string, where: Where = {}, returnData = true): Query => ({
    id,
    returnData,
    metric: {
      namespace: NAMESPACE,
      metricName: metric,
      dimensions: { ...dimensions, ...where },
      period: PERIOD_SECONDS,
      stat,
    },
  });
  const math = (expression: string): Query => ({ id: 'result', expression, label: 'result', returnData: true });
  const above = (threshold: number, metricQueries: Query[]): AlarmShape => ({
    metricQueries,
    comparisonOperator: 'GreaterThanThreshold',
    threshold,
    evaluationPeriods,
    treatMissingData: 'notBreaching',
  });
  const below = (threshold: number, metricQueries: Query[]): AlarmShape => ({
    ...above(threshold, metricQueries),
    comparisonOperator: 'LessThanThreshold',
  });
  switch (condition.kind) {
    case 'value': {
      const { metric, where, is, limit } = condition;
      return is === '>'
        ? above(limit, [query('value', metric, 'Maximum', where)])
        : below(limit, [query('value', metric, 'Minimum', where)]);
    }
    case 'increase': {
      const value = query('value', condition.metric, 'Maximum', condition.where, false);
      return { ...above(condition.over, [value, math('DIFF(value)')]), evaluationPeriods: 1 };
    }
    case 'share': {
      const part = query('part', condition.metric, 'Sum', condition.part, false);
      const whole = query('whole', condition.metric, 'Sum', condition.of, false);
      return above(condition.over, [part, whole, math('IF(DIFF(whole) > 0, DIFF(part) / DIFF(whole), 0)')]);
    }
    case 'ratio': {
      const { metric, of, is, limit } = condition;
      const part = query('part', metric, is === '>' ? 'Maximum' : 'Minimum', {}, false);
      const whole = query('whole', of, 'Minimum', {}, false);
      return (is === '>' ? above : below)(limit, [part, whole, math('part / whole')]);
    }
    case 'expires': {
      const value = query('value', condition.metric, 'Minimum', {}, false);
      return below(condition.aheadMs / 1000, [value, math('value - EPOCH(value)')]);
    }
    case 'silence': {
      // A band of what is usual at this hour of the week takes the place of "a week ago".
      const value = query('value', condition.metric, 'Sum', condition.where);
      const band: Query = {
        id: 'band',
        expression: 'ANOMALY_DETECTION_BAND(value, 4)',
        label: 'usual',
        returnData: true,
      };
      return {
        metricQueries: [value, band],
        comparisonOperator: 'LessThanLowerThreshold',
        thresholdMetricId: 'band',
        evaluationPeriods: Math.round(condition.quietMs / 1000 / PERIOD_SECONDS),
        treatMissingData: 'breaching',
      };
    }
    case 'fewer': {
      // The agent publishes one sample of each series a minute; a series that shows 0 adds nothing.
      const value = query('value', condition.metric, 'Sum', condition.where);
      return { ...below(condition.than, [value]), treatMissingData: 'breaching' };
    }
  }
}
