/** For tests and benches of what reads shipped journals: writes records as a gateway ships them, without a gateway. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { Postgres } from './postgres.ts';
import { migrate } from './postgres-migrations.ts';
import { SHIPPING_MIGRATIONS } from './shipping-migrations.ts';

export type SyntheticRecord = { readonly meta: Readonly<Record<string, unknown>>; readonly payload: string | null };

const PARTITION_RECORDS = 1_000_000;
const ROWS_AT_ONCE = 5_000;

/** One journal that grows by `append`; what is appended counts as shipped with `ship`. */
export class SyntheticJournal {
  readonly #client: pg.Client;
  readonly #name: string;
  readonly #journal: number;
  readonly #partitions = new Set<number>();
  readonly #waiting: (SyntheticRecord & { readonly offset: number })[] = [];
  #last = 0;

  private constructor(client: pg.Client, journal: number, name: string) {
    this.#client = client;
    this.#journal = journal;
    this.#name = name;
  }

  static async open(url: string, deployment: string, incarnation: string, shard = 0): Promise<SyntheticJournal> {
    const postgres = await Postgres.open({ url, applicationName: 'journal-harness' });
    await migrate(postgres, 'shipping', SHIPPING_MIGRATIONS);
    await postgres.close();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ id: number }>(
      'insert into cutover.journals (deployment, shard, incarnation) values ($1, $2, $3) returning id',
      [deployment, shard, incarnation],
    );
    return new SyntheticJournal(client, rows[0]?.id ?? 0, `${shard}/${incarnation}`);
  }

  get last(): number {
    return this.#last;
  }

  /** Returns the offset. */
  append(meta: SyntheticRecord['meta'], payload: string | null = null): number {
    this.#last += 1;
    this.#waiting.push({ offset: this.#last, meta, payload });
    return this.#last;
  }

  /** Skips offsets, as where a journal purged records before they were shipped. */
  skip(records: number): void {
    this.#last += records;
  }

  async ship(): Promise<void> {
    const waiting = this.#waiting.splice(0);
    for (let at = 0; at < waiting.length; at += ROWS_AT_ONCE) await this.#insert(waiting.slice(at, at + ROWS_AT_ONCE));
    await this.#client.query('update cutover.journals set shipped_up_to = $2, shipped_at = now() where id = $1', [
      this.#journal,
      this.#last,
    ]);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #insert(records: readonly (SyntheticRecord & { readonly offset: number })[]): Promise<void> {
    const [first, last] = [records[0]?.offset ?? 0, records.at(-1)?.offset ?? 0];
    for (let at = Math.floor(first / PARTITION_RECORDS); at <= Math.floor(last / PARTITION_RECORDS); at++) {
      await this.#partition(at);
    }
    const rows = records.map(({ offset, meta, payload }) => this.#row(offset, meta, payload));
    await this.#client.query(
      `insert into cutover.records (journal, "offset", at, type, connection, feed, platform, ref, msh10, sha256, meta, payload, digest)
       select $1, "offset", to_timestamp(at / 1000), type, connection, feed, platform, ref, msh10, sha256, meta,
         decode(payload, 'base64'), decode(digest, 'hex')
       from jsonb_to_recordset($2::jsonb) as row("offset" bigint, at float8, type text, connection text, feed text,
         platform text, ref bigint, msh10 text, sha256 text, meta text, payload text, digest text)`,
      [this.#journal, JSON.stringify(rows)],
    );
  }

  #row(offset: number, meta: SyntheticRecord['meta'], payload: string | null) {
    const text = JSON.stringify(meta);
    const bytes = payload === null ? null : Buffer.from(payload, 'latin1');
    const digest = createHash('sha256')
      .update(`${this.#name}/${offset}\n${text}\n${bytes === null ? '-' : '+'}`, 'utf8')
      .update(bytes ?? '')
      .digest('hex');
    const { at = null, t: type, connection = null, feed = null, platform = null, msh10 = null, sha = null } = meta;
    const ref = meta.input ?? meta.output ?? null;
    const shown = { at, type, connection, feed, platform, ref, msh10, sha256: sha, meta: text };
    return { offset, ...shown, payload: bytes?.toString('base64') ?? null, digest };
  }

  async #partition(at: number): Promise<void> {
    if (this.#partitions.has(at)) return;
    const journal = `records_${this.#journal}`;
    await this.#client.query(`
      create table if not exists cutover.${journal} partition of cutover.records for values in (${this.#journal})
        partition by range ("offset");
      create table if not exists cutover.${journal}_${at} partition of cutover.${journal}
        for values from (${at * PARTITION_RECORDS}) to (${(at + 1) * PARTITION_RECORDS});`);
    this.#partitions.add(at);
  }
}
