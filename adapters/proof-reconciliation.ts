/** What a reconciliation reads beside the counts: what is amiss by id, the gateway's lists, decisions, orders. */
import { z } from 'zod';
import type { MessageId } from '../core/admin-api.ts';
import { PLATFORMS } from '../core/platform.ts';
import type { Postgres } from './postgres.ts';
import type { Window } from './proof-store.ts';

const count = z.coerce.number();
const idShape = { connection: z.string(), msh10: z.string(), sha: z.string(), shard: z.int(), place: count };
const amissRow = z.object(idShape);
const listedRow = z.object({ ...idShape, list: z.string(), total: count });
const openRow = z.object({ connection: z.string(), n: count });

/** Of one connection and list; far more than anyone reads, and few enough for any memory. */
const NAMED_LIMIT = 1_000;
const AMISS_LIMIT = 100_000;

/** An id as SQL: of row `t` with connection `c` and journal `j`. */
const ID = "c.name as connection, t.msh10, encode(t.sha256, 'hex') as sha, j.shard";

export type ListedIds = { readonly total: number; readonly ids: readonly MessageId[] };

/** Owed, settled and not delivered: unexplained, or rejected by the destination. */
export async function readUndelivered(
  postgres: Postgres,
  deployment: string,
  window: Window,
): Promise<ReadonlyMap<string, readonly MessageId[]>> {
  const { rows } = await postgres.query(
    `select ${ID}, t.input as place from cutover.proof_obligations t
     join cutover.proof_connections c on c.id = t.connection join cutover.journals j on j.id = t.journal
     where c.deployment = $1 and t.at >= $2 and t.at < $3
       and t.class in ('destinationRejected', 'unexplained')
     order by t.connection, t.at limit ${AMISS_LIMIT}`,
    [deployment, ...timesOf(window)],
  );
  return byConnection(z.array(amissRow).parse(rows));
}

/** The gateway's lists, and `doubled`: delivered again for an input that owes one output. */
export async function readListed(
  postgres: Postgres,
  deployment: string,
  window: Window,
): Promise<ReadonlyMap<string, ListedIds>> {
  const { rows } = await postgres.query(
    `select connection, msh10, sha, shard, place, list, total from (
       select ${ID}, coalesce(t.about, t."offset") as place, t.list,
         count(*) over (partition by t.connection, t.list) as total,
         row_number() over (partition by t.connection, t.list order by t.at, t."offset") as n
       from cutover.proof_listed t join cutover.proof_connections c on c.id = t.connection
       join cutover.journals j on j.id = t.journal
       where c.deployment = $1 and t.at >= $2 and t.at < $3
         and t.list in ('maybeSent', 'suppressed', 'uncorrelated', 'doubled')) numbered
     where n <= ${NAMED_LIMIT} order by connection, list, n`,
    [deployment, ...timesOf(window)],
  );
  const lists = new Map<string, { total: number; ids: MessageId[] }>();
  for (const row of z.array(listedRow).parse(rows)) {
    const key = listKey(row.connection, row.list);
    const known = lists.get(key) ?? { total: row.total, ids: [] };
    lists.set(key, known);
    known.ids.push(idOf(row));
  }
  return lists;
}

export function listKey(connection: string, list: string): string {
  return `${connection}\n${list}`;
}

/** Open decisions, whenever they were opened. */
export async function readOpenDecisions(postgres: Postgres, deployment: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await postgres.query(
    `select c.name as connection, count(*) as n from cutover.proof_decisions t
     join cutover.proof_connections c on c.id = t.connection
     where c.deployment = $1 and t.action is null group by c.name`,
    [deployment],
  );
  return new Map(
    z
      .array(openRow)
      .parse(rows)
      .map(({ connection, n }) => [connection, n]),
  );
}

const orderRow = z.object({
  practice: z.string(),
  class: z.enum(['open', 'partly-resulted', 'straddling', 'result-without-order']),
  ordered: z.enum(PLATFORMS).nullable(),
  resulted: z.enum(PLATFORMS).nullable(),
  total: count,
  msh10: z.string(),
  sha: z.string(),
  shard: z.int(),
  place: count,
});
export type OrderRowRead = z.output<typeof orderRow>;

