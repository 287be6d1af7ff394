/**
 * Outside records against what the proof store has: both as multisets, in the database, so that ten million rows take no
 * memory here. What agrees is counted and never leaves it; what does not comes back by id.
 */
import { z } from 'zod';
import type { MessageId } from '../core/admin-api.ts';
import type { Ours, Theirs } from '../core/reconcile/groups.ts';
import type { OutsideRow } from './outside-file.ts';
import type { Postgres } from './postgres.ts';
import { idOf } from './proof-reconciliation.ts';
import type { Window } from './proof-store.ts';

export type SetName = 'lis' | 'emr';

/** Which of our records a set is held against: what destinations got, or what sources sent. */
export type Role = 'destination' | 'source';

export type Group = {
  readonly connection: string;
  readonly msh10: string;
  readonly ours: readonly Ours[];
  readonly theirs: readonly Theirs[];
};

/** More differing ids than this are no list any more, but another file or window. */
const GROUPS_LIMIT = 20_000;
const MEMBERS_LIMIT = 200_000;
const COPY_CHUNK_BYTES = 256 * 1024;

const count = z.coerce.number();
const oursRow = z.object({
  connection: z.string(),
  msh10: z.string(),
  sha: z.string(),
  shard: z.int(),
  place: count,
  at_ms: count,
  in_window: z.boolean(),
});
const theirsRow = z.object({
  connection: z.string(),
  msh10: z.string(),
  row: count,
  digest: z.string().nullable(),
  at_ms: count.nullable(),
  in_window: z.boolean(),
});

export class OutsideStore {
  readonly #postgres: Postgres;
  readonly #deployment: string;

  private constructor(postgres: Postgres, deployment: string) {
    this.#postgres = postgres;
    this.#deployment = deployment;
  }

  /** Its tables are temporary: they end with the connection. */
  static async open(postgres: Postgres, deployment: string): Promise<OutsideStore> {
    await postgres.run(`
      create temp table outside_rows (set_name text, row bigint, connection text, id text, digest text, at timestamptz);
      create temp table outside_ids (set_name text, outside text, msh10 text);
      create temp table outside_groups (connection integer, id text);
      set work_mem = '64MB';
      set statement_timeout = '30min';`);
    return new OutsideStore(postgres, deployment);
  }

  /** Resolves with the number of rows taken. */
  load(set: SetName, rows: AsyncIterable<OutsideRow>): Promise<number> {
    return this.#postgres.copyIn(
      'copy outside_rows from stdin',
      chunksOf(rows, ({ row, connection, id, digest, atMs }) => [
        set,
        row,
        connection,
        id,
        digest,
        atMs === null ? null : new Date(atMs).toISOString(),
      ]),
    );
  }

  /**
   * Replaces the ids of a set by ours; those without an entry stay as they are. Resolves with the number of ids that have
   * several entries: which of them is meant nobody can say, and nothing is replaced then.
   */
  async map(set: SetName, entries: AsyncIterable<{ readonly from: string; readonly to: string }>): Promise<number> {
    await this.#postgres.copyIn(
      'copy outside_ids from stdin',
      chunksOf(entries, ({ from, to }) => [set, from, to]),
    );
    await this.#postgres.run('analyze outside_ids; analyze outside_rows;');
    const { rows } = await this.#postgres.query(
      `select count(*) as n from (select from outside_ids where set_name = $1 group by outside
         having count(distinct msh10) > 1) several`,
      [set],
    );
    const ambiguous = count.parse(rows[0]?.n ?? 0);
    if (ambiguous > 0) return ambiguous;
    await this.#postgres.query(
      `update outside_rows r set id = m.msh10 from outside_ids m
       where r.set_name = $1 and m.set_name = $1 and m.outside = r.id`,
      [set],
    );
    return 0;
  }

  /** Rows whose connection is none of these, and rows outside of the window; both take no part. */
  async discard(
    set: SetName,
    connections: readonly string[],
    window: Window,
    slackMs: number,
  ): Promise<{ readonly unknownConnection: number; readonly outsideWindow: number }> {
    const unknown = await this.#postgres.query(
      // Hashed, which `not (… = any …)` is not.
      'delete from outside_rows where set_name = $1 and connection <> all($2)',
      [set, connections],
    );
    const outside = await this.#postgres.query(
      'delete from outside_rows where set_name = $1 and at is not null and (at < $2 or at >= $3)',
      [set, new Date(window.sinceMs - slackMs), new Date(window.untilMs + slackMs)],
    );
    await this.#postgres.run('analyze outside_rows');
    return { unknownConnection: unknown.affected, outsideWindow: outside.affected };
  }

  /**
   * The ids on which both sides differ, with everything that either has under them. Near the edges of the window each
   * side may have what the other has on the other side of the edge: `slackMs` lets them meet.
   */
  async differing(
    set: SetName,
    role: Role,
    connections: readonly string[],
    window: Window,
    slackMs: number,
  ): Promise<{ readonly groups: readonly Group[]; readonly isCut: boolean }> {
    const [from, to] = [new Date(window.sinceMs), new Date(window.untilMs)];
    const [early, late] = [new Date(window.sinceMs - slackMs), new Date(window.untilMs + slackMs)];
    const { rows: digests } = await this.#postgres.query(
      'select min(length(digest)) as n from outside_rows where set_name = $1 and digest is not null',
      [set],
    );
    const digits = z.coerce.number().parse(digests[0]?.n ?? 0);
    await this.#postgres.run('truncate outside_groups');
    const values = [this.#deployment, connections, from, to, early, late, set, digits];
    const { affected } = await this.#postgres.query(findGroups(role), values);
    const ours = await this.#postgres.query(
      `select c.name as connection, t.msh10, encode(t.sha256, 'hex') as sha, j.shard, t.${PLACE[role]} as place,
         extract(epoch from t.at)::float8 * 1000 as at_ms, t.at >= $1 and t.at < $2 as in_window
       from ${TABLE[role]} t join outside_groups g on g.connection = t.connection and g.id = t.msh10
       join cutover.proof_connections c on c.id = t.connection join cutover.journals j on j.id = t.journal
       where t.at >= $3 and t.at < $4 limit ${MEMBERS_LIMIT}`,
      [from, to, early, late],
    );
    const theirs = await this.#postgres.query(
      `select c.name as connection, r.id as msh10, r.row, r.digest, extract(epoch from r.at)::float8 * 1000 as at_ms,
         r.at is null or (r.at >= $1 and r.at < $2) as in_window
       from outside_rows r join cutover.proof_connections c on c.name = r.connection and c.deployment = $3
       join outside_groups g on g.connection = c.id and g.id = r.id where r.set_name = $4 limit ${MEMBERS_LIMIT}`,
      [from, to, this.#deployment, set],
    );
    const groups = join(z.array(oursRow).parse(ours.rows), z.array(theirsRow).parse(theirs.rows));
    return { groups, isCut: affected >= GROUPS_LIMIT };
  }
}

