/**
 * Free loopback ports in bulk, between 10,000 and 16,000: what a night takes in bulk must not be what another program gave
 * up for a moment. The tests take theirs from above.
 */
import { freePortsIn } from '../adapters/free-ports.ts';

const MOST_ATTEMPTS = 3;
const LOWEST_PORT = 10_000;
const HIGHEST_PORT = 16_000;
/** Of a very large estate they go on above. */
const HIGHEST_OF_ALL = 32_000;

export async function freePorts(count: number): Promise<number[]> {
  const below = 2 * count > HIGHEST_PORT - LOWEST_PORT ? HIGHEST_OF_ALL : HIGHEST_PORT;
  const found = await freePortsIn({ from: LOWEST_PORT, below }, count);
  if (found.length === count) return found;
  const where = `on the loopback between ${LOWEST_PORT} and ${below}`;
  throw new Error(`only ${found.length} of ${count} ports are free ${where}`);
}

/**
 * `start` chooses ports and takes them: where another program takes one in between, `clear` makes room and others are
 * chosen.
 */
export async function onFreshPorts<T>(start: () => Promise<T>, clear: () => Promise<void>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      await clear();
      const isTaken = error instanceof Error && error.message.includes('EADDRINUSE');
      if (!isTaken || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}
