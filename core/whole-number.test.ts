import { expect, test } from 'vitest';
import { wholeNumber } from './whole-number.ts';

test.each(['', ' 1', '1 ', '-1', '+1', '1.5', '1e3', '0x10', '1,2', '٣', '99999999999999999'])('%j is none', (text) => {
  expect(wholeNumber(text)).toBeNull();
});

test('what is written with digits is one, within its bounds', () => {
  expect(wholeNumber('007')).toBe(7);
  expect(wholeNumber('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
  expect(wholeNumber('9007199254740992')).toBeNull();
  expect([0, 1, 9, 10].map((one) => wholeNumber(String(one), 9, 1))).toEqual([null, 1, 9, null]);
});
