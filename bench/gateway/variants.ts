/** What is measured: the gateway in its two ways of working, and what stands in its place otherwise. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts, GatewayProcess, nameOf, writeInventory } from './gateway-process.ts';
import { endProcess, Helper, started } from './processes.ts';
import type { Count, Mood, ReceiverOptions, ReceiverReply, ReceiverRequest } from './receiver.ts';

export const VARIANTS = ['direct', 'haproxy', 'relay', 'gateway', 'gateway-parallel'] as const;
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

const START_LIMIT_MS = 60_000;
const MOVES_AT_ONCE = 250;
const START_ATTEMPTS = 3;

export function isInstalled(name: VariantName): boolean {
  return name !== 'haproxy' || spawnSync('haproxy', ['-v']).error === undefined;
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
  if (name === 'gateway-parallel') return startParallel(feeds, folder);
  const receiver = new Receiver();
  const to = await receiver.listen({ feeds, legs: null });
  const base = { name, folder, count: () => receiver.count(), gateway: null };
  switch (name) {
    case 'direct':
      return { ...base, ports: to, pid: null, stop: () => receiver.stop() };
    case 'relay': {
      const relay = new Helper('./relay.ts');
      const { ports } = await relay.ask<{ readonly ports: readonly number[] }>({ to });
      return { ...base, ports, pid: relay.pid, stop: () => stopAll(relay, receiver) };
    }
    case 'haproxy': {
      const { child, ports } = await startHaproxy(to, folder);
      const stop = async (): Promise<void> => {
        await endProcess(child, 'SIGKILL');
        await receiver.stop();
      };
      return { ...base, ports, pid: child.pid ?? 0, stop };
    }
    case 'gateway': {
      const inventory = await writeInventory(
        folder,
        { legacy: to, new: to, destination: to },
        await freePorts(2 * feeds),
      );
      const gateway = await GatewayProcess.start(folder, inventory);
      return { ...base, ports: gateway.feeds, pid: gateway.pid, gateway, stop: () => stopAll(gateway, receiver) };
    }
  }
}

export type Neighbourhood = Variant & { readonly gateway: GatewayProcess; readonly candidate: Receiver };

/** A parallel run that ships to a database, with a candidate whose mood can be told. */
export function startNeighbourhood(feeds: number, folder: string, databaseUrl: string): Promise<Neighbourhood> {
  return startAgain(folder, (fresh) => startParallel(feeds, fresh, databaseUrl));
}

/** Each message passes the gateway four times: to legacy, from legacy to its destination, to new, from new into capture. */
async function startParallel(feeds: number, folder: string, databaseUrl?: string): Promise<Neighbourhood> {
  await mkdir(folder, { recursive: true });
  const destination = new Receiver();
  const platforms = [new Receiver(), new Receiver()] as const;
  const legs = await freePorts(2 * feeds);
  const [legacy, candidate] = platforms;
  const inventory = await writeInventory(
    folder,
    {
      legacy: await legacy.listen({ feeds, legs: legs.filter((_, index) => index % 2 === 0) }),
      new: await candidate.listen({ feeds, legs: legs.filter((_, index) => index % 2 === 1) }),
      destination: await destination.listen({ feeds, legs: null }),
    },
    legs,
  );
  const gateway = await GatewayProcess.start(folder, inventory, databaseUrl);
  await moveAll(gateway, feeds, { phase: 'parallel', expectedEpoch: 1 });
  return {
    name: 'gateway-parallel',
    folder,
    ports: gateway.feeds,
    pid: gateway.pid,
    gateway,
    candidate,
    count: () => destination.count(),
    stop: () => stopAll(gateway, ...platforms, destination),
  };
}

export type Move = { readonly phase: 'parallel' | 'switched'; readonly expectedEpoch: number };

/** Moves every connection at once; throws where one is refused or aborted. Returns the wall time of each. */
export async function moveAll(gateway: GatewayProcess, feeds: number, move: Move): Promise<number[]> {
  const walls: number[] = [];
  const waiting = Array.from({ length: feeds }, (_, index) => index);
  const worker = async (): Promise<void> => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const began = performance.now();
      const request = { ...move, requestId: `bench-${move.phase}-${move.expectedEpoch}-${index}`, deadlineMs: 60_000 };
      const moved = await gateway.admin.move(nameOf(index), request);
      if (!moved.ok) throw new Error(`${nameOf(index)} was not moved: ${moved.error.message}`);
      if (moved.value.aborted === true) throw new Error(`${nameOf(index)} was aborted: ${moved.value.reason}`);
      walls.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: Math.min(feeds, MOVES_AT_ONCE) }, worker));
  return walls;
}

async function startHaproxy(
  to: readonly number[],
  folder: string,
): Promise<{ readonly child: ChildProcess; readonly ports: readonly number[] }> {
  const ports = await freePorts(to.length);
  const pairs = to.map(
    (port, index) => `listen feed${index}\n  bind 127.0.0.1:${ports[index]}\n  server platform 127.0.0.1:${port}\n`,
  );
  const defaults = 'defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n';
  const config = join(folder, 'haproxy.cfg');
  await writeFile(config, `global\n  maxconn ${4 * to.length + 1000}\n${defaults}${pairs.join('')}`);
  const child = started(spawn('haproxy', ['-db', '-f', config], { stdio: ['ignore', 'ignore', 'inherit'] }));
  for (const port of ports) await untilItListens(port);
  return { child, ports };
}

async function untilItListens(port: number): Promise<void> {
  const until = Date.now() + START_LIMIT_MS;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    if (Date.now() > until) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function stopAll(...parts: readonly { stop(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.stop();
}

export class Receiver {
  readonly #helper = new Helper('./receiver.ts');

  async listen(options: ReceiverOptions): Promise<readonly number[]> {
    const request: ReceiverRequest = { kind: 'listen', options };
    const reply = await this.#helper.ask<ReceiverReply>(request, ({ kind }) => kind === 'listening');
    return reply.kind === 'listening' ? reply.ports : [];
  }

  async behave(mood: Mood): Promise<void> {
    const request: ReceiverRequest = { kind: 'behave', mood };
    await this.#helper.ask<ReceiverReply>(request, ({ kind }) => kind === 'behaving');
  }

  async count(): Promise<Count> {
    const request: ReceiverRequest = { kind: 'count' };
    const reply = await this.#helper.ask<ReceiverReply>(request, ({ kind }) => kind === 'counted');
    if (reply.kind !== 'counted') throw new Error('the receiver did not count');
    return reply.count;
  }

  stop(): Promise<void> {
    return this.#helper.stop();
  }
}
