/** While routes move, for a person's terminal: every connection as one mark, those in trouble by name and first. */

/** `through`: its gateway has the new epoch. */
export type LiveItem = {
  readonly name: string;
  readonly wave: string;
  readonly state: string;
  readonly isThrough: boolean;
};

export type LiveView = {
  readonly verb: string;
  readonly items: readonly LiveItem[];
  readonly elapsedMs: number;
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
const TROUBLE = '✗';
const LEGEND = `${TROUBLE} trouble  · waiting  ○ catching up  ◐ held  ◑ committing  ${THROUGH} through`;
const TALLEST_LIST = 8;

/** At most `rows` lines of at most `columns` characters. */
export function formatLiveView({ verb, items, elapsedMs, columns, rows }: LiveView): string[] {
  const through = items.filter(({ isThrough }) => isThrough).length;
  const trouble = items.filter(isInTrouble);
  const moving = items.filter((item) => !item.isThrough && !isInTrouble(item) && item.state !== 'steady');
  const named = [...trouble, ...moving].slice(0, TALLEST_LIST);
  const hidden = trouble.length + moving.length - named.length;
  const head = `${verb}: ${through} of ${items.length} through${trouble.length > 0 ? `, ${trouble.length} in trouble` : ''} · ${(elapsedMs / 1000).toFixed(1)} s`;
  const lines = [
    head,
    ...named.map((item) => `  ${markOf(item)} ${item.name}: ${item.state}`),
    ...(hidden > 0 ? [`  … and ${hidden} more`] : []),
    ...wavesOf(items).flatMap(({ wave, members }) => marksOf(wave, members, columns)),
    LEGEND,
  ];
  return lines.slice(0, Math.max(1, rows - 1)).map((line) => line.slice(0, columns));
}

function wavesOf(items: readonly LiveItem[]): { readonly wave: string; readonly members: readonly LiveItem[] }[] {
  const waves = [...new Set(items.map(({ wave }) => wave))];
  return waves.map((wave) => ({ wave, members: items.filter((item) => item.wave === wave) }));
}

const LABEL_WIDTH = 14;

function marksOf(wave: string, members: readonly LiveItem[], columns: number): string[] {
  const width = Math.max(10, columns - LABEL_WIDTH);
  const marks = members.map(markOf);
  const lines: string[] = [];
  for (let start = 0; start < marks.length; start += width) {
    const label = (start === 0 ? wave : '').slice(0, LABEL_WIDTH - 2).padEnd(LABEL_WIDTH);
    lines.push(label + marks.slice(start, start + width).join(''));
  }
  return lines;
}

function markOf(item: LiveItem): string {
  if (item.isThrough) return THROUGH;
  return isInTrouble(item) ? TROUBLE : (MARKS[item.state] ?? TROUBLE);
}

function isInTrouble({ state, isThrough }: LiveItem): boolean {
  return !isThrough && MARKS[state] === undefined;
}
