/** What on-call looks at: one dashboard, for Grafana and for CloudWatch, of the same figures. */
import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Where } from './alerts.ts';
import { NAMESPACE } from './cloudwatch.ts';

export type Panel = {
  readonly title: string;
  readonly unit: string;
  readonly metric: string;
  /** What CloudWatch shows instead: its agent takes no histograms. */
  readonly cloudwatchMetric?: string;
  /** How Grafana asks; CloudWatch shows the largest. */
  readonly query: string;
  readonly legend: string;
};
type Row = { readonly title: string; readonly panels: readonly Panel[] };

const counted = (title: string, counter: string): Panel => ({
  title,
  unit: 'mps',
  metric: 'cutover_messages_total',
  query: `sum by (connection) (rate(cutover_messages_total{counter="${counter}"}[5m]))`,
  legend: '{{connection}}',
});
const perConnection = (title: string, metric: string, unit = 'short'): Panel => ({
  title,
  unit,
  metric,
  query: metric,
  legend: '{{connection}}',
});
const perShard = (title: string, metric: string, unit: string): Panel => ({
  title,
  unit,
  metric,
  query: metric,
  legend: '{{pod}}',
});

export const ROWS: readonly Row[] = [
  {
    title: 'Traffic',
    panels: [
      counted('Received', 'received'),
      counted('Delivered', 'delivered'),
      counted('Rejected by the primary', 'rejected'),
      counted('Rejected by the destination', 'destinationRejected'),
      perConnection('On their way', 'cutover_in_flight'),
      perConnection('Held', 'cutover_held'),
    ],
  },
  {
    title: 'Change-over',
    panels: [
      perConnection('New is the control', 'cutover_control_is_new'),
      perConnection('Shadow lag', 'cutover_shadow_lag_messages'),
      perConnection('Owed outputs', 'cutover_owed_outputs'),
      perConnection('Rollback at risk', 'cutover_rollback_at_risk'),
      perConnection('Sent by a platform that does not own it', 'cutover_stranger_messages'),
      perConnection('Open decisions', 'cutover_decisions_open'),
      perConnection('Epoch', 'cutover_epoch'),
      {
        title: 'Pause around swaps, as senders felt it (p99)',
        unit: 's',
        metric: 'cutover_pause_seconds',
        cloudwatchMetric: 'cutover_pauses_too_long_total',
        query: 'histogram_quantile(0.99, sum by (connection, le) (increase(cutover_pause_seconds_bucket[15m])))',
        legend: '{{connection}}',
      },
      perConnection('Divergent pairs', 'cutover_worker_divergent_pairs_total'),
      perConnection('Pairs compared', 'cutover_worker_pairs_total'),
    ],
  },
  {
    title: 'Machine',
    panels: [
      perShard('Journal', 'cutover_journal_bytes', 'bytes'),
      perShard('Free disk', 'cutover_disk_free_bytes', 'bytes'),
      perShard('Waiting for the disk', 'cutover_journal_buffered_bytes', 'bytes'),
      perShard('Database behind', 'cutover_shipping_lag_seconds', 's'),
      perShard('Worker behind', 'cutover_worker_lag_seconds', 's'),
      perShard('Sockets', 'cutover_open_sockets', 'short'),
      perShard('Sockets turned away', 'cutover_sockets_refused_total', 'short'),
      perShard('Messages without an answer', 'cutover_frame_bytes', 'bytes'),
      perShard('Unfinished answers', 'cutover_answer_bytes', 'bytes'),
      perShard('Messages that wait for their outputs', 'cutover_open_inputs', 'short'),
    ],
  },
];

const PANEL = { width: 8, height: 7 } as const;

export function grafanaDashboard(title: string): object {
  let dashboard = new DashboardBuilder(title)
    .uid('cutover')
    .tags(['cutover'])
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' });
  for (const row of ROWS) {
    dashboard = dashboard.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) {
      dashboard = dashboard.withPanel(
        new PanelBuilder()
          .title(panel.title)
          .unit(panel.unit)
          .span(PANEL.width)
          .height(PANEL.height)
          .withTarget(new DataqueryBuilder().expr(panel.query).legendFormat(panel.legend)),
      );
    }
  }
  return dashboard.build();
}

function rowsBefore(rowIndex: number): number {
  return ROWS.slice(0, rowIndex).reduce((sum, { panels }) => sum + Math.ceil(panels.length / 3), 0);
}

/** `dimensions`: as alarms have them. */
export function cloudwatchDashboard(region: string, dimensions: Where): object {
  const dimensionList = Object.entries(dimensions).flat();
  const widgets = ROWS.flatMap((row, rowIndex) =>
    row.panels.map((panel, index) => ({
      type: 'metric',
      x: (index % 3) * PANEL.width,
      y: (rowsBefore(rowIndex) + Math.floor(index / 3)) * PANEL.height,
      ...PANEL,
      properties: {
        title: `${row.title}: ${panel.title}`,
        region,
        stat: 'Maximum',
        period: 60,
        metrics: [[NAMESPACE, panel.cloudwatchMetric ?? panel.metric, ...dimensionList]],
      },
    })),
  );
  return { widgets };
}
