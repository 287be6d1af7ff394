/**
 * `node bench/proof.ts [--rows N] [--messages N] [--sections counts,worker,outside]`: what proof costs at size, over a real PostgreSQL.
 * - N outside rows (default 10,000,000) over 250 connections against as many deliveries, one lost, one doubled: how long,
 *   and how much memory this process needs at most.
 * - "Are all 250 connections matched, with a million pairs each?" from what the worker has counted.
 * - N messages (default 20,000) through the worker, ids and order numbers used again: one lost, one refused by its
 *   destination after the platform's AA, one doubled: records a second, and all three by id, with the equation out of balance.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { readFlags, someOf, wholeNumber } from '../adapters/command-flags.ts';
import { SyntheticJournal } from '../adapters/journal-harness.ts';
import { newRowCounts, readOutsideFile } from '../adapters/outside-file.ts';
import { OutsideStore } from '../adapters/outside-store.ts';
import { Postgres } from '../adapters/postgres.ts';
import { startPostgres } from '../adapters/postgres-harness.ts';
import { listKey, readListed, readUndelivered } from '../adapters/proof-reconciliation.ts';
import { migrateProof, ProofStore } from '../adapters/proof-store.ts';
import { ProofWriter } from '../adapters/proof-writer.ts';
import type { MessageId } from '../core/admin-api.ts';
import { parseInventory } from '../core/inventory.ts';
import type { Reconciled } from '../core/reconcile/document.ts';
import { reconcileConnection } from '../core/reconcile/judge.ts';
import { outsideMapSchema } from '../core/reconcile/outside-map.ts';
import { analysisOf } from '../proof/analysis-of.ts';
import { estateOf } from '../proof/estate.ts';
import { JournalFollower } from '../proof/journal-follower.ts';
import { order, Story } from '../proof/story.ts';

const USAGE = 'npm run bench:proof -- [--rows N] [--messages N] [--sections counts,worker,outside]';
const values = readFlags(
  USAGE,
  () =>
    parseArgs({
      options: {
        rows: { type: 'string', default: '10000000' },
        messages: { type: 'string', default: '20000' },
        sections: { type: 'string', default: 'counts,worker,outside' },
      },
    }).values,
);
const ROWS = wholeNumber(USAGE, 'rows', values.rows);
const MESSAGES = wholeNumber(USAGE, 'messages', values.messages);
const SECTIONS = new Set<string>(someOf(USAGE, 'sections', values.sections, ['counts', 'worker', 'outside']));
const CONNECTIONS = 250;
const ROWS_AT_ONCE = 500_000;
const PROGRESS_EVERY_MS = 10_000;
const DAYS = 120;
/** Of one connection; then they begin again. */
const IDS = 1000;
const KEYS = 300;
/** The best of them counts: a shared machine makes any one slow. */
const ROUNDS = 3;
const MINUTE_MS = 60_000;
const BEGIN_MS = Date.UTC(2026, 5, 1);
const WINDOW = { sinceMs: BEGIN_MS - MINUTE_MS, untilMs: BEGIN_MS + 365 * 86_400_000 };

let saidAt = performance.now();

const names = Array.from({ length: CONNECTIONS }, (_, n) => `practice-${String(n + 1).padStart(3, '0')}-orders`);
const folder = await mkdtemp(join(tmpdir(), 'bench-proof-'));
const database = await startPostgres();
const postgres = await Postgres.open({
  url: database.url,
  applicationName: 'bench',
  statementLimitMs: 3_600_000,
});
try {
  await migrateProof(postgres);
  say(`${CONNECTIONS} connections`);
  if (SECTIONS.has('counts')) await answerFromCounts();
  if (SECTIONS.has('worker')) await throughTheWorker();
  if (SECTIONS.has('outside')) await outsideRows();
} finally {
  await postgres.close();
  await database.remove();
  await rm(folder, { recursive: true, force: true });
}
// The embedded server's own hook would end it with 0.
process.exit(process.exitCode ?? 0);

