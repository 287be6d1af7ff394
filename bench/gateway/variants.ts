/** What is measured: the gateway in its two ways of working, and what stands in its place otherwise. */
import { mkdir } from 'node:fs/promises';
import type { ChangeOverMethod } from '../../core/platform.ts';
import {
  freePorts,
  GatewayProcess,
  ownLegs,
  type Ports,
  sharedLegPorts,
  sharedLegs,
  writeInventory,
} from './gateway-process.ts';
import { moveAll } from './moves.ts';
import { SPARE_FILES } from './open-files.ts';
import { missingFor, startPeer } from './peers.ts';
import type { Count } from './receiver.ts';
import { Receiver } from './receivers.ts';

export const VARIANTS = ['direct', 'haproxy', 'relay', 'camel', 'medplum', 'gateway', 'gateway-parallel'] as const;
export type VariantName = (typeof VARIANTS)[number];

export type Variant = {
  readonly name: VariantName;
  readonly folder: string;
  /** Where the senders connect to, one port a feed. */
  readonly ports: readonly number[];
  /** Null: nothing stands between (direct). */
  readonly pid: number | null;
  readonly gateway: GatewayProcess | null;
  /** What arrived since the last count. */
  count(): Promise<Count>;
  stop(): Promise<void>;
};

const START_ATTEMPTS = 3;
/** With more feeds the variants no longer stand beside each other, and a process may not have so many files open. */
export const MANY_FEEDS = 500;
/** Sockets and listeners of the process that has the most, a feed. */
const FILES_A_FEED: Readonly<Record<VariantName, number>> = {
  direct: 2,
  haproxy: 3,
  relay: 3,
  camel: 3,
  medplum: 3,
  gateway: 3,
  'gateway-parallel': 9,
};

export function filesOf(name: VariantName, feeds: number): number {
  const ownLegsToo = name === 'gateway' && feeds <= MANY_FEEDS ? 2 : 0;
  return (FILES_A_FEED[name] + ownLegsToo) * feeds + SPARE_FILES;
}

/** Null: it can be measured with so many feeds; else why not. */
export async function whyNot(name: VariantName, feeds: number): Promise<string | null> {
  if (name === 'direct' || name === 'gateway' || name === 'gateway-parallel') return null;
  const threadsAFeed = name === 'camel' || name === 'medplum';
  if (threadsAFeed && feeds > MANY_FEEDS) return `it is compared at up to ${MANY_FEEDS} feeds`;
  return missingFor(name);
}

/** Another program may take a port between the look and the listening: then once more, in a fresh folder. */
export function startVariant(name: VariantName, feeds: number, folder: string): Promise<Variant> {
  return startAgain(folder, (fresh) => startOnce(name, feeds, fresh));
}

async function startAgain<V>(folder: string, start: (folder: string) => Promise<V>): Promise<V> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(attempt === 1 ? folder : `${folder}-${attempt}`);
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function startOnce(name: VariantName, feeds: number, folder: string): Promise<Variant> {
  await mkdir(folder, { recursive: true });
  if (name === 'gateway-parallel') return startParallel(feeds, folder, {});
  const receiver = new Receiver();
  try {
    const to = await receiver.listen({ feeds, legs: null });
    const base = { name, folder, count: () => receiver.count(), gateway: null };
    if (name === 'direct') return { ...base, ports: to, pid: null, stop: () => receiver.stop() };
    if (name === 'gateway') {
      const inventory = await writeFor(feeds, folder, { legacy: to, new: to, destination: to });
      const gateway = await GatewayProcess.start(folder, inventory);
      return { ...base, ports: gateway.feeds, pid: gateway.pid, gateway, stop: () => stopAll(gateway, receiver) };
    }
    const peer = await startPeer(name, to, folder);
    return { ...base, ports: peer.ports, pid: peer.pid, stop: () => stopAll(peer, receiver) };
  } catch (error) {
    await receiver.stop();
    throw error;
  }
}

/** Nothing comes on its legs. */
async function writeFor(feeds: number, folder: string, ports: Ports): Promise<string> {
  if (feeds <= MANY_FEEDS) return writeInventory(folder, ports, ownLegs(await freePorts(2 * feeds)));
  const free = await freePorts(feeds + sharedLegPorts(feeds));
  return writeInventory(folder, { ...ports, feed: free.slice(0, feeds) }, sharedLegs(feeds, free.slice(feeds)));
}

export type Neighbourhood = Variant & {
  readonly gateway: GatewayProcess;
  readonly legacy: Receiver;
  readonly candidate: Receiver;
};
type ParallelOptions = {
  /** Absent: nothing is shipped. */
  readonly databaseUrl?: string;
  readonly changeOver?: ChangeOverMethod;
};

/** A parallel run whose platforms can be told how to behave. */
export function startNeighbourhood(feeds: number, folder: string, options: ParallelOptions): Promise<Neighbourhood> {
  return startAgain(folder, (fresh) => startParallel(feeds, fresh, options));
}

/** Each message passes the gateway four times: to legacy, from legacy to its destination, to new, from new into capture. */
async function startParallel(
  feeds: number,
  folder: string,
  { databaseUrl, changeOver }: ParallelOptions,
): Promise<Neighbourhood> {
  await mkdir(folder, { recursive: true });
  const [legacy, candidate, destination] = [new Receiver(), new Receiver(), new Receiver()];
  const parts: { stop(): Promise<void> }[] = [legacy, candidate, destination];
  try {
    const free = await freePorts(3 * feeds);
    const legs = free.slice(feeds);
    const ports = {
      feed: free.slice(0, feeds),
      legacy: await legacy.listen({ feeds, legs: legs.filter((_, index) => index % 2 === 0) }),
      new: await candidate.listen({ feeds, legs: legs.filter((_, index) => index % 2 === 1) }),
      destination: await destination.listen({ feeds, legs: null }),
    };
    const inventory = await writeInventory(folder, ports, ownLegs(legs), changeOver);
    const gateway = await GatewayProcess.start(folder, inventory, databaseUrl);
    parts.unshift(gateway);
    const { refused } = await moveAll(gateway, feeds, { phase: 'parallel', expectedEpoch: 1 });
    if (refused.length > 0) throw new Error(`not moved into parallel: ${refused[0]}`);
    return {
      name: 'gateway-parallel',
      folder,
      ports: gateway.feeds,
      pid: gateway.pid,
      gateway,
      legacy,
      candidate,
      count: () => destination.count(),
      stop: () => stopAll(...parts),
    };
  } catch (error) {
    await stopAll(...parts);
    throw error;
  }
}

async function stopAll(...parts: readonly { stop(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.stop();
}
