/**
 * What came of the messages of a feed, once everything has come to rest: what was accepted was delivered, once and in order,
 * or is on a list; an answer on the disk is the peer's own.
 */

import type { ConnectionParty, FeedParty } from '../parties/parties.ts';
import { countOne, type Evidence } from './evidence.ts';

type Known = {
  readonly unsure: ReadonlySet<string>;
  readonly decided: ReadonlySet<string>;
  readonly doubled: ReadonlySet<string>;
  /** The destination has rejected the output of a platform, which was told so and does not send it again. */
  readonly refused: ReadonlySet<string>;
  /** Too many waited for their outputs: it goes out when it comes, whatever has gone out before. */
  readonly givenUp: ReadonlySet<string>;
  /** Its output came before the input that a crash had forgotten was sent again, while outputs were judged by their inputs. */
  readonly parked: ReadonlySet<string>;
};

export type FeedFigures = { readonly delivered: number; readonly doubled: number; readonly listed: number };

export function judgeFeed(evidence: Evidence, feed: FeedParty): FeedFigures {
  const { violate } = evidence;
  for (const source of feed.sources) {
    if (source.isWaiting) violate(6, `${source.name}: still waits for an answer after everything has calmed down`);
  }
  for (const { name, backlog } of feed.platforms) {
    if (backlog > 0) violate(4, `${feed.name}: ${name} still holds ${backlog} outputs`);
  }
  judgeVerdicts(evidence, feed);
  let [delivered, doubled] = [0, 0];
  const known = knownOf(evidence, feed);
  for (const party of feed.connections) {
    doubled += judgeConnection(evidence, feed, party, known);
    delivered += party.destination.received.length;
  }
  return { delivered, doubled, listed: known.unsure.size };
}

/** Rule 6: a message that was meant once is accepted once, however often it was sent; outputs likewise. */
function judgeVerdicts(evidence: Evidence, feed: FeedParty): void {
  const { disk, witness, violate } = evidence;
  const { view } = disk;
  const inputs = new Map<string, number>();
  const outputs = new Map<string, number>();
  for (const { meta, payload } of view.all()) {
    if (meta.t === 'input-verdict' && meta.verdict === 'positive') {
      const input = view.at(meta.input)?.meta;
      if (input?.t === 'input') countOne(inputs, witness.serialBy(input.sha) ?? '');
      if (input?.t === 'input' && payload !== null)
        judgeOwnVerdict(evidence, payload, input.sha, input.at, input.primary);
    }
    if (meta.t !== 'output-verdict') continue;
    const output = view.at(meta.output)?.meta;
    if (output?.t !== 'output') continue;
    if (meta.verdict === 'positive') countOne(outputs, output.sha);
    if (payload !== null) judgeOwnVerdict(evidence, payload, output.sha, output.at, 'destination');
  }
  for (const source of feed.sources) {
    for (const [serial, meant] of source.meant) {
      const count = inputs.get(serial) ?? 0;
      const most = meant + (source.leftOnNewer.get(serial) ?? 0);
      if (count > most) violate(6, `${serial}: meant ${meant} times, accepted ${count} times`);
    }
  }
  for (const platform of feed.platforms) {
    for (const [sha, meant] of platform.meant) {
      const count = outputs.get(sha) ?? 0;
      const serial = witness.serialBy(sha);
      if (count > meant) violate(6, `${serial}: ${platform.name} meant it ${meant} times, delivered ${count} times`);
    }
  }
}

/** Rule 7: an answer on the disk is the peer's to this message, to this writing of it. */
function judgeOwnVerdict(
  { witness, violate }: Evidence,
  payload: Buffer,
  sha: string,
  writtenAtMs: number,
  by: string,
): void {
  const made = witness.answerMade(payload);
  const serial = witness.serialBy(sha);
  if (made === null) violate(1, `${serial}: a verdict that nobody gave`);
  else if (made.of !== sha || made.by !== by)
    violate(7, `${serial}: credited with the answer to ${made.serial} of ${made.by}`);
  else if (made.receivedAtMs < writtenAtMs) violate(7, `${serial}: credited with the answer to an earlier attempt`);
}

