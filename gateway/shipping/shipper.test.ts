/** Shipping into a real PostgreSQL: exact, once, resumed; a database that is away, locked or read-only costs only disk. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Postgres } from '../../adapters/postgres.ts';
import { startPostgres, type TestPostgres } from '../../adapters/postgres-harness.ts';
import { migrate } from '../../adapters/postgres-migrations.ts';
import { SHIPPING_MIGRATIONS } from '../../adapters/shipping-migrations.ts';
import { Journal } from '../journal/journal.ts';
import { Seal } from '../journal/seal.ts';
import { JournalTail } from './journal-tail.ts';
import { RecordStore } from './record-store.ts';
import { type JournalName, rowOf } from './row.ts';
import { Shipper, type ShipperOptions } from './shipper.ts';
import type { ShipperReport, ShippingLog } from './status.ts';

const WAIT = { timeout: 60_000, interval: 20 };

let database: TestPostgres;
beforeAll(async () => {
  database = await startPostgres();
});
afterAll(() => database.remove());

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A journal on disk that records are appended to. */
class Writing {
  readonly name: JournalName;
  readonly dir: string;
  readonly journal: Journal;
  #durableUpTo = 0;
  readonly listeners: ((upTo: number) => void)[] = [];

  private constructor(name: JournalName, dir: string, journal: Journal) {
    this.name = name;
    this.dir = dir;
    this.journal = journal;
  }

  static async start(incarnation: string, segmentBytes = 64 * 1024): Promise<Writing> {
    const dir = await mkdtemp(join(tmpdir(), 'shipping-journal-'));
    cleanups.push(() => rm(dir, { recursive: true, force: true }));
    const known: { writing?: Writing } = {};
    const durable = (upTo: number): void => known.writing?.durable(upTo);
    const { journal } = await Journal.open({
      dir,
      shard: 3,
      incarnation,
      segmentBytes,
      events: { written: () => undefined, durable, failed: () => undefined, segmentStarted: () => undefined },
    });
    cleanups.push(() => journal.close());
    const writing = new Writing({ deployment: 'lab', shard: 3, incarnation }, dir, journal);
    known.writing = writing;
    return writing;
  }

  durable(upTo: number): void {
    this.#durableUpTo = upTo;
    for (const listener of this.listeners) listener(upTo);
  }

