/**
 * The success criteria of a programme, each with what was measured. Without a charter of its own a programme is measured
 * by the criteria below. What was not measured is not known, and not known is never met.
 */
import { counted } from '../count-words.ts';
import type { Charter, Measure } from '../planning/charter.ts';
import { type WindowRule, windowAt } from '../planning/windows.ts';

export type Answer = {
  readonly text: string;
  readonly measure: Measure | null;
  readonly verdict: 'met' | 'not-met' | 'not-known' | 'by-a-person';
  readonly measured: string;
};

export type Figures = {
  /** Of the selection. */
  readonly connections: readonly {
    readonly name: string;
    readonly phase: string | null;
    /** False (origin: platform): nothing of it is compared, and nobody waits in front of the gateway. */
    readonly hasFeed: boolean;
    readonly window: WindowRule | null;
    /** Half of what its sender waits. */
    readonly pauseLimitMs: number;
    readonly longestPauseMs: number | null;
    readonly pairs: number | null;
    readonly open: number | null;
    readonly outOfOrder: number | null;
  }[];
  readonly moves: readonly {
    readonly connection: string;
    readonly atMs: number;
    readonly isTowardsNew: boolean;
    readonly isRollback: boolean;
    readonly approval: string | null;
  }[];
  readonly reconciled: ReadonlyMap<string, Reconciled> | null;
  /** Connections whose way there and back a drill has gone. */
  readonly drilled: ReadonlySet<string>;
  /** Digests of approvals that two people have signed. */
  readonly signed: ReadonlySet<string>;
};

export type Reconciled = {
  readonly owed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly grade: string;
  readonly isBalanced: boolean;
};

const STANDARD: readonly { readonly text: string; readonly measure: Measure }[] = [
  { text: 'Every connection is on the new platform', measure: 'all-moved' },
  { text: 'No message is lost', measure: 'no-loss' },
  { text: 'No message is doubled', measure: 'no-double' },
  { text: 'Outputs keep their order', measure: 'in-order' },
  { text: 'Both platforms send the same', measure: 'same-outputs' },
  { text: 'No sender waits longer than it can', measure: 'longest-pause' },
  { text: 'Nothing moves outside of its change window', measure: 'in-window' },
  { text: 'The way back has been gone', measure: 'rollback-proven' },
  { text: 'Two people have approved every move towards new', measure: 'two-persons' },
];

export function answersOf(charter: Charter | null, figures: Figures): Answer[] {
  const criteria = charter === null || charter.success.length === 0 ? STANDARD : charter.success;
  return criteria.map((criterion): Answer => {
    const { text, measure = null } = criterion;
    if (measure === null) return { text, measure, verdict: 'by-a-person', measured: 'nothing here measures it' };
    const limitMs = 'limit' in criterion ? criterion.limit : undefined;
    return { text, measure, ...answer(measure, figures, limitMs ?? null) };
  });
}

type Measured = Pick<Answer, 'verdict' | 'measured'>;

function answer(measure: Measure, figures: Figures, limitMs: number | null): Measured {
  switch (measure) {
    case 'all-moved':
      return allMoved(figures);
    case 'no-loss':
      return reconciled(figures, 'unexplained or missing', ({ lost, isBalanced }) => (isBalanced ? lost : lost + 1));
    case 'no-double':
      return reconciled(figures, 'doubled', ({ doubled }) => doubled);
    case 'in-order':
      return compared(figures, 'out of order', ({ outOfOrder }) => outOfOrder);
    case 'same-outputs':
      return compared(figures, 'with differences that no rule accepts, or without a counterpart', ({ open }) => open);
    case 'longest-pause':
      return longestPause(figures, limitMs);
    case 'in-window':
      return inWindow(figures);
    case 'rollback-proven':
      return rollbackProven(figures);
    case 'two-persons':
      return twoPersons(figures);
  }
}

function judged(isMet: boolean, measured: string): Measured {
  return { verdict: isMet ? 'met' : 'not-met', measured };
}

