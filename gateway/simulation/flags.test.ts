/** A command line that is not understood plays nothing: one line that says what is wrong, and exit code 2. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askedBy } from './flags.ts';

const args = (line: string): string[] => line.split(' ').filter((word) => word !== '');

test.each([
  ['--seeds 1-3', "'1-3'"],
  ['--seeds 0', "'0'"],
  ['--seeds 1.5', "'1.5'"],
  ['--seeds 4294967297', "'4294967297'"],
  ['--seed x', "'x'"],
  ['--seed=', "''"],
  ['--seed=-1', "'-1'"],
  ['--seed -1', '--seed'],
  ['--steps 2e4', "'2e4'"],
  ['--steps 0', "'0'"],
  ['--scenario aim', "no scenario 'aim'"],
  ['--scenario toString', "no scenario 'toString'"],
  ['--message c0.0-000001', '--seed'],
  ['--seed 1 --message=', '--message'],
  ['--seed 1 --seeds 2', '--seeds'],
  ['--seed 1 --coverage', '--coverage'],
  ['--coverage=yes', '--coverage'],
  ['--seeds', '--seeds'],
  ['--sedes 3', '--sedes'],
  ['3', "'3'"],
])('%s is refused, and the message names it', (line, named) => {
  expect(() => askedBy(args(line))).toThrow(named);
});

test('what is understood', () => {
  expect(askedBy(args('--seeds 3 --scenario aimed --steps 500 --coverage'))).toEqual({
    kind: 'all',
    seeds: 3,
    steps: 500,
    scenarios: ['aimed'],
    withCoverage: true,
  });
  expect(askedBy(args('--seed 8 --scenario aimed --message *'))).toEqual({
    kind: 'replay',
    seed: 8,
    steps: 20_000,
    scenarios: ['aimed'],
    message: '*',
  });
});

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' });

test('the program ends with 2, says why on stderr and plays no night', () => {
  const { status, stdout, stderr } = run('--seeds', '1-3');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^--seeds is '1-3'; it must be a whole number .*\nusage: npm run simulate .*\n$/);
});

test('an unknown flag is said in one line', () => {
  const { status, stderr } = run('--sedes', '3');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^Unknown option '--sedes'\nusage: npm run simulate .*\n$/);
});

test('--help tells the flags and plays no night', () => {
  const { status, stdout } = run('--help');
  expect([status, stdout.split('\n').length]).toEqual([0, 2]);
  expect(stdout).toMatch(/^usage: npm run simulate .*--seed S/);
});
