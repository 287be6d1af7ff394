/**
 * The worker's side of the proof store: election, reading shipped records in order, and batches that move position and
 * results together. A batch is all or nothing, and none is applied twice: its position must be where the batch began.
 */
import { z } from 'zod';
import { PHASES } from '../core/platform.ts';
import { OBLIGATION_CLASSES, PAIR_STATES } from '../core/proof-results.ts';
import type { Postgres } from './postgres.ts';
import { lockKeyOf } from './postgres-migrations.ts';
import { connectionsOf, type OrderHead, type ProofBatch, type RouteRow } from './proof-batch.ts';
import { type Purged, type PurgeScope, purgePayloads } from './proof-purge.ts';
import { statementsOf } from './proof-statements.ts';
import { openProofDatabase, type ProofStoreOptions } from './proof-store.ts';

export type ShippedRow = {
  readonly offset: number;
  readonly meta: string;
  readonly payload: Buffer | null;
};

export type JournalRef = {
  readonly id: number;
  readonly shard: number;
  readonly incarnation: string;
  readonly position: number;
  readonly shippedUpTo: number;
  /** Time of the newest record that is accounted for. */
  readonly recordAtMs: number | null;
};

export type WorkerIdentity = {
  readonly deployment: string;
  readonly id: string;
  readonly host: string;
  readonly version: string;
};

/** The rules that hold for a connection, and the first epoch whose results still count. */
export type PresentRules = { readonly connection: string; readonly basis: string; readonly fromEpoch: number };

/** Another worker has gone on from here: what this one has in memory is void. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
  constructor() {
    super('another worker has moved this journal on');
  }
}

const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 16 * 1024 * 1024;

const count = z.coerce.number();
const journalRow = z.object({
  id: z.int(),
  shard: z.int(),
  incarnation: z.string(),
  position: count,
  shipped_up_to: count,
  record_ms: count.nullable(),
});
const sizeRow = z.object({ offset: count, size: count });
const shippedRow = z.object({ offset: count, meta: z.string(), payload: z.instanceof(Buffer).nullable() });
const stateRow = z.object({ input: count, state: z.string() });
const routeRow = z.object({
  connection: z.string(),
  epoch: z.int(),
  phase: z.enum(PHASES),
  new_weight: z.int(),
  forced: z.boolean(),
  at_ms: count,
});
const headRow = z.object({ connection: z.string(), key: z.string(), control: count, candidate: count });
const obligationRow = z.object({
  input: count,
  connection: z.string(),
  class: z.enum(OBLIGATION_CLASSES),
  pair: z.enum(PAIR_STATES).nullable(),
  basis: z.string().nullable(),
  epoch: z.int(),
});
const inspectionRow = z.object({ connection: z.string(), upto: count, done: count });
const refRow = z.object({ id: z.string(), input: count.nullable(), connection: z.string() });

const VOID_COMPARISON = `
  update cutover.proof_comparison d set matched = 0, accepted = 0, differing = 0, answers_differing = 0,
    destinations_differing = 0, delays = array_fill(0::bigint, array[cardinality(d.delays)])
  from (
    select c.id, present.basis, present."fromEpoch"
    from jsonb_to_recordset($1::jsonb) as present(connection text, basis text, "fromEpoch" int)
    join cutover.proof_connections c on c.name = present.connection and c.deployment = $2) as now
  where d.connection = now.id and d.epoch >= now."fromEpoch" and d.basis <> now.basis
    and d.matched + d.accepted + d.differing + d.answers_differing > 0`;
const VOID_DIFFERENCES = `
  delete from cutover.proof_differences d using (
    select c.id, present.basis, present."fromEpoch"
    from jsonb_to_recordset($1::jsonb) as present(connection text, basis text, "fromEpoch" int)
    join cutover.proof_connections c on c.name = present.connection and c.deployment = $2) as now
  where d.connection = now.id and d.epoch >= now."fromEpoch" and d.basis <> now.basis
    and d.kind not in ('missing-candidate', 'extra-candidate', 'missing-both', 'order')`;

/**
 * A contract that was not held before: what was found under it at another time is void, and all outputs that the worker has
 * taken until now, in every journal, are to be held against it.
 */
