/**
 * Free loopback ports for tests, above those of rehearsals. Within one run of the tests none is given out twice: many are
 * chosen a moment before somebody listens on them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePortsIn } from './free-ports.ts';

const RANGE = { from: 16_000, below: 32_000 };

/** A folder of this run, with a file for each port that was given out; where there is none, no other process chooses. */
export const PORTS_FOLDER = 'CUTOVER_TEST_PORTS';

const chosen = new Set<number>();

export async function freePorts(count: number): Promise<number[]> {
  const unclaimed = await freePortsIn(RANGE, count, claimed);
  // All were given out once, mostly long ago.
  const others = unclaimed.length < count ? await freePortsIn(RANGE, count - unclaimed.length) : [];
  if (unclaimed.length + others.length < count)
    throw new Error(`fewer than ${count} ports are free on the loopback from ${RANGE.from} to ${RANGE.below}`);
  return [...unclaimed, ...others];
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** False where this test, or another of this run, has it. */
function claimed(port: number): boolean {
  if (chosen.has(port)) return false;
  chosen.add(port);
  const folder = process.env[PORTS_FOLDER];
  if (folder === undefined) return true;
  try {
    writeFileSync(join(folder, String(port)), '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
