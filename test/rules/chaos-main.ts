/**
 * `npm run chaos -- --kills 100 [--seed S] [--only unsynced]`: kills and stops the real gateway, platforms, destinations and
 * PostgreSQL so many times each under load, with swaps in between; says what was lost, doubled and listed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readFlags, wholeNumber } from '../../adapters/command-flags.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const VITEST = resolve(ROOT, 'node_modules/vitest/vitest.mjs');

const USAGE = 'npm run chaos -- [--kills N] [--seed N] [--only unsynced]';
const values = readFlags(
  USAGE,
  () =>
    parseArgs({
      options: { kills: { type: 'string', default: '100' }, seed: { type: 'string' }, only: { type: 'string' } },
    }).values,
);
const kills = wholeNumber(USAGE, 'kills', values.kills);
const only = values.only === undefined ? [] : ['-t', values.only];
const child = spawn(process.execPath, [VITEST, 'run', 'test/rules/chaos.slow.test.ts', ...only], {
  cwd: ROOT,
  stdio: 'inherit',
  env: {
    ...process.env,
    CUTOVER_TEST_SLOW: '1',
    CUTOVER_CHAOS_KILLS: String(kills),
    ...(values.seed !== undefined && { CUTOVER_CHAOS_SEED: values.seed }),
  },
});
const [code] = await once(child, 'exit');
process.exitCode = typeof code === 'number' ? code : 1;
