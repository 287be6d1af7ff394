/**
 * The worker's side of the proof store: election, reading shipped records in order, and batches that move position and
 * results together. A batch is all or nothing, and none is applied twice: its position must be where the batch began.
 */
import { z } from 'zod';
import { OBLIGATION_CLASSES, PAIR_STATES } from '../core/proof-results.ts';
import type { Postgres } from './postgres.ts';
import { lockKeyOf } from './postgres-migrations.ts';
import { connectionsOf, type OrderHead, type ProofBatch, type RouteRow } from './proof-batch.ts';
import { type Former, formerRow, goOnFrom, LINEAGE } from './proof-going-on.ts';
import { type Purged, type PurgeScope, purgePayloads } from './proof-purge.ts';
import { takeNames } from './proof-renames.ts';
import { routeRow } from './proof-rows.ts';
import {
  adoptContracts,
  comparedOtherwise,
  type HeldTo,
  type Inspection,
  openInspections,
  type PresentRules,
  type Stretch,
  voidFormer,
} from './proof-rule-changes.ts';
import { statementsOf } from './proof-statements.ts';
import { openProofDatabase, type ProofStoreOptions } from './proof-store.ts';
import { recordsAbout, recordsAfter, recordsAt, type ShippedRow } from './shipped-records.ts';

export type JournalRef = {
  readonly id: number;
  readonly shard: number;
  readonly incarnation: string;
  readonly position: number;
  readonly shippedUpTo: number;
  /** Time of the newest record that is accounted for. */
  readonly recordAtMs: number | null;
  /** It goes on from another one, and has not begun yet; null: neither. `isDone`: all of the other is accounted for. */
  readonly former: (Former & { readonly isDone: boolean }) | null;
};

export type WorkerIdentity = {
  readonly deployment: string;
  readonly id: string;
  readonly host: string;
  readonly version: string;
};

/** Another worker has gone on from here: what this one has in memory is void. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
  constructor() {
    super('another worker has moved this journal on');
  }
}

const count = z.coerce.number();
const journalRow = z.object({
  id: z.int(),
  shard: z.int(),
  incarnation: z.string(),
  position: count,
  shipped_up_to: count,
  record_ms: count.nullable(),
  ...formerRow.shape,
});
const stateRow = z.object({ input: count, state: z.string() });
const headRow = z.object({ connection: z.string(), key: z.string(), control: count, candidate: count });
const obligationRow = z.object({
  input: count,
  connection: z.string(),
  class: z.enum(OBLIGATION_CLASSES),
  pair: z.enum(PAIR_STATES).nullable(),
  basis: z.string().nullable(),
  epoch: z.int(),
});
const refRow = z.object({ id: z.string(), input: count.nullable(), connection: z.string() });

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
         extract(epoch from p.record_at)::float8 * 1000 as record_ms,
         f.id as former, least(j.restored_upto, f.shipped_up_to) as former_upto,
         coalesce(fp.position, 0) >= f.shipped_up_to as former_done
       from cutover.journals j left join cutover.proof_positions p on p.journal = j.id
       left join cutover.journals f on p.journal is null and f.deployment = j.deployment and f.shard = j.shard
         and f.incarnation = j.restored_from and f.id <> j.id
       left join cutover.proof_positions fp on fp.journal = f.id
       where j.deployment = $1 order by j.id`,
      [this.#identity.deployment],
    );
    return z
      .array(journalRow)
      .parse(rows)
      .map(({ shipped_up_to, record_ms, former, former_upto, former_done, ...row }) => ({
        ...row,
        shippedUpTo: shipped_up_to,
        recordAtMs: record_ms,
        former: former === null ? null : { id: former, upTo: former_upto ?? 0, isDone: former_done === true },
      }));
  }

  /** What is known of a connection goes on under the name that it has now. `renamed`: former name → name. */
  async takeNames(renamed: ReadonlyMap<string, string>): Promise<void> {
    if (renamed.size === 0) return;
    await this.#postgres.transaction(() => takeNames(this.#postgres, this.#identity.deployment, renamed));
  }

  /** All of it or nothing; not where another worker has begun with the journal. @throws PostgresFailure */
  async goOnFrom(former: Former, journal: number): Promise<void> {
    await this.#postgres.transaction(() => goOnFrom(this.#postgres, former, journal));
  }

  /** The next records after `from`, in order; as many as a batch may hold, and at least one where there is one. */
  records(journal: number, from: number, upTo: number): Promise<readonly ShippedRow[]> {
    return recordsAfter(this.#postgres, journal, from, upTo);
  }

  /** These records, where they are still there. */
  recordsAt(journal: number, offsets: readonly number[]): Promise<readonly ShippedRow[]> {
    return recordsAt(this.#postgres, journal, offsets);
  }

  /** Everything up to a position that is about one of these inputs or outputs. */
  recordsAbout(journal: number, refs: readonly number[], upTo: number): Promise<readonly ShippedRow[]> {
    return recordsAbout(this.#postgres, journal, refs, upTo);
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
      `${LINEAGE}
       select distinct on (o.input, o.connection) o.input, c.name as connection, o.class, o.pair, o.basis, o.epoch
       from lineage l join cutover.proof_obligations o on o.journal = l.id and o.input <= l.upto
       join cutover.proof_connections c on c.id = o.connection where o.input = any($2)
       order by o.input, o.connection, l.id desc`,
      [journal, inputs],
    );
    return z.array(obligationRow).parse(rows);
  }

  /**
   * Counts of pairs under other rules than those of today are void, in epochs that still count: these pairs are compared
   * again. What is missing, extra or out of order no rule changes, and stays.
   */
  async voidFormer(present: readonly PresentRules[]): Promise<void> {
    await this.#postgres.transaction(() => voidFormer(this.#postgres, this.#identity.deployment, present));
  }

  /** Which contract each connection is held to from here on; '': none. */
  async adoptContracts(areas: readonly HeldTo[]): Promise<void> {
    await this.#postgres.transaction(async () => {
      await this.#name(new Set(areas.map(({ connection }) => connection)));
      await adoptContracts(this.#postgres, this.#identity.deployment, areas);
    });
  }

  openInspections(journal: number): Promise<readonly Inspection[]> {
    return openInspections(this.#postgres, journal);
  }

  /** Of the inputs of a stretch, at most `limit`: those with a pair that was compared under other rules. */
  comparedOtherwise(journal: number, stretch: Stretch, present: readonly PresentRules[]): Promise<readonly number[]> {
    return comparedOtherwise(this.#postgres, this.#identity.deployment, journal, stretch, present);
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
