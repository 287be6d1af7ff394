/**
 * A lock outlives a killed process, and the update of a killed verb can still be running: it is waited for. Only a lock whose
 * process is gone, or that a person takes over, is broken.
 */
import type { Pulumi, UpdateResult } from '../../adapters/pulumi.ts';
import type { LockHolder } from '../../adapters/pulumi-lock.ts';
import type { Context } from './context.ts';
import { hasBeenInterrupted } from './pause.ts';

const LOCK_WAIT_MS = 60_000;
const LOCK_LOOK_EVERY_MS = 500;

export type StackLock = { readonly pulumi: Pulumi; readonly stack: string; readonly takeOver: boolean };

/** Runs the update; where the stack is locked, once more after the lock is gone. */
export async function updatePastLock(
  context: Context,
  lock: StackLock,
  run: () => Promise<UpdateResult>,
): Promise<UpdateResult> {
  const result = await run();
  if (result.ok || result.kind !== 'locked') return result;
  return (await breakLock(context, lock)) ? await run() : result;
}

export function describeHolder({ pid, username, hostname, since }: LockHolder): string {
  return `process ${pid} of ${username} on ${hostname} since ${since}`;
}

async function breakLock(context: Context, { pulumi, stack, takeOver }: StackLock): Promise<boolean> {
  const { terminal, clock, interruption } = context;
  const startedMs = clock.elapsedMs();
  for (let announced = false; ; announced = true) {
    const holder = await pulumi.lockInfo(stack);
    if (holder === null && announced) return true;
    const who = holder === null ? 'an unknown holder' : describeHolder(holder);
    if (takeOver || holder?.alive === false) {
      const why = holder?.alive === false ? 'which is no longer running' : 'as asked';
      terminal.warn(`breaking the lock of ${who}, ${why}`);
      return (await pulumi.cancel(stack)).ok;
    }
    if (holder === null || clock.elapsedMs() - startedMs > LOCK_WAIT_MS) {
      terminal.warn(`the stack is locked by ${who}; if that is gone for certain, run this again with --take-over`);
      return false;
    }
    if (!announced) terminal.progress(`waiting: the stack is locked by ${who}`);
    if (await hasBeenInterrupted(LOCK_LOOK_EVERY_MS, interruption)) return false;
  }
}
