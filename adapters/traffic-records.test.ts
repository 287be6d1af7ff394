/** Traffic out of shipped journals, in a real PostgreSQL: counts by connection, and when a gateway was there to see it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Postgres } from './postgres.ts';
import { startPostgres, type TestPostgres } from './postgres-harness.ts';
import { readRecordedTraffic } from './traffic-records.ts';

const LIMIT_MS = 60_000;
let database: TestPostgres;
let postgres: Postgres;

beforeAll(async () => {
  database = await startPostgres();
  postgres = await Postgres.open({ url: database.url, applicationName: 'test' });
}, LIMIT_MS);

afterAll(async () => {
  await postgres.close();
  await database.remove();
}, LIMIT_MS);

/** The columns that are read, as shipping makes them. */
const TABLES = `
  create schema cutover;
  create table cutover.journals (id integer primary key, deployment text, shard integer, incarnation text,
    shipped_up_to bigint default 1000, restored_from text, restored_upto bigint);
  create table cutover.records (journal integer, "offset" bigint, at timestamptz, type text, connection text);`;

const AT = Date.UTC(2026, 5, 6, 12);
const MINUTE = 60_000;
const NOBODY = new Map<string, string>();

it('counts delivered outputs a quarter of an hour, of this deployment, and the runs of the gateway', async () => {
  await postgres.run(TABLES);
  await postgres.run("insert into cutover.journals values (1, 'lab', 0, 'a'), (2, 'other', 0, 'b')");
  const rows: [number, number, number, string, string | null][] = [
    [1, 10, 0, 'start', null],
    [1, 20, 1, 'output-verdict', 'north'],
    [1, 30, 14, 'output-verdict', 'north'],
    [1, 40, 15, 'output-verdict', 'north'],
    [1, 50, 16, 'output', 'north'],
    [1, 60, 90, 'start', null],
    [1, 70, 100, 'output-verdict', 'south'],
    [2, 10, 0, 'start', null],
    [2, 20, 1, 'output-verdict', 'north'],
  ];
  for (const [journal, offset, minutes, type, connection] of rows) {
    await postgres.query('insert into cutover.records values ($1, $2, $3, $4, $5)', [
      journal,
      offset,
      new Date(AT + minutes * MINUTE),
      type,
      connection,
    ]);
  }
  const traffic = await readRecordedTraffic(postgres, 'lab', AT - MINUTE, NOBODY);
  expect(Object.fromEntries(traffic.connections)).toEqual({
    north: [
      { startMs: AT, messages: 2 },
      { startMs: AT + 15 * MINUTE, messages: 1 },
    ],
    south: [{ startMs: AT + 90 * MINUTE, messages: 1 }],
  });
  expect(traffic.observed.get(0)).toEqual([
    { fromMs: AT, toMs: AT + 16 * MINUTE },
    { fromMs: AT + 90 * MINUTE, toMs: AT + 100 * MINUTE },
  ]);
  const later = await readRecordedTraffic(postgres, 'lab', AT + 80 * MINUTE, NOBODY);
  expect([...later.connections.keys()]).toEqual(['south']);
  const renamed = await readRecordedTraffic(postgres, 'lab', AT - MINUTE, new Map([['north', 'south']]));
  expect([...renamed.connections]).toEqual([
    ['south', [...(traffic.connections.get('north') ?? []), ...(traffic.connections.get('south') ?? [])]],
  ]);

  // Restored from the first one as it was at 30, it has shipped the records of that time once more.
  await postgres.run(`
    insert into cutover.journals values (3, 'lab', 0, 'c', 100, 'a', 30);
    insert into cutover.records select 3, "offset", at, type, connection from cutover.records where journal = 1 and "offset" <= 30;
    insert into cutover.records values (3, 40, to_timestamp(${AT / 1000}) + interval '15 minutes', 'output-verdict', 'north');`);
  const again = await readRecordedTraffic(postgres, 'lab', AT - MINUTE, NOBODY);
  expect(again.connections.get('north')).toEqual([
    { startMs: AT, messages: 2 },
    { startMs: AT + 15 * MINUTE, messages: 2 },
  ]);
  expect(later.observed.get(0)).toEqual([{ fromMs: AT + 90 * MINUTE, toMs: AT + 100 * MINUTE }]);
});
