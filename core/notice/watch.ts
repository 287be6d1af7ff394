/**
 * What the war room's server tells between verbs: that something has become red, that it is well again, that a wave is
 * through. A verdict must last before it is told, so that a swap or a restart of seconds wakes nobody; and what is red
 * already is told again only when it grew, and seldom.
 */
import { counted } from '../count-words.ts';
import type { Tile, Verdict } from '../war-room/board.ts';
import { type Notice, namesShown } from './notice.ts';

export const WATCH_LIMITS = { lastsMs: 10_000, againMs: 300_000 } as const;
const REASONS_SHOWN = 5;

export type WatchState = {
  /** Since when the present colour lasts. */
  readonly isRed: boolean;
  readonly sinceMs: number;
  /** What was told last; null: nothing yet, and what is well from the start is not told. */
  readonly told: { readonly isRed: boolean; readonly atMs: number; readonly names: readonly string[] } | null;
  /** Waves that are through, told or found so at the start. */
  readonly through: readonly string[] | null;
};

export const NOTHING_SEEN: WatchState = { isRed: false, sinceMs: 0, told: null, through: null };

export type Looked = {
  readonly tiles: readonly Tile[];
  readonly deployment: string;
  readonly stack: string;
  readonly nowMs: number;
};

const RED: ReadonlySet<Verdict> = new Set(['bad', 'unknown']);

export function watch(
  state: WatchState,
  looked: Looked,
): { readonly state: WatchState; readonly notices: readonly Notice[] } {
  const { tiles, nowMs } = looked;
  const red = tiles.filter(({ verdict }) => RED.has(verdict));
  const isRed = red.length > 0;
  const sinceMs = isRed === state.isRed && state.sinceMs > 0 ? state.sinceMs : nowMs;
  const names = red.map(({ name }) => name);
  const hasLasted = nowMs - sinceMs >= WATCH_LIMITS.lastsMs;
  const isNews = hasLasted && isNewsAfter(state.told, isRed, names, nowMs);
  const told = isNews ? { isRed, atMs: nowMs, names } : state.told;
  const through = wavesThrough(tiles);
  const finished = state.through === null ? [] : through.filter((wave) => !state.through?.includes(wave));
  return {
    state: { isRed, sinceMs, told, through: [...new Set([...(state.through ?? []), ...through])] },
    notices: [
      ...(isNews && (isRed || state.told !== null) ? [isRed ? redNotice(red, looked) : wellNotice(looked)] : []),
      ...finished.map((wave) => throughNotice(wave, looked)),
    ],
  };
}

function isNewsAfter(told: WatchState['told'], isRed: boolean, names: readonly string[], nowMs: number): boolean {
  if (told === null || told.isRed !== isRed) return told !== null || isRed;
  const hasGrown = names.some((name) => !told.names.includes(name));
  return isRed && hasGrown && nowMs - told.atMs >= WATCH_LIMITS.againMs;
}

/** Every connection of them is switched, and a message has proven it. */
function wavesThrough(tiles: readonly Tile[]): string[] {
  const byWave = Map.groupBy(tiles, ({ wave }) => wave);
  return [...byWave].flatMap(([wave, members]) =>
    members.every(({ phase, verdict }) => (phase === 'switched' || phase === 'decommissioned') && verdict === 'fine')
      ? [wave]
      : [],
  );
}

function about({ deployment, stack, nowMs }: Looked): [string, string][] {
  return [
    ['stack', `${deployment}, ${stack}`],
    ['at', new Date(nowMs).toISOString()],
  ];
}

function redNotice(red: readonly Tile[], looked: Looked): Notice {
  const byReason = Map.groupBy(red, ({ reasons }) => reasons[0] ?? 'no reason given');
  const reasons = [...byReason].slice(0, REASONS_SHOWN);
  const title = `${counted(red.length, 'connection needs', 'connections need')} somebody now`;
  return {
    events: ['red'],
    level: 'bad',
    title,
    facts: [
      ...about(looked),
      ...reasons.map(([why, tiles]) => [why, namesShown(tiles.map(({ name }) => name))] as const),
    ],
  };
}

function wellNotice(looked: Looked): Notice {
  return { events: ['red'], level: 'good', title: 'Well again: nothing needs somebody any more', facts: about(looked) };
}

function throughNotice(wave: string, looked: Looked): Notice {
  const members = looked.tiles.filter((tile) => tile.wave === wave);
  const count = counted(members.length, 'connection is', 'connections are');
  return {
    events: ['finish'],
    level: 'good',
    title: `Wave ${wave} is through: ${count} switched, and a message has proven each`,
    facts: about(looked),
  };
}