const ADOPT_CONTRACTS = `
  with present as (
    select c.id, given.area from jsonb_to_recordset($1::jsonb) as given(connection text, area text)
    join cutover.proof_connections c on c.name = given.connection and c.deployment = $2),
  changed as (
    insert into cutover.proof_contracts as t (connection, area) select id, area from present
    on conflict (connection) do update set area = excluded.area where t.area <> excluded.area
    returning t.connection, t.area),
  voided as (
    delete from cutover.proof_findings f using changed where f.connection = changed.connection and f.area = changed.area
    returning 1)
  insert into cutover.proof_inspections (journal, connection, upto)
  select j.id, changed.connection, coalesce(p.position, 0) from changed
  join cutover.journals j on j.deployment = $2 left join cutover.proof_positions p on p.journal = j.id
  on conflict (journal, connection) do update set upto = excluded.upto, done = 0`;

/** Outputs up to `upto` came under another contract; up to `done` they have been held against that of today. */
export type Inspection = { readonly connection: string; readonly upto: number; readonly done: number };

export class ProofWriter {
  readonly #postgres: Postgres;
  readonly #identity: WorkerIdentity;
  readonly #connections = new Map<string, number>();

  private constructor(postgres: Postgres, identity: WorkerIdentity) {
    this.#postgres = postgres;
    this.#identity = identity;
  }

  /** @throws PostgresFailure, MigrationRefusal */
  static async open(identity: WorkerIdentity, options: ProofStoreOptions): Promise<ProofWriter> {
    return new ProofWriter(await openProofDatabase('cutover-worker', options), identity);
  }

  /** Closes the connection, which gives up the election. */
  close(): Promise<void> {
    return this.#postgres.close();
  }

