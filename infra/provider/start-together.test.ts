import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StartTogether } from './start-together.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('given three expected, none starts before the third has arrived; a later one starts at once', async () => {
  const together = new StartTogether(3);
  const started: string[] = [];
  const arrive = (name: string) => together.arrive().then(() => void started.push(name));
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
  void together.arrive().then(() => started++);
  await vi.advanceTimersByTimeAsync(1_600);
  void together.arrive().then(() => started++);
  await vi.advanceTimersByTimeAsync(1_600);
  expect(started).toBe(0);
  await vi.advanceTimersByTimeAsync(500);
  expect(started).toBe(2);
});
