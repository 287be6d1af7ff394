/**
 * The proof store as verbs read it: what the worker has found out so far, from rows that it keeps up to date. Nothing
 * here reads a message; every answer says how far it reaches through `readWorkerState`.
 */
import { z } from 'zod';
import { messageIdSchema } from '../core/admin-api.ts';
import { PLATFORMS } from '../core/platform.ts';
import {
  type ComparisonDay,
  type DifferenceGroup,
  INGRESS_OUTCOMES,
  type IngressCount,
  OBLIGATION_CLASSES,
  type ObligationCount,
  type OutputFinding,
  type RouteChange,
  type SeenNames,
  type WorkerState,
} from '../core/proof-results.ts';
import { Postgres, type PostgresOptions } from './postgres.ts';
import { migrate } from './postgres-migrations.ts';
import { routeRow } from './proof-rows.ts';
import { PROOF_MIGRATIONS } from './proof-store-migrations.ts';
import { SHIPPING_MIGRATIONS } from './shipping-migrations.ts';

export type ProofStoreOptions = Pick<PostgresOptions, 'url' | 'connectLimitMs' | 'statementLimitMs'>;

/** Half open: from `sinceMs` to before `untilMs`, by the time at which the input arrived at the gateway. */
export type Window = { readonly sinceMs: number; readonly untilMs: number };

/** bigint and numeric come as text; counts stay below 2^53. */
const count = z.coerce.number();
const examples = z.array(messageIdSchema);

const dayRow = z.object({
  connection: z.string(),
  epoch: z.int(),
  basis: z.string(),
  day: z.string(),
  matched: count,
  accepted: count,
  differing: count,
  missing_candidate: count,
  extra_candidate: count,
  missing_both: count,
  answers_differing: count,
  destinations_differing: count,
  out_of_order: count,
  delays: z.array(count),
  first_ms: count,
  last_ms: count,
});
const groupRow = z.object({
  connection: z.string(),
  epoch: z.int(),
  basis: z.string(),
  path: z.string(),
  kind: z.string(),
  code: z.string().nullable(),
  shape: z.string(),
  rule: z.string().nullable(),
  n: count,
  pairs: count,
  magnitude: z.number().nullable(),
  examples,
  first_ms: count,
  last_ms: count,
});
const findingRow = z.object({
  connection: z.string(),
  epoch: z.int(),
  basis: z.string(),
  platform: z.enum(PLATFORMS),
  area: z.string(),
  name: z.string(),
  n: count,
  examples,
  first_ms: count,
  last_ms: count,
});
const namesRow = z.object({
  connection: z.string(),
  epoch: z.int(),
  platform: z.enum(PLATFORMS),
  names: z.array(z.string()),
});
const classRow = z.object({ connection: z.string(), class: z.enum(OBLIGATION_CLASSES), n: count });
const ingressRow = z.object({ feed: z.string(), outcome: z.enum(INGRESS_OUTCOMES), n: count });
const journalRow = z.object({
  shard: z.int(),
  incarnation: z.string(),
  position: count,
  shipped_up_to: count,
  newest_ms: count.nullable(),
  waiting_ms: count.nullable(),
  missing: count,
});
const workerRow = z.object({
  worker: z.string(),
  host: z.string(),
  version: z.string(),
  basis: z.string(),
  started_ms: count,
  heartbeat_age_ms: count,
});

const ms = (expression: string): string => `(extract(epoch from ${expression})::float8 * 1000)`;

export class ProofStore {
  readonly #postgres: Postgres;
  readonly #deployment: string;

  private constructor(postgres: Postgres, deployment: string) {
    this.#postgres = postgres;
    this.#deployment = deployment;
  }

  /** Over a connection that is open; it stays its owner's. The tables must be there: `migrateProof`. */
  static over(postgres: Postgres, deployment: string): ProofStore {
    return new ProofStore(postgres, deployment);
  }

  /** Makes the tables where there are none yet. @throws PostgresFailure, MigrationRefusal */
  static async open(deployment: string, options: ProofStoreOptions): Promise<ProofStore> {
    return new ProofStore(await openProofDatabase('cutover-proof', options), deployment);
  }

  close(): Promise<void> {
    return this.#postgres.close();
  }

