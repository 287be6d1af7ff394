/**
 * `npm test`: fetches what the tests need (the Pulumi engine, cached outside the tree), checks the code, runs every
 * test, and ends with one line `N passed, N failed`. `npm test -- --slow` runs also what takes minutes each, `--cluster` what
 * needs a real API server of Kubernetes, last; CI does both.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PORTS_FOLDER } from '../adapters/test-ports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

type Counts = { passed: number; failed: number; skipped: number };

type How = { readonly quiet?: boolean; readonly env?: NodeJS.ProcessEnv };

function run(
  title: string,
  command: string,
  args: readonly string[],
  { quiet = false, env = process.env }: How = {},
): Promise<number> {
  process.stderr.write(`\n── ${title}\n`);
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', quiet ? 'ignore' : 'inherit', 'inherit'] as const;
    const child = spawn(command, args, { cwd: root, env, stdio: [...stdio] });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function runTests(only: readonly string[]): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-test-'));
  const report = join(folder, 'report.json');
  const [ports, temporary] = [join(folder, 'ports'), join(folder, 'tmp')];
  await mkdir(ports);
  await mkdir(temporary);
  // As the system's own: tests start servers as other users.
  await chmod(folder, 0o755);
  await chmod(temporary, 0o1777);
  // Also after Ctrl-C, which the tests get too.
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const stop = (): void => process.exit(130);
  process.once('exit', remove).once('SIGINT', stop);
  const env = { ...process.env, [PORTS_FOLDER]: ports, TMPDIR: temporary };
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await run('tests', process.execPath, [vitest, 'run', ...reporters, ...only], { env });
    sayLeft(await readdir(temporary));
    const result: unknown = JSON.parse(await readFile(report, 'utf8'));
    const counts = {
      passed: numberIn(result, 'numPassedTests'),
      failed: numberIn(result, 'numFailedTests'),
      skipped: numberIn(result, 'numPendingTests'),
    };
    // A file that cannot be loaded has no tests to fail; it fails the run all the same.
    if (code !== 0 && counts.failed === 0) counts.failed = Math.max(1, numberIn(result, 'numFailedTestSuites'));
    return counts;
  } finally {
    process.off('exit', remove).off('SIGINT', stop);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** It goes with this run; run alone, the same test would leave it in the system's folder. */
function sayLeft(names: readonly string[]): void {
  const left = names.filter((name) => !KEPT_BY_TOOLS.test(name));
  if (left.length > 0)
    process.stderr.write(
      `\n── tests left in the temporary folder: ${left.length}, as ${left.slice(0, 20).join(', ')}\n`,
    );
}

function numberIn(value: unknown, key: string): number {
  if (typeof value !== 'object' || value === null) return 0;
  const found: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
  return typeof found === 'number' ? found : 0;
}

/** What cannot be had on this machine is skipped, and said. */
async function runClusterTests(): Promise<Counts> {
  const title = 'a real API server of Kubernetes (built once, then cached)';
  const code = await run(title, process.execPath, ['infra/testing/cluster/main.ts']);
  if (code === CANNOT_BE_HAD) return { passed: 0, failed: 0, skipped: 1 };
  if (code !== 0) return { passed: 0, failed: 1, skipped: 0 };
  process.env.CUTOVER_TEST_CLUSTER = '1';
  return runTests(['.cluster.test.ts']);
}

function add(tests: Counts): void {
  counts.passed += tests.passed;
  counts.failed += tests.failed;
  counts.skipped += tests.skipped;
}

const CANNOT_BE_HAD = 3;
/** Compiled code of npm and Node. */
const KEPT_BY_TOOLS = /^(node-compile-cache|v8-compile-cache)/;
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
const count = (code: number): void => {
  if (code === 0) counts.passed++;
  else counts.failed++;
};

count(
  await run('the Pulumi engine (built once, then cached)', process.execPath, ['infra/engine/main.ts'], { quiet: true }),
);
count(await run('check: format, lint, types, imports, unused code', 'npm', ['run', '--silent', 'check']));
const FLAGS = ['--slow', '--cluster'];
const asked = process.argv.slice(2);
const only = asked.filter((argument) => !FLAGS.includes(argument));
if (asked.includes('--slow')) process.env.CUTOVER_TEST_SLOW = '1';
add(await runTests(only));
if (asked.includes('--cluster')) add(await runClusterTests());
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
process.exitCode = counts.failed > 0 ? 1 : 0;
