/** What a fold begins to remember: an input with a case for each connection of its feed, or an output that has no input. */
import { matchesPredicate } from '../core/hl7/message.ts';
import type { RecordOf } from '../core/journal-records.ts';
import { candidateOf, controlOf, type Platform } from '../core/platform.ts';
import { type Estate, servedBy } from './estate.ts';
import type { JournalRoutes } from './journal-routes.ts';
import { keyDigest, marksOf } from './marks.ts';
import type { Case, KnownOutput, OpenInput } from './open-input.ts';
import type { Place } from './output-index.ts';

const NOT_COUNTED = { class: null, pair: null, basis: null } as const;

export function newInput(
  estate: Estate,
  routes: JournalRoutes,
  { feed, offset, record, payload }: InputCame,
): OpenInput {
  return {
    offset: record.attemptOf ?? offset,
    feed,
    msh10: record.msh10,
    sha: record.sha,
    atMs: record.at,
    primary: record.primary,
    shadow: record.shadow,
    marks: marksOf(payload, record.msh10),
    attempts: [{ offset, atMs: record.at, isOpen: true }],
    answer: null,
    shadowAnswer: null,
    movedAtMs: record.at,
    cases: casesFor(estate, routes, feed, [record.primary, record.shadow], payload),
  };
}

type InputCame = {
  /** As the inventory calls it now. */
  readonly feed: string;
  readonly offset: number;
  readonly record: RecordOf<'input'>;
  readonly payload: Uint8Array | null;
};

function casesFor(
  estate: Estate,
  routes: JournalRoutes,
  feed: string,
  reached: readonly (Platform | null)[],
  payload: Uint8Array | null,
): Case[] {
  return (estate.feeds.get(feed) ?? [feed]).map((connection) => {
    const { applies, correlate } = servedBy(estate, connection);
    const route = routes.newest(connection);
    const candidate = candidateOf(route);
    return {
      connection,
      epoch: route.epoch,
      control: controlOf(route),
      candidate: candidate !== null && reached.includes(candidate) ? candidate : null,
      applies: applies === null || (payload !== null && matchesPredicate(payload, applies)),
      key: payload === null ? null : keyDigest(payload, correlate),
      outputs: [],
      decision: null,
      counted: { ...NOT_COUNTED },
    };
  });
}

/**
 * Nobody knows its input: kept as one of its own, so that it is counted and can still be resent. With origin: platform there
 * is none: the output itself is what is owed.
 */
export function looseOutput(estate: Estate, routes: JournalRoutes, output: KnownOutput): Place {
  const route = routes.newest(output.connection);
  const { origin, feed } = servedBy(estate, output.connection);
  const item: Case = {
    connection: output.connection,
    epoch: output.epoch,
    control: controlOf(route),
    candidate: origin === 'platform' ? null : candidateOf(route),
    applies: true,
    key: null,
    outputs: [],
    decision: null,
    counted: { ...NOT_COUNTED },
  };
  const input: OpenInput = {
    offset: output.offset,
    feed,
    msh10: origin === 'platform' ? output.msh10 : null,
    sha: output.sha,
    atMs: output.atMs,
    primary: output.platform,
    shadow: null,
    marks: output.marks,
    attempts: [],
    answer: null,
    shadowAnswer: null,
    movedAtMs: output.atMs,
    cases: [item],
  };
  return { input, item };
}