async function answerFromCounts(): Promise<void> {
  await postgres.query("insert into cutover.proof_connections (deployment, name) select 'counts', unnest($1::text[])", [
    names,
  ]);
  await postgres.query(
    `insert into cutover.proof_comparison (connection, epoch, basis, day, matched, accepted, differing, missing_candidate,
       extra_candidate, missing_both, answers_differing, destinations_differing, out_of_order, delays, first_at, last_at)
     select c.id, 2, 'basis', date '2026-01-01' + d, 1000000 / $1, 0, 0, 0, 0, 0, 0, 0, 0, array_fill(1, array[11]), now(), now()
     from cutover.proof_connections c, generate_series(0, $1 - 1) d where c.deployment = 'counts'`,
    [DAYS],
  );
  await postgres.run(`
    insert into cutover.proof_hours (connection, hour, class, n)
      select c.id, timestamptz '2026-06-01' + h * interval '1 hour', 'delivered', 350
      from cutover.proof_connections c, generate_series(0, ${DAYS * 24 - 1}) h where c.deployment = 'counts';
    insert into cutover.proof_differences (connection, epoch, basis, key, path, kind, shape, n, pairs, examples, first_at, last_at)
      select c.id, 2, 'basis', sha256(convert_to(g::text, 'UTF8')), 'OBX-5', 'value', '9.9 against 9', 10, 10, '[]', now(), now()
      from cutover.proof_connections c, generate_series(1, 40) g where c.deployment = 'counts';
    analyze;`);
  const store = ProofStore.over(postgres, 'counts');
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    const days = await store.readComparison();
    const groups = await store.readDifferences();
    const pairs = days.reduce((sum, day) => sum + day.matched, 0);
    times.push(performance.now() - began);
    say(`matched? ${pairs} pairs, ${groups.length} shapes: answered in ${Math.round(times.at(-1) ?? 0)} ms`);
  }
  must(Math.min(...times) < 5_000, 'the answer takes more than 5 s');
  const began = performance.now();
  const owed = await store.readObligations(WINDOW);
  say(`${owed.reduce((sum, { count }) => sum + count, 0)} obligations counted by class in ${seconds(began)} s`);
}

async function throughTheWorker(): Promise<void> {
  const peer = { host: 'h', port: 1 };
  const parsed = parseInventory(
    JSON.stringify({
      deployment: 'worker',
      gateways: [{ shard: 0, admin: 'https://h:1' }],
      connections: names.map((name, n) => ({
        name,
        direction: 'orders',
        practice: 'north',
        wave: 'pilot',
        feed: { port: 10_000 + n, platforms: { legacy: peer, new: peer } },
        legs: { legacy: { port: 20_000 + n }, new: { port: 30_000 + n } },
        destination: peer,
      })),
    }),
    'inventory',
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems[0]));
  const analysis = await analysisOf('/nowhere', parsed.value);
  if (!analysis.ok) throw new Error('there are no rules');
  const journal = await SyntheticJournal.open(database.url, 'worker', 'bench');
  const story = new Story(journal);
  const [lost = 0, doubled = 0, refused = 0] = [3, 2, 4].map((part, place) => Math.floor(MESSAGES / part) + place);
  const places = new Map<number | undefined, string>();
  const began = performance.now();
  for (let n = 0; n < MESSAGES; n++) {
    story.feed = names[n % CONNECTIONS] ?? '';
    // Ids and order numbers are used again, on every connection and on the same one, as labs do.
    const turn = Math.floor(n / CONNECTIONS);
    const message = order(`M${turn % IDS}`, `A${turn % KEYS}`);
    const input = story.input(message);
    story.answered(input);
    const output = n === lost ? null : story.output(message, { input });
    if (output !== null) story.delivered(output, n === refused ? 'negative' : 'positive');
    const again = n === doubled ? story.output(message.replace('DOE', 'DOE '), { input }) : null;
    if (again !== null) story.delivered(again);
    for (const one of [lost, refused, doubled]) if (n === one) places.set(n, `0/${again ?? input} of ${story.feed}`);
    if (n % 20_000 !== 19_999) continue;
    await journal.ship();
    progress('messages written', n + 1, MESSAGES);
  }
  await journal.ship();
  say(`${MESSAGES} messages, ${journal.last} records written in ${seconds(began)} s`);
  const writer = await ProofWriter.open(
    { deployment: 'worker', id: 'w', host: 'h', version: '0' },
    { url: database.url },
  );
  const [ref] = await writer.journals();
  if (ref === undefined) throw new Error('there is a journal');
  const options = { writer, estate: estateOf(parsed.value), analysis: analysis.value, graceMs: 30_000 };
  const follower = await JournalFollower.open(options, ref);
  const started = performance.now();
  let taken = 0;
  for (let more = 1; more > 0; taken += more) {
    more = await follower.advance(journal.last, 0, false);
    progress('records through the worker', taken, journal.last);
  }
  await follower.advance(journal.last, story.nowMs + 31_000, true);
  const wallMs = performance.now() - started;
  say(`through the worker in ${seconds(started)} s: ${Math.round((journal.last / wallMs) * 1000)} records/s`);
  const asked = performance.now();
  const lines = await reconciled();
  const named = (of: (line: Reconciled) => readonly MessageId[]): string =>
    lines.flatMap((line) => of(line).map(({ at }) => `${at} of ${line.name}`)).join();
  const [missing, twice] = [named((line) => line.missing), named((line) => line.duplicated)];
  say(`missing: ${missing}; doubled: ${twice}; the equation answered in ${seconds(asked)} s`);
  must(
    missing.split(',').sort().join() === [places.get(lost), places.get(refused)].sort().join(),
    'the lost are not named',
  );
  must(twice === places.get(doubled), 'the doubled one is not named');
  const red = lines.filter(({ balanced }) => !balanced).length;
  must(red === 3, `${red} connections are out of balance, and three should be`);
  must(lines.reduce((sum, { owed }) => sum + owed, 0) === MESSAGES, 'what is owed is not what was sent');
  await writer.close();
  await journal.close();
}

