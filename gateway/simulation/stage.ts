/** The site made ready for what a fault is to meet: a state that is brief, or an output that is under way, lasts long enough. */
import type { Disk } from './disk.ts';
import type { Aim } from './faults.ts';
import type { Parties } from './parties/parties.ts';
import type { World } from './world.ts';

/** A state that does not come by then is given up. */
const LASTS_MS = 4000;
const STALL_FROM_MS = 300;
const STALL_SPAN_MS = 900;

export function setStage({ state }: Aim, { feeds }: Parties, disk: Disk, world: World): void {
  disk.isSlow = state === 'committing';
  const untilMs = world.now + LASTS_MS;
  for (const { platforms, connections } of feeds) {
    for (const { destination } of connections) destination.dragsUntilMs = untilMs;
    for (const platform of platforms) {
      // A copy that is not answered is what a swap has to catch up with; the primary is not slowed down by it.
      if (state === 'catching-up') platform.stalledUntilMs = world.now + STALL_FROM_MS + world.roll(STALL_SPAN_MS);
      // What was held is answered slowly.
      if (state === 'settling') platform.dragsUntilMs = untilMs;
    }
  }
}

export function endStage({ feeds }: Parties, disk: Disk): void {
  disk.isSlow = false;
  for (const { platforms, connections } of feeds) {
    for (const { destination } of connections) destination.dragsUntilMs = 0;
    for (const platform of platforms) platform.dragsUntilMs = 0;
  }
}
