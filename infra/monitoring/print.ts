/**
 * `npm run --silent alerts -- [--shards N] [--runbooks URL]`: the rules as a file for a Prometheus that no operator configures;
 * with `--json` as JSON, with every metric that a rule, an alarm or a dashboard asks for.
 */
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { alertsFor } from './alerts.ts';
import { ROWS } from './dashboards.ts';
import { metricsOf, prometheusRules } from './promql.ts';

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '1' },
    runbooks: { type: 'string', default: 'runbooks' },
    json: { type: 'boolean', default: false },
  },
});
const shards = Number(values.shards);
if (!Number.isInteger(shards) || shards < 1)
  throw new Error(`--shards is how many gateways there are, not '${values.shards}'`);
const alerts = alertsFor({ shards });
const rules = prometheusRules(alerts, values.runbooks);
if (values.json) process.stdout.write(JSON.stringify({ ...rules, metrics: metrics() }));
else process.stdout.write(stringify(rules));

/** Names as `/metrics` has them. */
function metrics(): readonly string[] {
  const panels = ROWS.flatMap((row) => row.panels);
  const asked = panels.flatMap(({ metric, cloudwatchMetric, query }) => [
    metric,
    ...(cloudwatchMetric === undefined ? [] : [cloudwatchMetric]),
    ...(query.match(/cutover_[a-z_]+/g) ?? []),
  ]);
  return [...new Set([...alerts.flatMap(({ condition }) => metricsOf(condition)), ...asked])];
}
