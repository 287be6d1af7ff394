/**
 * The count at the ends: what the sources were told was taken, against what the destinations wrote down. It knows
 * nothing of the gateway but the ids that the gateway itself listed as `maybeSent`.
 */
import type { ReceivedMessage, SentMessage } from './parties/records.ts';

export type EndCount = {
  /** Positively answered at the source. */
  readonly sent: number;
  /** Different messages that arrived. */
  readonly delivered: number;
  /** Of the arrivals, whose output they were. */
  readonly fromLegacy: number;
  readonly fromNew: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Arrived after a message that was sent later. */
  readonly reordered: number;
  /** Doubles that the gateway listed as `maybeSent`, so not hidden: no part of `duplicated`. */
  readonly duplicatedListed: number;
  /** Arrived with another body than was sent. */
  readonly altered: number;
  /** Arrived without having been sent, or although the source was told no. */
  readonly unexpected: number;
  readonly rejected: number;
  /** Sent without ever getting an answer: may have arrived or not. */
  readonly unanswered: number;
  readonly exampleIds: readonly string[];
};

const EXAMPLES_LIMIT = 10;

type Expectation = { readonly position: number; readonly message: SentMessage; arrivals: number };

/** One connection. `listed`: MSH-10 of the outputs on the gateway's `maybeSent` list. */
export function countConnection(
  sent: readonly SentMessage[],
  received: readonly ReceivedMessage[],
  listed: ReadonlySet<string>,
): EndCount {
  const expected = new Map<string, Expectation[]>();
  sent.forEach((message, position) => {
    const same = expected.get(message.key) ?? [];
    same.push({ position, message, arrivals: 0 });
    expected.set(message.key, same);
  });
  const tally = { delivered: 0, lost: 0, duplicated: 0, reordered: 0, duplicatedListed: 0, altered: 0, unexpected: 0 };
  const examples: string[] = [];
  let furthest = -1;
  for (const arrival of received) {
    if (!arrival.accepted) continue;
    const same = expected.get(arrival.key);
    const match = same?.find(({ arrivals }) => arrivals === 0);
    const finding = judgeArrival(arrival, same, match, furthest, listed);
    if (match !== undefined) {
      match.arrivals++;
      tally.delivered++;
      furthest = Math.max(furthest, match.position);
    }
    if (finding === null) continue;
    tally[finding]++;
    examples.push(`${finding}: ${arrival.controlId}`);
  }
  for (const { message, arrivals } of [...expected.values()].flat()) {
    if (message.outcome !== 'accepted' || arrivals > 0) continue;
    tally.lost++;
    examples.push(`lost: ${message.controlId}`);
  }
  const from = (platform: ReceivedMessage['from']): number =>
    received.filter((arrival) => arrival.accepted && arrival.from === platform).length;
  const outcome = (wanted: SentMessage['outcome']): number =>
    sent.filter((message) => message.outcome === wanted).length;
  return {
    ...tally,
    fromLegacy: from('legacy'),
    fromNew: from('new'),
    sent: outcome('accepted'),
    rejected: outcome('rejected'),
    unanswered: outcome('unanswered'),
    exampleIds: examples.slice(0, EXAMPLES_LIMIT),
  };
}

type Finding = 'duplicated' | 'duplicatedListed' | 'reordered' | 'altered' | 'unexpected';

function judgeArrival(
  arrival: ReceivedMessage,
  same: readonly Expectation[] | undefined,
  match: Expectation | undefined,
  furthest: number,
  listed: ReadonlySet<string>,
): Finding | null {
  if (same === undefined) return 'unexpected';
  // A platform that makes MSH-10 of its own sends a resent input on under another one: the gateway may list either.
  const isListed = listed.has(arrival.controlId) || same.some(({ message }) => listed.has(message.controlId));
  if (match === undefined) return isListed ? 'duplicatedListed' : 'duplicated';
  if (match.message.outcome === 'rejected') return 'unexpected';
  if (match.message.digest !== arrival.digest) return 'altered';
  return match.position < furthest ? 'reordered' : null;
}

/** What every sum of counts begins with. */
export const NOTHING_COUNTED = {
  sent: 0,
  delivered: 0,
  fromLegacy: 0,
  fromNew: 0,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  duplicatedListed: 0,
  altered: 0,
  unexpected: 0,
  rejected: 0,
  unanswered: 0,
};

export function sumCounts(counts: Iterable<EndCount>): EndCount {
  const total = { ...NOTHING_COUNTED };
  const exampleIds: string[] = [];
  for (const count of counts) {
    total.sent += count.sent;
    total.delivered += count.delivered;
    total.fromLegacy += count.fromLegacy;
    total.fromNew += count.fromNew;
    total.lost += count.lost;
    total.duplicated += count.duplicated;
    total.reordered += count.reordered;
    total.duplicatedListed += count.duplicatedListed;
    total.altered += count.altered;
    total.unexpected += count.unexpected;
    total.rejected += count.rejected;
    total.unanswered += count.unanswered;
    exampleIds.push(...count.exampleIds);
  }
  return { ...total, exampleIds: exampleIds.slice(0, EXAMPLES_LIMIT) };
}

/** Nothing lost, doubled, out of order, changed or invented. */
export function isClean(count: EndCount): boolean {
  return count.lost + count.duplicated + count.reordered + count.altered + count.unexpected === 0;
}
