/**
 * A restored gateway ships the records of its backup once more, under an incarnation of its own: the worker accounts for each message
 * once all the same, also for those that were open at the backup, and over a second restore.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../adapters/postgres-harness.ts';
import { ProofStore } from '../../adapters/proof-store.ts';
import { type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const ROOT = resolve(import.meta.dirname, '../..');
let database: TestPostgres;
let estate: Estate;
let line: Line;
let store: ProofStore;
let worker: ChildProcess;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  database = await startPostgres();
  estate = await startEstate({ line: { connection: { correlate: ['MSH-10'] } } }, true);
  store = await ProofStore.open('lab-rules-1', { url: database.url });
  line = estate.line('line');
  for (const peer of line.peers) peer.answerAll();
  estate.env = { DATABASE_URL: database.url };
  env = { ...process.env, ...estate.env };
  await estate.start();
  const where = ['--inventory', estate.inventoryFile, '--project', estate.folder, '--settle', '10m'];
  worker = spawn(process.execPath, [join(ROOT, 'scripts/cutover.ts'), 'worker', ...where], { env, stdio: 'ignore' });
});
afterAll(async () => {
  if (worker.exitCode === null && worker.kill('SIGTERM')) await once(worker, 'exit');
  await store?.close();
  await estate?.close();
  await database?.remove();
});

async function accept(id: string): Promise<void> {
  const source = await line.source();
  expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  source.socket.destroy();
}

async function makeOutput(id: string): Promise<void> {
  const leg = await line.leg('legacy');
  expect(verdictOf(await leg.exchange(order(id)))).toBe(`AA|${id}`);
  leg.socket.destroy();
}

async function restore(): Promise<void> {
  await estate.end('SIGTERM');
  const known = join(estate.folder, 'Pulumi.test.yaml');
  const config = { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': {} };
  await writeFile(known, JSON.stringify({ config }));
  const where = ['--inventory', estate.inventoryFile, '--data-dir', estate.dataDir, '--known', known, '--yes'];
  const restoring = spawn(process.execPath, [join(ROOT, 'gateway/main.ts'), 'init', '--restore', ...where], {
    env,
    stdio: 'ignore',
  });
  expect((await once(restoring, 'close'))[0]).toBe(0);
  await estate.start();
  await estate.call('POST', 'connections/line/release');
}

/** Once everything that was shipped is accounted for. */
async function untilAccounted(owed: Readonly<Record<string, number>>, accepted: number): Promise<void> {
  await until(async () => expect(await estate.text('/metrics')).toMatch(/^cutover_shipping_lag_records\{?.* 0$/m));
  await until(async () => {
    const { journals } = await store.readWorkerState();
    expect(journals.map(({ position }) => position)).toEqual(journals.map(({ shippedUpTo }) => shippedUpTo));
    const window = { sinceMs: 0, untilMs: Date.now() + 60_000 };
    const counts = await store.readObligations(window);
    expect(Object.fromEntries(counts.map((row) => [row.class, row.count]))).toEqual(owed);
    const ingress = await store.readIngress(window);
    expect(ingress.map(({ outcome, count }) => [outcome, count])).toEqual([['accepted', accepted]]);
  });
}

test('each message is accounted for once, whatever is restored, and what was open goes on', async () => {
  for (const id of ['A1', 'A2', 'A3']) {
    await accept(id);
    await makeOutput(id);
  }
  await accept('A4');
  await untilAccounted({ delivered: 3, pending: 1 }, 4);
  await restore();
  await accept('B1');
  await makeOutput('B1');
  await untilAccounted({ delivered: 4, pending: 1 }, 5);
  await makeOutput('A4');
  // Its platform has not read the answer, and sends it once more.
  await makeOutput('A3');
  await untilAccounted({ delivered: 5 }, 5);
  await accept('B2');
  await restore();
  await makeOutput('B2');
  await accept('C1');
  await makeOutput('C1');
  await untilAccounted({ delivered: 7 }, 7);
  const { journals } = await store.readWorkerState();
  expect(journals).toHaveLength(3);
});
