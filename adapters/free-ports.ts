/**
 * Ports of the loopback that nobody listens on, from a range that the caller names. It lies below the one from which the
 * system takes ports for outgoing connections: there a port could become the local end of any connection before its owner
 * listens.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

export type PortRange = { readonly from: number; readonly below: number };

const PROBES_AT_ONCE = 100;

/** `mayHave`: false for a free port that is somebody else's already. Fewer than asked for where the range has no more. */
export async function freePortsIn(
  { from, below }: PortRange,
  count: number,
  mayHave: (port: number) => boolean = () => true,
): Promise<number[]> {
  const size = below - from;
  const first = randomInt(size);
  const found: number[] = [];
  for (let probed = 0; probed < size && found.length < count; ) {
    const probes = Math.min(PROBES_AT_ONCE, count - found.length, size - probed);
    const batch = Array.from({ length: probes }, (_, index) => from + ((first + probed + index) % size));
    probed += probes;
    const free = await Promise.all(batch.map(isFree));
    found.push(...batch.filter((port, index) => free[index] === true && mayHave(port)));
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
