/** A reconciliation for people: one line a connection, worst first, then what is amiss by id. */
import type { MessageId } from '../../core/admin-api.ts';
import { readableTime } from '../../core/readable-time.ts';
import type { ReconcileDocument, Reconciled } from '../../core/reconcile/document.ts';
import { formatTable } from '../runner/table.ts';

const HEADER = [
  'connection',
  'owed',
  'delivered',
  'rejected',
  'filtered',
  'unexplained',
  'decisions',
  'pending',
  'missing',
  'doubled',
  'unexpected',
  'grade',
  'verdict',
];
const SHOWN_IDS = 5;

/** `isOpen`: the window goes on; the document names an end that is far enough for any clock. */
export function formatReconcile(document: ReconcileDocument, isOpen: boolean): string {
  const lines = [...document.connections].sort((a, b) => badness(b) - badness(a) || (a.name < b.name ? -1 : 1));
  const rows = lines.map((line) => [
    line.name,
    ...[
      line.owed,
      line.delivered,
      line.destinationRejected,
      line.filtered,
      line.unexplained,
      line.decisions,
      line.pending,
      line.counts.missing,
      line.counts.duplicated,
      line.counts.unexpected,
    ].map(String),
    line.outputsOnly === true ? `${line.evidenceGrade}, outputs only` : line.evidenceGrade,
    line.verdict,
  ]);
  return `${[
    `${document.deployment}: ${Date.parse(document.window.since) === 0 ? 'from the beginning' : readableTime(document.window.since)} to ${isOpen ? 'now' : readableTime(document.window.until)}`,
    ...document.reasons.map((reason) => `! ${reason}`),
    ...formatTable([HEADER, ...rows]),
    ...lines.flatMap(detailsOf),
    ...document.orders.map(
      ({ practice, class: kind, orderedThrough, resultedThrough, count }) =>
        `orders of ${practice}: ${count} ${kind}${orderedThrough === null ? '' : `, ordered through ${orderedThrough}`}${resultedThrough === null ? '' : `, resulted through ${resultedThrough}`}`,
    ),
    ...document.outside.map(
      ({ set, file, rows: all, taken }) => `${set}: ${taken} of ${all} rows of ${file} take part`,
    ),
    ...document.engines.map(
      ({ platform, queued, errors, by, at }) =>
        `${platform}: ${queued} queued, ${errors} in its error store (${by}, ${at})`,
    ),
    ...(document.engines.length === 0 ? ["the platforms' queues and error stores were not attested (--attest F)"] : []),
    ...document.warnings.map((warning) => `! ${warning}`),
    ...(document.proofFile === null ? [] : [`proof: ${document.proofFile.file}, root ${document.proofFile.root}`]),
    ...(document.evidence === null ? [] : [`evidence: ${document.evidence}`]),
    '',
    document.ok ? 'GREEN: every message is accounted for' : 'RED',
    ...document.nextSteps.map((step) => `  next: ${step}`),
  ].join('\n')}\n`;
}

function badness({ verdict, counts, unexplained }: Reconciled): number {
  return verdict === 'green' ? 0 : 1 + counts.missing + counts.duplicated + counts.unexpected + unexplained;
}

function detailsOf(line: Reconciled): string[] {
  if (line.verdict === 'green') return [];
  return [
    `${line.name}:`,
    ...line.reasons.map((reason) => `  ${reason}`),
    ...idsOf('missing', line.missing, line.counts.missing),
    ...idsOf('doubled', line.duplicated, line.counts.duplicated),
    ...idsOf('unexpected', line.unexpected, line.counts.unexpected),
    ...(line.ambiguous > 0 ? [`  ${line.ambiguous} of these share their id with others: give digests or times`] : []),
  ];
}

function idsOf(what: string, ids: readonly MessageId[], total: number): string[] {
  if (total === 0) return [];
  const shown = ids
    .slice(0, SHOWN_IDS)
    .map(({ msh10, sha256, at }) => `${msh10 === '' ? '(no MSH-10)' : msh10} ${sha256} ${at}`);
  const more = total > shown.length ? [`    and ${total - shown.length} more: --json`] : [];
  return [...shown.map((id) => `    ${what}: ${id}`), ...more];
}
