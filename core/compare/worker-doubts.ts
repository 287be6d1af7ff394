/** Whether the worker's results may be relied on: it lives, and what gateways have shipped is accounted for. */
import { counted } from '../count-words.ts';
import type { WorkerState } from '../proof-results.ts';

/** The worker says that it lives every few seconds. */
const HEARTBEAT_LIMIT_MS = 120_000;
/** How long a record may wait to be accounted for. */
const WAITING_LIMIT_MS = 120_000;

export type WorkerJudgement = {
  readonly reasons: readonly string[];
  /** Null: not known. */
  readonly behindMs: number | null;
};

export function judgeWorker({ worker, nowMs, journals }: WorkerState): WorkerJudgement {
  if (worker === null) return { reasons: ['no worker has ever run for this deployment'], behindMs: null };
  const reasons: string[] = [];
  if (worker.heartbeatAgeMs > HEARTBEAT_LIMIT_MS) {
    reasons.push(`the worker was last heard of ${Math.round(worker.heartbeatAgeMs / 1000)} s ago`);
  }
  if (journals.length === 0) reasons.push('no gateway has shipped anything');
  const waiting = journals.flatMap(({ waitingSinceMs }) => (waitingSinceMs === null ? [] : [nowMs - waitingSinceMs]));
  const behindMs = Math.max(0, ...waiting);
  if (behindMs > WAITING_LIMIT_MS) reasons.push(`the worker is ${Math.round(behindMs / 1000)} s behind`);
  const missing = journals.reduce((sum, { missingRecords }) => sum + missingRecords, 0);
  if (missing > 0)
    reasons.push(
      `${counted(missing, 'record of the journal was', 'records of the journal were')} purged before they were shipped`,
    );
  return { reasons, behindMs };
}
