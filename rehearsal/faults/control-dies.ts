/**
 * After the switch the new platform is killed mid-message, with what it had taken and not passed on. A forced rollback
 * gives control back to legacy, which owes all of that now; then the new platform comes back, remembering nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ROLLBACK } from '../verb-steps.ts';
import { decideOpen } from './decide.ts';
import { type Director, type Fault, total } from './fault.ts';

/** Every sender waits from then on, however long it takes until somebody acts. */
export const OWNER_IS_DEAD = 'the new platform is dead';
const POLL_MS = 20;
const MID_MESSAGE_LIMIT_MS = 20_000;

export const controlDies: Fault = {
  at: { insteadOf: 'rollback' },
  play: async (director) => {
    const { stage, around } = director;
    const before = await director.statuses();
    const pending = await midMessage(director);
    await stage.load.kill('new');
    around.progress.line('fault: kill -9 of the new platform, mid-message');
    director.injected('kill -9 of the new platform, which owned every connection');
    director.injected('messages that it had taken and not passed on', pending);
    const startedAt = performance.now();
    const args = ['--force', '--reason', 'rehearsal: the new platform is dead'];
    if (!(await director.swap({ ...ROLLBACK, args, outage: OWNER_IS_DEAD })).done) return false;
    director.seen(`connections that legacy owned again ${since(startedAt)} later, by a forced rollback`, before.length);
    await director.flow('after rollback');
    await director.timed('new platform back', async () => {
      await stage.load.revive('new');
      around.progress.line('fault: the new platform runs again, remembering nothing');
      await director.caughtUp();
      await settled(director);
    });
    const after = await director.statuses();
    const suppressed =
      total(after, ({ counters }) => counters.suppressed) - total(before, ({ counters }) => counters.suppressed);
    director.seen('outputs held back because the other platform had delivered theirs', suppressed);
    await decideOpen(director);
    return true;
  },
};

/** Resolves right when the new platform has something in its hands. */
export async function midMessage({ stage, around }: Director): Promise<number> {
  const endsAt = performance.now() + MID_MESSAGE_LIMIT_MS;
  for (;;) {
    const pending = await stage.load.pendingAt('new');
    if (pending > 0 || performance.now() > endsAt) return pending;
    await sleep(POLL_MS, undefined, { signal: around.signal });
  }
}

/** What the dead platform owed has been delivered by legacy. */
export async function settled(director: Director): Promise<void> {
  const endsAt = performance.now() + MID_MESSAGE_LIMIT_MS;
  while (performance.now() < endsAt) {
    const busy = (await director.statuses()).filter(({ state }) => state === 'reowning');
    if (busy.length === 0) return;
    await sleep(POLL_MS * 10, undefined, { signal: director.around.signal });
  }
  director.wrong('what the dead platform owed was not all settled in time (state reowning)');
}

function since(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
