import { expect, test } from 'vitest';
import { PassedBack } from './passed-back.ts';

const MEBIBYTE = 1024 * 1024;

test('what waits for senders that are away is bounded by the bytes of all, and by the frames of each; who comes makes room', () => {
  const passedBack = new PassedBack();
  const long = Buffer.alloc(20 * MEBIBYTE);
  expect(['a', 'b', 'c', 'd'].map((sender) => passedBack.keep(sender, long))).toEqual([true, true, true, false]);
  const short = Buffer.from('short');
  const kept = Array.from({ length: 101 }, () => passedBack.keep('e', short));
  expect(kept.indexOf(false)).toBe(100);
  expect(passedBack.takeKept('a').map((payload) => payload === long)).toEqual([true]);
  expect(passedBack.takeKept('a')).toEqual([]);
  expect(passedBack.keep('d', long)).toBe(true);
  expect(passedBack.takeKept('d').map((payload) => payload === long)).toEqual([true]);
});
