/**
 * One journal's records in PostgreSQL. Writing a batch again changes nothing; another record under an offset that is
 * taken is a divergence and refused, because then two journals claim to be one.
 */

import { Postgres, type PostgresOptions } from '../../adapters/postgres.ts';
import { lockKeyOf, migrate } from '../../adapters/postgres-migrations.ts';
import { SHIPPING_MIGRATIONS } from '../../adapters/shipping-migrations.ts';
import { Diverged } from './diverged.ts';
import { DIGEST_BYTES, type JournalName, lostRanges, type Row } from './row.ts';

/** How long the database may take; defaults as in `Postgres.open`. */
export type StoreLimits = Pick<PostgresOptions, 'connectLimitMs' | 'statementLimitMs'>;

/** Offsets of one partition. */
const PARTITION_RECORDS = 1_000_000;

const INSERT = `
  insert into cutover.records (journal, "offset", at, type, connection, feed, platform, ref, msh10, sha256, meta, payload, digest)
  select $1, row."offset", to_timestamp(row.at / 1000.0), row.type, row.connection, row.feed, row.platform, row.ref, row.msh10,
    row.sha256, row.meta, substring($14::bytea from row.payload_from for row.payload_bytes),
    substring($15::bytea from (row.n::int - 1) * ${DIGEST_BYTES} + 1 for ${DIGEST_BYTES})
  from unnest($2::bigint[], $3::float8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[],
    $10::text[], $11::text[], $12::int[], $13::int[]) with ordinality
    as row("offset", at, type, connection, feed, platform, ref, msh10, sha256, meta, payload_from, payload_bytes, n)
  on conflict (journal, "offset") do nothing`;

const DIFFERING = `
  select row."offset" from unnest($2::bigint[]) with ordinality as row("offset", n)
  left join cutover.records r on r.journal = $1 and r."offset" = row."offset"
  where r.digest is distinct from substring($3::bytea from (row.n::int - 1) * ${DIGEST_BYTES} + 1 for ${DIGEST_BYTES})
  order by 1 limit 1`;

export class RecordStore {
  readonly #postgres: Postgres;
  readonly #journal: number;
  readonly #partitions = new Set<number>();

  private constructor(postgres: Postgres, journal: number) {
    this.#postgres = postgres;
    this.#journal = journal;
  }

  /** Connects, brings the tables up to date and registers the journal. @throws PostgresFailure, MigrationRefusal */
  static async open(url: string, name: JournalName, limits: StoreLimits = {}): Promise<RecordStore> {
    const postgres = await Postgres.open({ url, applicationName: `cutover-shipping-${name.shard}`, ...limits });
    try {
      await migrate(postgres, 'shipping', SHIPPING_MIGRATIONS);
      return new RecordStore(postgres, await register(postgres, name));
    } catch (error) {
      await postgres.close();
      throw error;
    }
  }