async function reconciled(): Promise<readonly Reconciled[]> {
  const classes = Map.groupBy(
    await ProofStore.over(postgres, 'worker').readObligations(WINDOW),
    (row) => row.connection,
  );
  const undelivered = await readUndelivered(postgres, 'worker', WINDOW);
  const listed = await readListed(postgres, 'worker', WINDOW);
  const nothing = { total: 0, ids: [] };
  return names.map((name) =>
    reconcileConnection({
      name,
      practice: 'north',
      direction: 'orders',
      origin: 'feed',
      classes: Object.fromEntries((classes.get(name) ?? []).map((row) => [row.class, row.count])),
      ingress: {},
      maybeSent: nothing,
      suppressed: nothing,
      uncorrelated: nothing,
      openDecisions: 0,
      undelivered: undelivered.get(name) ?? [],
      doubled: listed.get(listKey(name, 'doubled'))?.ids ?? [],
      outside: null,
      exclusions: [],
    }),
  );
}

async function outsideRows(): Promise<void> {
  const began = performance.now();
  await postgres.run(`
    insert into cutover.journals (deployment, shard, incarnation) values ('outside', 0, 'outside');`);
  await postgres.query(
    "insert into cutover.proof_connections (deployment, name) select 'outside', unnest($1::text[])",
    [names],
  );
  for (let from = 0; from < ROWS; from += ROWS_AT_ONCE) {
    await postgres.query(
      `insert into cutover.proof_deliveries (journal, output, connection, input, epoch, platform, at, msh10, sha256)
       select (select id from cutover.journals where incarnation = 'outside'), n, c.id, n, 1, 'legacy',
         timestamptz '2026-06-01' + n * interval '1 second', 'M' || n / ${CONNECTIONS}, sha256(convert_to(n::text, 'UTF8'))
       from generate_series($1::integer, $2::integer) n
       join (select id, row_number() over (order by name) - 1 as place from cutover.proof_connections where deployment = 'outside') c
         on c.place = n % ${CONNECTIONS}`,
      [from, Math.min(from + ROWS_AT_ONCE, ROWS) - 1],
    );
    progress('deliveries made', from + ROWS_AT_ONCE, ROWS);
  }
  await postgres.run('analyze cutover.proof_deliveries');
  say(`${ROWS} deliveries made in ${seconds(began)} s`);
  const file = join(folder, 'lis.csv');
  const [lost, doubled] = [Math.floor(ROWS / 3), Math.floor(ROWS / 2)];
  await pipeline(
    Readable.from(
      (function* () {
        let chunk = 'connection,id\n';
        for (let n = 0; n < ROWS; n++) {
          const line = `${names[n % CONNECTIONS]},M${Math.floor(n / CONNECTIONS)}\n`;
          if (n !== lost) chunk += line;
          if (n === doubled) chunk += line;
          if (chunk.length < 256 * 1024) continue;
          yield chunk;
          chunk = '';
        }
        yield chunk;
      })(),
    ),
    createWriteStream(file),
  );
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) bytes += chunk.length;
  const started = performance.now();
  const store = await OutsideStore.open(postgres, 'outside');
  const { lis } = outsideMapSchema.parse({});
  const counts = newRowCounts(lis);
  await store.load('lis', counted(readOutsideFile(file, lis, counts)));
  say(`${counts.rows} rows (${Math.round(bytes / 1e6)} MB) loaded in ${seconds(started)} s`);
  await store.discard('lis', names, WINDOW, MINUTE_MS);
  const { groups } = await store.differing('lis', 'destination', names, WINDOW, MINUTE_MS);
  const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
  const found = groups.map(
    ({ connection, msh10, ours, theirs }) => `${msh10} of ${connection}: ${theirs.length} of ${ours.length}`,
  );
  say(`${found.join('; ')} after ${seconds(started)} s; this process had at most ${peakMib} MiB`);
  must(found.length === 2, 'one lost and one doubled are not what was found');
  must(peakMib < 1024, 'it needs more than 1 GiB');
}

/** The rows, with a word now and then on how many there were. */
async function* counted<T>(rows: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0;
  for await (const row of rows) {
    yield row;
    if (++count % ROWS_AT_ONCE === 0) progress('rows loaded', count, ROWS);
  }
}

/** On stderr, every ten seconds at most: what takes minutes shows that it goes on. */
function progress(what: string, done: number, all: number): void {
  if (performance.now() - saidAt < PROGRESS_EVERY_MS) return;
  saidAt = performance.now();
  process.stderr.write(`  ${what}: ${Math.min(done, all)} of ${all}\n`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function must(holds: boolean, otherwise: string): void {
  if (holds) return;
  say(`FAILED: ${otherwise}`);
  process.exitCode = 1;
}
