/** The proof store over a real PostgreSQL: empty it says so, and a window counts exactly what lies in it. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from './postgres-harness.ts';
import { ProofStore } from './proof-store.ts';

const HOUR_MS = 3_600_000;
const MIDNIGHT_MS = Date.UTC(2026, 5, 1);

let database: TestPostgres;
let store: ProofStore;
let client: pg.Client;

beforeAll(async () => {
  database = await startPostgres();
  store = await ProofStore.open('lab', { url: database.url });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await store?.close();
  await client?.end();
  await database?.remove();
});

test('where nothing has run, nothing is known', async () => {
  expect(await store.readWorkerState()).toMatchObject({ worker: null, journals: [] });
  expect(await store.readComparison()).toEqual([]);
  expect(await store.readDifferences()).toEqual([]);
  expect(await store.readFindings('contract')).toEqual([]);
  expect(await store.readRoutes()).toEqual([]);
  expect(await store.readIngress({ sinceMs: 0, untilMs: Date.now() })).toEqual([]);
});

test('a window counts whole hours and its edges, each obligation once', async () => {
  await client.query("insert into cutover.proof_connections (deployment, name) values ('lab', 'a'), ('other', 'a')");
  // One obligation every seven minutes for ten hours, in two deployments; the counts by hour follow from the rows.
  const times = Array.from({ length: 86 }, (_, n) => MIDNIGHT_MS + n * 7 * 60_000);
  for (const connection of [1, 2]) {
    await client.query(
      `insert into cutover.proof_obligations (journal, input, connection, epoch, at, class, msh10, sha256)
       select 1, n, $1, 1, to_timestamp(at / 1000), case when n % 5 = 0 then 'unexplained' else 'delivered' end, 'M' || n, ''
       from unnest($2::float8[]) with ordinality t(at, n)`,
      [connection, times],
    );
  }
  await client.query(
    `insert into cutover.proof_hours (connection, hour, class, n)
     select connection, date_trunc('hour', at), class, count(*) from cutover.proof_obligations group by 1, 2, 3`,
  );
  for (const [from, to] of [
    [0, 10],
    [0.5, 0.7],
    [1.2, 2.1],
    [2, 3],
    [2.9, 7.3],
    [-5, 50],
    [4, 4],
  ] as const) {
    const window = { sinceMs: MIDNIGHT_MS + from * HOUR_MS, untilMs: MIDNIGHT_MS + to * HOUR_MS };
    const expected = times.filter((at) => at >= window.sinceMs && at < window.untilMs).length;
    const counts = await store.readObligations(window);
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(expected);
    expect(counts.every(({ connection }) => connection === 'a')).toBe(true);
  }
});
