import { expect, test } from 'vitest';
import { reachedPerSecond } from './samples.ts';

test('messages per second, without the time in which nothing more came', () => {
  const samples = [
    { atMs: 1000, sent: 100, delivered: 90 },
    { atMs: 2000, sent: 600, delivered: 590 },
    { atMs: 3000, sent: 1100, delivered: 1100 },
    { atMs: 9000, sent: 1100, delivered: 1100 },
  ];
  expect(reachedPerSecond(samples)).toBe(500);
});

test('without samples there is no rate', () => {
  expect(reachedPerSecond([])).toBe(0);
  expect(reachedPerSecond([{ atMs: 5, sent: 3, delivered: 3 }])).toBe(0);
});
