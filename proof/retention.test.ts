/** Payloads go when their time is over, and every digest still verifies, in SQL as the reference says. */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SyntheticJournal } from '../adapters/journal-harness.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { ProofWriter } from '../adapters/proof-writer.ts';
import { parseInventory } from '../core/inventory.ts';
import { analysisOf } from './analysis-of.ts';
import { estateOf } from './estate.ts';
import { JournalFollower } from './journal-follower.ts';
import { purgeDue } from './retention.ts';
import { Story } from './story.ts';

const DAY_MS = 86_400_000;

let database: TestPostgres;
let client: pg.Client;
beforeAll(async () => {
  database = await startPostgres();
  client = new pg.Client({ connectionString: database.url });
});
afterAll(async () => {
  await client?.end();
  await database?.remove();
});

async function count(condition: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int as n from cutover.journal_records where ${condition}`,
  );
  return rows[0]?.n ?? -1;
}

test('payloads are purged by sign-off or age, what was changed is kept, and the digests of all still verify', async () => {
  const peer = { host: 'h', port: 1 };
  const parsed = parseInventory(
    JSON.stringify({
      deployment: 'lab',
      gateways: [{ shard: 0, admin: 'https://h:1' }],
      connections: ['north-orders', 'south-orders'].map((name, n) => ({
        name,
        direction: 'orders',
        practice: 'north',
        wave: 'pilot',
        feed: { port: 21001 + n, platforms: { legacy: peer, new: peer } },
        legs: { legacy: { port: 22001 + n }, new: { port: 23001 + n } },
        destination: peer,
      })),
    }),
    'inventory',
  );
  if (!parsed.ok) throw new Error('it is an inventory');
  const analysis = await analysisOf('/nowhere', parsed.value, Date.now);
  if (!analysis.ok) throw new Error('there are no rules');
  const estate = estateOf(parsed.value);
  const journal = await SyntheticJournal.open(database.url, 'lab', 'abc');
  const story = new Story(journal);
  story.route('north-orders', 2, 'parallel');
  for (let n = 0; n < 20; n++) story.message(`N${n}`);
  story.feed = 'south-orders';
  for (let n = 0; n < 20; n++) story.message(`S${n}`);
  story.record({ t: 'approval', connection: 'north-orders', digest: 'd' }, '{"signed":true}');
  story.route('north-orders', 5, 'decommissioned');
  await journal.ship();
  const writer = await ProofWriter.open({ deployment: 'lab', id: 'w', host: 'h', version: '0' }, { url: database.url });
  const [ref] = await writer.journals();
  if (ref === undefined) throw new Error('there is a journal');
  const follower = await JournalFollower.open({ writer, estate, analysis: analysis.value, graceMs: 1 }, ref);
  while ((await follower.advance(journal.last, story.nowMs, true)) > 0);
  await client.connect();
  const logger = pino({ level: 'silent' });
  const purgeAt = (nowMs: number, keepDays: number | null = null) =>
    purgeDue(writer, { estate, keepDays, logger, nowMs });

  await purgeAt(story.nowMs + 29 * DAY_MS);
  expect(await count('purged_at is not null')).toBe(0);
  await client.query(
    'update cutover.records set payload = payload || \'x\'::bytea where "offset" = (select min("offset") from cutover.records where type = \'input\')',
  );
  await purgeAt(story.nowMs + 31 * DAY_MS);
  // Signed off: all but the one that somebody has changed. The others have no sign-off yet.
  const north = "(connection = 'north-orders' or feed = 'north-orders') and type <> 'approval'";
  expect(await count(`${north} and payload is not null`)).toBe(1);
  expect(await count("type = 'approval' and payload is not null")).toBe(1);
  expect(await count("feed = 'south-orders' and purged_at is not null")).toBe(0);
  await purgeAt(story.nowMs + 8 * DAY_MS, 7);
  expect(await count("type = 'input' and feed = 'south-orders' and purged_at is not null")).toBe(20);
  expect(await count("type = 'output' and purged_at is null")).toBe(0);

  const reference = await readFile(new URL('../docs/reference/shipping.md', import.meta.url), 'utf8');
  const [, query = ''] = /```sql\n(.*?)```/s.exec(reference) ?? [];
  const { rows } = await client.query<{ offset: string }>(query);
  expect(rows).toHaveLength(1);
  await client.query(
    "update cutover.records set meta = replace(meta, 'S7', 'S8') where msh10 = 'S7' and type = 'input'",
  );
  expect((await client.query(query)).rows).toHaveLength(2);
  await writer.close();
  await journal.close();
});
