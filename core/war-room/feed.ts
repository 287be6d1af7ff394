/** What the war room's server sends to its pages: everything once, then only what has changed. */
import type { Summary, Tile } from './board.ts';

/** One second of the whole lab. */
export type Sample = {
  readonly atMs: number;
  /** Messages a second. */
  readonly received: number;
  readonly delivered: number;
  /** Shadow copies that wait, in total. */
  readonly lag: number;
};

export type Pause = {
  readonly atMs: number;
  readonly connection: string;
  readonly pauseMs: number;
  readonly aborted: boolean;
};

/** A committed change of a route, from the gateways' epoch histories. */
export type TimelineEntry = {
  readonly atMs: number;
  readonly connection: string;
  readonly epoch: number;
  readonly phase: string;
  readonly newWeight: number;
  readonly by: string;
  readonly reason: string | null;
  readonly forced: boolean;
};

export type DecisionLine = {
  readonly id: string;
  readonly connection: string;
  readonly cause: string;
  readonly openedAt: string;
  readonly proposals: number;
};
export type ApprovalLine = {
  readonly digest: string;
  readonly target: string;
  readonly connections: number;
  readonly notBefore: string;
  readonly notAfter: string;
};
/** A source of facts, and whether it answers. */
export type SourceLine = {
  readonly name: string;
  readonly verdict: 'fine' | 'bad' | 'absent';
  readonly message: string;
};
export type CriterionLine = { readonly id: string; readonly verdict: string; readonly reason: string };
export type GateLine = {
  readonly at: string;
  readonly verdict: string;
  readonly digest: string;
  readonly criteria: readonly CriterionLine[];
};

export type Whole = {
  readonly deployment: string;
  readonly stack: string;
  readonly tiles: readonly Tile[];
  readonly summary: Summary;
  readonly samples: readonly Sample[];
  readonly pauses: readonly Pause[];
  readonly timeline: readonly TimelineEntry[];
  readonly decisions: readonly DecisionLine[];
  readonly approvals: readonly ApprovalLine[];
  readonly gate: GateLine | null;
  readonly sources: readonly SourceLine[];
  readonly atMs: number;
};

/** Absent members have not changed; `samples`, `pauses` and `timeline` are added to what is there. */
export type Patch = {
  readonly atMs: number;
  readonly tiles?: readonly Tile[];
  readonly summary?: Summary;
  readonly samples?: readonly Sample[];
  readonly pauses?: readonly Pause[];
  readonly timeline?: readonly TimelineEntry[];
  readonly decisions?: readonly DecisionLine[];
  readonly approvals?: readonly ApprovalLine[];
  readonly gate?: GateLine | null;
  readonly sources?: readonly SourceLine[];
};

/** How much of the past a page shows, and a server keeps. */
export const KEPT = { samples: 900, pauses: 5_000, timeline: 2_000 } as const;

export function patchBetween(before: Whole, now: Whole): Patch {
  const known = new Map(before.tiles.map((tile) => [tile.name, tile]));
  const tiles = now.tiles.filter((tile) => !isSame(known.get(tile.name), tile));
  return {
    atMs: now.atMs,
    ...(tiles.length === 0 ? {} : { tiles }),
    ...member('summary', before, now),
    ...added('samples', before, now),
    ...added('pauses', before, now),
    ...added('timeline', before, now),
    ...member('decisions', before, now),
    ...member('approvals', before, now),
    ...member('gate', before, now),
    ...member('sources', before, now),
  };
}

/** Connections that were removed or added need everything anew. */
export function isPatchable(before: Whole, now: Whole): boolean {
  return (
    before.tiles.length === now.tiles.length &&
    before.tiles.every((tile, index) => tile.name === now.tiles[index]?.name)
  );
}

export function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

type Member = 'summary' | 'decisions' | 'approvals' | 'gate' | 'sources';
function member(name: Member, before: Whole, now: Whole): Patch | object {
  return isSame(before[name], now[name]) ? {} : { [name]: now[name] };
}

function added(name: 'samples' | 'pauses' | 'timeline', before: Whole, now: Whole): Patch | object {
  const newest = before[name].at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
  const fresh = now[name].filter(({ atMs }) => atMs > newest);
  return fresh.length === 0 ? {} : { [name]: fresh };
}

export function appendBounded<T>(list: readonly T[], fresh: readonly T[], limit: number): readonly T[] {
  return fresh.length === 0 ? list : [...list, ...fresh].slice(-limit);
}
