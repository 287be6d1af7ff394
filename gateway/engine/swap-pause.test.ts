/** What a swap was to its senders is known when the last of them has its answer, however long after the outcome was told. */
import { expect, test } from 'vitest';
import type { RouteResponse } from '../../core/admin-api.ts';
import { parseInventory } from '../../core/inventory.ts';
import type { Effects, SocketId } from './io.ts';
import { Recovery } from './recovery.ts';
import { ShardEngine } from './shard.ts';
import type { SwapPause } from './swap.ts';

const PORTS = { legacy: 31_001, new: 32_001, destination: 33_001 };
const LEG_PORTS = { legacy: 300, new: 400 };
/** Of a platform's own, beside those of senders. */
const LEG_SOCKETS = { legacy: 301, new: 401 };
const ACK_TIMEOUT_MS = 10_000;
const SETTLE_MS = 10;

test('given a message that a switch held, when its new owner answers it after its sender has given up, that is the pause', () => {
  const night = new Night();
  night.move('parallel');
  night.send(1, 'FIRST');
  const told = night.move('switched');
  night.send(3, 'HELD');
  expect(night.felt).toHaveLength(1);
  night.answer('legacy', 'FIRST');
  night.answer('new', 'FIRST');
  night.pass(SETTLE_MS);
  expect(night.arrivedAt('new')).toContain('HELD');
  night.pass(5000);
  expect(told).toMatchObject([{ epoch: 3, heldMessages: 1 }]);
  expect(told[0]?.pauseMs).toBeLessThan(ACK_TIMEOUT_MS / 2);
  expect(night.felt).toHaveLength(1);
  night.pass(6500);
  night.answer('new', 'HELD');
  expect(night.felt).toEqual([
    { pauseMs: 0, isAborted: false },
    { pauseMs: SETTLE_MS + 11_500, isAborted: false },
  ]);
});

test('given a switch that gave up, when what it held is answered, the wait for that answer is in its pause too', () => {
  const night = new Night();
  night.move('parallel');
  night.send(1, 'FIRST');
  const told = night.move('switched');
  night.send(3, 'HELD');
  night.pass(ACK_TIMEOUT_MS / 2);
  expect(told).toMatchObject([{ aborted: true, heldMessages: 1, pauseMs: 5000 }]);
  expect(night.felt).toHaveLength(1);
  night.answer('legacy', 'FIRST');
  night.pass(1000);
  night.answer('legacy', 'HELD');
  expect(night.felt.at(-1)).toEqual({ pauseMs: 6000, isAborted: true });
});

test('given a sender that goes away while what it sent is with the new owner, the pause ends with the answer that nobody reads', () => {
  const night = new Night();
  night.move('parallel');
  night.send(1, 'FIRST');
  night.move('switched');
  night.send(3, 'HELD');
  night.answer('legacy', 'FIRST');
  night.answer('new', 'FIRST');
  night.pass(SETTLE_MS);
  night.leave(3);
  night.pass(7000);
  night.answer('new', 'HELD');
  expect(night.felt.slice(1)).toEqual([{ pauseMs: SETTLE_MS + 7000, isAborted: false }]);
});

test('given outputs that queue longer than a hold may last, when a switch is asked for, nobody is held until they are through', () => {
  const night = new Night({ outputs: 'one', settle: '1s' });
  night.move('parallel');
  night.bothTake(1, 'FIRST');
  night.bothTake(1, 'SECOND');
  night.output('new', 'FIRST');
  night.output('new', 'SECOND');
  // The destination is slow: what stands behind this one in the platform's queue waits.
  night.output('legacy', 'FIRST');
  night.pass(ACK_TIMEOUT_MS / 2 + 1);
  const told = night.move('switched');
  night.bothTake(1, 'MEANWHILE');
  expect(night.state).toBe('catching-up');
  expect(told).toEqual([]);
  night.output('new', 'MEANWHILE');
  night.answer('destination', 'FIRST');
  night.output('legacy', 'SECOND');
  night.answer('destination', 'SECOND');
  expect(night.state).toBe('draining');
  night.output('legacy', 'MEANWHILE');
  night.answer('destination', 'MEANWHILE');
  expect(told).toMatchObject([{ epoch: 3, heldMessages: 0, pauseMs: 0 }]);
});