function knownOf(evidence: Evidence, feed: FeedParty): Known {
  const { engine, witness } = evidence;
  const unsure = new Set<string>();
  const givenUp = new Set<string>();
  const parked = new Set<string>();
  const names = feed.connections.map(({ name }) => name);
  for (const name of names) {
    const lists = engine.connections.get(name)?.lists;
    for (const list of ['maybeSent', 'answeredAgain'] as const)
      for (const { id } of lists?.entries(list) ?? []) unsure.add(witness.serialBy(id.sha256) ?? id.msh10);
    for (const { id, cause } of lists?.entries('parked') ?? [])
      if (cause === 'out-of-order') parked.add(witness.serialBy(id.sha256) ?? '');
    for (const { id, cause } of lists?.entries('uncorrelated') ?? [])
      if (cause === 'output-missing') givenUp.add(witness.serialBy(id.sha256) ?? '');
  }
  const decided = new Set<string>();
  for (const { connection, input, proposals } of engine.decisions.all()) {
    if (!names.includes(connection)) continue;
    for (const id of input === null ? proposals : [input]) decided.add(witness.serialBy(id.sha256) ?? '');
  }
  const doubled = new Set<string>();
  for (const platform of feed.platforms)
    for (const [sha, count] of platform.meant) if (count > 1) doubled.add(witness.serialBy(sha) ?? '');
  for (const { meant, leftOnNewer } of feed.sources) {
    for (const [serial, count] of meant) if (count > 1) doubled.add(serial);
    for (const serial of leftOnNewer.keys()) doubled.add(serial);
  }
  return { unsure, decided, doubled, givenUp, parked, refused: refusedOf(evidence, feed) };
}

function refusedOf({ disk, witness }: Evidence, { platforms, connections }: FeedParty): ReadonlySet<string> {
  const refused = new Set<string>();
  for (const { meta } of disk.view.all()) {
    if (meta.t !== 'output-verdict' || meta.verdict !== 'negative' || meta.reowned) continue;
    const output = disk.view.at(meta.output)?.meta;
    if (output?.t !== 'output' || !connections.some(({ name }) => name === output.connection)) continue;
    const serial = witness.serialBy(output.sha) ?? '';
    if (platforms.some(({ name, givenUp }) => name === output.platform && givenUp.has(serial))) refused.add(serial);
  }
  return refused;
}

/** How many were delivered more than once. */
function judgeConnection(
  { engine, disk, violate }: Evidence,
  feed: FeedParty,
  party: ConnectionParty,
  known: Known,
): number {
  const { name, destination } = party;
  const times = new Map<string, number>();
  for (const { id } of destination.received) countOne(times, id);
  for (const source of feed.sources) {
    for (const [id, accepted] of source.accepted) {
      if (source.practiceOf.get(id) !== party.practice) continue;
      const wanted = source.provenTwins.has(id) ? accepted : 1;
      const isKnown = known.decided.has(id) || known.refused.has(id) || known.parked.has(id);
      if ((times.get(id) ?? 0) < wanted && !isKnown)
        violate(2, `${id}: accepted ${accepted} times, delivered ${times.get(id) ?? 0} times, on no list`);
    }
  }
  let doubled = 0;
  for (const [id, count] of times) {
    const isOurs = feed.sources.some((source) => source.practiceOf.get(id) === party.practice);
    if (!isOurs) violate(5, `${id}: delivered to ${name}, whose it is not`);
    if (count === 1) continue;
    doubled++;
    if (!known.unsure.has(id) && !known.decided.has(id) && !known.doubled.has(id))
      violate(2, `${id}: delivered ${count} times, on no list`);
  }
  judgeOrder({ disk, violate }, party, known);
  const state = engine.status(name)?.state;
  if (state !== undefined && state !== 'steady') violate(8, `${name}: still ${state} after everything has calmed down`);
  return doubled;
}

/** In the order of each source; where a weight was ever set, in the order of each key. */
function judgeOrder(
  { disk, violate }: Pick<Evidence, 'disk' | 'violate'>,
  { name, destination }: ConnectionParty,
  known: Known,
): void {
  const isWeighted = (disk.view.epochs.get(name) ?? []).some(({ record }) => record.newWeight > 0);
  const seen = new Set<string>();
  const last = new Map<string, string>();
  for (const { id, from, key } of destination.received) {
    const isListed = known.unsure.has(id) || known.decided.has(id) || known.givenUp.has(id);
    const isFree = isListed || known.doubled.has(id);
    if (seen.has(id) || isFree) continue;
    seen.add(id);
    const lane = `${id.slice(0, id.lastIndexOf('-'))} ${isWeighted ? key : ''}`;
    const before = last.get(lane) ?? '';
    if (id < before) violate(2, `${id}: delivered after ${before} (by ${from})`);
    last.set(lane, id);
  }
}
