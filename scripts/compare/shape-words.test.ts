import { expect, test } from 'vitest';
import { sayShape } from './shape-words.ts';

test.each([
  ['value', 'A against A', 'value: another one of the same form (A)'],
  ['number-format', '9.9 against 9', 'number-format: 9.9 against 9'],
  ['missing-segment', '', 'missing-segment'],
  ['truncated', 'cut to 12 characters', 'truncated: cut to 12 characters'],
])('%s, %s', (kind, shape, said) => {
  expect(sayShape(kind, shape)).toBe(said);
});