test('given an output that is overdue, when a switch is asked for, it is held for: after that a person is asked', () => {
  const night = new Night({ outputs: 'one', settle: '1s' });
  night.move('parallel');
  night.bothTake(1, 'FIRST');
  night.output('new', 'FIRST');
  night.pass(ACK_TIMEOUT_MS);
  const told = night.move('switched');
  expect(night.state).toBe('draining');
  night.pass(ACK_TIMEOUT_MS / 2);
  expect(told).toMatchObject([{ aborted: true }]);
  expect(night.state).toBe('steady');
});

test('given a sender without a pause, whose copies wait behind each other, when it is switched, no message waits for two of them', () => {
  const night = new Night();
  night.move('parallel');
  for (const id of ['ONE', 'TWO']) {
    night.send(1, id);
    night.answer('legacy', id);
  }
  night.send(1, 'THREE');
  const told = night.move('switched');
  night.answer('legacy', 'THREE');
  night.send(1, 'FOUR');
  night.answer('new', 'ONE');
  expect(night.arrivedAt('legacy')).not.toContain('FOUR');
  night.answer('new', 'TWO');
  expect(night.arrivedAt('legacy')).toContain('FOUR');
  night.answer('legacy', 'FOUR');
  night.send(1, 'FIVE');
  night.answer('new', 'THREE');
  night.pass(700);
  night.answer('new', 'FOUR');
  night.pass(SETTLE_MS);
  expect(night.arrivedAt('new')).toEqual(['ONE', 'TWO', 'THREE', 'FOUR', 'FIVE']);
  expect(night.arrivedAt('legacy')).not.toContain('FIVE');
  night.answer('new', 'FIVE');
  expect(told).toMatchObject([{ epoch: 3, inFlightAtHold: 1, pauseMs: 700 + SETTLE_MS }]);
});

test('given a copy that is not answered, when what a hold may last is half over, the swap goes on without being in step, and gives up in time', () => {
  const night = new Night();
  night.move('parallel');
  for (const id of ['ONE', 'TWO']) {
    night.send(1, id);
    night.answer('legacy', id);
  }
  const told = night.move('switched');
  night.send(1, 'HELD');
  night.pass(ACK_TIMEOUT_MS / 2 - 1);
  expect(told).toEqual([]);
  expect(night.arrivedAt('legacy')).not.toContain('HELD');
  night.pass(1);
  expect(told).toMatchObject([{ epoch: 2, aborted: true, pauseMs: ACK_TIMEOUT_MS / 2 }]);
  expect(night.arrivedAt('legacy')).toContain('HELD');
});

/** An engine whose clock, disk and peers are the test's: the disk is as quick as can be, the peers answer when they are told to. */
class Night {
  readonly felt: SwapPause[] = [];
  readonly #engine: ShardEngine;
  readonly #timers = new Map<number, number>();
  readonly #sockets = new Map<SocketId, number>();
  readonly #arrived = new Map<number, string[]>();
  readonly #open = new Set<SocketId>();
  #now = Date.UTC(2026, 0, 1);
  #todo: (() => void)[] = [];

