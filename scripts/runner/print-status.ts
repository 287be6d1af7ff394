/** The status table for people: red ones first, then by wave and name. */
import { describeRoute } from '../../core/connection.ts';
import type { ConnectionLine, StatusDocument } from '../../core/documents.ts';
import { formatTable } from './table.ts';

export function formatStatus({ ok, connections, nextSteps }: StatusDocument): string {
  const sorted = [...connections].sort(
    (a, b) => rank(a) - rank(b) || compare(a.wave, b.wave) || compare(a.name, b.name),
  );
  const header = ['', 'connection', 'wave', 'phase', 'control', 'epoch', 'state', 'lag', 'remark'];
  const rows = sorted.map((line) => [
    ['✗', '?', '✓'][rank(line)] ?? '',
    line.name,
    line.wave,
    line.phase === null ? '?' : describeRoute({ phase: line.phase, newWeight: line.newWeight ?? 0 }),
    line.control ?? '?',
    line.epoch === null ? '?' : String(line.epoch),
    line.state ?? '?',
    line.shadowLag === null ? '?' : String(line.shadowLag),
    remark(line),
  ]);
  const counts = ['legacy', 'parallel', 'switched', 'decommissioned']
    .map((phase) => ({ phase, count: connections.filter((line) => line.phase === phase).length }))
    .filter(({ count }) => count > 0)
    .map(({ phase, count }) => `${count} ${phase}`);
  const lines = [
    ...formatTable([header, ...rows]),
    '',
    `${connections.length} connections: ${counts.join(', ') || 'none known'}; ${ok ? 'everything agrees' : 'not everything is green'}`,
    ...(nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** 0 red, 1 not known or not proven, 2 green. */
function rank({ truth, state, phase, rollbackReady }: ConnectionLine): number {
  if (truth.agree === false || state === null || (phase === 'switched' && !rollbackReady.ready)) return 0;
  return truth.agree === null || state !== 'steady' ? 1 : 2;
}

function remark(line: ConnectionLine): string {
  const { truth, phase, rollbackReady } = line;
  if (truth.gateway === null) return rollbackReady.reasons.join('; ');
  const { gateway } = truth;
  const remarks: string[] = [];
  for (const [what, claim] of [
    ['stack file', truth.config],
    ['Pulumi', truth.pulumi],
  ] as const) {
    if (claim === null) remarks.push(`${what}: no entry`);
    else if (claim.epoch !== gateway.epoch || claim.phase !== gateway.phase || claim.newWeight !== gateway.newWeight) {
      remarks.push(`${what}: ${describeRoute(claim)}, epoch ${claim.epoch}`);
    }
  }
  if (truth.observed === 'not-yet-proven') remarks.push('no message yet in this epoch');
  else if (truth.agree === false && remarks.length === 0) remarks.push(`the last message came from ${truth.observed}`);
  if (phase === 'switched' && !rollbackReady.ready)
    remarks.push(`rollback not ready: ${rollbackReady.reasons.join(', ')}`);
  return remarks.join('; ');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
