import { parseArgs } from 'node:util';
import { expect, test } from 'vitest';
import { sayWrongFlag } from './flag-words.ts';

const FLAGS = { inventory: { type: 'string' }, init: { type: 'boolean' } } as const;

function said(argv: readonly string[]): string {
  try {
    parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true });
    return 'nothing';
  } catch (error) {
    return sayWrongFlag(error, Object.keys(FLAGS));
  }
}

test.each([
  [['--inventry', 'f'], "Unknown option '--inventry'; did you mean --inventory?"],
  [['--frobnicate'], "Unknown option '--frobnicate'"],
  [['--inventory'], "Option '--inventory <value>' argument missing"],
])('given the command line %s, then one line says what is wrong with it', (argv, line) => {
  expect(said(argv)).toBe(line);
});

test('given a complaint of a value, then it is said whole', () => {
  expect(sayWrongFlag(new RangeError('--port is 1. That is none'), ['port'])).toBe('--port is 1. That is none');
});