  constructor(connection: object = {}) {
    this.#engine = engineOver(this.#effects(), connection);
    new Recovery(this.#engine).finish(this.#now, true, 'test');
    this.#engine.watch = { swapFelt: (_connection, pause) => void this.felt.push(pause), staleEpoch: () => {} };
    this.#settle();
  }

  move(phase: 'parallel' | 'switched'): RouteResponse[] {
    const told: RouteResponse[] = [];
    const expectedEpoch = this.#engine.connections.get('northside')?.route.epoch ?? 0;
    const wish = { phase, newWeight: 0, requestId: `${phase} ${expectedEpoch}`, expectedEpoch } as const;
    const request = { ...wish, deadlineMs: 60_000, origin: 'api', force: false } as const;
    this.#engine.move(this.#now, 'northside', request, { name: 'ann' }, (result) => {
      if (!result.ok) throw new Error(result.error.message);
      told.push(result.value);
    });
    this.#settle();
    return told;
  }

  send(socket: SocketId, id: string): void {
    if (!this.#open.has(socket)) {
      this.#engine.accepted(this.#now, { kind: 'feed', feed: 'northside' }, socket, `10.0.0.${socket}`);
      this.#open.add(socket);
    }
    this.#engine.bytes(this.#now, socket, frame(`MSH|^~\\&|A||B||1||ORM^O01|${id}|P|2.5`));
    this.#settle();
  }

  /** Its primary answers it, and its copy is taken. */
  bothTake(socket: SocketId, id: string): void {
    this.send(socket, id);
    this.answer('legacy', id);
    this.answer('new', id);
  }

  output(platform: 'legacy' | 'new', id: string): void {
    const socket = LEG_SOCKETS[platform];
    if (!this.#open.has(socket)) {
      const endpoint = { kind: 'leg', shard: 0, port: LEG_PORTS[platform] } as const;
      this.#engine.accepted(this.#now, endpoint, socket, '10.0.1.1');
      this.#open.add(socket);
    }
    this.#engine.bytes(this.#now, socket, frame(`MSH|^~\\&|A||B||1||ORM^O01|${id}|P|2.5`));
    this.#settle();
  }

  get state(): string {
    return this.#engine.stateOf('northside') ?? 'unknown';
  }

  leave(socket: SocketId): void {
    this.#engine.closed(this.#now, socket);
    this.#settle();
  }

  answer(peer: keyof typeof PORTS, id: string): void {
    const [socket] = [...this.#sockets].find(([, port]) => port === PORTS[peer]) ?? [];
    if (socket === undefined) throw new Error(`nobody has called ${peer}`);
    this.#engine.bytes(this.#now, socket, frame(`MSH|^~\\&|B||A||1||ACK|X|P|2.5\rMSA|AA|${id}`));
    this.#settle();
  }

  arrivedAt(platform: 'legacy' | 'new'): readonly string[] {
    return this.#arrived.get(PORTS[platform]) ?? [];
  }

  pass(ms: number): void {
    const untilMs = this.#now + ms;
    for (let due = this.#nextTimer(untilMs); due !== null; due = this.#nextTimer(untilMs)) {
      const [timer, atMs] = due;
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, atMs);
      this.#engine.timerFired(this.#now, timer);
      this.#settle();
    }
    this.#now = untilMs;
  }

  #nextTimer(untilMs: number): readonly [number, number] | null {
    const [first] = [...this.#timers].sort(([, a], [, b]) => a - b);
    return first !== undefined && first[1] <= untilMs ? first : null;
  }

  #settle(): void {
    for (let next = this.#todo.shift(); next !== undefined; next = this.#todo.shift()) next();
  }

  #effects(): Effects {
    const nothing = (): void => {};
    return {
      send: (socket, bytes) => {
        const port = this.#sockets.get(socket) ?? 0;
        const id = Buffer.from(bytes).toString('latin1').split('|')[9] ?? '';
        this.#arrived.set(port, [...(this.#arrived.get(port) ?? []), id]);
      },
      connect: (socket, { port }) => {
        this.#sockets.set(socket, port);
        this.#todo.push(() => this.#engine.connected(this.#now, socket));
      },
      close: (socket) => void this.#sockets.delete(socket),
      append: (offset) => void this.#todo.push(() => this.#engine.durable(this.#now, offset)),
      arm: (timer, atMs) => void this.#timers.set(timer, atMs),
      disarm: (timer) => void this.#timers.delete(timer),
      pause: nothing,
      resume: nothing,
      read: nothing,
      log: nothing,
    };
  }
}

function frame(payload: string): Buffer {
  return Buffer.from(`\x0b${payload}\x1c\r`, 'latin1');
}

function engineOver(fx: Effects, over: object): ShardEngine {
  const at = (port: number): object => ({ host: '127.0.0.1', port, answerTimeout: '60s' });
  const connection = {
    name: 'northside',
    direction: 'orders',
    practice: 'p',
    wave: 'w',
    feed: { port: 200, ackTimeout: `${ACK_TIMEOUT_MS}ms`, platforms: { legacy: at(PORTS.legacy), new: at(PORTS.new) } },
    legs: { legacy: { port: LEG_PORTS.legacy }, new: { port: LEG_PORTS.new } },
    destination: { host: '127.0.0.1', port: PORTS.destination },
    outputs: 'zero-or-one',
    settle: `${SETTLE_MS}ms`,
    ...over,
  };
  const gateways = [{ shard: 0, admin: 'https://127.0.0.1:1' }];
  const parsed = parseInventory(JSON.stringify({ deployment: 'lab', gateways, connections: [connection] }), 'i.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const options = {
    inventory: parsed.value,
    shard: 0,
    target: 'local',
    frameLimitBytes: 1024,
  } as const;
  return new ShardEngine(options, fx);
}
