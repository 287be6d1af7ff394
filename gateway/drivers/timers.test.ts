/** Shared timers: never early, soon enough, and disarmed ones stay silent. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Timers } from './timers.ts';

let fired: { readonly timer: number; readonly atMs: number }[] = [];
let timers: Timers;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_017 });
  fired = [];
  timers = new Timers((timer) => fired.push({ timer, atMs: Date.now() }));
});
afterEach(() => {
  timers.clear();
  vi.useRealTimers();
});

test('every timer fires once, never early, a long one at most 50 ms late', () => {
  const due = new Map<number, number>();
  for (let timer = 1; timer <= 300; timer++) {
    const atMs = Date.now() + timer * 37;
    due.set(timer, atMs);
    timers.arm(timer, atMs, Date.now());
  }
  vi.advanceTimersByTime(20_000);
  expect(fired.map(({ timer }) => timer).sort((a, b) => a - b)).toEqual([...due.keys()]);
  for (const { timer, atMs } of fired) {
    const lateMs = atMs - (due.get(timer) ?? 0);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThanOrEqual(50);
  }
});

test('a disarmed timer stays silent, also where a neighbour disarms it while they fire', () => {
  timers = new Timers((timer) => {
    fired.push({ timer, atMs: Date.now() });
    if (timer === 2) timers.disarm(3);
  });
  for (const timer of [1, 2, 3, 4]) timers.arm(timer, Date.now() + 5000, Date.now());
  timers.arm(5, Date.now() + 10, Date.now());
  timers.disarm(1);
  timers.disarm(5);
  vi.advanceTimersByTime(10_000);
  expect(fired.map(({ timer }) => timer)).toEqual([2, 4]);
});

test('one that is armed while others fire waits its own time', () => {
  timers = new Timers((timer) => {
    fired.push({ timer, atMs: Date.now() });
    if (timer === 1) timers.arm(2, Date.now() + 1500, Date.now());
  });
  timers.arm(1, Date.now() + 1000, Date.now());
  vi.advanceTimersByTime(1100);
  expect(fired.map(({ timer }) => timer)).toEqual([1]);
  vi.advanceTimersByTime(1600);
  expect(fired.map(({ timer }) => timer)).toEqual([1, 2]);
});

test('where the time of day is set back, none is early: not one that shares its wait with others either', () => {
  for (let timer = 1; timer <= 200; timer++) timers.arm(timer, Date.now() + timer * 50, Date.now());
  vi.setSystemTime(Date.now() - 5000);
  timers.arm(500, Date.now() + 8000, Date.now());
  vi.advanceTimersByTime(7999);
  expect(fired.map(({ timer }) => timer)).not.toContain(500);
  vi.advanceTimersByTime(51);
  expect(fired.map(({ timer }) => timer)).toContain(500);
});

test('a process that was stopped reads what has come meanwhile before its waits are over', async () => {
  vi.useRealTimers();
  for (const waitMs of [20, 1000]) {
    const all = new Timers((timer) => fired.push({ timer, atMs: 0 }));
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const end = new Timers(() => tell());
    const [one, other] = await socketPair();
    const now = Date.now();
    all.arm(waitMs, now + waitMs, now);
    end.arm(1, now + waitMs + 1, now);
    other.once('data', () => all.disarm(waitMs));
    one.write('an answer');
    stopFor(waitMs + 500);
    await told;
    one.destroy();
    other.destroy();
    all.clear();
  }
  expect(fired).toEqual([]);
});

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const accepted = once(server, 'connection');
  const one = connect({ port: typeof address === 'object' ? (address?.port ?? 0) : 0, host: '127.0.0.1' });
  const [other]: Socket[] = await accepted;
  server.close();
  if (other === undefined) throw new Error('nobody came');
  return [one, other];
}

/** As a stopped process: nothing runs. */
function stopFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
