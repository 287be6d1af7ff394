/** A connection that gets another name (`previousNames`) is the same one to the proof: what it has found is under the new name. */
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Postgres } from '../adapters/postgres.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { ProofWriter } from '../adapters/proof-writer.ts';
import { estateOf } from './estate.ts';
import { connectionNamed, EVER, GRACE_MS, inventoryOf, type Lab, openLab } from './lab.ts';
import { purgeDue } from './retention.ts';
import { order } from './story.ts';

const FORMER = 'north-orders';
const HEIR = 'south-orders';
const RENAMED = [connectionNamed(HEIR, { previousNames: [FORMER] })];
const DAY_MS = 86_400_000;

let database: TestPostgres;
let lab: Lab;
beforeAll(async () => {
  database = await startPostgres();
});
afterAll(() => database?.remove());
afterEach(() => lab?.close());

test('given a parallel run, then its pairs, counts and routes go on under the new name, without a new epoch', async () => {
  lab = await openLab({ url: database.url, deployment: 'lab-pairs' });
  const { story, store } = lab;
  story.route(FORMER, 1, 'legacy');
  story.route(FORMER, 2, 'parallel');
  for (const id of ['A', 'B']) story.message(id);
  await lab.take();
  story.record({ t: 'refusal', endpoint: FORMER, cause: 'frame-limit', msh10: '', sha: '' });
  story.feed = HEIR;
  await lab.restart(RENAMED);
  story.message('C');
  await lab.take();
  expect(await store.readComparison()).toMatchObject([{ connection: HEIR, epoch: 2, pairs: 3, matched: 3 }]);
  expect(await store.readObligations(EVER)).toEqual([{ connection: HEIR, class: 'delivered', count: 3 }]);
  expect(await store.readIngress(EVER)).toEqual([
    { feed: HEIR, outcome: 'accepted', count: 3 },
    { feed: HEIR, outcome: 'refused', count: 1 },
  ]);
  const routes = await store.readRoutes();
  expect(routes.map(({ connection, epoch }) => `${connection} ${epoch}`)).toEqual([`${HEIR} 1`, `${HEIR} 2`]);
});

test('given inputs without an output at the rename, then what comes is credited, and what does not stays in sight', async () => {
  lab = await openLab({ url: database.url, deployment: 'lab-open' });
  const { story, store } = lab;
  const input = story.input(order('A'));
  story.answered(input);
  story.answered(story.input(order('B')));
  await lab.take();
  story.feed = HEIR;
  await lab.restart(RENAMED);
  story.delivered(story.output(order('A'), { input }));
  await lab.take(GRACE_MS + 1);
  expect(await store.readObligations(EVER)).toEqual([
    { connection: HEIR, class: 'delivered', count: 1 },
    { connection: HEIR, class: 'unexplained', count: 1 },
  ]);
});

test('given a worker that has not heard of the rename and takes what comes after it, then both are one once it has', async () => {
  lab = await openLab({ url: database.url, deployment: 'lab-late' });
  const { story, store } = lab;
  story.route(FORMER, 1, 'legacy');
  for (const id of ['A', 'B']) story.message(id);
  story.feed = HEIR;
  story.message('C');
  await lab.take();
  expect((await store.readObligations(EVER)).map(({ connection }) => connection).sort()).toEqual([FORMER, HEIR]);
  await lab.restart(RENAMED);
  story.message('D');
  await lab.take();
  expect(await store.readObligations(EVER)).toEqual([{ connection: HEIR, class: 'delivered', count: 4 }]);
  expect(await store.readIngress(EVER)).toEqual([{ feed: HEIR, outcome: 'accepted', count: 4 }]);
});

test('given a sign-off, then the payloads that were recorded under the former name go as well', async () => {
  lab = await openLab({ url: database.url, deployment: 'lab-purged' });
  const { story } = lab;
  story.message('A');
  await lab.take();
  story.feed = HEIR;
  await lab.restart(RENAMED);
  story.message('B');
  story.route(HEIR, 2, 'decommissioned');
  await lab.take();
  const identity = { deployment: 'lab-purged', id: 'w', host: 'h', version: '0' };
  const writer = await ProofWriter.open(identity, { url: database.url });
  const estate = estateOf(inventoryOf('lab-purged', RENAMED));
  const logger = pino({ level: 'silent' });
  await purgeDue(writer, { estate, keepDays: null, logger, nowMs: story.nowMs + 31 * DAY_MS });
  await writer.close();
  expect(await payloadsOf('lab-purged')).toBe(0);
});

async function payloadsOf(deployment: string): Promise<number> {
  const postgres = await Postgres.open({ url: database.url, applicationName: 'test' });
  const { rows } = await postgres.query<{ n: number }>(
    'select count(*)::int as n from cutover.journal_records where deployment = $1 and payload is not null',
    [deployment],
  );
  await postgres.close();
  return rows[0]?.n ?? Number.NaN;
}
