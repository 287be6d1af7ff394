/**
 * When evidence is red, and that it is so only then: what the worker has counted in SQL, judged as `compare` and `reconcile`
 * judge it, before there is data, with it, with a worker that is behind, and after changes that matter or do not.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Postgres } from '../adapters/postgres.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { readDefinitions } from '../adapters/proof-definitions.ts';
import { listKey, readListed, readUndelivered } from '../adapters/proof-reconciliation.ts';
import { COVERAGE_AREA, contractArea } from '../core/compare/inspect.ts';
import { judgeConnection } from '../core/compare/judgement.ts';
import { judgeWorker } from '../core/compare/worker-doubts.ts';
import type { Phase } from '../core/platform.ts';
import { stalenessOf } from '../core/proof-freshness.ts';
import { reconcileConnection } from '../core/reconcile/judge.ts';
import { connectionNamed, EVER, GRACE_MS, type Lab, openLab } from './lab.ts';
import { order } from './story.ts';

const NORTH = 'north-orders';
const PAIRS = 10;
let database: TestPostgres;
let postgres: Postgres;
beforeAll(async () => {
  database = await startPostgres();
  postgres = await Postgres.open({ url: database.url, applicationName: 'test' });
});
afterAll(async () => {
  await postgres?.close();
  await database?.remove();
});

let folder: string;
let lab: Lab;
let deployments = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-evidence-'));
  await mkdir(join(folder, 'stacks/rules'), { recursive: true });
  const connections = [NORTH, 'south-orders'].map((name, place) => connectionNamed(name, {}, place));
  lab = await openLab({ url: database.url, deployment: `lab-${++deployments}`, connections, project: folder });
  lab.story.route(NORTH, 1, 'legacy');
  for (const id of ['H1', 'H2']) lab.story.message(id);
});
afterEach(async () => {
  await lab.close();
  await rm(folder, { recursive: true, force: true });
});

/** Why the comparison is red; `live`: where the gateway says that it is. */
async function comparison(phase: Phase, epoch: number): Promise<readonly string[]> {
  const { store, inventory } = lab;
  const definitions = await readDefinitions(folder, inventory.connections, '2026-06-01');
  const connection = inventory.connections.find(({ name }) => name === NORTH);
  if (!definitions.ok || connection === undefined) throw new Error('there is one, and the rules hold');
  const only = [NORTH];
  const judged = judgeConnection(
    {
      connection,
      rules: definitions.value.rulesOf(NORTH),
      contract: null,
      days: await store.readComparison(only),
      groups: await store.readDifferences(only),
      coverage: await store.readNames(COVERAGE_AREA, only),
      history: new Set(),
      breaches: [],
      routes: (await store.readRoutes()).filter(({ connection: name }) => name === NORTH),
      live: { phase, epoch },
      doubts: judgeWorker(await store.readWorkerState()).reasons,
    },
    { pairs: PAIRS, coverage: 0.95 },
  );
  expect(judged.verdict).toBe(judged.reasons.length === 0 ? 'green' : 'red');
  return judged.reasons;
}

async function reconciliation(): Promise<readonly string[]> {
  const { store, deployment } = lab;
  const rows = (await store.readObligations(EVER)).filter(({ connection }) => connection === NORTH);
  const listed = await readListed(postgres, deployment, EVER);
  const nothing = { total: 0, ids: [] };
  const { reasons } = reconcileConnection({
    name: NORTH,
    practice: 'north',
    direction: 'orders',
    origin: 'feed',
    classes: Object.fromEntries(rows.map((row) => [row.class, row.count])),
    ingress: {},
    maybeSent: nothing,
    suppressed: nothing,
    uncorrelated: nothing,
    openDecisions: 0,
    undelivered: (await readUndelivered(postgres, deployment, EVER)).get(NORTH) ?? [],
    doubled: listed.get(listKey(NORTH, 'doubled'))?.ids ?? [],
    outside: null,
    exclusions: [],
  });
  return [...stalenessOf(await store.readWorkerState()), ...reasons];
}

