/** The status table for people: red ones first, then by wave and name. */

import { describeRoute } from '../../core/connection.ts';
import { counted } from '../../core/count-words.ts';
import type { ConnectionLine, StatusDocument } from '../../core/documents.ts';
import { readableTime } from '../../core/readable-time.ts';
import { markLines } from './marks.ts';
import { nameList } from './name-list.ts';
import { cut, folded, wrapped } from './screen-lines.ts';
import { formatTable } from './table.ts';

const HEADER = ['', 'connection', 'wave', 'phase', 'control', 'epoch', 'state', 'lag', 'remark'];
const MARKS = ['✗', '?', '✓'] as const;
/** On a screen the reason comes before everything else: what is in its way is left out. */
const NARROWER: readonly (readonly string[])[] = [
  HEADER,
  ['', 'connection', 'phase', 'state', 'remark'],
  ['', 'connection', 'remark'],
];

export function formatStatus({ ok, connections, waivers, nextSteps }: StatusDocument): string {
  const shared = sharedReasons(connections);
  const lines = [
    ...formatTable([HEADER, ...sorted(connections).map((line) => toRow(withNote(line, shared)))]),
    ...shared.map((reason, index) => `[${index + 1}] ${reason}`),
    '',
    `${counted(connections.length, 'connection')}: ${countsOf(connections)}; ${ok ? 'everything agrees' : 'not everything is green'}`,
    ...waivers.map(
      ({ criterion, by, reason, notAfter, connections: waived }) =>
        `~ ${criterion} is waived by ${by} until ${readableTime(notAfter)} for ${nameList(waived)}: ${reason}`,
    ),
    ...(nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** More connections than these with one reason: it is said once, below the table. */
const SAID_EACH = 3;

/** A gateway that says nothing says it for each of its connections. */
function sharedReasons(connections: readonly ConnectionLine[]): string[] {
  const unread = connections.filter(({ truth }) => truth.gateway === null);
  return [...Map.groupBy(unread, ({ rollbackReady }) => rollbackReady.reasons.join('; '))]
    .filter(([, of]) => of.length > SAID_EACH)
    .map(([reason]) => reason);
}

function withNote(line: ConnectionLine, shared: readonly string[]): ConnectionLine {
  if (line.truth.gateway !== null) return line;
  const index = shared.indexOf(line.rollbackReady.reasons.join('; '));
  return index === -1 ? line : { ...line, rollbackReady: { ready: false, reasons: [`not read [${index + 1}]`] } };
}

export type Screen = { readonly columns: number; readonly rows: number };

/** For a screen that is looked at: the sums first, then by name what is not green, then every connection as one mark. */
export function formatStatusScreen({ connections, nextSteps }: StatusDocument, at: string, screen: Screen): string[] {
  const of = (rankWanted: number): number => connections.filter((line) => rank(line) === rankWanted).length;
  const sums = [`${counted(connections.length, 'connection')}: ${countsOf(connections)}`];
  sums.push(`${of(0)} red, ${of(1)} not proven, ${of(2)} green`, at);
  const head = wrapped(sums, screen.columns);
  const inWaves = [...connections].sort((a, b) => compare(a.wave, b.wave) || compare(a.name, b.name));
  const marks = markLines(
    inWaves.map((line) => ({ wave: line.wave, mark: MARKS[rank(line)] ?? '?' })),
    screen.columns,
  );
  const legend = '✗ red  ? not known or not proven  ✓ green     Ctrl-C ends it';
  const steps = nextSteps.slice(0, 2).flatMap((step) => folded(`next: ${step}`, screen.columns));
  // Header, the line that counts the rest, legend, and the line that the cursor stands on.
  const room = Math.max(0, screen.rows - marks.length - steps.length - head.length - 4);
  const troubled = sorted(connections).filter((line) => rank(line) < 2);
  const named = troubled.slice(0, room);
  const hidden = troubled.length - named.length;
  const lines = [
    ...head,
    ...(named.length === 0 ? [] : fittingTable(named, screen.columns)),
    ...(hidden === 0 ? [] : [`   … and ${hidden} more`]),
    ...marks,
    legend,
    ...steps,
  ];
  return lines.slice(0, Math.max(1, screen.rows - 1)).map((line) => cut(line, screen.columns));
}

/** With as many columns as leave every remark whole; where none does, the remarks are what is longest. */
function fittingTable(lines: readonly ConnectionLine[], columns: number): string[] {
  let table: string[] = [];
  for (const titles of NARROWER) {
    table = formatTable([titles, ...lines.map((line) => cellsOf(line, titles))]);
    if (table.every((row) => row.length <= columns)) return table;
  }
  return table;
}

function cellsOf(line: ConnectionLine, titles: readonly string[]): string[] {
  const row = toRow(line);
  const state = titles.includes('state') || line.state === null || line.state === 'steady' ? [] : [line.state];
  return titles.map((title) => {
    const cell = row[HEADER.indexOf(title)] ?? '';
    return title === 'remark' ? [...state, cell].filter((part) => part !== '').join('; ') : cell;
  });
}

/** Red ones first, then by wave and name. */
function sorted(connections: readonly ConnectionLine[]): ConnectionLine[] {
  return [...connections].sort((a, b) => rank(a) - rank(b) || compare(a.wave, b.wave) || compare(a.name, b.name));
}

function toRow(line: ConnectionLine): string[] {
  return [
    MARKS[rank(line)] ?? '',
    line.name,
    line.wave,
    line.phase === null ? '?' : describeRoute({ phase: line.phase, newWeight: line.newWeight ?? 0 }),
    line.control ?? '?',
    line.epoch === null ? '?' : String(line.epoch),
    line.state ?? '?',
    line.shadowLag === null ? '?' : String(line.shadowLag),
    remark(line),
  ];
}

function countsOf(connections: readonly ConnectionLine[]): string {
  const counts = ['legacy', 'parallel', 'switched', 'decommissioned']
    .map((phase) => ({ phase, count: connections.filter((line) => line.phase === phase).length }))
    .filter(({ count }) => count > 0)
    .map(({ phase, count }) => `${count} ${phase}`);
  return counts.join(', ') || 'none known';
}

/** What its gateway says is then not what its senders get. */
const AROUND = {
  'direct-legacy': 'not through the gateway: direct to legacy',
  'direct-new': 'not through the gateway: direct to new',
};

/** 0 red, 1 not known or not proven, 2 green. */
function rank({ truth, state, phase, rollbackReady, stranger = null }: ConnectionLine): number {
  if (stranger !== null) return 0;
  if (truth.agree === false || state === null || (phase === 'switched' && !rollbackReady.ready)) return 0;
  return truth.agree === null || state !== 'steady' ? 1 : 2;
}

function remark(line: ConnectionLine): string {
  const { truth, phase, rollbackReady, path } = line;
  const around = path === 'direct-legacy' || path === 'direct-new' ? [AROUND[path]] : [];
  if (truth.gateway === null) return [...around, ...rollbackReady.reasons].join('; ');
  const { gateway } = truth;
  const remarks: string[] = line.stranger == null ? [] : [line.stranger];
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
  return [...remarks, ...around].join('; ');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
