/** One list of alerts: each has its section in a runbook, its rule and its alarm. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Alert, alertsFor } from './alerts.ts';
import { alarmOf } from './cloudwatch.ts';
import { cloudwatchDashboard, grafanaDashboard, ROWS } from './dashboards.ts';
import { prometheusRules, promqlOf } from './promql.ts';

const RUNBOOKS = resolve(import.meta.dirname, '../../runbooks');
const ALERTS = alertsFor({ shards: 2 });
const RULES = prometheusRules(ALERTS, 'https://runbooks.example');
const HAS_PROMTOOL = spawnSync('promtool', ['--version']).status === 0;

describe('every alert', () => {
  it('leads to a section of a runbook that there is', () => {
    for (const { name, runbook } of ALERTS) {
      const [file = '', section] = runbook.split('#');
      const path = join(RUNBOOKS, file);
      expect(existsSync(path), `${name}: ${file}`).toBe(true);
      const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => anchorOf(text));
      expect(headings, `${name}: ${runbook}`).toContain(section);
    }
  });

  it('has a name of its own, a rule and an alarm', () => {
    expect(new Set(ALERTS.map(({ name }) => name)).size).toBe(ALERTS.length);
    for (const alert of ALERTS) {
      const alarm = alarmOf(alert, { deployment: 'lab' });
      expect(alarm.evaluationPeriods).toBeGreaterThanOrEqual(1);
      expect(alarm.metricQueries.filter(({ returnData }) => returnData)).not.toHaveLength(0);
      expect(JSON.stringify(alarm)).toContain(alert.condition.metric);
    }
    expect(RULES.groups[0]?.rules).toHaveLength(ALERTS.length + 1);
  });
});

describe('dashboards', () => {
  it('show the same figures in Grafana and in CloudWatch', () => {
    const grafana = JSON.stringify(grafanaDashboard('Cutover'));
    const cloudwatch = JSON.stringify(cloudwatchDashboard('us-east-1', { deployment: 'lab' }));
    for (const { metric, title, cloudwatchMetric } of ROWS.flatMap(({ panels }) => panels)) {
      expect(grafana).toContain(title);
      expect(grafana).toContain(metric);
      expect(cloudwatch).toContain(cloudwatchMetric ?? metric);
    }
  });
});

describe.skipIf(!HAS_PROMTOOL)('rules of Prometheus (skipped without promtool: apt-get install prometheus)', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutover-rules-'));
    await writeFile(join(folder, 'rules.yml'), stringify(RULES));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const promtool = (...args: string[]): string => execFileSync('promtool', args, { cwd: folder, encoding: 'utf8' });

  it('are valid', () => {
    expect(promtool('check', 'rules', 'rules.yml')).toContain(`${ALERTS.length + 1} rules found`);
  });

  it.each([
    ['within the hour', (name: string) => !name.endsWith('Silence'), '60m'],
    ['within a week', (name: string) => name.endsWith('Silence'), '8d'],
  ] as const)('fire by their cause, and stay quiet otherwise: %s', async (_what, isMeant, evalTime) => {
    const cases = ALERTS.filter(({ name }) => isMeant(name)).map((alert) => ({ alert, ...seriesFor(alert.name) }));
    const test = {
      rule_files: ['rules.yml'],
      evaluation_interval: evalTime === '8d' ? '5m' : '1m',
      tests: cases.flatMap(({ alert, bad, good, labels }) =>
        [bad, good].map((series, index) => ({
          interval: evalTime === '8d' ? '5m' : '1m',
          input_series: series,
          alert_rule_test: [
            {
              eval_time: evalTime,
              alertname: alert.name,
              exp_alerts: index === 1 ? [] : [expected(alert, labels)],
            },
          ],
        })),
      ),
    };
    await writeFile(join(folder, 'test.yml'), stringify(test));
    expect(promtool('test', 'rules', 'test.yml')).toContain('SUCCESS');
  });

  it('name the connection where there is one', () => {
    expect(promqlOf({ kind: 'value', metric: 'cutover_held', is: '>', limit: 0 })).toBe('cutover_held > 0');
  });
});

type Series = readonly { readonly series: string; readonly values: string }[];
/** More than any test looks at. */
const SAMPLES = 12 * 24 * 8 + 10;
const WEEK_SAMPLES = 12 * 24 * 7;