  async append(count: number, payloadBytes = 500): Promise<number> {
    const last = this.journal.usage().nextOffset + count - 1;
    for (let offset = last - count + 1; offset <= last; offset++) {
      const meta = {
        t: 'input',
        feed: 'north',
        msh10: `M${offset}`,
        sha: 'aabbccddeeff',
        at: 1_700_000_000_000 + offset,
      };
      this.journal.append(
        { offset, meta, payload: offset % 4 === 0 ? null : Buffer.alloc(payloadBytes, offset) },
        'durable',
      );
    }
    await vi.waitFor(() => expect(this.#durableUpTo).toBe(last), WAIT);
    return last;
  }

  get durableUpTo(): number {
    return this.#durableUpTo;
  }
}

class Running {
  readonly reports: ShipperReport[] = [];
  readonly logs: ShippingLog[] = [];
  readonly shipper: Shipper;
  readonly ended: Promise<void>;

  constructor(writing: Writing, over: Partial<ShipperOptions> = {}) {
    this.shipper = new Shipper({
      journal: writing.name,
      tail: new JournalTail(writing.dir, new Seal(writing.name.incarnation)),
      open: () => RecordStore.open(database.url, writing.name),
      durableUpTo: writing.durableUpTo,
      report: (report) => this.reports.push(report),
      log: (line) => this.logs.push(line),
      now: Date.now,
      random: Math.random,
      lastRetryMs: 300,
      limits: { records: 50, bytes: 16 * 1024 },
      ...over,
    });
    writing.listeners.push((upTo) => this.shipper.durable(upTo));
    this.ended = this.shipper.run();
    cleanups.push(() => this.stop());
  }

  get last(): ShipperReport | undefined {
    return this.reports.at(-1);
  }

  async shipped(upTo: number): Promise<void> {
    await vi.waitFor(() => expect(this.last?.shippedUpTo).toBe(upTo), WAIT);
  }

  async state(state: ShipperReport['state']): Promise<void> {
    await vi.waitFor(() => expect(this.last?.state).toBe(state), WAIT);
  }

  stop(): Promise<void> {
    this.shipper.stop();
    return this.ended;
  }
}

async function query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<R>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

async function offsetsOf(incarnation: string): Promise<number[]> {
  const text = 'select "offset" from cutover.journal_records where incarnation = $1 order by 1';
  return (await query<{ offset: string }>(text, [incarnation])).map(({ offset }) => Number(offset));
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test('every durable record arrives as it is, and its digest can be checked in SQL', async () => {
  const writing = await Writing.start('exact');
  await writing.append(300);
  const running = new Running(writing);
  await running.shipped(300);
  await writing.append(20, 0);
  await running.shipped(320);
  expect(await offsetsOf('exact')).toEqual(upTo(320));
  const rows = await query<{
    offset: string;
    meta: string;
    payload: Buffer | null;
    at: Date;
    msh10: string;
    feed: string;
  }>('select "offset", meta, payload, at, msh10, feed from cutover.journal_records where incarnation = $1 order by 1', [
    'exact',
  ]);
  for (const row of rows) {
    const record = await writing.journal.read(Number(row.offset));
    expect(JSON.parse(row.meta)).toEqual(record.meta);
    expect(row.payload).toEqual(record.payload === null ? null : Buffer.from(record.payload));
    expect(row).toMatchObject({ feed: 'north', msh10: `M${row.offset}` });
    expect(row.at.getTime()).toBe(1_700_000_000_000 + Number(row.offset));
  }
  const [wrong] = await query<{ count: string }>(
    `select count(*) from cutover.journal_records where incarnation = 'exact' and digest is distinct from
       sha256(convert_to(shard || '/' || incarnation || '/' || "offset" || E'\\n' || meta || E'\\n', 'UTF8')
         || case when payload is null then '-'::bytea else '+'::bytea || payload end)`,
  );
  expect(wrong?.count).toBe('0');
  expect(running.last).toMatchObject({ failures: 0, missingRecords: 0 });
});

test('an id with a NUL or half a character, and a payload of any bytes, stop nothing', async () => {
  const writing = await Writing.start('hostile');
  const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  writing.journal.append(
    { offset: 1, meta: { t: 'input', msh10: 'a\0b', feed: '\ud800', at: -1 }, payload },
    'durable',
  );
  writing.journal.append({ offset: 2, meta: { t: 'input', msh10: '\\"{},é日', at: 1e300 }, payload: null }, 'durable');
  const running = new Running(writing);
  await running.shipped(2);
  const rows = await query(
    'select msh10, feed, at, meta, payload from cutover.journal_records where incarnation = \'hostile\' order by "offset"',
  );
  expect(rows[0]).toMatchObject({ msh10: null, feed: null, at: null, payload });
  expect(JSON.parse(String(rows[0]?.meta))).toMatchObject({ msh10: 'a\0b', feed: '\ud800' });
  expect(rows[1]).toMatchObject({ msh10: '\\"{},é日', at: null, payload: null });
});

test('a new shipper goes on where the database is', async () => {
  const writing = await Writing.start('resumed');
  await writing.append(60);
  const first = new Running(writing);
  await first.shipped(60);
  await first.stop();
  await writing.append(40);
  const reads: number[] = [];
  const tail = new JournalTail(writing.dir, new Seal('resumed'));
  const second = new Running(writing, {
    tail: {
      read: (from, to, limits) => {
        reads.push(from);
        return tail.read(from, to, limits);
      },
      close: () => tail.close(),
    },
  });
  await second.shipped(100);
  expect(Math.min(...reads)).toBe(60);
  expect(await offsetsOf('resumed')).toEqual(upTo(100));
});

test('a batch twice changes nothing; another record under a taken offset is refused as a whole', async () => {
  const writing = await Writing.start('twice');
  const store = await RecordStore.open(database.url, writing.name);
  cleanups.push(() => store.close());
  const row = (offset: number, payload: string) =>
    rowOf({ offset, meta: { t: 'input', at: 1 }, payload: Buffer.from(payload) }, writing.name);
  const rows = [row(1, 'a'), row(2, 'b'), row(3, 'c')];
  await store.write(rows);
  await store.write(rows);
  await store.write([row(2, 'b'), row(3, 'c'), row(4, 'd')]);
  expect(await offsetsOf('twice')).toEqual([1, 2, 3, 4]);
  await expect(store.write([row(4, 'other'), row(5, 'e')])).rejects.toMatchObject({ name: 'Diverged', offset: 4 });
  expect(await offsetsOf('twice')).toEqual([1, 2, 3, 4]);
  expect(await store.position()).toMatchObject({ shippedUpTo: 4 });
});

test('a batch over the border of two partitions', async () => {
  const { name } = await Writing.start('border');
  const store = await RecordStore.open(database.url, name);
  cleanups.push(() => store.close());
  const rows = [999_999, 1_000_000, 1_000_001].map((offset) =>
    rowOf({ offset, meta: { t: 'start' }, payload: null }, name),
  );
  await store.write(rows);
  const tables = await query<{ table: string }>(
    "select distinct r.tableoid::regclass::text as table from cutover.records r join cutover.journals j on j.id = r.journal where j.incarnation = 'border'",
  );
  expect(tables).toHaveLength(2);
  expect(await offsetsOf('border')).toEqual([999_999, 1_000_000, 1_000_001]);
});

test('two shippers of one journal at once: every record once', async () => {
  const writing = await Writing.start('two');
  await writing.append(400);
  const [one, two] = [new Running(writing), new Running(writing)];
  await writing.append(400);
  await Promise.all([one.shipped(800), two.shipped(800)]);
  expect(await offsetsOf('two')).toEqual(upTo(800));
  expect([one.last?.state, two.last?.state]).not.toContain('refused');
});

test('a database that is down costs only disk: records go on, shipping catches up by itself', async () => {
  const writing = await Writing.start('down');
  await writing.append(50);
  const running = new Running(writing);
  await running.shipped(50);
  await database.down();
  try {
    await writing.append(500);
    await running.state('failing');
    await writing.append(500);
    expect(running.last?.shippedUpTo).toBe(50);
    expect(running.last?.failures).toBeGreaterThan(0);
  } finally {
    await database.up();
  }
  await running.shipped(1050);
  await running.state('current');
  expect(await offsetsOf('down')).toEqual(upTo(1050));
  expect(running.logs.map(({ event }) => event)).toContain('shipping-resumed');
  expect(JSON.stringify(running.logs)).not.toContain('hidden');
});

test('a database that only reads, or is locked, is waited for', async () => {
  const writing = await Writing.start('read-only');
  await writing.append(10);
  const running = new Running(writing);
  await running.shipped(10);
  await query('alter system set default_transaction_read_only = on');
  await query('select pg_reload_conf()');
  await writing.append(10);
  await running.state('failing');
  expect(running.logs.at(-1)?.facts.code).toBe('25006');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('set session characteristics as transaction read write');
  await client.query('alter system reset default_transaction_read_only');
  await client.query('select pg_reload_conf()');
  await running.shipped(20);

  await client.query('begin');
  await client.query('lock table cutover.records in access exclusive mode');
  await writing.append(100);
  await vi.waitFor(async () => {
    const { rows } = await client.query("select from pg_stat_activity where wait_event_type = 'Lock'");
    expect(rows.length).toBeGreaterThan(0);
  }, WAIT);
  expect(running.last?.shippedUpTo).toBe(20);
  await client.query('commit');
  await client.end();
  await running.shipped(120);
  expect(await offsetsOf('read-only')).toEqual(upTo(120));
});

/** Stands between shipper and database, and falls silent when told to: what a frozen server or a lost route looks like. */
async function silenceable(): Promise<{ url: string; silent: (is: boolean) => void }> {
  const { port, hostname } = new URL(database.url);
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((inside) => {
    const outside = connect(Number(port), hostname);
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('data', (chunk) => {
        if (!isSilent) to.write(chunk);
      });
      from.on('close', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    url: database.url.replace(`:${port}/`, `:${address.port}/`),
    silent: (is) => {
      isSilent = is;
    },
  };
}

test('a database that falls silent in the middle is given up, and shipping goes on when it speaks again', async () => {
  const writing = await Writing.start('silent');
  const between = await silenceable();
  const limits = { connectLimitMs: 3000, statementLimitMs: 1000 };
  const running = new Running(writing, { open: () => RecordStore.open(between.url, writing.name, limits) });
  await writing.append(20);
  await running.shipped(20);
  between.silent(true);
  await writing.append(20);
  await running.state('failing');
  expect(running.last).toMatchObject({ shippedUpTo: 20, waitingSinceMs: 1_700_000_000_021 });
  await vi.waitFor(() => expect(running.last?.failures).toBeGreaterThan(1), WAIT);
  between.silent(false);
  await running.shipped(40);
  expect(await offsetsOf('silent')).toEqual(upTo(40));
});

test('what was purged before it was shipped is noted as a gap, once, and the rest goes on', async () => {
  const writing = await Writing.start('gap', 4096);
  for (let round = 0; round < 30; round++) await writing.append(4);
  await writing.journal.purgeBefore(60);
  const { firstOffset } = writing.journal.usage();
  expect(firstOffset).toBeGreaterThan(1);
  const running = new Running(writing);
  await running.shipped(120);
  expect(running.last?.missingRecords).toBe(firstOffset - 1);
  expect(await offsetsOf('gap')).toEqual(upTo(120).slice(firstOffset - 1));
  const gaps = await query(
    "select from_offset, to_offset from cutover.journal_gaps g join cutover.journals j on j.id = g.journal where incarnation = 'gap'",
  );
  expect(gaps).toEqual([{ from_offset: '1', to_offset: String(firstOffset - 1) }]);
});

test('what a repair could not save is shipped as lost and counts as a gap: nobody knows what it said', async () => {
  const writing = await Writing.start('lost');
  await writing.append(3);
  for (const offset of [4, 5]) {
    writing.journal.append({ offset, meta: { t: 'lost', at: 1_700_000_000_000 }, payload: null }, 'durable');
  }
  await writing.append(2);
  const running = new Running(writing);
  await running.shipped(7);
  expect(running.last?.missingRecords).toBe(2);
  expect(await offsetsOf('lost')).toEqual(upTo(7));
  const gaps = await query(
    "select from_offset, to_offset from cutover.journal_gaps g join cutover.journals j on j.id = g.journal where incarnation = 'lost'",
  );
  expect(gaps).toEqual([{ from_offset: '4', to_offset: '5' }]);
});

test('another copy of the data directory that has shipped is found out, and nothing is written', async () => {
  const writing = await Writing.start('copy');
  await writing.append(30);
  const running = new Running(writing);
  await running.shipped(30);
  await running.stop();
  const shorter = await Writing.start('copy');
  await shorter.append(10);
  const behind = new Running(shorter);
  await behind.state('refused');
  expect(behind.logs.at(-1)?.facts.message).toContain('ahead of this journal');
  const other = await Writing.start('copy');
  await other.append(40, 7);
  const different = new Running(other);
  await different.state('refused');
  expect(different.logs.at(-1)?.facts.message).toContain('another record under this offset');
  expect(await offsetsOf('copy')).toEqual(upTo(30));
});

test('migrations: two at once, never twice, never backwards', async () => {
  const [one, two] = await Promise.all([1, 2].map(() => Postgres.open({ url: database.url, applicationName: 'test' })));
  if (one === undefined || two === undefined) throw new Error('two connections');
  cleanups.push(
    () => one.close(),
    () => two.close(),
  );
  const steps = [{ name: 'a', sql: 'create table cutover.migrated (a integer)' }];
  const applied = await Promise.all([migrate(one, 'test', steps), migrate(two, 'test', steps)]);
  expect(applied.flat()).toEqual([1]);
  const more = [...steps, { name: 'b', sql: 'alter table cutover.migrated add b integer' }];
  expect(await migrate(one, 'test', more)).toEqual([2]);
  await expect(migrate(two, 'test', steps)).rejects.toThrow('it is newer');
  await expect(migrate(two, 'test', [{ name: 'a', sql: 'select 1' }, ...more.slice(1)])).rejects.toThrow(
    'other content',
  );
  const broken = [...more, { name: 'c', sql: 'create table cutover.half (a integer); select nonsense' }];
  await expect(migrate(one, 'test', broken)).rejects.toMatchObject({ name: 'PostgresFailure' });
  expect(await query("select from pg_tables where tablename = 'half'")).toEqual([]);
  expect(await migrate(one, 'shipping', SHIPPING_MIGRATIONS)).toEqual([]);
});
