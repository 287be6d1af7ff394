/** What the journal says of what platforms sent: that it came and its role, what the destination said, and its answer. */
import type { Platform } from '../../../core/platform.ts';
import { readAnswer } from '../answers.ts';
import type { ConnectionEngine } from '../connection.ts';
import { correlationKeyOf } from '../correlation.ts';
import type { Intake } from '../intake.ts';
import { legKey } from '../leg-port.ts';
import type { Obligation } from '../obligation.ts';
import type { MessageFacts, OutputRecord, OutputVerdictRecord } from '../records.ts';
import { RetryDigest } from '../retry-digest.ts';
import type { ShardEngine } from '../shard.ts';
import type { OpenOutput, OpenRecords } from './open-records.ts';
import { recoverOutcome } from './outcomes.ts';
import type { Replay } from './replay.ts';

type ReplayedOutput = {
  readonly connection: ConnectionEngine;
  readonly offset: number;
  /** Its first attempt. */
  readonly first: number;
  readonly record: OutputRecord;
  readonly facts: MessageFacts;
  readonly payload: Buffer;
  readonly obligation: Obligation | null;
  readonly key: string | null;
};

/** Where the answer to an output goes; null: nothing listens for it any more. */
export function intakeOf(engine: ShardEngine, { config }: ConnectionEngine, platform: Platform): Intake | null {
  return engine.legPorts.get(legKey(config.legs[platform]))?.intake ?? null;
}

export function replayOutput(
  { engine, names, open }: Replay,
  offset: number,
  record: OutputRecord,
  payload: Buffer | null,
): void {
  const connection = names.connection(record.connection);
  if (connection === undefined || payload === null) return;
  const { obligations, counters, config } = connection;
  const facts = { msh10: record.msh10, sha: record.sha };
  const intake = intakeOf(engine, connection, record.platform);
  counters.outputs++;
  connection.platformOrigin?.heard(record.platform, record.at);
  open.outputs.set(offset, { connection, record, epoch: connection.epochOf(record), facts, intake });
  const first = record.attemptOf ?? offset;
  intake?.sinceCrash.hears(record.sender, engine.runtime.now);
  intake?.memory.remember(record.sender, {
    msh10: record.msh10,
    digest: RetryDigest.of(payload, config.legs[record.platform].retry.ignore),
    firstAttempt: first,
    context: record.input,
    isKept: record.role === 'capture' || record.role === 'suppress',
    outcome: { kind: 'unknown' },
  });
  const obligation = record.input === null ? null : obligations.get(record.input);
  const key = correlationKeyOf(payload, facts, config.correlate);
  const output: ReplayedOutput = { connection, offset, first, record, facts, payload, obligation, key };
  measureCorrelation(output);
  askOfEarlierRejection(output, open);
  credit(output);
  askOfOwnRejection(output, open);
  if (record.role === 'park') counters.parked++;
  if (record.role === 'suppress') counters.suppressed++;
  if (record.role === 'capture') counters.captured++;
  if (obligation !== null && record.role !== 'deliver') obligations.captured(obligation, record.platform);
}

/** What a forced rollback trusts when it is replayed must be what it trusted when it was made. */
function measureCorrelation({ connection, record, obligation, key }: ReplayedOutput): void {
  const { obligations, correlation } = connection;
  if (obligation !== null && key !== null && key === obligation.key) obligations.proveKey(record.platform);
  if (record.attemptOf === null) correlation.output(record.platform, obligations.foundBy(obligation, key));
}

/** The other platform's output for it was rejected: its destination has neither. */
function askOfEarlierRejection(output: ReplayedOutput, open: OpenRecords): void {
  const { connection, record, obligation, key, first, offset, facts } = output;
  const rejected = connection.judge.rejectedBefore(obligation, record.platform, key);
  if (record.role === 'suppress' && rejected !== null && !connection.obligations.isTakenOver(first))
    open.reject(connection, { offset, facts, ...rejected });
}

/** To the obligation that it belongs to, or to an input that waits for its acceptance. */
function credit({ connection, record, obligation, key, first, offset, facts, payload }: ReplayedOutput): void {
  const { obligations } = connection;
  if (obligation !== null) {
    connection.arrived(obligation, record.platform, { offset, first, facts, payload });
    return;
  }
  if (record.role === 'deliver' || obligations.isTakenOver(first)) return;
  const closed = obligations.unacceptedInput(record.platform, key);
  if (closed === null) return;
  const share = connection.ownership.shareOf(payload);
  obligations.keepLate(closed, record.platform, { offset, first, facts }, share, record.at);
}

/** It was rejected before, and its platform sends it again now that it is kept for nobody. */
function askOfOwnRejection({ connection, record, obligation, offset, facts }: ReplayedOutput, open: OpenRecords): void {
  const isKept = record.role === 'capture' || record.role === 'park';
  if (isKept && record.attemptOf !== null && connection.obligations.takeRejected(record.attemptOf))
    open.reject(connection, { offset, facts, input: record.input, inputFacts: obligation?.facts ?? null });
}

export function replayOutputVerdict({ open }: Replay, meta: OutputVerdictRecord, payload: Buffer | null): void {
  const known = open.outputs.get(meta.output);
  if (known === undefined) return;
  open.outputs.delete(meta.output);
  const { connection, record } = known;
  const obligation = record.input === null ? null : connection.obligations.get(record.input);
  recoverAnswerOf(known, meta, payload);
  if (meta.verdict === 'lost') {
    if (obligation !== null) connection.uncertain(obligation, record.platform);
    return;
  }
  connection.obligations.destinationSaid(record.attemptOf ?? meta.output, meta.verdict === 'positive');
  delivered(connection, meta, { platform: record.platform, epoch: known.epoch });
  if (meta.verdict === 'positive' && payload !== null) {
    const isCommitted = readAnswer(payload)?.isCommit === true;
    const who = { sender: record.sender, socket: null, isCommitted };
    connection.correspondence[record.platform].remember(record.msh10, who);
  }
  if (obligation === null) {
    if (record.input !== null && meta.verdict === 'positive')
      connection.obligations.deliveredLate(record.input, record.platform);
    return;
  }
  obligation.controlAnswer = payload;
  connection.obligations.settled(obligation, record.platform, meta.verdict === 'positive');
}

export function recoverAnswerOf(open: OpenOutput, meta: OutputVerdictRecord, answer: Buffer | null): void {
  if (open.intake === null) return;
  const { sender, attemptOf } = open.record;
  const firstAttempt = attemptOf ?? meta.output;
  recoverOutcome(open.intake, { sender, firstAttempt, verdict: meta.verdict, answer, atMs: meta.at });
}

/** `owner`: whose output it is, and in which epoch; null: a person has decided, and nobody owns it. */
export function delivered(
  connection: ConnectionEngine,
  meta: OutputVerdictRecord,
  owner: { readonly platform: Platform; readonly epoch: number } | null,
): void {
  if (meta.verdict === 'positive') {
    connection.counters.delivered++;
    if (owner !== null) connection.delivered(owner.platform, owner.epoch, meta.at);
  } else connection.counters.destinationRejected++;
}

export function replayCaptureAnswer({ open }: Replay, output: number, payload: Buffer | null): void {
  const known = open.outputs.get(output);
  open.outputs.delete(output);
  if (known?.intake == null) return;
  const { record, intake } = known;
  const { sender, at: atMs } = record;
  const verdict = (payload === null ? null : readAnswer(payload))?.verdict ?? 'other';
  recoverOutcome(intake, { sender, firstAttempt: record.attemptOf ?? output, verdict, answer: payload, atMs });
}
