/**
 * From a message on a socket to a verdict on a terminal: a real gateway ships to a real PostgreSQL, workers that are killed
 * account for it, and `cutover reconcile` names what is lost, doubled or refused.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { ProofStore } from '../adapters/proof-store.ts';
import { type ReconcileDocument, reconcileDocumentSchema, verifyDocumentSchema } from '../core/reconcile/document.ts';
import { CONNECTION, end, order, type ProofSite, startProofSite } from './proof-site.ts';

const WAIT = { timeout: 120_000, interval: 200 };

let site: ProofSite;
let store: ProofStore;
beforeAll(async () => {
  site = await startProofSite();
  store = await ProofStore.open('lab-proof-1', { url: site.database.url });
});
afterAll(async () => {
  await store?.close();
  await site?.stop();
});

async function reconcile(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number; document: ReconcileDocument }> {
  const run = await site.project.cutover(['reconcile', '--json', ...args], env);
  const document = reconcileDocumentSchema.parse(JSON.parse(run.stdout));
  expect(document.exitCode).toBe(run.exitCode);
  return { exitCode: run.exitCode, document };
}

async function untilPending(pending: number): Promise<ReconcileDocument> {
  return vi.waitFor(async () => {
    const { document } = await reconcile();
    expect(document.connections[0]?.pending).toBe(pending);
    return document;
  }, WAIT);
}

async function untilOwed(owed: number): Promise<void> {
  await vi.waitFor(async () => {
    const counts = await store.readObligations({ sinceMs: 0, untilMs: Date.now() + 60_000 });
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(owed);
    expect(counts.find((one) => one.class === 'pending')).toBeUndefined();
  }, WAIT);
}

function ids(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `M${from + n}`);
}

async function lisFile(rows: readonly { id: string; sha256: string; atMs: number }[], digests = true): Promise<string> {
  const file = join(site.project.folder, `lis-${Math.random()}.csv`);
  const lines = rows.map(({ id, sha256, atMs }) =>
    [CONNECTION, id, new Date(atMs).toISOString(), digests ? sha256 : ''].join(','),
  );
  await writeFile(file, `${['connection,id,at,sha256', ...lines].join('\n')}\n`);
  return file;
}

const MAP = 'lis: { columns: { at: at, digest: sha256 } }\n';

test('given no worker, then nothing is green', async () => {
  await site.send([order('M0')]);
  const { exitCode, document } = await reconcile();
  expect(exitCode).toBe(3);
  expect(document.reasons.join()).toContain('no worker has run');
});

test('given workers that are killed in the middle, then every message is accounted for once', async () => {
  const first = await site.startWorker();
  const second = await site.startWorker();
  await site.route('parallel');
  const sending = site.send(ids(1, 150).map((id) => order(id)));
  await vi.waitFor(async () => expect((await store.readWorkerState()).worker).not.toBeNull(), WAIT);
  await end(first, 'SIGKILL');
  expect(new Set(await sending)).toEqual(new Set(['AA']));
  await untilOwed(151);
  await end(second, 'SIGKILL');
  const third = await site.startWorker();
  await site.send(ids(151, 50).map((id) => order(id)));
  await untilOwed(201);
  await vi.waitFor(async () => {
    const days = await store.readComparison();
    expect(days.map(({ pairs, matched, missingCandidate }) => ({ pairs, matched, missingCandidate }))).toEqual([
      { pairs: 200, matched: 200, missingCandidate: 0 },
    ]);
  }, WAIT);
  await vi.waitFor(async () => expect((await reconcile()).exitCode).toBe(0), WAIT);
  const { document } = await reconcile();
  expect(document.connections[0]).toMatchObject({
    owed: 201,
    delivered: 201,
    accepted: 201,
    attempts: 201,
    balanced: true,
    evidenceGrade: 'C',
  });
  expect(await end(third)).toBe(0);
});

test('given the record of the LIS, then the grade is B, and what it lacks or has twice is named', async () => {
  const worker = await site.startWorker();
  await writeFile(join(site.project.folder, 'stacks/test/outside.yaml'), MAP);
  await vi.waitFor(
    async () => expect((await reconcile(['--lis', await lisFile(site.received)])).exitCode).toBe(0),
    WAIT,
  );
  const whole = await reconcile(['--lis', await lisFile(site.received)]);
  expect(whole.document.connections[0]).toMatchObject({ evidenceGrade: 'B', delivered: 201, balanced: true });
  const [lost, doubled] = [site.received[17], site.received[42]];
  if (lost === undefined || doubled === undefined) throw new Error('they were received');
  const stranger = { id: 'STRANGER', sha256: 'ab'.repeat(32), atMs: Date.now() };
  const rows = [...site.received.filter((one) => one !== lost), doubled, stranger];
  for (const digests of [true, false]) {
    const { exitCode, document } = await reconcile(['--lis', await lisFile(rows, digests)]);
    const [line] = document.connections;
    expect(exitCode).toBe(3);
    expect(line?.balanced).toBe(false);
    expect(line).toMatchObject({ owed: 201, delivered: 200, unexplained: 1 });
    expect(line?.missing.map(({ msh10 }) => msh10)).toEqual([lost.id]);
    expect(line?.duplicated.map(({ msh10 }) => msh10)).toEqual([doubled.id]);
    expect(line?.unexpected.map(({ msh10 }) => msh10)).toEqual(['STRANGER']);
  }
  await end(worker);
});

test("given the EMR's record too, under ids of its own, then the grade is A, and what it sent in vain is named", async () => {
  const worker = await site.startWorker();
  const accession = (id: string): string => `ACC-${id}`;
  const rows = site.received.map(({ id }) => `${CONNECTION},${accession(id)}`);
  const emr = join(site.project.folder, 'emr.csv');
  const mapped = join(site.project.folder, 'accessions.csv');
  const map = join(site.project.folder, 'mapped.yaml');
  const ids = [...site.received.map(({ id }) => id), 'VAIN'];
  await writeFile(mapped, `accession,msh10\n${ids.map((id) => `${accession(id)},${id}`).join('\n')}\n`);
  await writeFile(map, `${MAP}emr: { ids: { file: accessions.csv, from: accession, to: msh10 } }\n`);
  await writeFile(emr, `connection,id\n${rows.join('\n')}\n`);
  const args = ['--lis', await lisFile(site.received), '--emr', emr, '--map', map];
  await vi.waitFor(async () => expect((await reconcile(args)).exitCode).toBe(0), WAIT);
  const { document } = await reconcile(args);
  expect(document.connections[0]).toMatchObject({ evidenceGrade: 'A', owed: 201, delivered: 201, balanced: true });

  await writeFile(emr, `connection,id\n${[...rows, 'elsewhere,M1', 'elsewhere,M2', `${CONNECTION},`].join('\n')}\n`);
  expect((await reconcile(args)).document.warnings).toEqual(
    expect.arrayContaining([
      expect.stringContaining('emr.csv: 2 rows are of no connection of the inventory'),
      expect.stringContaining('emr.csv: 1 row is without an id'),
    ]),
  );
  await writeFile(emr, `connection,id\n${[...rows, `${CONNECTION},${accession('VAIN')}`].join('\n')}\n`);
  const vain = await reconcile(args);
  expect(vain.exitCode).toBe(3);
  expect(vain.document.connections[0]?.missing.map(({ msh10 }) => msh10)).toEqual(['VAIN']);
  expect(vain.document.connections[0]?.balanced).toBe(false);
  await end(worker);
});

test('given an id map in which an id has two meanings, then it is refused, and nothing is guessed', async () => {
  const mapped = join(site.project.folder, 'twice.csv');
  const map = join(site.project.folder, 'twice.yaml');
  await writeFile(mapped, 'accession,msh10\nX,A1\nX,A1\nX,A2\n');
  await writeFile(map, 'lis: { ids: { file: twice.csv, from: accession, to: msh10 } }\n');
  const run = await site.project.cutover(['reconcile', '--lis', await lisFile(site.received), '--map', map], site.env);
  expect([run.exitCode, run.stderr]).toEqual([2, expect.stringContaining('twice.csv: 1 id has several entries')]);
});

test('given what somebody has read of the queues inside the platforms, then what waits there is red, and nobody having looked is said', async () => {
  const worker = await site.startWorker();
  const file = join(site.project.folder, 'engines.yaml');
  const engines = (queued: number, at = new Date().toISOString()): string =>
    ['legacy', 'new']
      .map(
        (platform) =>
          `  - { platform: ${platform}, queued: ${queued}, errors: 0, by: ada, at: "${at}", source: dashboard }`,
      )
      .join('\n');
  await writeFile(file, `engines:\n${engines(0)}\n`);
  await vi.waitFor(async () => expect((await reconcile(['--attest', file])).exitCode).toBe(0), WAIT);
  expect((await reconcile(['--attest', file])).document).toMatchObject({
    engines: [{ queued: 0 }, { queued: 0 }],
    warnings: [],
  });
  await writeFile(file, `engines:\n${engines(0, '2026-06-02T03:10:00-05:00')}\n`);
  expect((await reconcile(['--attest', file])).document.warnings).toEqual(
    ['legacy', 'new'].map((platform) =>
      expect.stringMatching(`^${platform} was read at .* before the end of the window`),
    ),
  );
  await writeFile(file, `engines:\n${engines(2)}\n`);
  const { exitCode, document } = await reconcile(['--attest', file]);
  expect(exitCode).toBe(3);
  expect(document.reasons).toContain('legacy has 2 queued and 0 in its error store');
  expect((await reconcile()).document.warnings).toContain(
    'nobody has said what waits inside legacy and new: --attest FILE',
  );
  const waiting = { queued: 3 };
  const engine = createServer(({ url = '' }, response) => {
    const status = `<dashboardStatus><channelId>c</channelId><name>a</name><queued>${waiting.queued}</queued></dashboardStatus>`;
    response.end(url.includes('/statuses') ? `<list>${status}</list>` : '<long>1</long>');
  });
  await new Promise<void>((done) => engine.listen(0, '127.0.0.1', done));
  const { port } = z.object({ port: z.number() }).parse(engine.address());
  const read = `{ platform: new, api: mirth, url: "http://127.0.0.1:${port}/api", user: ada, passwordEnv: ENGINE_PASSWORD }`;
  await writeFile(file, `engines:\n${engines(0).split('\n')[0]}\nread:\n  - ${read}\n`);
  const asked = () => reconcile(['--attest', file], { ENGINE_PASSWORD: 'x' });
  expect((await asked()).document).toMatchObject({
    reasons: ['new has 3 queued and 1 in its error store'],
    engines: [
      { platform: 'legacy' },
      { platform: 'new', by: 'read as ada', source: expect.stringContaining('1 channel') },
    ],
    warnings: [],
  });
  await new Promise((done) => engine.close(done));
  const away = await asked();
  expect(away.exitCode).toBe(3);
  expect(away.document.reasons.join()).toMatch(/what waits inside new could not be read: .*ECONNREFUSED/);
  await end(worker);
});

test('given an output that the platform swallows, and one that the destination refuses, then both are named', async () => {
  const worker = await site.startWorker();
  site.behaviour.outputs = (platform, id, message) => (platform === 'legacy' && id === 'LOST' ? [] : [message]);
  site.behaviour.verdict = (id) => (id === 'REFUSED' ? 'AE' : 'AA');
  await site.send(['BEFORE', 'LOST', 'REFUSED', 'AFTER'].map((id) => order(id)));
  await untilOwed(205);
  const document = await untilPending(0);
  const [line] = document.connections;
  expect(line).toMatchObject({ owed: 205, unexplained: 1, destinationRejected: 1, delivered: 203, balanced: false });
  expect(line?.missing.map(({ msh10 }) => msh10).sort()).toEqual(['LOST', 'REFUSED']);
  // The LIS has got one of them by hand: it is explained by its own record.
  const byHand = { id: 'REFUSED', sha256: 'cd'.repeat(32), atMs: Date.now() };
  const outside = await reconcile(['--lis', await lisFile([...site.received, byHand])]);
  expect(outside.document.connections[0]?.missing.map(({ msh10 }) => msh10)).toEqual(['LOST']);
  expect(outside.document.connections[0]?.unexpected).toEqual([]);
  await end(worker);
});

test('given a proof file, then it is verified without a database, and a changed digest in it shows', async () => {
  const file = join(site.project.folder, 'proof.ndjson');
  const { document } = await reconcile(['--proof', file]);
  expect(document.proofFile?.messages).toBe(205);
  const root = document.proofFile?.root ?? '';
  const nowhere = { DATABASE_URL: '', CUTOVER_ADMIN_TOKEN: '' };
  const verify = (...args: string[]) =>
    site.project.cutover(['reconcile', '--verify', file, '--json', ...args], nowhere);
  const verified = await verify('--root', root);
  expect(verified.exitCode).toBe(0);
  expect(verifyDocumentSchema.parse(JSON.parse(verified.stdout))).toMatchObject({
    head: { root, messages: 205 },
    classes: { delivered: 203, unexplained: 1, destinationRejected: 1 },
  });
  const [folder, name] = ['stacks/test/evidence', `${document.evidence?.replace('sha256:', '')}.json`];
  expect(await readFile(join(site.project.folder, folder, name), 'utf8')).toContain(root);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/"class":"unexplained"/, '"class":"delivered"'));
  const changed = await verify();
  expect(changed.exitCode).toBe(3);
  expect(JSON.parse(changed.stdout)).toMatchObject({ ok: false });
});

test('given a worker that has not been seen for minutes, then that alone is red for everything', async () => {
  const client = new pg.Client({ connectionString: site.database.url });
  await client.connect();
  await client.query("update cutover.proof_worker set heartbeat_at = now() - interval '10 minutes'");
  await client.end();
  const { exitCode, document } = await reconcile();
  expect(exitCode).toBe(3);
  expect(document.reasons.join()).toContain('the worker has not been seen for 10 min');
});

test('given no database, then it could not be found out', async () => {
  const run = await site.project.cutover(['reconcile', '--json'], { DATABASE_URL: 'postgres://x:y@127.0.0.1:1/none' });
  expect(run.exitCode).toBe(1);
  expect(JSON.parse(run.stdout)).toMatchObject({ ok: false, error: { code: 'database-unavailable' } });
});
