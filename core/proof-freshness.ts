/**
 * Nothing unknown is green (rule 10): why no verdict that rests on the worker's results can be green now. Freshness is
 * that of the worker, not of the traffic.
 */
import { counted } from './count-words.ts';
import type { WorkerState } from './proof-results.ts';

/** It says that it lives every five seconds. */
const HEARTBEAT_LIMIT_MS = 120_000;
/** Records that wait longer than a busy moment. */
const LAG_LIMIT_MS = 60_000;

/** How far a gateway's journal is on its own disk; null: it could not be asked. */
export type JournalHead = {
  readonly shard: number;
  readonly durableUpTo: number | null;
  readonly shippedUpTo: number | null;
};

export function stalenessOf(state: WorkerState, heads: readonly JournalHead[] = []): readonly string[] {
  const { worker, journals, nowMs } = state;
  const reasons: string[] = [];
  if (worker === null) return ['no worker has run for this deployment: start `cutover worker`'];
  if (worker.heartbeatAgeMs > HEARTBEAT_LIMIT_MS) {
    reasons.push(`the worker has not been seen for ${secondsOf(worker.heartbeatAgeMs)}: start \`cutover worker\``);
  }
  if (journals.length === 0) reasons.push('no gateway has shipped anything for this deployment');
  for (const { shard, position, shippedUpTo, waitingSinceMs, missingRecords } of journals) {
    const waits = shippedUpTo - position;
    if (waits > 0 && waitingSinceMs !== null && nowMs - waitingSinceMs > LAG_LIMIT_MS) {
      reasons.push(
        `the worker is ${counted(waits, 'record')} behind in shard ${shard}, the oldest ${secondsOf(nowMs - waitingSinceMs)} old`,
      );
    }
    if (missingRecords > 0) {
      reasons.push(
        `${counted(missingRecords, 'record')} of shard ${shard} ${missingRecords === 1 ? 'was' : 'were'} never shipped: what they say is unknown`,
      );
    }
  }
  for (const { shard, durableUpTo, shippedUpTo } of heads) {
    if (durableUpTo === null || shippedUpTo === null) {
      reasons.push(`the gateway of shard ${shard} could not say whether everything is shipped`);
    } else if (durableUpTo - shippedUpTo > SHIPPING_LIMIT_RECORDS) {
      reasons.push(
        `shard ${shard} has ${counted(durableUpTo - shippedUpTo, 'record that is', 'records that are')} not shipped yet`,
      );
    }
  }
  return reasons;
}

/** What is on its way at any moment. */
const SHIPPING_LIMIT_RECORDS = 5_000;

function secondsOf(ms: number): string {
  return ms < 600_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
