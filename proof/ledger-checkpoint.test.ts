/** The worker's checkpoints of the ledger: signed once for each head, judged like those of verbs, never a reason to stop. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Ledger } from '../adapters/ledger.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { readSignedFiles } from '../adapters/signed-files.ts';
import { parseAllowedSigners } from '../core/allowed-signers.ts';
import { judgeCheckpoints } from '../core/audit/checkpoint.ts';
import { NO_REVOKED_KEYS } from '../core/ssh/revoked-keys.ts';
import { checkpointLedger } from './ledger-checkpoint.ts';

let database: TestPostgres;
let folder: string;
beforeAll(async () => {
  database = await startPostgres();
  folder = await mkdtemp(join(tmpdir(), 'cutover-checkpoints-'));
});
afterAll(async () => {
  await database?.remove();
  await rm(folder, { recursive: true, force: true });
});

test('given a ledger that grows, then each head is signed once, the chain is complete up to it, and a key that fails stops nothing', async () => {
  const key = join(folder, 'worker-key');
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'worker', '-f', key]);
  const ledger = await Ledger.open({ url: database.url, deployment: 'lab' });
  const record = (reason: string) =>
    ledger.append([
      {
        ...{ deployment: 'lab', kind: 'result', at: '2026-01-01T00:00:00.000Z', body: {} },
        ...{ operator: 'ada', host: 'h', run: 'r', verb: 'switch', stack: 'test', reason, changeId: null },
      },
    ]);
  const said: string[] = [];
  const logger = pino({}, { write: (line: string) => void said.push(line) });
  const checkpoints = join(folder, 'checkpoints');
  const options = {
    databaseUrl: database.url,
    deployment: 'lab',
    stack: 'test',
    target: 'local' as const,
    folder: checkpoints,
    env: process.env,
    logger,
  };
  const sign = (keyFile = key) => checkpointLedger({ ...options, keyFile, now: () => Date.UTC(2026, 0, 1) });

  expect(await sign()).toBe('nothing-new');
  await record('one');
  expect(await sign()).toBe('signed');
  expect(await sign()).toBe('nothing-new');
  await record('two');
  expect(await sign(join(folder, 'no-key'))).toBe('failed');
  expect(said.join()).toContain('checkpoint-failed');
  expect(await sign()).toBe('signed');

  const signers = parseAllowedSigners(`worker ${(await readFile(`${key}.pub`, 'utf8')).trim()} role=engineering\n`);
  if (!signers.ok) throw new Error(JSON.stringify(signers.problems));
  const authority = { deployment: 'lab', signers: signers.value, revoked: NO_REVOKED_KEYS };
  const judged = judgeCheckpoints(await readSignedFiles(checkpoints), await ledger.entries(), authority);
  expect(judged).toMatchObject({ completeUpTo: 2, newest: { length: 2 } });
  await record('by somebody without a key');
  const worker = await startWorker(checkpoints, { CUTOVER_CHECKPOINT_KEY: key });
  await vi.waitFor(async () => {
    const found = judgeCheckpoints(await readSignedFiles(checkpoints), await ledger.entries(), authority);
    expect(found).toMatchObject({ completeUpTo: 3, target: 'local', newest: { length: 3, stack: basename(folder) } });
  }, WAIT);
  await end(worker);
  await expect(startWorker(checkpoints, {})).rejects.toThrow(/--checkpoints needs CUTOVER_CHECKPOINT_KEY/);
  await ledger.close();
  expect(
    await checkpointLedger({ ...options, keyFile: key, now: Date.now, databaseUrl: 'postgres://a:b@127.0.0.1:1/x' }),
  ).toBe('failed');
});

const WAIT = { timeout: 180_000, interval: 300 };

/** The process itself, as `cutover worker` starts it; no gateway has to be there. */
async function startWorker(checkpoints: string, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const inventory = join(folder, 'inventory.yaml');
  const [one, two] = [
    { host: '127.0.0.1', port: 1 },
    { host: '127.0.0.1', port: 2 },
  ];
  const connection = {
    ...{ name: 'north', direction: 'orders', practice: 'north', wave: 'pilot', destination: one },
    feed: { port: 3, platforms: { legacy: one, new: two } },
    legs: { legacy: { port: 4 }, new: { port: 5 } },
  };
  const gateways = [{ shard: 0, admin: 'https://127.0.0.1:6' }];
  await writeFile(inventory, JSON.stringify({ deployment: 'lab', gateways, connections: [connection] }));
  const args = ['--inventory', inventory, '--project', folder, '--port', '0', '--checkpoints', checkpoints];
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DATABASE_URL: database.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const over = once(child, 'exit').then(([code]): never => {
    throw new Error(`the worker ended with ${code}: ${errors.join('')}`);
  });
  over.catch(() => undefined);
  await Promise.race([once(createInterface(child.stdout), 'line'), over]);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
