import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isProcessAlive } from '../adapters/process-alive.ts';
import { endServing, REPOSITORY, runToEnd, startServing } from './product.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rehearsal-product-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function runOf(source: string, signal = new AbortController().signal): Parameters<typeof runToEnd>[0] {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, source);
  return {
    script: relative(REPOSITORY, file),
    args: [],
    cwd: folder,
    env: process.env,
    logFile: join(folder, 'log'),
    signal,
  };
}

test('a program runs to its end: stdout whole, stderr to the log, its exit code', async () => {
  const lines: string[] = [];
  const source = `console.error('working'); console.log(JSON.stringify({ ok: false })); process.exitCode = 3;`;
  const finished = await runToEnd({ ...runOf(source), onLine: (line) => lines.push(line) });
  expect(finished).toMatchObject({ exitCode: 3, stdout: '{"ok":false}\n', tail: ['working'] });
  expect(lines).toEqual(['working']);
  await expect.poll(() => readFileSync(join(folder, 'log'), 'utf8')).toBe('working\n');
});

test('an abort reaches it as SIGINT, and it may end in order', { timeout: 20_000 }, async () => {
  const interruption = new AbortController();
  const source = `process.on('SIGINT', () => process.exit(130)); setInterval(() => undefined, 1000); console.error('up');`;
  const run = runToEnd({ ...runOf(source, interruption.signal), onLine: () => interruption.abort() });
  expect((await run).exitCode).toBe(130);
});

test('a program that serves is ready with its first line, and ended by SIGTERM', { timeout: 20_000 }, async () => {
  const { child, firstLine } = await startServing(
    runOf(`console.log('ready'); setInterval(() => undefined, 1000);`),
    15_000,
  );
  expect(firstLine).toBe('ready');
  await endServing(child, 10_000);
  expect(isProcessAlive(child.pid ?? 0)).toBe(false);
});

test('one that ends before it is ready says why', async () => {
  const run = startServing(runOf(`console.error('no such inventory'); process.exitCode = 2;`), 15_000);
  await expect(run).rejects.toThrow(/exit 2\): no such inventory/);
});
