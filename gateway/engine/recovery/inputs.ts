/** What the journal says of messages from sources: that they came, their verdict, and what became of their copies. */
import { readAnswer } from '../answers.ts';
import { copiesGone } from '../backlog.ts';
import type { AdmittedInput } from '../feed.ts';
import type { InputRecord, InputVerdictRecord, ShadowGapRecord, ShadowRecord } from '../records.ts';
import { RetryDigest } from '../retry-digest.ts';
import { senderAt } from './names.ts';
import { recoverOutcome } from './outcomes.ts';
import type { Replay } from './replay.ts';

export function replayInput(
  { engine, names, open }: Replay,
  offset: number,
  meta: InputRecord,
  payload: Buffer | null,
): void {
  const feed = names.feed(meta.feed);
  if (feed === undefined || payload === null) {
    names.stranger(meta.feed).wasUsed = true;
    return;
  }
  const { msh10, sha, primary, shadow } = meta;
  const { name } = feed.config;
  const sender = senderAt(name, meta.sender);
  const first = meta.attemptOf ?? offset;
  const input: AdmittedInput = { feed: name, offset, first, facts: { msh10, sha }, payload, primary, shadow };
  const skips = meta.attemptOf === null && feed.sequence.missingBefore(sender, payload) > 0;
  for (const connection of names.connectionsOf(meta.feed)) {
    connection.changeOver.look();
    connection.inputAdmitted(input);
    connection.counters.received++;
    if (skips) connection.counters.sequenceGaps++;
  }
  open.inputs.set(offset, { input: { ...input, payload: null }, sender });
  feed.intake.sinceCrash.hears(sender, engine.runtime.now);
  feed.intake.memory.remember(sender, {
    msh10,
    digest: RetryDigest.of(payload, feed.config.retry.ignore),
    firstAttempt: first,
    context: null,
    isKept: false,
    outcome: { kind: 'unknown' },
  });
}

export function replayInputVerdict({ names, open }: Replay, meta: InputVerdictRecord, payload: Buffer | null): void {
  const known = open.inputs.get(meta.input);
  const feed = names.feed(meta.feed);
  if (known === undefined || feed === undefined) return;
  open.inputs.delete(meta.input);
  const { input, sender } = known;
  const { verdict } = meta;
  for (const connection of names.connectionsOf(meta.feed)) {
    const isOther = verdict === 'other' && payload === null;
    connection.inputAnswered(input, input.primary, isOther ? 'negative' : verdict, true);
    if (verdict === 'positive') connection.counters.accepted++;
    else if (verdict === 'lost') connection.counters.unanswered++;
    else connection.counters.rejected++;
  }
  if (verdict === 'positive' && input.shadow !== null) feed.shadows[input.shadow].requeue(input);
  if (verdict === 'positive' && payload !== null && readAnswer(payload)?.isCommit === true)
    feed.correspondence[input.primary].remember(input.facts.msh10, { sender, socket: null, isCommitted: true });
  recoverOutcome(feed.intake, { sender, firstAttempt: input.first, verdict, answer: payload, atMs: meta.at });
}

export function replayShadow({ names }: Replay, meta: ShadowRecord): void {
  const input = names.feed(meta.feed)?.shadows[meta.platform].unqueue(meta.input) ?? null;
  if (input === null || meta.verdict === 'dropped') return;
  for (const connection of names.connectionsOf(meta.feed)) {
    connection.inputAnswered(input, meta.platform, meta.verdict, false);
    if (meta.verdict === 'positive') connection.counters.shadowed++;
    else connection.counters.shadowRejected++;
  }
}

export function replayShadowGap({ names }: Replay, meta: ShadowGapRecord): void {
  const inputs = names.feed(meta.feed)?.shadows[meta.platform].giveUp(meta.to + 1) ?? [];
  copiesGone(names.connectionsOf(meta.feed), inputs, meta);
}
