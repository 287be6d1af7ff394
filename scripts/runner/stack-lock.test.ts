/** An update that finds the stack locked: whom it waits for, how long, and when it tries again or gives up. */
import { hostname } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { UpdateResult } from '../../adapters/pulumi.ts';
import type { LockHolder } from '../../adapters/pulumi-lock.ts';
import { updatePastLock } from './stack-lock.ts';

const DONE: UpdateResult = { ok: true, value: { steps: [], diagnostics: [], resourceChanges: {} } };
const GRACE: LockHolder = {
  pid: 4711,
  username: 'grace',
  hostname: 'ops-2',
  since: '2026-11-28T02:00:00Z',
  alive: null,
};

/** As the CLI says it, with a path of the backend before it. */
function lockedBy(...holders: readonly string[]): UpdateResult {
  const head = `error: the stack is currently locked by ${holders.length} lock(s). Either wait for the other process(es) to end`;
  const named = holders.map(
    (holder) => `  s3://state/.pulumi/locks/a.json: created by ${holder} at 2026-11-28T02:00:00Z`,
  );
  const report = { steps: [], diagnostics: [], resourceChanges: {} };
  return { ok: false, kind: 'locked', exitCode: 255, command: 'pulumi up', diagnostics: [head, ...named], report };
}

const said: string[] = [];
const interruption = new AbortController();
let cancelled: number;
let tries: number;

beforeEach(() => {
  vi.useFakeTimers();
  said.length = 0;
  cancelled = 0;
  tries = 0;
});
afterEach(() => void vi.useRealTimers());

/** `seen`: what each look at the lock files finds, the last for good; `results`: what each try comes to, likewise. */
async function update(results: readonly UpdateResult[], seen: readonly (LockHolder | null)[], takeOver = false) {
  const startedMs = Date.now();
  const context = {
    terminal: {
      isInteractive: false,
      progress: (line: string) => void said.push(line),
      show: (line: string) => void said.push(line),
      warn: (line: string) => void said.push(line),
      ask: async () => '',
      result: async () => undefined,
      frame: () => undefined,
      endFrame: () => undefined,
    },
    clock: { now: () => new Date().toISOString(), elapsedMs: () => Date.now() - startedMs },
    interruption: interruption.signal,
  };
  let looks = 0;
  const pulumi = {
    lockInfo: async () => seen[Math.min(looks++, seen.length - 1)] ?? null,
    cancel: async () => {
      cancelled++;
      return { ok: true, value: null } as const;
    },
  };
  const ended = updatePastLock(context, { pulumi, stack: 'test', takeOver }, async () => {
    const result = results[Math.min(tries++, results.length - 1)];
    if (result === undefined) throw new Error('no result');
    return result;
  });
  await vi.advanceTimersByTimeAsync(90_000);
  return ended;
}

test('two updates that locked each other out and both gave way: neither fails, and neither is called unknown', async () => {
  expect(await update([lockedBy('ada@ops-1 (pid 12)'), DONE], [null])).toBe(DONE);
  expect(tries).toBe(2);
  expect(said.join('\n')).toMatch(/^waiting: the stack is locked by process 12 of ada on ops-1 since 2026/);
  expect(cancelled).toBe(0);
});

test('a second holder after the first is waited for as well', async () => {
  const ada: LockHolder = { ...GRACE, pid: 12, username: 'ada' };
  expect(await update([lockedBy('x@y (pid 1)'), lockedBy('x@y (pid 1)'), DONE], [GRACE, GRACE, null, ada, null])).toBe(
    DONE,
  );
  expect(said).toEqual([
    'waiting: the stack is locked by process 4711 of grace on ops-2 since 2026-11-28 02:00 UTC',
    'waiting: the stack is locked by process 12 of ada on ops-2 since 2026-11-28 02:00 UTC',
  ]);
});

test('in an object store, which tells of no lock, whoever holds it is named from what the CLI says, for a minute', async () => {
  const locked = lockedBy('grace@ops-2 (pid 4711)');
  expect(await update([locked], [null])).toBe(locked);
  expect(tries).toBeGreaterThan(10);
  expect(said.at(-1)).toMatch(/locked by process 4711 of grace on ops-2 .* run this again with --take-over/);
});

test('there too the lock of a process of this host that is gone is broken, once', async () => {
  const locked = lockedBy(`ada@${hostname()} (pid ${2 ** 22 + 1})`);
  expect(await update([locked, DONE], [null])).toBe(DONE);
  expect([cancelled, said]).toEqual([1, [expect.stringMatching(/breaking the lock .* no longer running/)]]);
});

test('taken over, it is broken once: whoever takes the lock after that is waited for', async () => {
  const locked = lockedBy('grace@ops-2 (pid 4711)');
  expect(await update([locked], [GRACE], true)).toBe(locked);
  expect(cancelled).toBe(1);
});