function sendPairs(from: number): void {
  for (let n = from; n < from + PAIRS; n++) lab.story.message(`M${n}`);
}

test('outputs matched: red before there is data, with the worker behind, and after a change of its own rules or roles; else green', async () => {
  const { story } = lab;
  expect(await comparison('parallel', 2)).toContain('no worker has ever run for this deployment');
  await lab.take();
  await lab.heartbeat();
  story.route(NORTH, 2, 'parallel');
  await lab.take();
  expect(await comparison('parallel', 2)).toContain('nothing was compared');

  sendPairs(0);
  await lab.take(GRACE_MS + 1);
  expect(await comparison('parallel', 2)).toEqual([]);

  // A rule of another connection, another connection's roles, a weight: none of its business.
  const rule = (connections: string): string =>
    `rules: [{ name: own, path: ZRP, kind: ignore, connections: [${connections}], reason: its own segment, owner: me, expires: 2999-12-31 }]`;
  await writeFile(join(folder, 'stacks/rules/own.yaml'), rule('south-orders'));
  story.route('south-orders', 2, 'parallel');
  story.route(NORTH, 3, 'parallel', 10);
  await lab.take();
  expect(await comparison('parallel', 3)).toEqual([]);

  // What is shipped and not accounted for is of a day long past.
  await lab.ship(() => story.message('LATE'));
  expect(await comparison('parallel', 3)).toEqual([expect.stringMatching(/^the worker is \d+ s behind$/)]);
  await lab.take(GRACE_MS + 1);
  expect(await comparison('parallel', 3)).toEqual([]);

  // An epoch that the gateway is in and the worker has not seen.
  expect(await comparison('switched', 4)).toEqual(['the results end before epoch 4, which the gateway is in']);

  await writeFile(join(folder, 'stacks/rules/own.yaml'), rule(NORTH));
  expect(await comparison('parallel', 3)).toEqual([
    `nothing was compared (${PAIRS + 1} predate the rules of today and do not count)`,
  ]);
  await lab.reread();
  await lab.recompare();
  expect(await comparison('parallel', 3)).toEqual([]);

  story.route(NORTH, 4, 'switched');
  await lab.take();
  expect(await comparison('switched', 4)).toContain('nothing was compared');
});

test('reconciliation: red before there is data, with the worker behind, and while something is unaccounted for; else green', async () => {
  const { story } = lab;
  expect((await reconciliation()).join()).toContain('no worker has run');
  await lab.heartbeat();
  await lab.take();
  expect(await reconciliation()).toEqual([]);
  const [lost] = [story.input(order('LOST'))];
  story.answered(lost);
  await lab.take(GRACE_MS + 1);
  expect(await reconciliation()).toEqual([
    '1 unexplained: accepted, and not shown to be delivered',
    '1 missing at the destination: LOST',
  ]);
  story.pass(60_000);
  story.delivered(story.output(order('LOST'), { input: lost }));
  await lab.take();
  expect(await reconciliation()).toEqual([]);
  await lab.ship(() => story.message('LATE'));
  expect((await reconciliation()).join()).toContain('records behind in shard 0');
  await lab.take();
  expect(await reconciliation()).toEqual([]);
});

