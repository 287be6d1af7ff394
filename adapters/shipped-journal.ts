/**
 * What the database knows of a journal that its backup may not: the records shipped since, also by a gateway that was restored
 * from the same backup before, and the ledger's newest epochs.
 */
import { z } from 'zod';
import { type EpochRecord, epochRecordSchema } from '../core/admin-api.ts';
import { Postgres } from './postgres.ts';

export type ShippedRecord = {
  readonly offset: number;
  /** JSON, character by character as the journal had it. */
  readonly meta: string;
  /** Null too where its time was over. */
  readonly payload: Buffer | null;
  /** 32 bytes. */
  readonly digest: Buffer;
};

export type ShippedName = { readonly deployment: string; readonly shard: number; readonly incarnation: string };

export type ShippedMessage = {
  readonly offset: number;
  /** Of a message. */
  readonly feed: string | null;
  /** Of an output. */
  readonly connection: string | null;
  readonly msh10: string;
  readonly sha: string;
};

const messageSchema = z.object({ msh10: z.string(), sha: z.string() });
const PAGE_RECORDS = 500;

/** Of a journal that is registered. */
type Registered = { readonly id: number; readonly incarnation: string; readonly shippedUpTo: number };

export class ShippedJournal {
  readonly #postgres: Postgres;
  readonly name: ShippedName;
  readonly #journal: number | null;
  /** 0: nothing was shipped of it. */
  readonly shippedUpTo: number;

  private constructor(postgres: Postgres, name: ShippedName, registered: Registered | null) {
    this.#postgres = postgres;
    this.name = name;
    this.#journal = registered?.id ?? null;
    this.shippedUpTo = registered?.shippedUpTo ?? 0;
  }

  /** False: the database has never heard of it. */
  get isRegistered(): boolean {
    return this.#journal !== null;
  }

  /** Changes nothing there. @throws PostgresFailure */
  static async open(url: string, name: ShippedName): Promise<ShippedJournal> {
    const postgres = await Postgres.open({ url, applicationName: `cutover-restore-${name.shard}` });
    try {
      const own = (await journalsOf(postgres, name)).find(({ incarnation }) => incarnation === name.incarnation);
      return new ShippedJournal(postgres, name, own ?? null);
    } catch (error) {
      await postgres.close();
      throw error;
    }
  }

  /**
   * Journals of the same shard that were registered after this one (of one that is not registered: all), the newest first. They use
   * this one's connection. @throws PostgresFailure
   */
  async later(): Promise<readonly ShippedJournal[]> {
    const all = await journalsOf(this.#postgres, this.name);
    return all
      .filter(({ id }) => id > (this.#journal ?? 0))
      .map((one) => new ShippedJournal(this.#postgres, { ...this.name, incarnation: one.incarnation }, one));
  }

  /** In order, from that offset on; a few hundred in memory at a time. @throws PostgresFailure */
  async *recordsFrom(offset: number): AsyncGenerator<ShippedRecord> {
    for (let next = offset; this.#journal !== null && next <= this.shippedUpTo; ) {
      const { rows } = await this.#postgres.query<{
        offset: string;
        meta: string;
        payload: Buffer | null;
        digest: Buffer;
      }>(
        `select "offset", meta, payload, digest from cutover.records where journal = $1 and "offset" >= $2
         order by "offset" limit ${PAGE_RECORDS}`,
        [this.#journal, next],
      );
      for (const row of rows) yield { ...row, offset: Number(row.offset) };
      const last = rows.at(-1);
      if (last === undefined) return;
      next = Number(last.offset) + 1;
    }
  }

  /** Messages and outputs with a later offset, the newest of them. @throws PostgresFailure */
  async messagesAfter(offset: number, limit: number): Promise<readonly ShippedMessage[]> {
    if (this.#journal === null) return [];
    const { rows } = await this.#postgres.query<{
      offset: string;
      feed: string | null;
      connection: string | null;
      meta: string;
    }>(
      `select "offset", feed, connection, meta from cutover.records
       where journal = $1 and "offset" > $2 and type in ('input', 'output') order by "offset" desc limit $3`,
      [this.#journal, offset, limit],
    );
    return rows.toReversed().flatMap(({ offset: at, feed, connection, meta }) => {
      const parsed = messageSchema.safeParse(JSON.parse(meta));
      return parsed.success ? [{ offset: Number(at), feed, connection, ...parsed.data }] : [];
    });
  }

  /** Of every connection in the ledger. @throws PostgresFailure */
  async ledgerEpochs(): Promise<ReadonlyMap<string, EpochRecord>> {
    if (!(await hasTable(this.#postgres, 'cutover.ledger'))) return new Map();
    const { rows } = await this.#postgres.query<{ entry: string }>(
      `select distinct on (connection) entry from cutover.ledger where deployment = $1 and kind = 'epoch'
       order by connection, epoch desc`,
      [this.name.deployment],
    );
    const records = rows.flatMap(({ entry }) => {
      const { body }: { readonly body?: unknown } = JSON.parse(entry);
      const parsed = epochRecordSchema.safeParse(body);
      return parsed.success ? [parsed.data] : [];
    });
    return new Map(records.map((record) => [record.connection, record]));
  }

  close(): Promise<void> {
    return this.#postgres.close();
  }
}

/** The newest first. */
async function journalsOf(postgres: Postgres, { deployment, shard }: ShippedName): Promise<readonly Registered[]> {
  if (!(await hasTable(postgres, 'cutover.journals'))) return [];
  const { rows } = await postgres.query<{ id: number; incarnation: string; shipped_up_to: string }>(
    'select id, incarnation, shipped_up_to from cutover.journals where deployment = $1 and shard = $2 order by id desc',
    [deployment, shard],
  );
  return rows.map(({ id, incarnation, shipped_up_to }) => ({ id, incarnation, shippedUpTo: Number(shipped_up_to) }));
}

async function hasTable(postgres: Postgres, name: string): Promise<boolean> {
  const { rows } = await postgres.query<{ found: boolean }>('select to_regclass($1) is not null as found', [name]);
  return rows[0]?.found === true;
}
