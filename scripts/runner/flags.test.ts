import { expect, test } from 'vitest';
import { nearest } from '../../core/nearest.ts';
import { CHANGE_FLAGS, parseFlags } from './flags.ts';
import { VerbStop } from './stop.ts';

const parse = (...argv: string[]) => parseFlags('switch', [...CHANGE_FLAGS, 'weight'], argv);

test('values of every kind', () => {
  expect(parse('--connection', 'a,b', '--connection', 'c', '--weight=10', '--yes', '--reason', 'why')).toEqual({
    connection: ['a', 'b', 'c'],
    weight: 10,
    yes: true,
    reason: 'why',
  });
});

test.each([
  { argv: ['--wight', '3'], message: "'switch' has no flag --wight; did you mean --weight?" },
  { argv: ['--force'], message: "'switch' has no flag --force" },
  { argv: ['--weight', 'ten'], message: "--weight is 'ten'; it must be a whole number from 0 to 99" },
  { argv: ['--weight', '100'], message: "--weight is '100'; it must be a whole number from 0 to 99" },
  { argv: ['--reason'], message: '--reason needs a value: --reason TEXT' },
  { argv: ['--yes=no'], message: '--yes takes no value' },
  { argv: ['northside-orders'], message: "'northside-orders' is unexpected: say what it is, with a flag" },
])('$argv is refused as usage', ({ argv, message }) => {
  const stop = thrownBy(() => parse(...argv));
  expect(stop.exitCode).toBe(2);
  expect(stop.message).toContain(message);
});

test('the nearest word is named only where it is near', () => {
  expect(nearest('swich', ['switch', 'status'])).toBe('switch');
  expect(nearest('zebra', ['switch', 'status'])).toBeNull();
});

function thrownBy(call: () => unknown): VerbStop {
  try {
    call();
  } catch (error) {
    if (error instanceof VerbStop) return error;
    throw error;
  }
  throw new Error('it was accepted');
}
