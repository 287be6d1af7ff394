/**
 * A lock outlives a killed process, and the update of a killed verb can still be running: it is waited for. Only a lock whose
 * process is gone, or that a person takes over, is broken. Two updates that begin at the same moment lock each other out and
 * both give way (diy/lock.go of pulumi/pkg looks again after it has written): one that cannot be seen any more is tried again.
 */
import type { Pulumi, PulumiFailure, UpdateResult } from '../../adapters/pulumi.ts';
import { holderIn, type LockHolder } from '../../adapters/pulumi-lock.ts';
import { readableTime } from '../../core/readable-time.ts';
import type { Context } from './context.ts';
import { hasBeenInterrupted } from './pause.ts';

const LOCK_WAIT_MS = 60_000;
const LOCK_LOOK_EVERY_MS = 500;
/** An object store tells of a lock only when the update is tried. */
const TRY_AGAIN_EVERY_MS = 2_000;

export type StackLock = {
  readonly pulumi: Pick<Pulumi, 'lockInfo' | 'cancel'>;
  readonly stack: string;
  readonly takeOver: boolean;
};
type Surroundings = Pick<Context, 'terminal' | 'clock' | 'interruption'>;
/** What one update has met so far. */
type Waiting = { readonly untilMs: number; said: string; hasBroken: boolean };

/** Runs the update; where the stack is locked, again once the lock is gone, for a minute at most. */
export async function updatePastLock(
  context: Surroundings,
  lock: StackLock,
  run: () => Promise<UpdateResult>,
): Promise<UpdateResult> {
  const waiting: Waiting = { untilMs: context.clock.elapsedMs() + LOCK_WAIT_MS, said: '', hasBroken: false };
  for (;;) {
    const result = await run();
    if (result.ok || result.kind !== 'locked') return result;
    if (!(await isWorthAnotherTry(context, lock, result, waiting))) return result;
  }
}

export function describeHolder({ pid, username, hostname, since }: LockHolder): string {
  return `process ${pid} of ${username} on ${hostname} since ${readableTime(since)}`;
}

async function isWorthAnotherTry(
  { terminal, clock, interruption }: Surroundings,
  { pulumi, stack, takeOver }: StackLock,
  refused: PulumiFailure,
  waiting: Waiting,
): Promise<boolean> {
  const told = holderIn(refused.diagnostics.join('\n'));
  for (let looked = false; ; looked = true) {
    const seen = await pulumi.lockInfo(stack);
    if (seen === null && looked) return true;
    const holder = seen ?? told;
    const who = holder === null ? 'an unknown holder' : describeHolder(holder);
    const isGone = holder?.alive === false;
    if (!waiting.hasBroken && (isGone || takeOver)) {
      terminal.warn(`breaking the lock of ${who}, ${isGone ? 'which is no longer running' : 'as asked'}`);
      waiting.hasBroken = true;
      return (await pulumi.cancel(stack)).ok;
    }
    if (clock.elapsedMs() > waiting.untilMs) {
      terminal.warn(`the stack is locked by ${who}; if that is gone for certain, run this again with --take-over`);
      return false;
    }
    if (who !== waiting.said) terminal.progress(`waiting: the stack is locked by ${who}`);
    waiting.said = who;
    // Not in step with another verb that waits for the same lock.
    const pauseMs = (seen === null ? TRY_AGAIN_EVERY_MS : LOCK_LOOK_EVERY_MS) * (0.5 + Math.random());
    if (await hasBeenInterrupted(pauseMs, interruption)) return false;
  }
}
