/**
 * The worker's side of the proof store: election, reading shipped records in order, and batches that move position and
 * results together. A batch is all or nothing, and none is applied twice: its position must be where the batch began.
 */
import { z } from 'zod';
import type { MessageId } from '../core/admin-api.ts';
import { PHASES, type Phase, type Platform } from '../core/platform.ts';
import {
  type IngressOutcome,
  OBLIGATION_CLASSES,
  type ObligationClass,
  PAIR_STATES,
  type PairState,
} from '../core/proof-results.ts';
import { Postgres, type PostgresOptions } from './postgres.ts';
import { lockKeyOf } from './postgres-migrations.ts';
import { migrateProof } from './proof-store.ts';

export type ObligationRow = {
  readonly input: number;
  readonly connection: string;
  readonly epoch: number;
  readonly atMs: number;
  readonly class: ObligationClass;
  readonly pair: PairState | null;
  readonly msh10: string;
  /** 64 hex digits. */
  readonly sha: string;
};
export type DeliveryRow = {
  readonly output: number;
  readonly connection: string;
  readonly input: number | null;
  readonly epoch: number;
  readonly platform: Platform;
  readonly atMs: number;
  readonly msh10: string;
  readonly sha: string;
};
export type ListedRow = {
  readonly offset: number;
  readonly connection: string;
  readonly list: string;
  readonly msh10: string;
  readonly sha: string;
  readonly about: number | null;
  readonly cause: string;
  readonly atMs: number;
};
export type OrderRow = {
  readonly connection: string;
  readonly number: string;
  readonly output: number;
  readonly kind: 'order' | 'result';
  readonly status: string;
  readonly platform: Platform;
  readonly epoch: number;
  readonly atMs: number;
  readonly msh10: string;
  readonly sha: string;
};
export type ComparisonDelta = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly day: string;
  matched: number;
  accepted: number;
  differing: number;
  missingCandidate: number;
  extraCandidate: number;
  missingBoth: number;
  answersDiffering: number;
  destinationsDiffering: number;
  outOfOrder: number;
  readonly delays: number[];
  firstAtMs: number;
  lastAtMs: number;
};
export type DifferenceDelta = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  /** Base64 of 32 bytes. */
  readonly key: string;
  readonly path: string;
  readonly kind: string;
  readonly code: string | null;
  readonly shape: string;
  readonly rule: string | null;
  count: number;
  pairs: number;
  magnitude: number | null;
  readonly examples: MessageId[];
  /** Places of examples that are none any more. */
  readonly withdrawn: string[];
  firstAtMs: number;
  lastAtMs: number;
};
export type FindingDelta = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly platform: Platform;
  readonly area: string;
  readonly name: string;
  count: number;
  readonly examples: MessageId[];
  firstAtMs: number;
  lastAtMs: number;
};
export type OrderHead = {
  readonly connection: string;
  readonly key: string;
  readonly control: number;
  readonly candidate: number;
};
export type RouteRow = {
  readonly connection: string;
  readonly epoch: number;
  readonly phase: Phase;
  readonly newWeight: number;
  readonly forced: boolean;
  readonly atMs: number;
};

/** Everything that a stretch of one journal changes. */
export type ProofBatch = {
  readonly from: number;
  readonly to: number;
  readonly recordAtMs: number | null;
  /** State of an input that is still open, null: it is closed. */
  readonly inputs: ReadonlyMap<number, string | null>;
  readonly obligations: readonly ObligationRow[];
  /** Owed no more. */
  readonly withdrawn: readonly { readonly input: number; readonly connection: string }[];
  readonly deliveries: readonly DeliveryRow[];
  readonly hours: readonly {
    readonly connection: string;
    readonly hourMs: number;
    readonly class: string;
    readonly n: number;
  }[];
  readonly ingress: readonly {
    readonly feed: string;
    readonly minuteMs: number;
    readonly outcome: IngressOutcome;
    readonly n: number;
  }[];
  readonly listed: readonly ListedRow[];
  readonly decisions: readonly {
    readonly id: string;
    readonly connection: string;
    readonly input: number | null;
    readonly cause: string;
    readonly atMs: number;
  }[];
  readonly resolutions: readonly { readonly id: string; readonly action: string; readonly atMs: number }[];
  readonly routes: readonly RouteRow[];
  readonly comparison: readonly ComparisonDelta[];
  readonly differences: readonly DifferenceDelta[];
  readonly findings: readonly FindingDelta[];
  readonly hidden: readonly { readonly rule: string; readonly pair: string; readonly n: number }[];
  readonly heads: readonly OrderHead[];
  readonly orders: readonly OrderRow[];
};

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

