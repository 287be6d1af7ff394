/**
 * A connection that got another name: what the proof store has of it stands under the new one. Its row says it for all the
 * others, unless the new name is there already (somebody asked for it before the worker knew of it): then both become one.
 */
import { z } from 'zod';
import type { Postgres } from './postgres.ts';
import { ADDED } from './proof-statements.ts';

const numberRow = z.object({ name: z.string(), id: z.int() });

/** Their key is not the connection's. */
const MOVED = ['proof_deliveries', 'proof_listed', 'proof_decisions', 'proof_orders'] as const;
/** What stands under the new name is the newer one. */
const KEPT = [
  'proof_obligations',
  'proof_routes',
  'proof_order_heads',
  'proof_contracts',
  'proof_inspections',
] as const;
const COUNTED = ['proof_hours', 'proof_comparison', 'proof_differences', 'proof_findings'] as const;

/** A feed of its own bears the connection's name. */
const ADD_INGRESS = `
  insert into cutover.proof_ingress as t (deployment, feed, minute, outcome, n)
  select deployment, $3, minute, outcome, n from cutover.proof_ingress where deployment = $1 and feed = $2
  ${ADDED.proof_ingress}`;
const DROP_INGRESS = 'delete from cutover.proof_ingress where deployment = $1 and feed = $2';

/** In a transaction of the caller's. `renamed`: former name → name. */
export async function takeNames(
  postgres: Postgres,
  deployment: string,
  renamed: ReadonlyMap<string, string>,
): Promise<void> {
  for (const [former, name] of renamed) {
    const { rows } = await postgres.query(
      'select name, id from cutover.proof_connections where deployment = $1 and name = any($2)',
      [deployment, [former, name]],
    );
    const numbers = new Map(
      z
        .array(numberRow)
        .parse(rows)
        .map((row) => [row.name, row.id]),
    );
    const [from, to] = [numbers.get(former), numbers.get(name)];
    if (from === undefined) continue;
    await postgres.query(ADD_INGRESS, [deployment, former, name]);
    await postgres.query(DROP_INGRESS, [deployment, former]);
    if (to === undefined) {
      await postgres.query('update cutover.proof_connections set name = $2 where id = $1', [from, name]);
    } else await putTogether(postgres, from, to);
  }
}

async function putTogether(postgres: Postgres, from: number, to: number): Promise<void> {
  for (const table of MOVED) {
    await postgres.query(`update cutover.${table} set connection = $2 where connection = $1`, [from, to]);
  }
  for (const table of KEPT) await copyRows(postgres, table, 'on conflict do nothing', from, to);
  for (const table of COUNTED) await copyRows(postgres, table, ADDED[table], from, to);
  await postgres.query('delete from cutover.proof_connections where id = $1', [from]);
}

async function copyRows(
  postgres: Postgres,
  table: string,
  onConflict: string,
  from: number,
  to: number,
): Promise<void> {
  await postgres.query(
    `insert into cutover.${table} as t
     select (jsonb_populate_record(former, jsonb_build_object('connection', $2::int))).*
     from cutover.${table} former where former.connection = $1 ${onConflict}`,
    [from, to],
  );
  await postgres.query(`delete from cutover.${table} where connection = $1`, [from]);
}
