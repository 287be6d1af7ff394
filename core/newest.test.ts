/** Newest entries: bounded, the oldest go first, and one that is set again is new. */
import { expect, test } from 'vitest';
import { Newest } from './newest.ts';

test('it never holds more than its limit, and always the newest half of it', () => {
  const newest = new Newest<number, string>(100);
  for (let key = 1; key <= 1000; key++) {
    newest.set(key, `v${key}`);
    expect(newest.size).toBeLessThanOrEqual(100);
    for (const kept of [key, Math.max(1, key - 49)]) expect(newest.get(kept)).toBe(`v${kept}`);
  }
  expect(newest.has(1)).toBe(false);
  expect([...newest].map(([key]) => key)).toEqual([...newest].map(([key]) => key).sort((a, b) => a - b));
});

test('an entry that is set again replaces the former one and is the newest', () => {
  const newest = new Newest<string, number>(4);
  newest.set('a', 1);
  newest.set('b', 2);
  newest.set('a', 3);
  expect([...newest]).toEqual([
    ['b', 2],
    ['a', 3],
  ]);
});
