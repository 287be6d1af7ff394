/** Shared feeds, predicates, several outputs, wrong destinations and orders over a switch, all the way into SQL. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Postgres } from '../adapters/postgres.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { readOrders, readUndelivered } from '../adapters/proof-reconciliation.ts';
import { connectionNamed, EVER, GRACE_MS, type Lab, openLab } from './lab.ts';
import type { Story } from './story.ts';

const HOUR_MS = 3_600_000;
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

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.close();
});

let deployments = 0;
const peer = { host: 'h', port: 1 };
const FEED = { name: 'lis', port: 19_000, platforms: { legacy: peer, new: peer } };

/** One LIS feed for two practices. */
async function sharedFeed(north: object = {}, south: object = {}): Promise<Lab> {
  const connections = [north, south].map((over, place) =>
    connectionNamed(
      place === 0 ? 'north-results' : 'south-results',
      { feed: 'lis', outputs: 'zero-or-one', ...over },
      place,
    ),
  );
  const lab = await openLab({ url: database.url, deployment: `lab-${++deployments}`, connections, feeds: [FEED] });
  labs.push(lab);
  lab.story.feed = 'lis';
  for (const name of ['north-results', 'south-results']) lab.story.route(name, 2, 'parallel');
  return lab;
}

function result(id: string, practice: string, status = 'F'): string {
  return [
    `MSH|^~\\&|LIS|LAB|EMR|${practice}|20260601120000||ORU^R01|${id}|P|2.5.1`,
    `PID|1||7^^^LAB`,
    `OBR|1|P-${id}|F-${id}|2345-7|||||||||||||||||||||${status}`,
    'OBX|1|NM|2345-7||5.5|mmol/L|||||F',
    '',
  ].join('\r');
}

function taken(story: Story, message: string): number {
  const input = story.input(message);
  story.answered(input);
  story.shadow(input);
  return input;
}

function both(story: Story, message: string, input: number, connection: string, candidateAt = connection): void {
  story.delivered(story.output(message, { input, connection, epoch: 2 }), 'positive', connection);
  const given = candidateAt === connection ? input : null;
  story.output(message, { platform: 'new', role: 'capture', input: given, connection: candidateAt, epoch: 2 });
}

async function classesOf({ store }: Lab): Promise<readonly string[]> {
  const rows = await store.readObligations(EVER);
  return rows.map(({ connection, class: one, count }) => `${connection} ${one} ${count}`);
}

async function namesOf({ store }: Lab): Promise<readonly string[]> {
  const groups = await store.readDifferences();
  return groups.map(
    ({ connection, path, kind, exampleIds }) => `${connection} ${path} ${kind} ${exampleIds[0]?.msh10}`,
  );
}

test('given a shared feed, then an input is owed where its outputs go, and one without any is named once', async () => {
  const lab = await sharedFeed();
  const { story } = lab;
  for (const id of ['A', 'B']) both(story, result(id, 'NORTH'), taken(story, result(id, 'NORTH')), 'north-results');
  both(story, result('C', 'SOUTH'), taken(story, result('C', 'SOUTH')), 'south-results');
  // A copy to both.
  const copied = taken(story, result('D', 'NORTH'));
  for (const name of ['north-results', 'south-results']) both(story, result('D', 'NORTH'), copied, name);
  taken(story, result('LOST', 'SOUTH'));
  await lab.take(GRACE_MS + 1);
  expect(await classesOf(lab)).toEqual([
    'north-results delivered 3',
    'north-results unexplained 1',
    'south-results delivered 2',
  ]);
  const undelivered = await readUndelivered(postgres, lab.deployment, EVER);
  expect([...undelivered].map(([name, ids]) => [name, ids.map(({ msh10 }) => msh10)])).toEqual([
    ['north-results', ['LOST']],
  ]);
  expect(await lab.pairs()).toMatchObject({ pairs: 5, matched: 5 });
});

test('given predicates, then what is not for a connection is filtered there, and what lacks is named where it belongs', async () => {
  const lab = await sharedFeed(
    { outputs: 'one', applies: { 'MSH-6': 'NORTH' } },
    { outputs: 'one', applies: { 'MSH-6': 'SOUTH' } },
  );
  const { story } = lab;
  both(story, result('A', 'NORTH'), taken(story, result('A', 'NORTH')), 'north-results');
  taken(story, result('LOST', 'SOUTH'));
  await lab.take(GRACE_MS + 1);
  expect(await classesOf(lab)).toEqual([
    'north-results delivered 1',
    'north-results filtered 1',
    'south-results filtered 1',
    'south-results unexplained 1',
  ]);
});

