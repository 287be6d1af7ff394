/** While routes move, for a person's terminal: every connection as one mark, those in trouble by name and first. */
import { markLines } from './marks.ts';
import { cut, wrapped } from './screen-lines.ts';

/** `isThrough`: its gateway has the new epoch. */
export type LiveItem = {
  readonly name: string;
  readonly wave: string;
  /** The gateway's, or `aborted`, `not reachable`. */
  readonly state: string;
  readonly isThrough: boolean;
  /** How long its senders have been kept waiting so far, as far as it was seen; null: never. */
  readonly heldMs: number | null;
  /** Why it is in trouble, where that is known already. */
  readonly reason: string | null;
};

export type LiveView = {
  readonly verb: string;
  readonly items: readonly LiveItem[];
  readonly elapsedMs: number;
  /** Until the change window closes; null: none is open, or none is configured. */
  readonly windowLeftMs: number | null;
  readonly columns: number;
  readonly rows: number;
};

const MARKS: Readonly<Record<string, string>> = {
  steady: '·',
  'catching-up': '○',
  holding: '◐',
  draining: '◐',
  settling: '◐',
  committing: '◑',
  reowning: '◑',
};
const THROUGH = '✓';
export const TROUBLE = '✗';
const LEGEND = `${TROUBLE} trouble  · waiting  ○ catching up  ◐ held  ◑ committing  ${THROUGH} through`;
const TALLEST_LIST = 8;

/** At most `rows` lines of at most `columns` characters. */
export function formatLiveView({ verb, items, elapsedMs, windowLeftMs, columns, rows }: LiveView): string[] {
  const trouble = items.filter(isInTrouble);
  const moving = items
    .filter((item) => !item.isThrough && !isInTrouble(item) && item.state !== 'steady')
    .sort((a, b) => (b.heldMs ?? 0) - (a.heldMs ?? 0));
  const inWaves = [...items].sort((a, b) => (a.wave < b.wave ? -1 : a.wave > b.wave ? 1 : 0));
  const marks = markLines(
    inWaves.map((item) => ({ wave: item.wave, mark: markOf(item) })),
    columns,
  );
  // What is left of the screen beside head, marks, legend and the line that counts the rest.
  const head = headOf(verb, items, trouble.length, elapsedMs, windowLeftMs, columns);
  const room = Math.max(1, Math.min(TALLEST_LIST, rows - marks.length - head.length - 3));
  const named = [...trouble, ...moving].slice(0, room);
  const hidden = trouble.length + moving.length - named.length;
  const lines = [...head, ...named.map(lineOf), ...(hidden > 0 ? [`  … and ${hidden} more`] : []), ...marks, LEGEND];
  return lines.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, columns));
}

function headOf(
  verb: string,
  items: readonly LiveItem[],
  trouble: number,
  elapsedMs: number,
  windowLeftMs: number | null,
  columns: number,
): string[] {
  const through = items.filter(({ isThrough }) => isThrough).length;
  const longest = Math.max(0, ...items.map(({ heldMs }) => heldMs ?? 0));
  const parts = [
    `${verb}: ${through} of ${items.length} through${trouble > 0 ? `, ${trouble} in trouble` : ''}`,
    seconds(elapsedMs),
    ...(longest > 0 ? [`longest hold ${seconds(longest)}`] : []),
    ...(windowLeftMs === null ? [] : [`window closes in ${hoursAndMinutes(windowLeftMs)}`]),
  ];
  return wrapped(parts, columns);
}

function lineOf(item: LiveItem): string {
  const held = item.heldMs !== null && !isInTrouble(item) ? `, held ${seconds(item.heldMs)}` : '';
  const reason = item.reason === null ? '' : `: ${item.reason}`;
  return `  ${markOf(item)} ${item.name}: ${item.state}${held}${reason}`;
}

function markOf(item: LiveItem): string {
  if (item.isThrough) return THROUGH;
  return isInTrouble(item) ? TROUBLE : (MARKS[item.state] ?? TROUBLE);
}

function isInTrouble({ state, isThrough }: LiveItem): boolean {
  return !isThrough && MARKS[state] === undefined;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function hoursAndMinutes(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