  /** True once this is the deployment's one worker; it stays so as long as this connection lives. */
  async elect(): Promise<boolean> {
    const { rows } = await this.#postgres.query('select pg_try_advisory_lock($1) as mine', [
      lockKeyOf(`proof worker ${this.#identity.deployment}`),
    ]);
    return rows[0]?.mine === true;
  }

  /** `basis`: the rules that hold. */
  async heartbeat(startedAtMs: number, basis: string): Promise<void> {
    const { deployment, id, host, version } = this.#identity;
    await this.#postgres.query(
      `insert into cutover.proof_worker (deployment, worker, host, version, basis, started_at, heartbeat_at)
       values ($1, $2, $3, $4, $5, $6, now())
       on conflict (deployment) do update set worker = excluded.worker, host = excluded.host, version = excluded.version,
         basis = excluded.basis, started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at`,
      [deployment, id, host, version, basis, new Date(startedAtMs)],
    );
  }

  async nowMs(): Promise<number> {
    const { rows } = await this.#postgres.query('select extract(epoch from now())::float8 * 1000 as now_ms');
    return z.number().parse(rows[0]?.now_ms);
  }

  async journals(): Promise<readonly JournalRef[]> {
    const { rows } = await this.#postgres.query(
      `select j.id, j.shard, j.incarnation, coalesce(p.position, 0) as position, j.shipped_up_to,
         extract(epoch from p.record_at)::float8 * 1000 as record_ms
       from cutover.journals j left join cutover.proof_positions p on p.journal = j.id
       where j.deployment = $1 order by j.id`,
      [this.#identity.deployment],
    );
    return z
      .array(journalRow)
      .parse(rows)
      .map(({ shipped_up_to, record_ms, ...row }) => ({ ...row, shippedUpTo: shipped_up_to, recordAtMs: record_ms }));
  }

  /** The next records after `from`, in order; as many as a batch may hold, and at least one where there is one. */
  async records(journal: number, from: number, upTo: number): Promise<readonly ShippedRow[]> {
    const { rows: sizes } = await this.#postgres.query(
      `select "offset", coalesce(octet_length(payload), 0) as size from cutover.records
       where journal = $1 and "offset" > $2 and "offset" <= $3 order by "offset" limit ${BATCH_RECORDS}`,
      [journal, from, upTo],
    );
    let bytes = 0;
    let last: number | null = null;
    for (const { offset, size } of z.array(sizeRow).parse(sizes)) {
      bytes += size;
      if (last !== null && bytes > BATCH_BYTES) break;
      last = offset;
    }
    return last === null ? [] : this.#shipped('and "offset" > $2 and "offset" <= $3', [journal, from, last]);
  }

  /** These records, where they are still there. */
  recordsAt(journal: number, offsets: readonly number[]): Promise<readonly ShippedRow[]> {
    if (offsets.length === 0) return Promise.resolve([]);
    return this.#shipped('and "offset" = any($2)', [journal, offsets]);
  }

  /** Everything up to a position that is about one of these inputs or outputs. */
  recordsAbout(journal: number, refs: readonly number[], upTo: number): Promise<readonly ShippedRow[]> {
    if (refs.length === 0) return Promise.resolve([]);
    return this.#shipped('and (ref = any($2) or "offset" = any($2)) and "offset" <= $3', [journal, refs, upTo]);
  }

  async #shipped(condition: string, values: readonly unknown[]): Promise<readonly ShippedRow[]> {
    const { rows } = await this.#postgres.query(
      `select "offset", meta, payload from cutover.records where journal = $1 ${condition} order by "offset"`,
      values,
    );
    return z.array(shippedRow).parse(rows);
  }

  /** The newest open inputs, at most `limit`; `only`: just these. */
  async states(
    journal: number,
    limit: number,
    only: readonly number[] | null = null,
  ): Promise<readonly { readonly input: number; readonly state: string }[]> {
    const { rows } = await this.#postgres.query(
      `select input, state from cutover.proof_inputs where journal = $1 and ($3::bigint[] is null or input = any($3))
       order by input desc limit $2`,
      [journal, limit, only],
    );
    return z.array(stateRow).parse(rows);
  }

  async obligationsOf(journal: number, inputs: readonly number[]) {
    const { rows } = await this.#postgres.query(
      `select o.input, c.name as connection, o.class, o.pair, o.basis, o.epoch from cutover.proof_obligations o
       join cutover.proof_connections c on c.id = o.connection where o.journal = $1 and o.input = any($2)`,
      [journal, inputs],
    );
    return z.array(obligationRow).parse(rows);
  }

  /**
   * Counts of pairs under other rules than those of today are void, in epochs that still count: these pairs are compared
   * again. What is missing, extra or out of order no rule changes, and stays.
   */
  async voidFormer(present: readonly PresentRules[]): Promise<void> {
    await this.#postgres.transaction(async () => {
      for (const text of [VOID_COMPARISON, VOID_DIFFERENCES]) {
        await this.#postgres.query(text, [JSON.stringify(present), this.#identity.deployment]);
      }
    });
  }

  /** Which contract each connection is held to from here on; '': none. */
  async adoptContracts(areas: readonly { readonly connection: string; readonly area: string }[]): Promise<void> {
    await this.#postgres.transaction(async () => {
      await this.#name(new Set(areas.map(({ connection }) => connection)));
      await this.#postgres.query(ADOPT_CONTRACTS, [JSON.stringify(areas), this.#identity.deployment]);
    });
  }

  async openInspections(journal: number): Promise<readonly Inspection[]> {
    const { rows } = await this.#postgres.query(
      `select c.name as connection, i.upto, i.done from cutover.proof_inspections i
       join cutover.proof_connections c on c.id = i.connection where i.journal = $1 and i.done < i.upto`,
      [journal],
    );
    return z.array(inspectionRow).parse(rows);
  }

  /** Of the inputs after `after` up to `upTo`, at most `limit`: those with a pair that was compared under other rules. */
  async comparedOtherwise(
    journal: number,
    { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
    present: readonly PresentRules[],
  ): Promise<readonly number[]> {
    const { rows } = await this.#postgres.query(
      `select distinct o.input from cutover.proof_obligations o
       join cutover.proof_connections c on c.id = o.connection and c.deployment = $2
       join jsonb_to_recordset($1::jsonb) as present(connection text, basis text, "fromEpoch" int) on present.connection = c.name
       where o.journal = $3 and o.input > $4 and o.input <= $5 and o.pair in ('matched', 'accepted', 'differing')
         and o.basis <> present.basis and o.epoch >= present."fromEpoch"
       order by o.input limit $6`,
      [JSON.stringify(present), this.#identity.deployment, journal, after, upTo, limit],
    );
    return z
      .array(z.object({ input: count }))
      .parse(rows)
      .map(({ input }) => input);
  }

  async decisionsAt(journal: number, ids: readonly string[]) {
    const { rows } = await this.#postgres.query(
      `select d.id, d.input, c.name as connection from cutover.proof_decisions d
       join cutover.proof_connections c on c.id = d.connection where d.journal = $1 and d.id = any($2)`,
      [journal, ids],
    );
    return z.array(refRow).parse(rows);
  }

  /** Every route in this journal, in order of epochs. */
  async routes(journal: number): Promise<readonly RouteRow[]> {
    const { rows } = await this.#postgres.query(
      `select c.name as connection, r.epoch, r.phase, r.new_weight, r.forced,
         extract(epoch from r.at)::float8 * 1000 as at_ms
       from cutover.proof_routes r join cutover.proof_connections c on c.id = r.connection
       where r.journal = $1 order by r.connection, r.epoch`,
      [journal],
    );
    return z
      .array(routeRow)
      .parse(rows)
      .map(({ new_weight, at_ms, ...row }) => ({ ...row, newWeight: new_weight, atMs: at_ms }));
  }

  async heads(journal: number, limit: number): Promise<readonly OrderHead[]> {
    const { rows } = await this.#postgres.query(
      `select c.name as connection, encode(h.key, 'base64') as key, h.control, h.candidate
       from cutover.proof_order_heads h join cutover.proof_connections c on c.id = h.connection
       where h.journal = $1 order by h.control desc limit $2`,
      [journal, limit],
    );
    return z.array(headRow).parse(rows);
  }

  /** As far as it is accounted for, a stretch at a time. */
  purge(journal: number, scope: PurgeScope, beforeMs: number): Promise<Purged> {
    return purgePayloads(this.#postgres, journal, scope, beforeMs);
  }

  /** When each connection was decommissioned, which needs a signed sign-off. */
  async signedOff(): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#postgres.query(
      `select c.name, extract(epoch from min(r.at))::float8 * 1000 as at_ms from cutover.proof_routes r
       join cutover.proof_connections c on c.id = r.connection
       where c.deployment = $1 and r.phase = 'decommissioned' group by c.name`,
      [this.#identity.deployment],
    );
    const parsed = z.array(z.object({ name: z.string(), at_ms: count })).parse(rows);
    return new Map(parsed.map(({ name, at_ms }) => [name, at_ms]));
  }

  /** All of it or nothing. @throws Superseded, PostgresFailure */
  async commit(journal: number, batch: ProofBatch): Promise<void> {
    await this.#postgres.transaction(async () => {
      await this.#advance(journal, batch);
      await this.#name(connectionsOf(batch));
      const { deployment } = this.#identity;
      const statements = statementsOf(batch, { deployment, journal, idOf: (connection) => this.#id(connection) });
      for (const [text, rows] of statements) {
        if (rows.length > 0) await this.#postgres.query(text, [JSON.stringify(rows), journal]);
      }
    });
  }

  /** Positions only ever move on from where the batch began. */
  async #advance(journal: number, { from, to, recordAtMs }: ProofBatch): Promise<void> {
    await this.#postgres.query(
      'insert into cutover.proof_positions (journal) values ($1) on conflict (journal) do nothing',
      [journal],
    );
    const { affected } = await this.#postgres.query(
      `update cutover.proof_positions set position = $3, record_at = coalesce(greatest(record_at, $4), record_at), updated_at = now()
       where journal = $1 and position = $2`,
      [journal, from, to, recordAtMs === null ? null : new Date(recordAtMs)],
    );
    if (affected !== 1) throw new Superseded();
  }

  async #name(names: ReadonlySet<string>): Promise<void> {
    const unknown = [...names].filter((name) => !this.#connections.has(name));
    if (unknown.length === 0) return;
    const { deployment } = this.#identity;
    await this.#postgres.query(
      'insert into cutover.proof_connections (deployment, name) select $1, unnest($2::text[]) on conflict do nothing',
      [deployment, unknown],
    );
    const { rows } = await this.#postgres.query(
      'select name, id from cutover.proof_connections where deployment = $1 and name = any($2)',
      [deployment, unknown],
    );
    for (const { name, id } of z.array(z.object({ name: z.string(), id: z.int() })).parse(rows)) {
      this.#connections.set(name, id);
    }
  }

  #id(connection: string): number {
    const id = this.#connections.get(connection);
    if (id === undefined) throw new Error(`${connection} has no number in the proof store`);
    return id;
  }
}
