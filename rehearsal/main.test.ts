/** The process as a person starts it: refused, and interrupted at its start. Whole runs are in test/. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { rehearsalSchema } from '../core/rehearsal-document.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(...args: string[]): {
  child: ChildProcess;
  stderr: AsyncIterator<string>;
  finished: Promise<{ code: unknown; stdout: string }>;
} {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const finished = once(child, 'close').then(([code]) => ({ code, stdout: Buffer.concat(chunks).toString() }));
  return { child, stderr: createInterface(child.stderr)[Symbol.asyncIterator](), finished };
}

test('a usage error names the option, exits 2 and still prints one document with --json', async () => {
  const { finished } = start('--connections', 'many', '--json');
  const { code, stdout } = await finished;
  expect(code).toBe(2);
  const { verdict, reasons } = rehearsalSchema.parse(JSON.parse(stdout));
  expect(verdict).toBe('failed');
  expect(reasons).toEqual([expect.stringContaining('--connections')]);
});

test('Ctrl-C ends it in order: exit 130, one document, nothing left', { timeout: 60_000 }, async () => {
  const { child, stderr, finished } = start('--connections', '2', '--json');
  const first = await stderr.next();
  const folder = /rehearsing in (\S+)/.exec(String(first.value))?.[1] ?? '';
  expect(existsSync(folder)).toBe(true);
  child.kill('SIGINT');
  const { code, stdout } = await finished;
  expect(code).toBe(130);
  expect(rehearsalSchema.parse(JSON.parse(stdout)).verdict).toBe('interrupted');
  expect(existsSync(folder)).toBe(false);
});
