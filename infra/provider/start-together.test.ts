import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StartTogether } from './start-together.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const gateway = () => ({ prepareMoves: async () => {} });

test('given several for a gateway, none starts before it has opened connections for all of them', async () => {
  const together = new StartTogether(3);
  const asked: number[] = [];
  const opened = Promise.withResolvers<void>();
  const busy = {
    prepareMoves: (count: number) => {
      asked.push(count);
      return opened.promise;
    },
  };
  const other = { prepareMoves: async (count: number) => void asked.push(count) };
  let started = 0;
  const all = [busy, other, busy].map((target) => together.arrive(target).then(() => started++));
  await vi.advanceTimersByTimeAsync(5_000);
  expect([asked, started]).toEqual([[2, 1], 0]);
  opened.resolve();
  await Promise.all(all);
  expect(started).toBe(3);
  await together.arrive(busy);
  expect(asked).toEqual([2, 1]);
});

test('given three expected, none starts before the third has arrived; a later one starts at once', async () => {
  const together = new StartTogether(3);
  const started: string[] = [];
  const arrive = (name: string) => together.arrive(gateway()).then(() => void started.push(name));
  const first = [arrive('a'), arrive('b')];
  await vi.advanceTimersByTimeAsync(500);
  expect(started).toEqual([]);
  await Promise.all([...first, arrive('c')]);
  expect(started).toEqual(['a', 'b', 'c']);
  await arrive('d');
  expect(started).toEqual(['a', 'b', 'c', 'd']);
});

test('given one that never arrives, the others start when nothing has come for a while', async () => {
  const together = new StartTogether(3);
  let started = 0;
  void together.arrive(gateway()).then(() => started++);
  await vi.advanceTimersByTimeAsync(1_600);
  void together.arrive(gateway()).then(() => started++);
  await vi.advanceTimersByTimeAsync(1_600);
  expect(started).toBe(0);
  await vi.advanceTimersByTimeAsync(500);
  expect(started).toBe(2);
});