test("given an output at another practice's leg, then it is named as one at the wrong destination", async () => {
  const lab = await sharedFeed();
  const { story } = lab;
  both(story, result('A', 'NORTH'), taken(story, result('A', 'NORTH')), 'north-results');
  both(story, result('WRONG', 'NORTH'), taken(story, result('WRONG', 'NORTH')), 'north-results', 'south-results');
  both(story, result('C', 'SOUTH'), taken(story, result('C', 'SOUTH')), 'south-results');
  await lab.take(GRACE_MS + 1);
  expect(await namesOf(lab)).toEqual(['north-results destination destination WRONG']);
  expect(await lab.pairs()).toMatchObject({ pairs: 3, matched: 2, differing: 1, destinationsDiffering: 1 });
});

test('given an input that owes many outputs, then each is compared with its like, and a lacking one is named', async () => {
  const many = { outputs: 'many' };
  const connections = [connectionNamed('north-results', many)];
  const lab = await openLab({ url: database.url, deployment: `lab-${++deployments}`, connections });
  labs.push(lab);
  const { story } = lab;
  story.feed = 'north-results';
  story.route('north-results', 2, 'parallel');
  for (const id of ['WHOLE', 'DRIFT', 'LACK']) {
    const input = taken(story, result(id, 'NORTH'));
    for (const part of ['1', '2']) {
      const output = result(`${id}${part}`, 'NORTH');
      story.delivered(story.output(output, { input, epoch: 2 }));
      if (id === 'LACK' && part === '2') continue;
      const own = id === 'DRIFT' && part === '2' ? output.replace('mmol/L', 'mg/dL') : output;
      story.output(own, { platform: 'new', role: 'capture', input, epoch: 2 });
    }
  }
  await lab.take(GRACE_MS + 1);
  expect(await classesOf(lab)).toEqual(['north-results delivered 3']);
  expect((await namesOf(lab)).toSorted()).toEqual([
    'north-results OBX-6 value DRIFT2',
    'north-results message missing-candidate LACK',
  ]);
});

test('given orders and results over a switch, then those that are open or straddle it are told by class', async () => {
  const connections = ['north-orders', 'north-results'].map((name, place) => connectionNamed(name, {}, place));
  const lab = await openLab({ url: database.url, deployment: `lab-${++deployments}`, connections });
  labs.push(lab);
  const { story } = lab;
  const order = (id: string, state = 'NW'): void => {
    story.feed = 'north-orders';
    const message = `MSH|^~\\&|E|NORTH|L|LAB|2026||ORM^O01|${id}|P|2.5.1\rORC|${state}|P-${id.slice(0, 1)}\rOBR|1|P-${id.slice(0, 1)}\r`;
    const input = story.input(message);
    story.answered(input);
    story.delivered(story.output(message, { input, platform: story.primary }));
  };
  const resulted = (id: string, status = 'F'): void => {
    story.feed = 'north-results';
    const input = story.input(result(id, 'NORTH', status));
    story.answered(input);
    story.delivered(story.output(result(id, 'NORTH', status), { input, platform: story.primary }));
  };
  for (const id of ['A', 'B', 'C', 'D', 'X']) order(id);
  order('X2', 'CA');
  resulted('A');
  for (const name of ['north-orders', 'north-results']) story.route(name, 3, 'switched');
  resulted('B');
  resulted('C', 'P');
  resulted('E');
  await lab.take(GRACE_MS + 1);
  const practices = connections.map((_, at) => ({
    connection: at === 0 ? 'north-orders' : 'north-results',
    practice: 'north',
  }));
  const rows = await readOrders(postgres, lab.deployment, practices, { sinceMs: 0, untilMs: story.nowMs + HOUR_MS });
  expect(rows.map((row) => `${row.class} ${row.msh10} ${row.ordered}>${row.resulted}`).toSorted()).toEqual([
    'open D legacy>null',
    'partly-resulted C legacy>new',
    'result-without-order E null>new',
    'straddling B legacy>new',
  ]);
});
