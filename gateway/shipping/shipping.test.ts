/** The shipping thread: it ships beside the traffic, says how far it is, and its end is nobody else's. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startPostgres, type TestPostgres } from '../../adapters/postgres-harness.ts';
import { Journal } from '../journal/journal.ts';
import { shippingMetrics } from './metrics.ts';
import { type Shipping, type ShippingOptions, startShipping } from './shipping.ts';

const WAIT = { timeout: 60_000, interval: 20 };
const NOWHERE = 'postgres://nobody:hidden@127.0.0.1:1/none';

let database: TestPostgres;
beforeAll(async () => {
  database = await startPostgres();
});
afterAll(() => database.remove());

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Ships = { shipping: Shipping; journal: Journal; logs: string[]; append(count: number): void };

async function ships(incarnation: string, over: Partial<ShippingOptions> = {}): Promise<Ships> {
  const journalDir = await mkdtemp(join(tmpdir(), 'shipping-thread-'));
  cleanups.push(() => rm(journalDir, { recursive: true, force: true }));
  const logs: string[] = [];
  const known: { shipping?: Shipping } = {};
  const { journal } = await Journal.open({
    dir: journalDir,
    shard: 0,
    incarnation,
    segmentBytes: 1 << 20,
    events: {
      written: () => undefined,
      durable: (upTo) => known.shipping?.durable(upTo),
      failed: () => undefined,
      segmentStarted: () => undefined,
    },
  });
  cleanups.push(() => journal.close());
  const shipping = startShipping({
    databaseUrl: database.url,
    deployment: 'lab',
    shard: 0,
    incarnation,
    journalDir,
    durableUpTo: 0,
    keys: [],
    logger: pino({}, { write: (line: string) => void logs.push(line) }),
    now: Date.now,
    ...over,
  });
  known.shipping = shipping;
  cleanups.push(() => shipping.stop());
  const append = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const { nextOffset } = journal.usage();
      journal.append(
        { offset: nextOffset, meta: { t: 'input', at: Date.now() }, payload: Buffer.alloc(100) },
        'durable',
      );
    }
  };
  return { shipping, journal, logs, append };
}

async function countOf(incarnation: string): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const text = 'select count(*)::int as count from cutover.journal_records where incarnation = $1';
  const { rows } = await client.query<{ count: number }>(text, [incarnation]);
  await client.end();
  return rows[0]?.count ?? -1;
}

test('what is durable is shipped, and says so; what is durable at the stop is shipped before it', async () => {
  const { shipping, journal, append } = await ships('thread');
  expect(shipping.shippedUpTo()).toBeNull();
  append(200);
  await vi.waitFor(() => expect(shipping.shippedUpTo()).toBe(200), WAIT);
  await vi.waitFor(() => expect(shipping.status().state).toBe('current'), WAIT);
  expect(shipping.status()).toMatchObject({ durableUpTo: 200, lagRecords: 0, lagSeconds: 0, failures: 0 });
  append(300);
  await journal.close();
  await shipping.stop();
  expect(await countOf('thread')).toBe(500);
});

test('without a database: unknown is not zero, the lag grows, the log holds no password', async () => {
  const clock = { now: 1_000_000 };
  const { shipping, logs, append } = await ships('alone', { databaseUrl: NOWHERE, now: () => clock.now });
  append(10);
  await vi.waitFor(() => expect(shipping.status()).toMatchObject({ state: 'failing', durableUpTo: 10 }), WAIT);
  clock.now += 90_000;
  expect(shipping.status()).toMatchObject({ shippedUpTo: null, lagRecords: null });
  expect(shipping.status().lagSeconds).toBeGreaterThanOrEqual(90);
  expect(shipping.status().failures).toBeGreaterThan(0);
  const registry = new Registry();
  shippingMetrics(registry, () => shipping.status());
  const text = await registry.metrics();
  expect(text).toMatch(/^cutover_shipping_durable_offset 10$/m);
  expect(text).toMatch(/^cutover_shipping_state\{state="failing"\} 1$/m);
  expect(text).not.toMatch(/^cutover_shipping_(shipped_offset|lag_records) /m);
  await vi.waitFor(() => expect(logs.join()).toContain('shipping-failed'), WAIT);
  expect(logs.join()).not.toContain('hidden');
  await shipping.stop();
});

test('a thread that fails is counted, said, and ends nothing else', async () => {
  const workerFile = new URL("data:text/javascript,throw new Error('broken')");
  const { shipping, logs, append } = await ships('broken', { workerFile });
  await vi.waitFor(() => expect(shipping.status()).toMatchObject({ state: 'failing', failures: 1 }), WAIT);
  append(5);
  await vi.waitFor(() => expect(shipping.status().durableUpTo).toBe(5), WAIT);
  expect(logs.join()).toContain('shipping-thread-failed');
  await shipping.stop();
});
