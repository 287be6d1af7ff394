/** A thread that gives way does so alone: the others of its process keep their priority. */
import { existsSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

/** proc(5): field 19 of stat, counted after the name in parentheses. */
const NICE_AFTER_NAME = 16;

test.runIf(existsSync('/proc/thread-self'))('only the thread that gives way has a lower priority', async () => {
  const before = niceOf(readFileSync('/proc/thread-self/stat', 'utf8'));
  const module = JSON.stringify(new URL('./thread-priority.ts', import.meta.url).href);
  const code = `import(${module}).then(({ giveWay }) => {
    giveWay();
    const { readFileSync } = require('node:fs');
    require('node:worker_threads').parentPort.postMessage(readFileSync('/proc/thread-self/stat', 'utf8'));
  })`;
  const worker = new Worker(code, { eval: true });
  const stat = await new Promise<string>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  expect(niceOf(stat)).toBe(Math.max(before, 10));
  expect(niceOf(readFileSync('/proc/thread-self/stat', 'utf8'))).toBe(before);
});

function niceOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[NICE_AFTER_NAME]);
}
