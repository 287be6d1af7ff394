/** Which failures of a write mean that there is no room. */
import { expect, it } from 'vitest';
import { isOutOfRoom, JournalFullError } from './errors.ts';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('%s: there is no room', (code) => {
  expect(isOutOfRoom(failure(code))).toBe(true);
});

it('the limit of the journal itself is one of them; a broken disk is not', () => {
  expect(isOutOfRoom(new JournalFullError(1))).toBe(true);
  expect(isOutOfRoom(failure('EIO'))).toBe(false);
  expect(isOutOfRoom(new Error('without a code'))).toBe(false);
});