  /** Every day, epoch and basis of these connections (default: of all). */
  async readComparison(connections: readonly string[] | null = null): Promise<readonly ComparisonDay[]> {
    const rows = await this.#read(
      dayRow,
      `select c.name as connection, d.epoch, d.basis, d.day::text, d.matched, d.accepted, d.differing, d.missing_candidate,
         d.extra_candidate, d.missing_both, d.answers_differing, d.destinations_differing, d.out_of_order, d.delays,
         ${ms('d.first_at')} as first_ms, ${ms('d.last_at')} as last_ms
       from cutover.proof_comparison d join cutover.proof_connections c on c.id = d.connection
       where c.deployment = $1 and ($2::text[] is null or c.name = any($2))
       order by c.name, d.epoch, d.day, d.basis`,
      [this.#deployment, connections],
    );
    return rows.map(({ first_ms, last_ms, ...row }) => ({
      connection: row.connection,
      epoch: row.epoch,
      basis: row.basis,
      day: row.day,
      pairs: row.matched + row.accepted + row.differing,
      matched: row.matched,
      accepted: row.accepted,
      differing: row.differing,
      missingCandidate: row.missing_candidate,
      extraCandidate: row.extra_candidate,
      missingBoth: row.missing_both,
      answersDiffering: row.answers_differing,
      destinationsDiffering: row.destinations_differing,
      outOfOrder: row.out_of_order,
      delays: row.delays,
      firstAtMs: first_ms,
      lastAtMs: last_ms,
    }));
  }

  /** The most frequent groups of each connection, epoch and basis, at most `limit` of each. */
  async readDifferences(
    connections: readonly string[] | null = null,
    limit = 100,
  ): Promise<readonly DifferenceGroup[]> {
    const rows = await this.#read(
      groupRow,
      `select connection, epoch, basis, path, kind, code, shape, rule, n, pairs, magnitude, examples, first_ms, last_ms from (
         select c.name as connection, d.epoch, d.basis, d.path, d.kind, d.code, d.shape, d.rule, d.n, d.pairs, d.magnitude,
           d.examples, ${ms('d.first_at')} as first_ms, ${ms('d.last_at')} as last_ms,
           row_number() over (partition by d.connection, d.epoch, d.basis order by d.n desc, d.key) as place
         from cutover.proof_differences d join cutover.proof_connections c on c.id = d.connection
         where c.deployment = $1 and ($2::text[] is null or c.name = any($2)) and d.n > 0) ranked
       where place <= $3 order by connection, epoch, basis, place`,
      [this.#deployment, connections, limit],
    );
    return rows.map(({ n, examples: exampleIds, first_ms, last_ms, ...row }) => ({
      ...row,
      count: n,
      exampleIds,
      firstAtMs: first_ms,
      lastAtMs: last_ms,
    }));
  }

  /** By `name@digest` of a rule: how many different pairs of values it has hidden, up to what is kept of each. */
  async readHiddenPairs(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#read(
      z.object({ rule: z.string(), n: count }),
      'select rule, count(*) as n from cutover.proof_hidden where deployment = $1 group by rule',
      [this.#deployment],
    );
    return new Map(rows.map(({ rule, n }) => [rule, n]));
  }

  async readFindings(area: string, connections: readonly string[] | null = null): Promise<readonly OutputFinding[]> {
    const rows = await this.#read(
      findingRow,
      `select c.name as connection, f.epoch, f.basis, f.platform, f.area, f.name, f.n, f.examples,
         ${ms('f.first_at')} as first_ms, ${ms('f.last_at')} as last_ms
       from cutover.proof_findings f join cutover.proof_connections c on c.id = f.connection
       where c.deployment = $1 and f.area = $2 and ($3::text[] is null or c.name = any($3))
       order by c.name, f.epoch, f.platform, f.n desc, f.name`,
      [this.#deployment, area, connections],
    );
    return rows.map(({ n, examples: exampleIds, first_ms, last_ms, ...row }) => ({
      ...row,
      count: n,
      exampleIds,
      firstAtMs: first_ms,
      lastAtMs: last_ms,
    }));
  }

  /** What occurs in outputs, as names by connection, epoch and platform: a row each instead of one a name. */
  async readNames(area: string, connections: readonly string[] | null = null): Promise<readonly SeenNames[]> {
    return this.#read(
      namesRow,
      `select c.name as connection, f.epoch, f.platform, array_agg(distinct f.name) as names
       from cutover.proof_findings f join cutover.proof_connections c on c.id = f.connection
       where c.deployment = $1 and f.area = $2 and ($3::text[] is null or c.name = any($3))
       group by c.name, f.epoch, f.platform`,
      [this.#deployment, area, connections],
    );
  }

  /** Obligations by class: whole hours from counts, the edges of the window from rows; filtered ones by the minute. */
  async readObligations(window: Window): Promise<readonly ObligationCount[]> {
    const rows = await this.#read(
      classRow,
      `with edges as (select date_trunc('hour', $2::timestamptz + interval '1 hour' - interval '1 microsecond') as first_hour,
           date_trunc('hour', $3::timestamptz) as last_hour),
         counted as (
           select h.connection, h.class, h.n from cutover.proof_hours h, edges
             where h.class <> 'filtered' and h.hour >= first_hour and h.hour < last_hour
           union all
           select h.connection, h.class, h.n from cutover.proof_hours h
             where h.class = 'filtered' and h.hour >= date_trunc('minute', $2::timestamptz) and h.hour < $3
           union all
           select o.connection, o.class, 1 from cutover.proof_obligations o, edges
             where o.at >= $2 and o.at < least(first_hour, $3)
           union all
           select o.connection, o.class, 1 from cutover.proof_obligations o, edges
             where o.at >= greatest(last_hour, first_hour) and o.at < $3)
       select c.name as connection, k.class, sum(k.n) as n
       from counted k join cutover.proof_connections c on c.id = k.connection
       where c.deployment = $1 group by c.name, k.class having sum(k.n) > 0 order by c.name, k.class`,
      [this.#deployment, new Date(window.sinceMs), new Date(window.untilMs)],
    );
    return rows.map(({ n, ...row }) => ({ ...row, count: n }));
  }

