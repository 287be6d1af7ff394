/** Every figure that a rule, an alarm or a dashboard asks for is one that a running gateway or a running worker tells. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { end, printedAlerts, startWorker, type Worker } from './monitoring-site.ts';
import { answer, type Estate, idOf, order, startEstate, until } from './rules/peers.ts';

const DATABASE = 'CUTOVER_TEST_METRICS_DATABASE';
let estate: Estate;
let database: TestPostgres;
let worker: Worker;

beforeAll(async () => {
  database = await startPostgres();
  process.env[DATABASE] = database.url;
  estate = await startEstate(
    { north: { connection: { outputs: 'zero-or-one' } }, foreign: { feed: { sourceAllow: ['192.0.2.1/32'] } } },
    true,
  );
  estate.args = ['--init', '--database-url-env', DATABASE];
  await estate.start();
  worker = await startWorker(estate.inventoryFile, database.url);
});
afterAll(async () => {
  if (worker !== undefined) await end(worker);
  await estate?.close();
  await database?.remove();
});

const scraped = async (): Promise<string> => {
  const ofWorker = await fetch(`http://127.0.0.1:${worker.port}/metrics`);
  return `${await estate.text('/metrics')}${await ofWorker.text()}`;
};

test('every metric of a rule, an alarm or a dashboard is in /metrics, with a value, from the first message on', async () => {
  const line = estate.line('north');
  line.legacy.answerAll();
  const source = await line.source();
  await source.exchange(order('M1'));
  const { metrics } = printedAlerts(1);
  expect(metrics.length).toBeGreaterThan(20);
  // Told by endpoint and cause: there is no series before the first one.
  await (await estate.line('foreign').source()).closed;
  // A histogram has no series before the first swap.
  line.new.script = ({ payload, reply }) => reply(answer(idOf(payload)));
  await line.move('parallel');
  await line.move('switched');
  await until(async () => {
    const text = await scraped();
    const names = new Set([...text.matchAll(/^([a-z_]+)(?:\{[^}]*\})? -?[0-9.e+]+$/gm)].map(([, name]) => name));
    const absent = metrics.filter((name) => !names.has(name) && !names.has(`${name}_count`));
    expect(absent).toEqual([]);
  });
});

test('what senders felt around a swap is counted by connection and outcome, and a stale epoch by its reason', async () => {
  const line = estate.line('north');
  expect(await scraped()).toMatch(/^cutover_pause_seconds_count\{connection="north",outcome="committed"\} 2$/m);
  expect(await scraped()).toContain('cutover_moves_refused_total{reason="stale-epoch"} 0');
  expect(await line.put('legacy', { expectedEpoch: 77, reason: 'old checkout' })).toMatchObject({ status: 409 });
  expect(await scraped()).toContain('cutover_moves_refused_total{reason="stale-epoch"} 1');
  expect(await scraped()).toContain('cutover_pauses_too_long_total{connection="north"} 0');
});

test('the end of the admin API’s own certificate is told', async () => {
  const [, seconds] =
    /^cutover_certificate_expires_timestamp_seconds\{endpoint="admin"\} (\S+)$/m.exec(await scraped()) ?? [];
  expect(Number(seconds) * 1000).toBeGreaterThan(Date.now());
});