const TABLE: Record<Role, string> = {
  destination: 'cutover.proof_deliveries',
  source: 'cutover.proof_obligations',
};
const PLACE: Record<Role, string> = { destination: 'output', source: 'input' };

/** A row that waits for its connection to be known at all: a connection without any message has no number yet. */
function findGroups(role: Role): string {
  return `
    with named as (
      insert into cutover.proof_connections (deployment, name) select $1, unnest($2::text[]) on conflict do nothing returning id, name),
    numbers as (
      select id, name from named union
      select id, name from cutover.proof_connections where deployment = $1 and name = any($2)),
    ours as (
      select t.connection, t.msh10 as id, case when $8 > 0 then left(encode(t.sha256, 'hex'), $8) end as digest,
        count(*) filter (where t.at >= $3 and t.at < $4) as inside, count(*) as near
      from ${TABLE[role]} t join numbers on numbers.id = t.connection
      where t.at >= $5 and t.at < $6 group by 1, 2, 3),
    theirs as (
      select numbers.id as connection, r.id, case when $8 > 0 then left(r.digest, $8) end as digest,
        count(*) filter (where r.at is null or (r.at >= $3 and r.at < $4)) as inside, count(*) as near
      from outside_rows r join numbers on numbers.name = r.connection where r.set_name = $7 group by 1, 2, 3)
    insert into outside_groups
    select distinct connection, id from (
      select connection, id, coalesce(o.inside, 0) as ours_inside, coalesce(o.near, 0) as ours_near,
        coalesce(t.inside, 0) as theirs_inside, coalesce(t.near, 0) as theirs_near
      from (select *, coalesce(digest, '') as mark from ours) o
      full join (select *, coalesce(digest, '') as mark from theirs) t using (connection, id, mark)) both_sides
    where ours_inside > theirs_near or theirs_inside > ours_near
    limit ${GROUPS_LIMIT}`;
}

function join(
  ours: readonly z.output<typeof oursRow>[],
  theirs: readonly z.output<typeof theirsRow>[],
): readonly Group[] {
  const groups = new Map<string, { connection: string; msh10: string; ours: Ours[]; theirs: Theirs[] }>();
  const groupOf = ({ connection, msh10 }: { readonly connection: string; readonly msh10: string }) => {
    const key = `${connection}\n${msh10}`;
    const known = groups.get(key) ?? { connection, msh10, ours: [], theirs: [] };
    groups.set(key, known);
    return known;
  };
  for (const row of ours) {
    const id: MessageId = idOf(row);
    groupOf(row).ours.push({ id, digest: row.sha, atMs: row.at_ms, inWindow: row.in_window });
  }
  for (const row of theirs) {
    groupOf(row).theirs.push({ row: row.row, digest: row.digest, atMs: row.at_ms, inWindow: row.in_window });
  }
  return [...groups.values()];
}

/** Lines of COPY's text format, several in a chunk. */
async function* chunksOf<T>(
  items: AsyncIterable<T>,
  fields: (item: T) => readonly (string | number | null)[],
): AsyncGenerator<string, void, void> {
  let chunk = '';
  for await (const item of items) {
    chunk += `${fields(item).map(escaped).join('\t')}\n`;
    if (chunk.length < COPY_CHUNK_BYTES) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\ufffd',
};

function escaped(value: string | number | null): string {
  if (value === null) return '\\N';
  return String(value).replace(/[\\\t\n\r\0]/g, (character) => ESCAPES[character] ?? '');
}
