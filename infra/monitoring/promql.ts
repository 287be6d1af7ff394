/** Alerts as rules of Prometheus. */
import { type Alert, type Condition, DEAD_MANS_SWITCH, type Where } from './alerts.ts';

export type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};
export type RuleGroups = { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] };

/** `runbooks`: URL of the folder of runbooks. */
export function prometheusRules(alerts: readonly Alert[], runbooks: string): RuleGroups {
  const rules = alerts.map(
    (alert): Rule => ({
      alert: alert.name,
      expr: promqlOf(alert.condition),
      ...(alert.forMs === 0 ? {} : { for: durationOf(alert.forMs) }),
      labels: { severity: alert.severity },
      annotations: {
        summary: alert.summary.replaceAll(/\{\{(\w+)\}\}/g, '{{ $$labels.$1 }}'),
        runbook_url: `${runbooks}/${alert.runbook}`,
      },
    }),
  );
  const watchdog: Rule = {
    alert: DEAD_MANS_SWITCH,
    expr: 'vector(1)',
    labels: { severity: 'none' },
    annotations: {
      summary: 'always on; its absence is the alarm',
      runbook_url: `${runbooks}/monitor.md#dead-mans-switch`,
    },
  };
  return { groups: [{ name: 'cutover', rules: [...rules, watchdog] }] };
}

export function promqlOf(condition: Condition): string {
  switch (condition.kind) {
    case 'value':
      return `${selector(condition.metric, condition.where)} ${condition.is} ${condition.limit}`;
    case 'increase': {
      const { metric, where, overMs, over } = condition;
      return `increase(${selector(metric, where)}[${durationOf(overMs)}]) > ${over}`;
    }
    case 'share': {
      const { metric, part, of, overMs, over } = condition;
      const sum = (where: Where): string =>
        `sum by (connection) (increase(${selector(metric, where)}[${durationOf(overMs)}]))`;
      return `${sum(part)} / ${sum(of)} > ${over}`;
    }
    case 'ratio':
      return `${condition.metric} / ${condition.of} ${condition.is} ${condition.limit}`;
    case 'expires':
      return `${condition.metric} - time() < ${condition.aheadMs / 1000}`;
    case 'silence': {
      const { metric, where, without, quietMs, usual } = condition;
      const increase = (offset: string): string =>
        `increase(${selector(metric, where)}[${durationOf(quietMs)}]${offset})`;
      const quiet = `${increase('')} == 0 and ${increase(' offset 1w')} > ${usual}`;
      if (without === undefined) return quiet;
      // Over the same time: a gateway that is down has no present value, and would fall silent in all its connections.
      return `${quiet} unless on (connection) max_over_time(${selector(metric, without)}[${durationOf(quietMs)}]) > 0`;
    }
    case 'fewer': {
      const { metric, where, label, than } = condition;
      return `(count(count by (${label}) (${selector(metric, where)} == 1)) or vector(0)) < ${than}`;
    }
  }
}

/** Every metric that a condition needs. */
export function metricsOf(condition: Condition): readonly string[] {
  return condition.kind === 'ratio' ? [condition.metric, condition.of] : [condition.metric];
}

function selector(metric: string, where: Where = {}): string {
  const labels = Object.entries(where).map(([name, value]) => `${name}="${value}"`);
  return labels.length === 0 ? metric : `${metric}{${labels.join(',')}}`;
}

function durationOf(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
}