/**
 * Orders of the window by how they stand: no final result yet, resulted through the other platform than ordered, and
 * results whose order nobody saw. Orders and results meet by practice and order number.
 */
export async function readOrders(
  postgres: Postgres,
  deployment: string,
  practices: readonly { readonly connection: string; readonly practice: string }[],
  window: Window,
): Promise<readonly OrderRowRead[]> {
  const { rows } = await postgres.query(
    `with named as (
       select c.id, p.practice from unnest($4::text[], $5::text[]) as p(connection, practice)
       join cutover.proof_connections c on c.name = p.connection and c.deployment = $1),
     marks as (select o.*, named.practice from cutover.proof_orders o join named on named.id = o.connection),
     ordered as (
       select distinct on (practice, number) practice, number, platform, journal, output, msh10, sha256, at from marks
       where kind = 'order' and status not in ('CA', 'OC', 'CR') and at >= $2 and at < $3 order by practice, number, at),
     cancelled as (select distinct practice, number from marks where kind = 'order' and status in ('CA', 'OC', 'CR')),
     resulted as (
       select practice, number, (array_agg(platform order by at desc))[1] as platform,
         bool_or(status in ('F', 'C', 'X')) as is_final, min(at) as at,
         (array_agg(journal order by at))[1] as journal, (array_agg(output order by at))[1] as output,
         (array_agg(msh10 order by at))[1] as msh10, (array_agg(sha256 order by at))[1] as sha256
       from marks where kind = 'result' group by practice, number),
     joined as (
       select practice, case when r.number is null then 'open' when not r.is_final then 'partly-resulted' else 'straddling' end as class,
         o.platform as ordered, r.platform as resulted, o.journal, o.output as place, o.msh10, o.sha256, o.at
       from ordered o left join resulted r using (practice, number) left join cancelled c using (practice, number)
       where c.number is null and (r.number is null or not r.is_final or r.platform <> o.platform)
       union all
       select practice, 'result-without-order', null, r.platform, r.journal, r.output, r.msh10, r.sha256, r.at
       from resulted r where r.at >= $2 and r.at < $3
         and exists (select from marks m where m.practice = r.practice and m.kind = 'order')
         and not exists (select from marks m where m.practice = r.practice and m.kind = 'order' and m.number = r.number))
     select practice, class, ordered, resulted, total, msh10, sha, shard, place from (
       select joined.practice, joined.class, ordered, resulted, joined.msh10, encode(joined.sha256, 'hex') as sha, j.shard, place,
         count(*) over (partition by joined.practice, joined.class, ordered, resulted) as total,
         row_number() over (partition by joined.practice, joined.class, ordered, resulted order by joined.at, place) as n
       from joined join cutover.journals j on j.id = joined.journal) numbered
     where n <= ${NAMED_LIMIT} order by practice, class, n`,
    [
      deployment,
      ...timesOf(window),
      practices.map(({ connection }) => connection),
      practices.map(({ practice }) => practice),
    ],
  );
  return z.array(orderRow).parse(rows);
}

type IdRow = { readonly msh10: string; readonly sha: string; readonly shard: number; readonly place: number };

export function idOf({ msh10, sha, shard, place }: IdRow): MessageId {
  return { msh10, sha256: sha.slice(0, 12), at: `${shard}/${place}` };
}

function byConnection(rows: readonly z.output<typeof amissRow>[]): ReadonlyMap<string, readonly MessageId[]> {
  const found = new Map<string, MessageId[]>();
  for (const row of rows) {
    const ids = found.get(row.connection) ?? [];
    found.set(row.connection, ids);
    ids.push(idOf(row));
  }
  return found;
}

function timesOf({ sinceMs, untilMs }: Window): readonly [Date, Date] {
  return [new Date(sinceMs), new Date(untilMs)];
}
