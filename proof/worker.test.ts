/** The worker over a real PostgreSQL: what each story of a journal comes to, and that its end is never lost or doubled. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { ProofWriter, Superseded } from '../adapters/proof-writer.ts';
import { analysisOf } from './analysis-of.ts';
import { estateOf } from './estate.ts';
import { JournalFollower } from './journal-follower.ts';
import { connectionNamed, EVER, GRACE_MS, type Lab, openLab } from './lab.ts';
import { order } from './story.ts';

let database: TestPostgres;
beforeAll(async () => {
  database = await startPostgres();
});
afterAll(() => database?.remove());

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let deployments = 0;

async function site(change: (connection: object) => object = (same) => same): Promise<Lab> {
  const deployment = `lab-${++deployments}`;
  const connections = [change(connectionNamed('north-orders'))];
  const lab = await openLab({ url: database.url, deployment, connections });
  cleanups.push(() => lab.close());
  return lab;
}

test('given messages that go their way, then each is delivered once and each pair matches', async () => {
  const { story, take, counts, pairs, store } = await site();
  story.route('north-orders', 1, 'legacy');
  story.route('north-orders', 2, 'parallel');
  for (let n = 0; n < 10; n++) story.message(`M${n}`);
  await take();
  expect(await counts()).toEqual({ delivered: 10 });
  expect(await pairs()).toEqual({ pairs: 10, matched: 10 });
  expect(await store.readIngress(EVER)).toEqual([{ feed: 'north-orders', outcome: 'accepted', count: 10 }]);
  expect((await store.readRoutes()).map(({ epoch, phase }) => `${epoch} ${phase}`)).toEqual(['1 legacy', '2 parallel']);
});

test('given a connection without a feed, then what its platforms send is what is owed, and nothing is paired', async () => {
  const { story, take, counts, pairs, store, restart } = await site((plain) => ({
    ...plain,
    origin: 'platform',
    feed: undefined,
  }));
  story.route('north-orders', 1, 'legacy');
  story.delivered(story.output(order('A')));
  // Of the same order: another output, and no second attempt of the first.
  story.delivered(story.output(order('A')));
  const refused = story.output(order('B'));
  story.delivered(refused, 'negative');
  const unknown = story.output(order('C'));
  story.delivered(unknown, 'lost');
  await take();
  expect(await counts()).toEqual({ delivered: 2, destinationRejected: 1, pending: 1 });
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ delivered: 2, destinationRejected: 1, unexplained: 1 });
  await restart();
  story.delivered(story.output(order('C'), { attemptOf: unknown }));
  story.route('north-orders', 2, 'switched');
  story.delivered(story.output(order('D'), { platform: 'new' }));
  await take();
  expect(await counts()).toEqual({ delivered: 4, destinationRejected: 1 });
  expect(await pairs()).toEqual({});
  expect(await store.readIngress(EVER)).toEqual([]);
});

test('given an output that never comes, then it is pending, after its time unexplained, and when late delivered after all', async () => {
  const { story, take, counts, restart } = await site();
  const input = story.input(order('A'));
  story.answered(input);
  await take();
  expect(await counts()).toEqual({ pending: 1 });
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ unexplained: 1 });
  await restart();
  story.pass(3_600_000);
  story.delivered(story.output(order('A'), { input }));
  await take();
  expect(await counts()).toEqual({ delivered: 1 });
});

test('given a destination that says AE, then it is rejected, until a resend is taken', async () => {
  const { story, take, counts } = await site();
  const input = story.input(order('A'));
  story.answered(input);
  const first = story.output(order('A'), { input });
  story.delivered(first, 'negative');
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ destinationRejected: 1 });
  story.delivered(story.output(order('A'), { input, attemptOf: first }));
  await take();
  expect(await counts()).toEqual({ delivered: 1 });
});

test('given an attempt without an answer and a second with one, then the input counts once and the attempts twice', async () => {
  const { story, take, counts, store } = await site();
  const first = story.input(order('A'));
  story.answered(first, 'lost');
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({});
  const second = story.input(order('A'), first);
  story.answered(second);
  story.delivered(story.output(order('A'), { input: first }));
  await take();
  expect(await counts()).toEqual({ delivered: 1 });
  const ingress = await store.readIngress(EVER);
  expect(ingress.map(({ outcome, count }) => `${outcome} ${count}`).sort()).toEqual(['accepted 1', 'unanswered 1']);
});

test('given a lost output and a gateway that goes by order, then the lost one is named and no pair is shifted', async () => {
  const { story, take, counts, pairs, store } = await site();
  story.route('north-orders', 2, 'parallel');
  const inputs = ['A', 'B', 'C'].map((id) => ({ id, input: story.input(order(id)) }));
  for (const { input } of inputs) story.answered(input);
  for (const { id, input } of inputs) story.delivered(story.output(order(id), { input }));
  for (const { input } of inputs) story.shadow(input);
  // New loses A; by order alone B would be taken for A, and C for B.
  const [a, b] = inputs.map(({ input }) => input);
  story.output(order('B'), { platform: 'new', role: 'capture', input: a ?? null });
  story.output(order('C'), { platform: 'new', role: 'capture', input: b ?? null });
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ delivered: 3 });
  expect(await pairs()).toMatchObject({ matched: 2, missingCandidate: 1, pairs: 2 });
  const [missing] = await store.readDifferences();
  expect(missing).toMatchObject({ kind: 'missing-candidate', count: 1 });
  expect(missing?.exampleIds.map(({ msh10 }) => msh10)).toEqual(['A']);
});

test('given a late candidate, then it is missing first, and compared when it comes', async () => {
  const { story, take, pairs, restart, store } = await site();
  story.route('north-orders', 2, 'parallel');
  const input = story.input(order('A'));
  story.answered(input);
  story.delivered(story.output(order('A'), { input }));
  story.shadow(input);
  await take(GRACE_MS + 1);
  expect(await pairs()).toEqual({ missingCandidate: 1 });
  await restart();
  story.pass(GRACE_MS * 10);
  story.output(order('A').replace('CBC', 'CBX'), { platform: 'new', role: 'capture', input });
  await take();
  expect(await pairs()).toMatchObject({ pairs: 1, differing: 1 });
  const groups = await store.readDifferences();
  expect(groups.map(({ path }) => path)).toEqual(['OBR-4.1']);
});

test('given a candidate that sends an output twice, sends one that nobody asked for, or swaps two of a patient, then each is counted', async () => {
  const { story, take, pairs } = await site((connection) => ({ ...connection, weightKey: ['PID-3.1'] }));
  story.route('north-orders', 2, 'parallel');
  const [a, b] = ['A', 'B'].map((id) => {
    const input = story.input(order(id));
    story.answered(input);
    story.delivered(story.output(order(id), { input }));
    story.shadow(input);
    return input;
  });
  story.output(order('B'), { platform: 'new', role: 'capture', input: b ?? null });
  story.output(order('A'), { platform: 'new', role: 'capture', input: a ?? null });
  story.output(order('Z'), { platform: 'new', role: 'capture', input: null });
  await take(GRACE_MS + 1);
  expect(await pairs()).toMatchObject({ pairs: 2, outOfOrder: 1, extraCandidate: 1 });
});

test('given both platforms that answer an input differently, then the answers differ', async () => {
  const { story, take, pairs } = await site();
  story.route('north-orders', 2, 'parallel');
  const input = story.input(order('A'));
  story.answered(input);
  story.delivered(story.output(order('A'), { input }));
  story.shadow(input, 'negative');
  await take(GRACE_MS + 1);
  expect(await pairs()).toEqual({ missingCandidate: 1, answersDiffering: 1 });
});

test('given a decision, then the obligation is on the list; delivered by a person it is delivered', async () => {
  const { story, take, counts } = await site();
  const input = story.input(order('A'));
  story.answered(input);
  const capture = story.output(order('A'), { platform: 'new', role: 'capture', input });
  story.record({
    t: 'decision',
    id: 'd1',
    connection: 'north-orders',
    cause: 'output-missing',
    input,
    inputFacts: null,
  });
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ decisions: 1 });
  story.record({ t: 'resolution', id: 'd1', action: 'deliver', by: 'ada', reason: 'r' });
  story.delivered(capture, 'positive', 'north-orders', true);
  await take();
  expect(await counts()).toEqual({ delivered: 1 });
});

test('given a process that ended, then what it had open is unanswered, and what it had sent may be there', async () => {
  const { story, take, counts, store } = await site();
  story.input(order('A'));
  const b = story.input(order('B'));
  story.answered(b);
  story.output(order('B'), { input: b });
  await take(GRACE_MS * 100);
  expect(await counts()).toEqual({ pending: 1 });
  story.record({ t: 'start', version: '0', clean: false });
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ unexplained: 1 });
  expect(await store.readIngress(EVER)).toContainEqual({ feed: 'north-orders', outcome: 'unanswered', count: 1 });
});

test('given a predicate, then what it leaves out is filtered, and found by the minute', async () => {
  const { story, take, counts } = await site((connection) => ({ ...connection, applies: { 'MSH-4': 'NORTH' } }));
  story.message('A');
  const other = story.input(order('B').replace('NORTH|', 'SOUTH|'));
  story.answered(other);
  await take(GRACE_MS + 1);
  expect(await counts()).toEqual({ delivered: 1, filtered: 1 });
});

test('given two workers in one journal, then the second write of a stretch is refused whole', async () => {
  const { story, take, counts, store, deployment, inventory } = await site();
  story.message('A');
  const rival = await ProofWriter.open({ deployment, id: 'x', host: 'h', version: '0' }, { url: database.url });
  const [ref] = await rival.journals();
  const analysis = await analysisOf('/nowhere', inventory, Date.now);
  if (ref === undefined || !analysis.ok) throw new Error('nothing to follow');
  const follower = await JournalFollower.open(
    { writer: rival, estate: estateOf(inventory), analysis: analysis.value, graceMs: GRACE_MS },
    ref,
  );
  await take();
  await expect(follower.advance(4, story.nowMs, true)).rejects.toThrow(Superseded);
  await rival.close();
  expect(await counts()).toEqual({ delivered: 1 });
  expect((await store.readWorkerState()).journals).toMatchObject([{ position: 4, shippedUpTo: 4 }]);
});
