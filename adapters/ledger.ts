/**
 * The ledger in PostgreSQL: hash-chained entries, appended under an advisory lock on the chain head. The table takes
 * inserts only; what is in it is never changed or removed.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { canonicalJson, type Json } from '../core/canonical-json.ts';
import {
  type ChainHead,
  EMPTY_CHAIN,
  epochBodySchema,
  type LedgerDraft,
  type LedgerEntry,
  ledgerEntrySchema,
  sealEntry,
} from '../core/ledger-entry.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
const PAGE = 10_000;

/** `entry` is text, not jsonb: the digest is over exactly these characters. */
const SCHEMA = `
  create schema if not exists cutover;
  create table if not exists cutover.ledger (
    deployment text not null,
    seq bigint not null,
    kind text not null,
    connection text,
    epoch integer,
    at timestamptz not null,
    previous text not null,
    digest text not null,
    entry text not null,
    primary key (deployment, seq)
  );
  create unique index if not exists ledger_epochs on cutover.ledger (deployment, connection, epoch) where kind = 'epoch';
  create or replace function cutover.refuse_change() returns trigger language plpgsql as $$
    begin raise exception 'the ledger takes new entries only'; end $$;
  create or replace trigger ledger_append_only before update or delete or truncate on cutover.ledger
    for each statement execute function cutover.refuse_change();`;

export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';
}

export type LedgerOptions = { readonly url: string; readonly deployment: string };

export class Ledger {
  readonly #deployment: string;
  readonly #client: pg.Client;
  /** One transaction at a time on this connection. */
  #appending: Promise<unknown> = Promise.resolve();

  private constructor(deployment: string, client: pg.Client) {
    this.#deployment = deployment;
    this.#client = client;
  }

  /** @throws LedgerUnavailable, with the reason and without the password. */
  static async open({ url, deployment }: LedgerOptions): Promise<Ledger> {
    let client: pg.Client;
    try {
      client = new pg.Client({
        connectionString: url,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        statement_timeout: STATEMENT_TIMEOUT_MS,
        query_timeout: STATEMENT_TIMEOUT_MS,
        application_name: 'cutover',
      });
      client.on('error', () => undefined);
      await client.connect();
    } catch (error) {
      throw new LedgerUnavailable(reasonOf(error));
    }
    const ledger = new Ledger(deployment, client);
    try {
      await ledger.#migrate();
    } catch (error) {
      await ledger.close();
      throw error;
    }
    return ledger;
  }

  async head(): Promise<ChainHead> {
    const { rows } = await this.#query<{ seq: string; digest: string }>(
      'select seq, digest from cutover.ledger where deployment = $1 order by seq desc limit 1',
      [this.#deployment],
    );
    const [row] = rows;
    return row === undefined ? EMPTY_CHAIN : { seq: Number(row.seq), digest: row.digest };
  }

  /** All or none of them, in this order; an epoch that the chain already has is left out. */
  append(drafts: readonly LedgerDraft[]): Promise<readonly LedgerEntry[]> {
    if (drafts.length === 0) return Promise.resolve([]);
    const appended = this.#appending.then(() => this.#appendNow(drafts));
    this.#appending = appended.catch(() => undefined);
    return appended;
  }