/** What the figures look like when the alert has its cause, and when it has not. */
function seriesFor(name: string): { bad: Series; good: Series; labels: Record<string, string> } {
  const north = { connection: 'north' };
  const flat = (metric: string, value: number): Series => [{ series: metric, values: `${value}x${SAMPLES}` }];
  const rising = (metric: string, step: number): Series => [{ series: metric, values: `0+${step}x${SAMPLES}` }];
  const counter = (which: string): string => `cutover_messages_total{connection="north",counter="${which}"}`;
  const gauge = (metric: string, bad: number, good: number) => ({
    bad: flat(`${metric}{connection="north"}`, bad),
    good: flat(`${metric}{connection="north"}`, good),
    labels: north,
  });
  const plain = (metric: string, bad: number, good: number) => ({
    bad: flat(metric, bad),
    good: flat(metric, good),
    labels: {},
  });
  const filling = (part: string, whole: string) => ({
    bad: [...flat(part, 81), ...flat(whole, 100)],
    good: [...flat(part, 80), ...flat(whole, 100)],
    labels: {},
  });
  switch (name) {
    case 'GatewayDown':
      return {
        bad: flat('cutover_info{shard="0"}', 1),
        good: [...flat('cutover_info{shard="0"}', 1), ...flat('cutover_info{shard="1"}', 1)],
        labels: {},
      };
    case 'Pause':
    case 'Divergence': {
      const metric = name === 'Pause' ? 'cutover_pauses_too_long_total' : 'cutover_worker_divergent_pairs_total';
      const series = `${metric}{connection="north"}`;
      return { bad: rising(series, 1), good: flat(series, 3), labels: north };
    }
    case 'WorkerDown': {
      const state = (working: number): Series => [
        ...flat('cutover_worker_state{pod="a",state="working"}', working),
        ...flat('cutover_worker_state{pod="b",state="working"}', 0),
      ];
      return { bad: state(0), good: state(1), labels: {} };
    }
    case 'ShadowLag':
      return gauge('cutover_shadow_lag_messages', 1001, 1000);
    case 'ShadowGap':
      return gauge('cutover_shadow_gap_messages', 1, 0);
    case 'Held':
      return gauge('cutover_held', 1, 0);
    case 'Fenced':
      return gauge('cutover_fenced', 1, 0);
    case 'EpochConflict': {
      const metric = 'cutover_moves_refused_total{reason="window"}';
      return { bad: rising(metric, 1), good: flat(metric, 3), labels: { reason: 'window' } };
    }
    case 'SourceRejected':
    case 'DestinationRejected': {
      const [part, whole] = name === 'SourceRejected' ? ['rejected', 'received'] : ['destinationRejected', 'outputs'];
      const share = (step: number): Series => [...rising(counter(part), step), ...rising(counter(whole), 100)];
      return { bad: share(6), good: share(4), labels: north };
    }
    case 'Silence': {
      const busyThenQuiet = [{ series: counter('received'), values: `0+25x${WEEK_SAMPLES + 200} 60000x${SAMPLES}` }];
      return {
        bad: busyThenQuiet,
        good: flat(counter('received'), 7),
        labels: { ...north, counter: 'received' },
      };
    }
    case 'OutputSilence': {
      const busyThenQuiet = { series: counter('outputs'), values: `0+25x${WEEK_SAMPLES + 200} 60000x${SAMPLES}` };
      return {
        bad: [busyThenQuiet, ...flat(counter('received'), 0)],
        good: [busyThenQuiet, ...flat(counter('received'), 1)],
        labels: { ...north, counter: 'outputs' },
      };
    }
    case 'StrangerSends':
      return gauge('cutover_stranger_messages', 1, 0);
    case 'Unanswered':
    case 'Parked': {
      const which = name === 'Parked' ? 'parked' : 'maybeSent';
      return { bad: rising(counter(which), 1), good: flat(counter(which), 3), labels: { ...north, counter: which } };
    }
    case 'DecisionOpen':
      return gauge('cutover_decisions_open', 1, 0);
    case 'RollbackNotReady':
      return gauge('cutover_rollback_at_risk', 1, 0);
    case 'DiskFilling': {
      const disk = (free: number): Series => [
        ...flat('cutover_disk_free_bytes', free),
        ...flat('cutover_disk_total_bytes', 100),
      ];
      return { bad: disk(19), good: disk(20), labels: {} };
    }
    case 'FramesFilling':
      return filling('cutover_frame_bytes', 'cutover_frame_limit_bytes');
    case 'AnswersFilling':
      return filling('cutover_answer_bytes', 'cutover_answer_limit_bytes');
    case 'OpenInputsFilling':
      return filling('cutover_open_inputs', 'cutover_open_inputs_limit');
    case 'SocketsRefused': {
      const labels = { endpoint: 'feed north', cause: 'tls-failed' };
      const series = 'cutover_sockets_refused_total{endpoint="feed north",cause="tls-failed"}';
      return { bad: rising(series, 1), good: flat(series, 30), labels };
    }
    case 'ShippingLag':
      return plain('cutover_shipping_lag_seconds', 301, 300);
    case 'RecordsMissing':
      return plain('cutover_shipping_missing_records_total', 1, 0);
    case 'WorkerLag':
      return plain('cutover_worker_lag_seconds', 301, 300);
    case 'CertificateExpires': {
      const at = (days: number): number => 3600 + days * 86_400;
      return plain('cutover_certificate_expires_timestamp_seconds', at(13), at(15));
    }
    default:
      throw new Error(`no series are written down for ${name}`);
  }
}

function expected({ severity, summary, runbook }: Alert, labels: Record<string, string>): object {
  return {
    exp_labels: { severity, ...labels },
    exp_annotations: {
      summary: summary.replaceAll(/\{\{(\w+)\}\}/g, (_all, label: string) => labels[label] ?? 'north'),
      runbook_url: `https://runbooks.example/${runbook}`,
    },
  };
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}