  /** Every record up to this offset has been shipped; 0: none. `digest`: of the record there, where it is still kept. */
  async position(): Promise<{ readonly shippedUpTo: number; readonly digest: Buffer | null }> {
    const { rows } = await this.#postgres.query<{ shipped_up_to: string; digest: Buffer | null }>(
      `select j.shipped_up_to, r.digest from cutover.journals j
       left join cutover.records r on r.journal = j.id and r."offset" = j.shipped_up_to where j.id = $1`,
      [this.#journal],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the journal is no longer registered');
    return { shippedUpTo: Number(row.shipped_up_to), digest: row.digest };
  }

  /** Rows in order, without a gap. All or none. @throws Diverged, PostgresFailure */
  async write(rows: readonly Row[]): Promise<void> {
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return;
    for (let at = partitionOf(first.offset); at <= partitionOf(last.offset); at++) await this.#partition(at);
    const { payloads, starts, sizes } = joined(rows);
    const offsets = rows.map(({ offset }) => offset);
    const digests = Buffer.concat(rows.map(({ digest }) => digest));
    const values = [
      this.#journal,
      offsets,
      rows.map(({ at }) => at),
      rows.map(({ type }) => type),
      rows.map(({ connection }) => connection),
      rows.map(({ feed }) => feed),
      rows.map(({ platform }) => platform),
      rows.map(({ ref }) => ref),
      rows.map(({ msh10 }) => msh10),
      rows.map(({ sha256 }) => sha256),
      rows.map(({ meta }) => meta),
      starts,
      sizes,
      payloads,
      digests,
    ];
    await this.#postgres.transaction(async () => {
      const { affected } = await this.#postgres.query(INSERT, values);
      if (affected < rows.length) await this.#compare(offsets, digests);
      for (const { from, to } of lostRanges(rows)) await this.#insertGap(from, to);
      await this.#advance(last.offset);
    });
  }

  /** Records that the journal no longer has and that were never shipped. */
  async noteGap(from: number, to: number): Promise<void> {
    await this.#postgres.transaction(async () => {
      await this.#insertGap(from, to);
      await this.#advance(to);
    });
  }

  close(): Promise<void> {
    return this.#postgres.close();
  }

  async #insertGap(from: number, to: number): Promise<void> {
    await this.#postgres.query(
      'insert into cutover.journal_gaps (journal, from_offset, to_offset) values ($1, $2, $3) on conflict do nothing',
      [this.#journal, from, to],
    );
  }

  async #compare(offsets: readonly number[], digests: Buffer): Promise<void> {
    const { rows } = await this.#postgres.query<{ offset: string }>(DIFFERING, [this.#journal, offsets, digests]);
    const [row] = rows;
    if (row !== undefined)
      throw new Diverged(Number(row.offset), 'the database holds another record under this offset');
  }

  /** Never backwards: another process may be further. */
  async #advance(upTo: number): Promise<void> {
    await this.#postgres.query(
      'update cutover.journals set shipped_up_to = greatest(shipped_up_to, $2), shipped_at = now() where id = $1',
      [this.#journal, upTo],
    );
  }

  async #partition(at: number): Promise<void> {
    if (this.#partitions.has(at)) return;
    const journal = `records_${this.#journal}`;
    const table = `${journal}_${at}`;
    const { rows } = await this.#postgres.query(
      "select from pg_tables where schemaname = 'cutover' and tablename = $1",
      [table],
    );
    if (rows.length === 0) {
      await this.#postgres.transaction(async () => {
        await this.#postgres.query('select pg_advisory_xact_lock($1)', [lockKeyOf('partitions')]);
        await this.#postgres.run(`
          create table if not exists cutover.${journal} partition of cutover.records for values in (${this.#journal})
            partition by range ("offset");
          create table if not exists cutover.${table} partition of cutover.${journal}
            for values from (${at * PARTITION_RECORDS}) to (${(at + 1) * PARTITION_RECORDS});`);
      });
    }
    this.#partitions.add(at);
  }
}

async function register(
  postgres: Postgres,
  { deployment, shard, incarnation, restoredFrom }: JournalName,
): Promise<number> {
  const find = () =>
    postgres.query<{ id: number; deployment: string }>(
      'select id, deployment from cutover.journals where shard = $1 and incarnation = $2',
      [shard, incarnation],
    );
  let { rows } = await find();
  if (rows.length === 0) {
    await postgres.query(
      `insert into cutover.journals (deployment, shard, incarnation, restored_from, restored_upto)
       values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [deployment, shard, incarnation, restoredFrom?.incarnation ?? null, restoredFrom?.upTo ?? null],
    );
    ({ rows } = await find());
  }
  const [row] = rows;
  if (row === undefined) throw new Error('the journal could not be registered');
  if (row.deployment !== deployment)
    throw new Diverged(0, `this journal belongs to the deployment '${row.deployment}'`);
  return row.id;
}

function partitionOf(offset: number): number {
  return Math.floor(offset / PARTITION_RECORDS);
}

/** One binary value for all payloads: as elements of an array each would travel as text, at twice its size. */
function joined(rows: readonly Row[]) {
  const starts: (number | null)[] = [];
  const sizes: (number | null)[] = [];
  const parts: Uint8Array[] = [];
  let next = 1;
  for (const { payload } of rows) {
    starts.push(payload === null ? null : next);
    sizes.push(payload === null ? null : payload.byteLength);
    if (payload === null) continue;
    parts.push(payload);
    next += payload.byteLength;
  }
  return { payloads: Buffer.concat(parts), starts, sizes };
}