  async #appendNow(drafts: readonly LedgerDraft[]): Promise<readonly LedgerEntry[]> {
    await this.#query('begin');
    try {
      await this.#query('select pg_advisory_xact_lock($1)', [lockKey(this.#deployment)]);
      const known = await this.epochs();
      let head = await this.head();
      const sealed: LedgerEntry[] = [];
      for (const draft of drafts) {
        const epoch = epochOf(draft);
        if (epoch !== null && (known.get(epoch.connection)?.has(epoch.epoch) ?? false)) continue;
        const entry = sealEntry(draft, head);
        sealed.push(entry);
        head = { seq: entry.seq, digest: entry.digest };
      }
      await this.#insert(sealed);
      await this.#query('commit');
      return sealed;
    } catch (error) {
      await this.#client.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  /** Epochs in the chain, by connection, and the verb that made each. */
  async epochs(): Promise<ReadonlyMap<string, ReadonlyMap<number, string>>> {
    // Canonical JSON: the verb of the epoch stands in the body, before that of the entry, and in no text are quotes bare.
    const { rows } = await this.#query<{ connection: string; epoch: number; verb: string }>(
      `select connection, epoch, coalesce(substring(entry from '"verb":"([^"]*)"'), '') as verb
       from cutover.ledger where deployment = $1 and kind = 'epoch'`,
      [this.#deployment],
    );
    const epochs = new Map<string, Map<number, string>>();
    for (const { connection, epoch, verb } of rows) {
      const known = epochs.get(connection) ?? new Map<number, string>();
      epochs.set(connection, known.set(epoch, verb));
    }
    return epochs;
  }

  /** Everything, in chain order. Throws LedgerUnavailable where something in it is no entry. */
  async entries(): Promise<readonly LedgerEntry[]> {
    return (await this.lines()).map((line) => asEntry(line));
  }

  /** Everything as it is stored, one text an entry, in chain order: for whoever judges it. */
  async lines(): Promise<readonly string[]> {
    const all: string[] = [];
    for (let after = 0; ; ) {
      const { rows } = await this.#query<{ seq: string; entry: string }>(
        'select seq, entry from cutover.ledger where deployment = $1 and seq > $2 order by seq limit $3',
        [this.#deployment, after, PAGE],
      );
      const last = rows.at(-1);
      if (last === undefined) return all;
      all.push(...rows.map(({ entry }) => entry));
      after = Number(last.seq);
    }
  }

  /** Of these digests, those whose signed document the chain has already. */
  async documents(digests: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#query<{ digest: string }>(
      `select digest from unnest($2::text[]) as digest where exists (
         select from cutover.ledger where deployment = $1 and kind = 'decision'
           and position('"signedDocument":{"digest":"' || digest || '"' in entry) > 0)`,
      [this.#deployment, digests],
    );
    return new Set(rows.map(({ digest }) => digest));
  }

  /** The newest epoch of every connection in the chain, as a checkpoint names it. */
  async newestEpochs(): Promise<Readonly<Record<string, { readonly epoch: number; readonly digest: string }>>> {
    const { rows } = await this.#query<{ entry: string }>(
      `select distinct on (connection) entry from cutover.ledger where deployment = $1 and kind = 'epoch'
       order by connection, epoch desc`,
      [this.#deployment],
    );
    const bodies = rows.map(({ entry }) => epochBodySchema.parse(asEntry(entry).body));
    return Object.fromEntries(bodies.map(({ connection, epoch, digest }) => [connection, { epoch, digest }]));
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  /** One multi-row insert for everything: 250 epochs are one round trip. */
  async #insert(entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const rows = entries.map((entry) => {
      const epoch = epochOf(entry);
      return {
        deployment: entry.deployment,
        seq: entry.seq,
        kind: entry.kind,
        connection: epoch?.connection ?? null,
        epoch: epoch?.epoch ?? null,
        at: entry.at,
        previous: entry.previous,
        digest: entry.digest,
        entry: canonicalJson(entry as Json),
      };
    });
    await this.#query(
      `insert into cutover.ledger (deployment, seq, kind, connection, epoch, at, previous, digest, entry)
       select deployment, seq, kind, connection, epoch, at, previous, digest, entry
       from jsonb_to_recordset($1::jsonb) as row(deployment text, seq bigint, kind text, connection text, epoch integer,
         at timestamptz, previous text, digest text, entry text)
       order by seq`,
      [JSON.stringify(rows)],
    );
  }

  /** Two verbs that start at once on an empty database make the tables one after the other. */
  async #migrate(): Promise<void> {
    const { rows } = await this.#query<{ present: boolean }>(
      "select exists (select from pg_trigger where tgname = 'ledger_append_only') as present",
    );
    if (rows[0]?.present === true) return;
    await this.#query('begin');
    await this.#query('select pg_advisory_xact_lock($1)', [lockKey('schema')]);
    await this.#query(SCHEMA);
    await this.#query('commit');
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult<R>> {
    try {
      return await this.#client.query<R>(text, [...values]);
    } catch (error) {
      throw new LedgerUnavailable(reasonOf(error));
    }
  }
}

function asEntry(line: string): LedgerEntry {
  try {
    return ledgerEntrySchema.parse(JSON.parse(line));
  } catch {
    throw new LedgerUnavailable(
      'it was changed in the database: `cutover audit export`, then `verify`, name the entry',
    );
  }
}

function epochOf(draft: LedgerDraft): { connection: string; epoch: number } | null {
  return draft.kind === 'epoch' ? epochBodySchema.parse(draft.body) : null;
}

/** A stable 53-bit key: the lock is taken by every writer of this chain, whatever its version. */
function lockKey(name: string): number {
  return createHash('sha256').update(`cutover ledger ${name}`).digest().readUIntBE(0, 6);
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message.replaceAll(/:\/\/[^@\s]*@/g, '://***@')}${code}`;
}
