/** A command line that is not understood plays nothing: one line that says what is wrong, and exit code 2. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFlags } from './flags.ts';

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
])('%s is refused, and the line names it', (line, named) => {
  const flags = readFlags(args(line));
  const why = flags.ok ? 'taken' : flags.why;
  expect(why).toContain(named);
  expect(why).not.toContain('\n');
});

test('what is understood', () => {
  expect(readFlags(args('--seeds 3 --scenario aimed --steps 500 --coverage'))).toEqual({
    ok: true,
    value: { kind: 'all', seeds: 3, steps: 500, scenarios: ['aimed'], withCoverage: true },
  });
  expect(readFlags(args('--seed 8 --scenario aimed --message *'))).toEqual({
    ok: true,
    value: { kind: 'replay', seed: 8, steps: 20_000, scenarios: ['aimed'], message: '*' },
  });
});

test('the program ends with 2, says why on stderr and plays no night', () => {
  const main = join(import.meta.dirname, 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--seeds', '1-3'], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^simulate: --seeds is a whole number .*, not '1-3'\n$/);
});
