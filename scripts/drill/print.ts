/** What a drill came to, for people: what failed first, then the idle ones, then what was measured. */
import type { DrillDocument, Drilled } from '../../core/drill-document.ts';
import { formatTable } from '../runner/table.ts';

/** More than these that passed are counted, not listed. */
const LISTED = 20;
const SIGNS: Readonly<Record<Drilled['verdict'], string>> = { failed: '✗', idle: '?', passed: '✓' };
const ORDER = ['failed', 'idle', 'passed'] as const;

export function formatDrill(document: DrillDocument): string {
  const { connections, cycle, pauseMs, warnings, nextSteps, kind, ledger } = document;
  const of = (verdict: Drilled['verdict']): readonly Drilled[] => connections.filter((one) => one.verdict === verdict);
  const passed = of('passed');
  const rows = ORDER.flatMap((verdict) => (verdict === 'passed' ? passed.slice(0, LISTED) : of(verdict))).map(toRow);
  const counts = ORDER.map((verdict) => `${of(verdict).length} ${verdict}`).reverse();
  const spread =
    pauseMs === null
      ? ''
      : `; pause ${asMs(pauseMs.p50)} / ${asMs(pauseMs.p99)} / ${asMs(pauseMs.max)} (p50 / p99 / max)`;
  const lines = [
    ...formatTable(rows, '  '),
    ...(passed.length > LISTED ? [`  … and ${passed.length - LISTED} more that passed`] : []),
    '',
    ...cycle.map(
      ({ verb, changed, movedMs, wallMs }) =>
        `${verb}: ${changed} moved ${asSeconds(movedMs)} after the command, recorded and read back after ${asSeconds(wallMs)}`,
    ),
    ...warnings.map((warning) => `! ${warning}`),
    ...(document.evidence === null ? [] : [`evidence: ${document.evidence}`]),
    ...(ledger === 'not configured' ? ['ledger: not configured (DATABASE_URL is not set)'] : []),
    `drill: ${counts.join(', ')}${spread} (${asSeconds(document.wallMs)})${kind === 'drain' ? '; no route was moved' : ''}`,
    ...(nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function toRow({ verdict, name, pauseMs, drainMs, boundMs, reason }: Drilled): string[] {
  const drained = drainMs === null ? '' : `drained in ${asMs(drainMs)} of ${asMs(boundMs)}`;
  return [SIGNS[verdict], name, drained, pauseMs === null ? '' : `pause ${asMs(pauseMs)}`, reason ?? ''];
}

function asMs(value: number): string {
  return `${Math.round(value)} ms`;
}

function asSeconds(value: number): string {
  return `${(value / 1000).toFixed(1)} s`;
}
