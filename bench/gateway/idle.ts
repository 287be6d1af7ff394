/** Memory of a gateway that has nothing to do: many silent sockets, and many feeds. */
import { connect, type Socket } from 'node:net';
import { freePorts, GatewayProcess, ownLegs, sharedLegPorts, sharedLegs, writeInventory } from './gateway-process.ts';
import { openFilesAllowed, SPARE_FILES } from './open-files.ts';
import { residentBytes } from './processes.ts';

const IDLE_FEEDS = 250;
const QUIET_MS = 500;
const QUIET_LOOKS = 20;

/** Memory of the gateway with many feeds, before and after they have so many sockets that say nothing. */
export async function idleSockets(sockets: number, folder: string): Promise<object> {
  const { before, after } = await withIdle(Math.min(IDLE_FEEDS, sockets), sockets, folder);
  return {
    sockets,
    'memory before MB': Math.round(before / 1e6),
    'more with the sockets MB': Math.round((after - before) / 1e6),
  };
}

/** The same with a feed of its own for each socket, beside a gateway with a single one. */
export async function idleFeeds(feeds: number, folder: string): Promise<object> {
  const base = await withIdle(1, 1, `${folder}-base`);
  const { before, after } = await withIdle(feeds, feeds, folder);
  return {
    feeds,
    'memory with one feed MB': Math.round(base.after / 1e6),
    'more with the feeds MB': Math.round((before - base.after) / 1e6),
    'more with a socket each MB': Math.round((after - before) / 1e6),
    'beyond one feed MB': Math.round((after - base.after) / 1e6),
    legs: hasOwnLegs(feeds, feeds)
      ? 'two of its own for each'
      : 'shared by 50 each: more open files are not allowed here',
  };
}

function hasOwnLegs(feeds: number, sockets: number): boolean {
  return 3 * feeds + sockets + SPARE_FILES <= openFilesAllowed();
}

/** What a start or a storm of connections leaves behind is given back within seconds. */
async function restingBytes(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < QUIET_LOOKS; look++) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    least = Math.min(least, await residentBytes(pid));
  }
  return least;
}

async function withIdle(
  feeds: number,
  sockets: number,
  folder: string,
): Promise<{ readonly before: number; readonly after: number }> {
  const nobody = Array.from({ length: feeds }, () => 9);
  const ports = { legacy: nobody, new: nobody, destination: nobody };
  const legs = hasOwnLegs(feeds, sockets)
    ? ownLegs(await freePorts(2 * feeds))
    : sharedLegs(feeds, await freePorts(sharedLegPorts(feeds)));
  const inventory = await writeInventory(folder, ports, legs);
  const gateway = await GatewayProcess.start(folder, inventory);
  const open: Socket[] = [];
  try {
    const before = await restingBytes(gateway.pid);
    for (let index = 0; index < sockets; index++) {
      const socket = connect({ host: '127.0.0.1', port: gateway.feeds[index % feeds] ?? 0 });
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      open.push(socket);
    }
    return { before, after: await restingBytes(gateway.pid) };
  } finally {
    for (const socket of open) socket.destroy();
    await gateway.stop();
  }
}
