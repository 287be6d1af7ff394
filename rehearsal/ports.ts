/**
 * Free loopback ports in bulk, between 10,000 and 16,000: what a night takes in bulk must not be what another program gave
 * up for a moment. A port of the ephemeral range could become the local end of any outgoing connection before its owner
 * listens. The tests take theirs from above.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const MOST_ATTEMPTS = 3;
const LOWEST_PORT = 10_000;
const HIGHEST_PORT = 16_000;
/** Of a very large estate they go on above. */
const HIGHEST_OF_ALL = 32_000;
const PROBES_AT_ONCE = 100;

export async function freePorts(count: number): Promise<number[]> {
  const end = 2 * count > HIGHEST_PORT - LOWEST_PORT ? HIGHEST_OF_ALL : HIGHEST_PORT;
  const size = end - LOWEST_PORT;
  const first = randomInt(size);
  const found: number[] = [];
  for (let probed = 0; probed < size && found.length < count; probed += PROBES_AT_ONCE) {
    const batch = Array.from({ length: PROBES_AT_ONCE }, (_, index) => LOWEST_PORT + ((first + probed + index) % size));
    const free = await Promise.all(batch.map(isFree));
    found.push(...batch.filter((_, index) => free[index]));
  }
  if (found.length < count)
    throw new Error(
      `only ${found.length} of ${count} ports are free on the loopback between ${LOWEST_PORT} and ${end}`,
    );
  return found.slice(0, count);
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

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