test('rules that change: what was compared is compared again under them, exactly once, also by a worker that was killed; what is missing stays', async () => {
  const { story } = lab;
  story.route(NORTH, 2, 'parallel');
  for (let n = 0; n < PAIRS; n++) story.message(`M${n}`, (message) => `${message}ZRP|1\r`);
  const lost = story.input(order('LOST'));
  story.answered(lost);
  story.delivered(story.output(order('LOST'), { input: lost }));
  story.shadow(lost);
  await lab.take(GRACE_MS + 1);
  await lab.heartbeat();
  const missing = '1 output of the candidate is missing';
  expect(await comparison('parallel', 2)).toContain(`${PAIRS} pairs differ`);
  // The answers of the sources are older than the outputs, and are purged first.
  await postgres.query(
    `update cutover.records set payload = null where payload is not null and meta like '%"input-verdict"%'`,
  );
  const file = join(folder, 'stacks/rules/own.yaml');
  const rule = '{ name: own, path: ZRP, kind: ignore, reason: its own segment, owner: me, expires: 2999-12-31 }';
  for (const round of [1, 2]) {
    await writeFile(file, `rules: [${rule}]`);
    await lab.reread();
    await lab.recompare();
    expect(await comparison('parallel', 2)).toEqual([missing]);
    expect(await lab.pairs()).toMatchObject({ pairs: PAIRS, accepted: PAIRS, missingCandidate: 1 });

    await rm(file);
    await lab.reread();
    if (round === 2) await lab.restart();
    await lab.recompare();
    expect(await comparison('parallel', 2)).toEqual([`${PAIRS} pairs differ`, missing]);
    expect(await lab.pairs()).toMatchObject({ pairs: PAIRS, differing: PAIRS, missingCandidate: 1 });
  }
  const groups = await lab.store.readDifferences();
  expect(groups.map(({ path, kind, count }) => [path, kind, count]).toSorted()).toEqual([
    ['ZRP', 'segment-extra', PAIRS],
    ['message', 'missing-candidate', 1],
  ]);
});

test('a contract that changes: outputs that came before are held against it too, exactly once, also by a worker that was killed, as long as their bytes are there', async () => {
  await mkdir(join(folder, 'stacks/contracts'), { recursive: true });
  const contract = (fields: string): Promise<void> =>
    writeFile(join(folder, 'stacks/contracts/orders.yaml'), `messages: [ORM^O01]\n${fields}`);
  await contract('');
  const connections = [connectionNamed(NORTH, { contract: 'orders' })];
  const own = await openLab({ url: database.url, deployment: `lab-${++deployments}`, connections, project: folder });
  try {
    const { story } = own;
    story.route(NORTH, 1, 'legacy');
    story.message('H1');
    story.route(NORTH, 2, 'parallel');
    for (let n = 0; n < PAIRS; n++) story.message(`M${n}`, (message) => message.replace('CBC^Blood count', ''));
    await own.take(GRACE_MS + 1);
    /** Counts of the contract as it is in the files, by platform. */
    const found = async (): Promise<readonly string[]> => {
      const definitions = await readDefinitions(folder, own.inventory.connections, '2026-06-01');
      const held = definitions.ok ? definitions.value.contractOf(NORTH) : null;
      if (held === null) throw new Error('there is one');
      const rows = (await own.store.readFindings(contractArea(held))).filter(({ epoch }) => epoch === 2);
      return rows.map(({ name, platform, count }) => `${platform} ${name} ${count}`).toSorted();
    };
    const inspected = [`legacy inspected ${PAIRS}`, `new inspected ${PAIRS}`];
    expect(await found()).toEqual(inspected);

    const required = 'fields: { OBR-4: { required: true } }\n';
    for (const round of [1, 2]) {
      await contract(required);
      expect(await found()).toEqual(round === 1 ? [] : [...inspected, `new OBR-4: required ${PAIRS}`].toSorted());
      await own.reread();
      if (round === 2) await own.restart();
      await own.recompare();
      expect(await found()).toEqual([...inspected, `new OBR-4: required ${PAIRS}`].toSorted());

      await contract('');
      await own.reread();
      await own.recompare();
      await own.restart();
      await own.recompare();
      expect(await found()).toEqual(inspected);
    }
    await postgres.query(
      `update cutover.records set payload = null where payload is not null and meta like '%"capture"%'`,
    );
    await contract(required);
    await own.reread();
    story.message('LAST');
    await own.take(GRACE_MS + 1);
    await own.recompare();
    expect(await found()).toEqual([`legacy inspected ${PAIRS + 1}`, 'new inspected 1']);
  } finally {
    await own.close();
  }
});
