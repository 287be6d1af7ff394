/** The worker's checkpoints of the ledger: signed once for each head, judged like those of verbs, never a reason to stop. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  await ledger.close();
  expect(
    await checkpointLedger({ ...options, keyFile: key, now: Date.now, databaseUrl: 'postgres://a:b@127.0.0.1:1/x' }),
  ).toBe('failed');
});
