/** Keys that came lately are known, those that came long ago are not, and no key is taken for another. */
import { expect, test } from 'vitest';
import { RecentKeys } from './recent-keys.ts';

const LIMIT = 200;

function keysOf(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `MSG${String(from + index).padStart(8, '0')}`);
}

test('knows at least the newest half of its limit, never more than the limit, and nothing that has not come', () => {
  const recent = new RecentKeys(LIMIT);
  const came = keysOf(0, 5000);
  for (const [index, key] of came.entries()) {
    expect(recent.has(key)).toBe(false);
    recent.add(key);
    const known = came.slice(0, index + 1).filter((one) => recent.has(one));
    if (index % 97 !== 0) continue;
    expect(known).toEqual(came.slice(index + 1 - known.length, index + 1));
    expect(known.length).toBeGreaterThanOrEqual(Math.min(index + 1, LIMIT / 2));
    expect(known.length).toBeLessThanOrEqual(LIMIT);
  }
});

test('a million keys that differ by one character are told apart', () => {
  const recent = new RecentKeys(4_000_000);
  for (const key of keysOf(0, 1_000_000)) recent.add(key);
  expect(keysOf(1_000_000, 2_000_000).filter((key) => recent.has(key))).toEqual([]);
});

test('what is dumped and loaded knows and forgets the same, also from the keys that former states held', () => {
  const recent = new RecentKeys(LIMIT);
  for (const key of keysOf(0, 450)) recent.add(key);
  const loaded = new RecentKeys(LIMIT);
  loaded.load(JSON.parse(JSON.stringify(recent.dump())));
  const fromKeys = new RecentKeys(LIMIT);
  fromKeys.load(keysOf(300, 450));
  for (const key of keysOf(450, 560)) for (const one of [recent, loaded, fromKeys]) one.add(key);
  expect(loaded.dump()).toEqual(recent.dump());
  const known = (one: RecentKeys): string[] => keysOf(0, 560).filter((key) => one.has(key));
  expect(known(loaded)).toEqual(known(recent));
  expect(known(fromKeys)).toEqual(known(recent));
});

test('the empty key and keys of other scripts are keys', () => {
  const recent = new RecentKeys(LIMIT);
  for (const key of ['', '検査', '\u0000']) {
    expect(recent.has(key)).toBe(false);
    recent.add(key);
    expect(recent.has(key)).toBe(true);
  }
});
