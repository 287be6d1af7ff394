/** What no other program can be compared in: the pauses of swaps, recovery by size of the journal, idle sockets. */
import { readdir, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { freePorts, GatewayProcess, writeInventory } from './gateway-process.ts';
import { measure } from './measure.ts';
import { residentBytes } from './processes.ts';
import { moveAll, startVariant } from './variants.ts';

type Timing = { readonly warmUpMs: number; readonly measureMs: number };

/** Every connection is switched at once, with a message in flight on every feed: what each sender waited, at the longest. */
export async function pauses(feeds: number, folder: string, timing: Timing): Promise<object> {
  const variant = await startVariant('gateway-parallel', feeds, folder);
  try {
    const { gateway } = variant;
    if (gateway === null) throw new Error('the gateway does not run');
    const before = await measure(variant, { ...timing, from: 1, perSecond: null });
    let walls: readonly number[] = [];
    let wallMs = 0;
    const swaps = async (): Promise<void> => {
      const began = performance.now();
      walls = await moveAll(gateway, feeds, { phase: 'switched', expectedEpoch: 2 });
      wallMs = performance.now() - began;
    };
    const during = await measure(variant, { ...timing, from: 50_000_000, perSecond: null }, swaps);
    return {
      'switches at once': feeds,
      'all done after ms': Math.round(wallMs),
      'slowest request ms': Math.round(Math.max(...walls)),
      'longest wait of a sender without swaps, p50 / p99 / max ms': spread(before.longestMs),
      'longest wait of a sender with its swap, p50 / p99 / max ms': spread(during.longestMs),
      counted: [...before.wrong, ...during.wrong].join(', ') || 'ok',
    };
  } finally {
    await variant.stop();
  }
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return `${at(0.5)} / ${at(0.99)} / ${at(1)}`;
}

/** Fills a journal by traffic, kills the gateway, and takes the time from its start to its ready line. */
export async function recovery(mib: number, folder: string): Promise<object> {
  const feeds = 50;
  const variant = await startVariant('gateway', feeds, folder);
  const place = variant.folder;
  let from = 1;
  try {
    while ((await journalBytes(place)) < mib * 2 ** 20) {
      await measure(variant, { warmUpMs: 100, measureMs: 3000, from, perSecond: null });
      from += 1_000_000;
    }
    await variant.gateway?.stop('SIGKILL');
    const bytes = await journalBytes(place);
    const again = await GatewayProcess.start(place, join(place, 'inventory.yaml'));
    await again.stop();
    return { 'journal MiB': Math.round(bytes / 2 ** 20), 'ready again after ms': Math.round(again.readyMs) };
  } finally {
    await variant.stop();
  }
}

async function journalBytes(folder: string): Promise<number> {
  const journal = join(folder, 'data', 'journal');
  let bytes = 0;
  for (const name of await readdir(journal)) bytes += (await stat(join(journal, name)).catch(() => null))?.size ?? 0;
  return bytes;
}

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
  };
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
  const inventory = await writeInventory(folder, ports, await freePorts(2 * feeds));
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