  /** Arrivals at the feeds, by outcome; the window counts in whole minutes. */
  async readIngress(window: Window): Promise<readonly IngressCount[]> {
    const rows = await this.#read(
      ingressRow,
      `select feed, outcome, sum(n) as n from cutover.proof_ingress
       where deployment = $1 and minute >= date_trunc('minute', $2::timestamptz) and minute < $3
       group by feed, outcome having sum(n) > 0 order by feed, outcome`,
      [this.#deployment, new Date(window.sinceMs), new Date(window.untilMs)],
    );
    return rows.map(({ n, ...row }) => ({ ...row, count: n }));
  }

  /** Every committed change of a route, oldest first. */
  async readRoutes(): Promise<readonly RouteChange[]> {
    const rows = await this.#read(
      routeRow,
      `select distinct on (r.at, c.name, r.epoch) c.name as connection, r.epoch, r.phase, r.new_weight, r.forced, ${ms('r.at')} as at_ms
       from cutover.proof_routes r join cutover.proof_connections c on c.id = r.connection
       where c.deployment = $1 order by r.at, c.name, r.epoch`,
      [this.#deployment],
    );
    return rows.map(({ new_weight, at_ms, ...row }) => ({ ...row, newWeight: new_weight, atMs: at_ms }));
  }

  /** How far the worker is, in every journal of the deployment, and whether it lives. */
  async readWorkerState(): Promise<WorkerState> {
    const workers = await this.#read(
      workerRow,
      `select worker, host, version, basis, ${ms('started_at')} as started_ms, ${ms('(now() - heartbeat_at)')} as heartbeat_age_ms
       from cutover.proof_worker where deployment = $1`,
      [this.#deployment],
    );
    const journals = await this.#read(
      journalRow,
      `select j.shard, j.incarnation, coalesce(p.position, 0) as position, j.shipped_up_to, ${ms('p.record_at')} as newest_ms,
         (select ${ms('r.at')} from cutover.records r where r.journal = j.id and r."offset" > coalesce(p.position, 0)
            and r."offset" <= j.shipped_up_to and r.at is not null order by r."offset" limit 1) as waiting_ms,
         (select coalesce(sum(g.to_offset - g.from_offset + 1), 0) from cutover.journal_gaps g where g.journal = j.id) as missing
       from cutover.journals j left join cutover.proof_positions p on p.journal = j.id
       where j.deployment = $1 order by j.shard, j.registered_at`,
      [this.#deployment],
    );
    const [clock] = await this.#read(z.object({ now_ms: count }), `select ${ms('now()')} as now_ms`, []);
    const [worker] = workers;
    return {
      worker:
        worker === undefined
          ? null
          : {
              id: worker.worker,
              host: worker.host,
              version: worker.version,
              basis: worker.basis,
              startedAtMs: worker.started_ms,
              heartbeatAgeMs: worker.heartbeat_age_ms,
            },
      nowMs: clock?.now_ms ?? 0,
      journals: journals.map((row) => ({
        shard: row.shard,
        incarnation: row.incarnation,
        position: row.position,
        shippedUpTo: row.shipped_up_to,
        newestAtMs: row.newest_ms,
        waitingSinceMs: row.waiting_ms,
        missingRecords: row.missing,
      })),
    };
  }

  async #read<T>(row: z.ZodType<T>, text: string, values: readonly unknown[]): Promise<readonly T[]> {
    const { rows } = await this.#postgres.query(text, values);
    return z.array(row).parse(rows);
  }
}

/** With its tables made where there are none yet. @throws PostgresFailure, MigrationRefusal */
export async function openProofDatabase(applicationName: string, options: ProofStoreOptions): Promise<Postgres> {
  const postgres = await Postgres.open({ applicationName, ...options });
  try {
    await migrateProof(postgres);
    return postgres;
  } catch (error) {
    await postgres.close();
    throw error;
  }
}

/** The worker and the readers need the shipped tables too; whoever comes first makes them. */
export async function migrateProof(postgres: Postgres): Promise<void> {
  await migrate(postgres, 'shipping', SHIPPING_MIGRATIONS);
  await migrate(postgres, 'proof', PROOF_MIGRATIONS);
}
