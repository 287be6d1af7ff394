/** A small whole rehearsal as a person starts it: the real engine, gateway and PostgreSQL, and nothing left behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killTree } from '../adapters/process-tree.ts';
import { rehearsalSchema } from '../core/rehearsal-document.ts';
import { startRehearsal } from './rehearse.ts';
import { REPOSITORY, type VerbRun } from './verbs-harness.ts';

const LIMIT_MS = 900_000;
const NIGHT = ['sync', 'parallel', 'compare', 'switch', 'rollback', 'switch again', 'status', 'decommission'];

let folder: string;
let running: number | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rehearsal-test-'));
});

afterAll(async () => {
  killTree(running);
  await rm(folder, { recursive: true, force: true });
});

function rehearse(...args: readonly string[]): Promise<VerbRun> {
  const started = startRehearsal(folder, args);
  running = started.pid;
  return started.ended;
}

/** Command lines of the machine's processes that name this text. */
async function processesWith(text: string): Promise<string[]> {
  const ps = spawn('ps', ['-A', '-ww', '-o', 'args='], { stdio: ['ignore', 'pipe', 'ignore'] });
  let listed = '';
  ps.stdout.on('data', (chunk: Buffer) => {
    listed += chunk.toString();
  });
  await once(ps, 'close');
  return listed.split('\n').filter((line) => line.includes(text));
}

test('a rehearsal of four connections, one without a feed: green, counted, reported, and cleaned up', {
  timeout: LIMIT_MS,
}, async () => {
  const { exitCode, stdout, stderr } = await rehearse(
    '--connections',
    '4',
    '--without-feed',
    '1',
    '--rate',
    '20',
    '--json',
  );
  expect(exitCode, stderr).toBe(0);

  const published: object = JSON.parse(await readFile(join(REPOSITORY, 'docs/schemas/rehearsal.schema.json'), 'utf8'));
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(published);
  expect(validate(JSON.parse(stdout)), JSON.stringify(validate.errors)).toBe(true);

  const result = rehearsalSchema.parse(JSON.parse(stdout));
  expect(result).toMatchObject({ verdict: 'green', reasons: [], connections: 4, withoutFeed: 1, trouble: null });
  const names = result.steps.map(({ name }) => name);
  expect(names).toEqual(['first messages', ...NIGHT, 'drain and count', 'reconcile']);
  expect(result.compared).toMatchObject({ verdict: 'green', red: 0, differing: 0, missing: 0, connections: 3 });
  expect(result.compared?.pairs).toBeGreaterThan(0);
  expect(result.reconciled).toMatchObject({ verdict: 'green', unexplained: 0, owed: result.messages.sent });
  expect(result.swaps.map(({ step }) => step)).toEqual(
    NIGHT.filter((step) => !['sync', 'compare', 'status'].includes(step)),
  );
  for (const { connections, pauseMs } of result.swaps) {
    expect(connections).toBe(4);
    expect(pauseMs.max).toBeGreaterThanOrEqual(pauseMs.p50);
    expect(pauseMs.p50).toBeGreaterThan(0);
  }

  const { messages, directions } = result;
  expect(messages).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, altered: 0, unexpected: 0, misanswered: 0 });
  expect(messages.sent).toBeGreaterThan(4 * NIGHT.length);
  expect(messages.delivered).toBe(messages.sent);
  expect(messages.fromLegacy).toBeGreaterThan(0);
  expect(messages.fromNew).toBeGreaterThan(0);
  expect(directions.map(({ direction, connections }) => [direction, connections])).toEqual([
    ['orders', 2],
    ['results', 2],
  ]);
  expect(directions.reduce((sum, { sent }) => sum + sent, 0)).toBe(messages.sent);

  const report = result.report ?? '';
  expect(report.startsWith(join(folder, 'state', 'cutover'))).toBe(true);
  expect(await readFile(report, 'utf8')).toContain('GREEN');
  expect(JSON.parse(await readFile(report.replace(/html$/, 'json'), 'utf8'))).toEqual(JSON.parse(stdout));

  const rehearsed = /rehearsing in (\S+)/.exec(stderr)?.[1] ?? '';
  expect(rehearsed).not.toBe('');
  expect(existsSync(rehearsed)).toBe(false);
  expect(await processesWith(rehearsed)).toEqual([]);
});