export type PurgeScope = {
  readonly name: string;
  /** Null: all. */
  readonly connections: readonly string[] | null;
  readonly feeds: readonly string[] | null;
};
export type Purged = { readonly purged: number; readonly mismatched: number; readonly isDone: boolean };

/** Another worker has gone on from here: what this one has in memory is void. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
  constructor() {
    super('another worker has moved this journal on');
  }
}

const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 16 * 1024 * 1024;
const EXAMPLES_KEPT = 5;
/** Distinct pairs of values kept for one rule; beyond it the rule hides more than anyone reads. */
const HIDDEN_KEPT = 10_000;

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
  epoch: z.int(),
});
const purgedRow = z.object({ was: count, upto: count, purged: count, mismatched: count });
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
  static async open(
    identity: WorkerIdentity,
    options: Pick<PostgresOptions, 'url' | 'connectLimitMs' | 'statementLimitMs'>,
  ): Promise<ProofWriter> {
    const postgres = await Postgres.open({ applicationName: 'cutover-worker', ...options });
    try {
      await migrateProof(postgres);
      return new ProofWriter(postgres, identity);
    } catch (error) {
      await postgres.close();
      throw error;
    }
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
      `select o.input, c.name as connection, o.class, o.pair, o.epoch from cutover.proof_obligations o
       join cutover.proof_connections c on c.id = o.connection where o.journal = $1 and o.input = any($2)`,
      [journal, inputs],
    );
    return z.array(obligationRow).parse(rows);
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

  /**
   * Purges payloads of one scope, a stretch at a time, as far as they are accounted for and older than `beforeMs`. A
   * record whose digest does not fit its payload keeps it: somebody has to look at it.
   */
  async purge(journal: number, scope: PurgeScope, beforeMs: number): Promise<Purged> {
    return this.#postgres.transaction(async () => {
      const { rows } = await this.#postgres.query(PURGE, [
        journal,
        scope.name,
        scope.connections,
        scope.feeds,
        new Date(beforeMs),
      ]);
      const [row] = z.array(purgedRow).parse(rows);
      if (row === undefined) return { purged: 0, mismatched: 0, isDone: true };
      await this.#postgres.query(
        `insert into cutover.proof_purges as t (journal, scope, position, purged, mismatched) values ($1, $2, $3, $4, $5)
         on conflict (journal, scope) do update set position = excluded.position, purged = t.purged + excluded.purged,
           mismatched = t.mismatched + excluded.mismatched`,
        [journal, scope.name, row.upto, row.purged, row.mismatched],
      );
      return { purged: row.purged, mismatched: row.mismatched, isDone: row.upto <= row.was };
    });
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
      for (const [text, rows] of this.#statements(journal, batch)) {
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

  /** Each takes its rows as $1 (jsonb) and the journal as $2. */
  #statements(journal: number, batch: ProofBatch): readonly (readonly [string, readonly object[]])[] {
    const numbered = <T extends { readonly connection: string }>(rows: readonly T[]) =>
      rows.map(({ connection, ...row }) => ({ ...row, connection: this.#id(connection) }));
    const inputs = [...batch.inputs];
    const { deployment } = this.#identity;
    return [
      [UPSERT_INPUTS, inputs.flatMap(([input, state]) => (state === null ? [] : [{ input, state }]))],
      [DELETE_INPUTS, inputs.flatMap(([input, state]) => (state === null ? [{ input }] : []))],
      [UPSERT_OBLIGATIONS, numbered(batch.obligations)],
      [DELETE_OBLIGATIONS, numbered(batch.withdrawn)],
      [INSERT_DELIVERIES, numbered(batch.deliveries)],
      [ADD_HOURS, numbered(batch.hours)],
      [ADD_INGRESS, batch.ingress.map((row) => ({ ...row, deployment, journal }))],
      [INSERT_LISTED, numbered(batch.listed)],
      [INSERT_DECISIONS, numbered(batch.decisions)],
      [UPDATE_DECISIONS, batch.resolutions],
      [INSERT_ROUTES, numbered(batch.routes)],
      [ADD_COMPARISON, numbered(batch.comparison)],
      [ADD_DIFFERENCES, numbered(batch.differences)],
      [ADD_FINDINGS, numbered(batch.findings)],
      [ADD_HIDDEN, batch.hidden.map((row) => ({ ...row, deployment }))],
      [PUT_HEADS, numbered(batch.heads)],
      [INSERT_ORDERS, numbered(batch.orders)],
    ];
  }
}

function connectionsOf(batch: ProofBatch): ReadonlySet<string> {
  const lists = [
    batch.obligations,
    batch.withdrawn,
    batch.deliveries,
    batch.hours,
    batch.listed,
    batch.decisions,
    batch.routes,
    batch.comparison,
    batch.differences,
    batch.findings,
    batch.heads,
    batch.orders,
  ];
  return new Set(lists.flatMap((rows) => rows.map(({ connection }) => connection)));
}

const rowsOf = (columns: string): string => `jsonb_to_recordset($1::jsonb) as row(${columns})`;
const time = (column: string): string => `to_timestamp(row."${column}" / 1000)`;

/** Offsets of one stretch. Approvals are kept: they are no message. */
const PURGE_OFFSETS = 20_000;
const PURGE = `
  with start as (
    select coalesce((select position from cutover.proof_purges where journal = $1 and scope = $2), 0) as was,
      coalesce((select position from cutover.proof_positions where journal = $1), 0) as accounted),
  young as (
    select min("offset") as at from (select r."offset" from cutover.records r, start where r.journal = $1
      and r."offset" > was and r."offset" <= was + ${PURGE_OFFSETS} and r.at >= $5) later),
  stretch as (
    select was, greatest(was, least(was + ${PURGE_OFFSETS}, accounted, coalesce(young.at - 1, was + ${PURGE_OFFSETS}))) as upto
    from start, young),
  wanted as (
    select r."offset", r.digest = sha256(
        convert_to(j.shard || '/' || j.incarnation || '/' || r."offset" || E'\\n' || r.meta || E'\\n', 'UTF8')
        || '+'::bytea || r.payload) as fits
    from cutover.records r join cutover.journals j on j.id = r.journal, stretch
    where r.journal = $1 and r."offset" > was and r."offset" <= upto and r.payload is not null
      and r.type in ('input', 'input-verdict', 'shadow', 'output', 'output-verdict', 'capture-answer')
      and (($3::text[] is null and $4::text[] is null) or r.connection = any($3) or r.feed = any($4))),
  done as (
    update cutover.records r set payload = null, purged_at = now(), payload_sha256 = sha256(r.payload),
      purge_seal = sha256(convert_to(j.shard || '/' || j.incarnation || '/' || r."offset" || E'\\n' || r.meta || E'\\npurged\\n', 'UTF8')
        || sha256(r.payload) || r.digest)
    from wanted, cutover.journals j
    where wanted.fits and r.journal = $1 and j.id = $1 and r."offset" = wanted."offset" returning 1)
  select was, upto, (select count(*) from done) as purged, (select count(*) from wanted where not fits) as mismatched
  from stretch`;
const UPSERT_INPUTS = `
  insert into cutover.proof_inputs (journal, input, state) select $2, row.input, row.state
  from ${rowsOf('input bigint, state text')}
  on conflict (journal, input) do update set state = excluded.state`;
const DELETE_INPUTS = `
  delete from cutover.proof_inputs i using ${rowsOf('input bigint')} where i.journal = $2 and i.input = row.input`;
const UPSERT_OBLIGATIONS = `
  insert into cutover.proof_obligations (journal, input, connection, epoch, at, class, pair, msh10, sha256)
  select $2, row.input, row.connection, row.epoch, ${time('atMs')}, row.class, row.pair, row.msh10, decode(row.sha, 'hex')
  from ${rowsOf('input bigint, connection int, epoch int, "atMs" float8, class text, pair text, msh10 text, sha text')}
  on conflict (journal, input, connection) do update set class = excluded.class, pair = excluded.pair`;
const DELETE_OBLIGATIONS = `
  delete from cutover.proof_obligations o using ${rowsOf('input bigint, connection int')}
  where o.journal = $2 and o.input = row.input and o.connection = row.connection`;
const INSERT_DELIVERIES = `
  insert into cutover.proof_deliveries (journal, output, connection, input, epoch, platform, at, msh10, sha256)
  select $2, row.output, row.connection, row.input, row.epoch, row.platform, ${time('atMs')}, row.msh10, decode(row.sha, 'hex')
  from ${rowsOf('output bigint, connection int, input bigint, epoch int, platform text, "atMs" float8, msh10 text, sha text')}
  on conflict do nothing`;
const ADD_HOURS = `
  insert into cutover.proof_hours as t (connection, hour, class, n)
  select row.connection, ${time('hourMs')}, row.class, row.n
  from ${rowsOf('connection int, "hourMs" float8, class text, n bigint')} where $2::int is not null
  on conflict (connection, hour, class) do update set n = t.n + excluded.n`;
const ADD_INGRESS = `
  insert into cutover.proof_ingress as t (deployment, feed, minute, outcome, n)
  select row.deployment, row.feed, ${time('minuteMs')}, row.outcome, row.n
  from ${rowsOf('deployment text, feed text, "minuteMs" float8, outcome text, n bigint')}
  where $2::int is not null
  on conflict (deployment, feed, minute, outcome) do update set n = t.n + excluded.n`;
const INSERT_LISTED = `
  insert into cutover.proof_listed (journal, "offset", connection, list, msh10, sha256, about, cause, at)
  select $2, row."offset", row.connection, row.list, row.msh10, decode(row.sha, 'hex'), row.about, row.cause, ${time('atMs')}
  from ${rowsOf('"offset" bigint, connection int, list text, msh10 text, sha text, about bigint, cause text, "atMs" float8')}
  on conflict do nothing`;
const INSERT_DECISIONS = `
  insert into cutover.proof_decisions (journal, id, connection, input, cause, opened_at)
  select $2, row.id, row.connection, row.input, row.cause, ${time('atMs')}
  from ${rowsOf('id text, connection int, input bigint, cause text, "atMs" float8')}
  on conflict do nothing`;
const UPDATE_DECISIONS = `
  update cutover.proof_decisions d set action = row.action, resolved_at = ${time('atMs')}
  from ${rowsOf('id text, action text, "atMs" float8')} where d.journal = $2 and d.id = row.id`;
const INSERT_ROUTES = `
  insert into cutover.proof_routes (journal, connection, epoch, phase, new_weight, forced, at)
  select $2, row.connection, row.epoch, row.phase, row."newWeight", row.forced, ${time('atMs')}
  from ${rowsOf('connection int, epoch int, phase text, "newWeight" int, forced boolean, "atMs" float8')}
  on conflict do nothing`;
const ADD_COMPARISON = `
  insert into cutover.proof_comparison as t (connection, epoch, basis, day, matched, accepted, differing, missing_candidate,
    extra_candidate, missing_both, answers_differing, destinations_differing, out_of_order, delays, first_at, last_at)
  select row.connection, row.epoch, row.basis, row.day, row.matched, row.accepted, row.differing, row."missingCandidate",
    row."extraCandidate", row."missingBoth", row."answersDiffering", row."destinationsDiffering", row."outOfOrder",
    row.delays, ${time('firstAtMs')}, ${time('lastAtMs')}
  from ${rowsOf(`connection int, epoch int, basis text, day date, matched bigint, accepted bigint, differing bigint,
    "missingCandidate" bigint, "extraCandidate" bigint, "missingBoth" bigint, "answersDiffering" bigint,
    "destinationsDiffering" bigint, "outOfOrder" bigint, delays bigint[], "firstAtMs" float8, "lastAtMs" float8`)}
  where $2::int is not null
  on conflict (connection, epoch, basis, day) do update set matched = t.matched + excluded.matched,
    accepted = t.accepted + excluded.accepted, differing = t.differing + excluded.differing,
    missing_candidate = t.missing_candidate + excluded.missing_candidate,
    extra_candidate = t.extra_candidate + excluded.extra_candidate, missing_both = t.missing_both + excluded.missing_both,
    answers_differing = t.answers_differing + excluded.answers_differing,
    destinations_differing = t.destinations_differing + excluded.destinations_differing,
    out_of_order = t.out_of_order + excluded.out_of_order,
    delays = (select array_agg(coalesce(a, 0) + coalesce(b, 0) order by place)
      from unnest(t.delays, excluded.delays) with ordinality as pair(a, b, place)),
    first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at)`;
/** The first examples stay; those that have turned out to be none go. */
const MERGED_EXAMPLES = `coalesce((select jsonb_agg(each order by place) from (
    select each, place from jsonb_array_elements(t.examples || excluded.examples) with ordinality as kept(each, place)
    order by place limit ${EXAMPLES_KEPT}) first), '[]'::jsonb)`;
const ADD_DIFFERENCES = `
  with given as (select * from ${rowsOf(`connection int, epoch int, basis text, key text, path text, kind text, code text, shape text,
      rule text, count bigint, pairs bigint, magnitude float8, examples jsonb, withdrawn jsonb, "firstAtMs" float8,
      "lastAtMs" float8`)} where $2::int is not null),
  cleaned as (
    update cutover.proof_differences d set examples = coalesce((select jsonb_agg(each) from jsonb_array_elements(d.examples) each
      where not given.withdrawn ? (each ->> 'at')), '[]'::jsonb), n = d.n + given.count, pairs = d.pairs + given.pairs
    from given where jsonb_array_length(given.withdrawn) > 0 and d.connection = given.connection and d.epoch = given.epoch
      and d.basis = given.basis and d.key = decode(given.key, 'base64') returning 1)
  insert into cutover.proof_differences as t (connection, epoch, basis, key, path, kind, code, shape, rule, n, pairs, magnitude,
    examples, first_at, last_at)
  select row.connection, row.epoch, row.basis, decode(row.key, 'base64'), row.path, row.kind, row.code, row.shape, row.rule,
    row.count, row.pairs, row.magnitude, row.examples, ${time('firstAtMs')}, ${time('lastAtMs')}
  from given row where jsonb_array_length(row.withdrawn) = 0
  on conflict (connection, epoch, basis, key) do update set n = t.n + excluded.n, pairs = t.pairs + excluded.pairs,
    magnitude = greatest(t.magnitude, excluded.magnitude), examples = ${MERGED_EXAMPLES},
    first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at)`;
const ADD_FINDINGS = `
  insert into cutover.proof_findings as t (connection, epoch, basis, platform, area, name, n, examples, first_at, last_at)
  select row.connection, row.epoch, row.basis, row.platform, row.area, row.name, row.count, row.examples,
    ${time('firstAtMs')}, ${time('lastAtMs')}
  from ${rowsOf(`connection int, epoch int, basis text, platform text, area text, name text, count bigint, examples jsonb,
    "firstAtMs" float8, "lastAtMs" float8`)} where $2::int is not null
  on conflict (connection, epoch, basis, platform, area, name) do update set n = t.n + excluded.n,
    examples = ${MERGED_EXAMPLES}, first_at = least(t.first_at, excluded.first_at),
    last_at = greatest(t.last_at, excluded.last_at)`;
const ADD_HIDDEN = `
  with given as (select row.* from ${rowsOf('deployment text, rule text, pair text, n bigint')} where $2::int is not null),
  room as (select rule, ${HIDDEN_KEPT} - (select count(*) from cutover.proof_hidden h
      where h.deployment = given.deployment and h.rule = given.rule) as free
    from (select distinct deployment, rule from given) given),
  ranked as (select given.*, row_number() over (partition by rule order by pair) as place from given)
  insert into cutover.proof_hidden as t (deployment, rule, pair, n)
  select ranked.deployment, ranked.rule, decode(ranked.pair, 'hex'), ranked.n from ranked join room using (rule)
  where ranked.place <= room.free or exists (select from cutover.proof_hidden h where h.deployment = ranked.deployment
    and h.rule = ranked.rule and h.pair = decode(ranked.pair, 'hex'))
  on conflict (deployment, rule, pair) do update set n = t.n + excluded.n`;
const PUT_HEADS = `
  insert into cutover.proof_order_heads (journal, connection, key, control, candidate)
  select $2, row.connection, decode(row.key, 'base64'), row.control, row.candidate
  from ${rowsOf('connection int, key text, control bigint, candidate bigint')}
  on conflict (connection, key) do update set journal = excluded.journal, control = excluded.control,
    candidate = excluded.candidate`;
const INSERT_ORDERS = `
  insert into cutover.proof_orders (journal, connection, number, output, kind, status, platform, epoch, at, msh10, sha256)
  select $2, row.connection, decode(row.number, 'hex'), row.output, row.kind, row.status, row.platform, row.epoch,
    ${time('atMs')}, row.msh10, decode(row.sha, 'hex')
  from ${rowsOf(`connection int, number text, output bigint, kind text, status text, platform text, epoch int, "atMs" float8,
    msh10 text, sha text`)}
  on conflict do nothing`;
