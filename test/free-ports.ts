/**
 * Free loopback ports, below the range from which the system takes ports for outgoing connections and above that of rehearsals,
 * so that none is lost in between. Within one run of the tests none is given out twice: many are chosen a moment before somebody listens on them.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const LOWEST = 16_000;
const WIDTH = 16_000;
/** So many in a row that were given out before: nearly all have been, long ago. */
const REFUSED_LIMIT = 200;

/** A folder of this run, with a file for each port that was given out; where there is none, nobody else chooses. */
export const PORTS_FOLDER = 'CUTOVER_TEST_PORTS';

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  let refused = 0;
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * WIDTH);
    if (ports.has(port) || !(await isFree(port))) continue;
    refused = claimed(port) ? 0 : refused + 1;
    if (refused === 0 || refused > REFUSED_LIMIT) ports.add(port);
  }
  return [...ports];
}

/** False where another test of this run has it. */
function claimed(port: number): boolean {
  const folder = process.env[PORTS_FOLDER];
  if (folder === undefined) return true;
  try {
    writeFileSync(join(folder, String(port)), '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
