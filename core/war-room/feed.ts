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
  /** A verb, a bare `pulumi up`, another user of the admin API, or the connection's birth. */
  readonly origin: 'verb' | 'pulumi' | 'api' | 'init';
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

/** The newest frozen reconciliation of a connection: what was owed, and where it is. */
export type Equation = {
  readonly at: string;
  readonly owed: number;
  readonly delivered: number;
  readonly destinationRejected: number;
  readonly filtered: number;
  readonly unexplained: number;
  readonly decisions: number;
  readonly pending: number;
  readonly evidenceGrade: string;
  readonly verdict: 'green' | 'red';
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
  if (before[name] === now[name]) return {};
  // Not by time: what another gateway tells late is older than what is known, and belongs in all the same.
  const known = new Set<object>(before[name]);
  const fresh = now[name].filter((entry) => !known.has(entry));
  return fresh.length === 0 ? {} : { [name]: fresh };
}

/** In the order of time, as what comes late must be. */
export function mergeBounded<T extends { readonly atMs: number }>(
  list: readonly T[],
  fresh: readonly T[],
  limit: number,
): readonly T[] {
  return fresh.length === 0 ? list : [...list, ...fresh].sort((a, b) => a.atMs - b.atMs).slice(-limit);
}

export function appendBounded<T>(list: readonly T[], fresh: readonly T[], limit: number): readonly T[] {
  return fresh.length === 0 ? list : [...list, ...fresh].slice(-limit);
}