function notKnown(measured: string): Measured {
  return { verdict: 'not-known', measured };
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function allMoved({ connections }: Figures): Measured {
  const moved = connections.filter(({ phase }) => phase === 'switched' || phase === 'decommissioned').length;
  return judged(moved === connections.length, `${number(moved)} of ${number(connections.length)}`);
}

function reconciled(
  { connections, reconciled: known }: Figures,
  what: string,
  count: (one: Reconciled) => number,
): Measured {
  if (known === null) return notKnown('no reconciliation is on file');
  const found = connections.flatMap(({ name }) => known.get(name) ?? []);
  if (found.length < connections.length)
    return notKnown(
      `the newest reconciliation says nothing of ${counted(connections.length - found.length, 'connection')}`,
    );
  const owed = found.reduce((sum, each) => sum + each.owed, 0);
  const amiss = found.reduce((sum, each) => sum + count(each), 0);
  const grade =
    found
      .map((each) => each.grade)
      .sort()
      .at(-1) ?? '';
  if (owed === 0) return notKnown('no message was accounted for');
  return judged(amiss === 0, `${number(amiss)} of ${number(owed)} are ${what} (evidence grade ${grade})`);
}

function compared(
  { connections }: Figures,
  what: string,
  count: (one: Figures['connections'][number]) => number | null,
): Measured {
  const fed = connections.filter(({ hasFeed }) => hasFeed);
  const others = connections.length - fed.length;
  const unknown = fed.filter(({ pairs }) => pairs === null || pairs === 0).length;
  if (unknown > 0) return notKnown(`nothing was compared of ${number(unknown)} connections`);
  const pairs = fed.reduce((sum, each) => sum + (each.pairs ?? 0), 0);
  const amiss = fed.reduce((sum, each) => sum + (count(each) ?? 0), 0);
  const measured = `${number(amiss)} of ${number(pairs)} pairs ${what}`;
  if (others === 0 || amiss > 0) return judged(amiss === 0, measured);
  const unfed = `${number(others)} without a feed (origin: platform): nothing compares them, see their attestations in the gate`;
  return { verdict: 'by-a-person', measured: fed.length === 0 ? unfed : `${measured}; ${unfed}` };
}

function longestPause({ connections, moves }: Figures, limitMs: number | null): Measured {
  const moved = new Set(moves.map(({ connection }) => connection));
  const all = connections.filter(({ name }) => moved.has(name));
  const swapped = all.filter(({ hasFeed }) => hasFeed);
  if (swapped.length === 0 && all.length > 0) return judged(true, 'nobody waits: what has moved has no feed');
  const known = swapped.flatMap((each) => (each.longestPauseMs === null ? [] : [{ ...each, ms: each.longestPauseMs }]));
  if (swapped.length === 0) return notKnown('nothing has moved');
  if (known.length < swapped.length)
    return notKnown(`the pauses of ${number(swapped.length - known.length)} connections are not known`);
  const over = known.filter(({ ms, pauseLimitMs }) => ms > (limitMs ?? pauseLimitMs));
  const limit = limitMs === null ? 'half of what each sender waits' : `${number(limitMs)} ms`;
  const longest = Math.round(Math.max(...known.map(({ ms }) => ms)));
  return judged(over.length === 0, `${number(longest)} ms at the longest; over ${limit}: ${number(over.length)}`);
}

function inWindow({ connections, moves }: Figures): Measured {
  const windows = new Map(connections.map(({ name, window }) => [name, window]));
  const forward = moves.filter(({ isTowardsNew }) => isTowardsNew);
  if (forward.length === 0) return notKnown('nothing has moved towards new');
  const unruled = forward.filter(({ connection }) => (windows.get(connection) ?? null) === null).length;
  if (unruled > 0) return notKnown(`${number(unruled)} moves are of connections without a window`);
  const outside = forward.filter(({ connection, atMs }) => {
    const window = windows.get(connection) ?? null;
    return window === null || windowAt(window, atMs) === null;
  });
  return judged(
    outside.length === 0,
    `${number(outside.length)} of ${number(forward.length)} ${forward.length === 1 ? 'move' : 'moves'} towards new`,
  );
}

function rollbackProven({ connections, moves, drilled }: Figures): Measured {
  const back = new Set(moves.filter(({ isRollback }) => isRollback).map(({ connection }) => connection));
  const proven = connections.filter(({ name }) => back.has(name) || drilled.has(name)).length;
  return judged(
    proven === connections.length,
    `drilled or done for ${number(proven)} of ${number(connections.length)}`,
  );
}

function twoPersons({ moves, signed }: Figures): Measured {
  const forward = moves.filter(({ isTowardsNew }) => isTowardsNew);
  if (forward.length === 0) return notKnown('nothing has moved towards new');
  const without = forward.filter(({ approval }) => approval === null || !signed.has(approval)).length;
  return judged(
    without === 0,
    `${number(without)} of ${number(forward.length)} ${forward.length === 1 ? 'move' : 'moves'} without two valid signatures on file`,
  );
}
