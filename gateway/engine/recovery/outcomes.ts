/** What became of the last message of a sender, as the journal tells it: a resend of it after the restart is told the same. */
import type { Intake } from '../intake.ts';

export type RecoveredOutcome = {
  readonly sender: string;
  readonly firstAttempt: number;
  readonly verdict: string;
  readonly answer: Buffer | null;
  readonly atMs: number;
};

export function recoverOutcome(intake: Intake, outcome: RecoveredOutcome): void {
  const { sender, firstAttempt, verdict, answer, atMs } = outcome;
  const remembered = intake.memory.last(sender);
  if (remembered === null || remembered.firstAttempt !== firstAttempt) return;
  if (verdict === 'positive' && answer !== null) remembered.outcome = { kind: 'positive', answer, atMs, socket: null };
  else remembered.outcome = { kind: verdict === 'negative' ? 'negative' : 'unknown' };
}
