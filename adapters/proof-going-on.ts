/**
 * A journal that goes on from another one: a gateway that was restored ships the records of its backup once more, under an
 * incarnation of its own. They are accounted for already: it begins behind them, and what was open then goes with it.
 */
import { z } from 'zod';
import type { Postgres } from './postgres.ts';

/** Records up to `upTo` are the same in both. */
export type Former = { readonly id: number; readonly upTo: number };

/** What may still change goes along; what has its end stays where it was accounted for. */
const STATEMENTS = [
  `insert into cutover.proof_positions (journal, position, record_at)
   select $2::int, $3::bigint, (select record_at from cutover.proof_positions where journal = $1)`,
  `update cutover.proof_obligations o set journal = $2 where o.journal = $1 and o.input <= $3
   and (o.class in ('destinationRejected', 'unexplained', 'decisions', 'pending')
     or exists (select from cutover.proof_inputs i where i.journal = $1 and i.input = o.input))`,
  `update cutover.proof_deliveries d set journal = $2 where d.journal = $1 and d.output <= $3
   and exists (select from cutover.proof_obligations o where o.journal = $2 and o.input = d.input)`,
  'update cutover.proof_inputs set journal = $2 where journal = $1 and input <= $3',
  `update cutover.proof_decisions set journal = $2
   where journal = $1 and action is null and (input is null or input <= $3)`,
  'update cutover.proof_order_heads set journal = $2 where journal = $1 and control <= $3 and candidate <= $3',
];
const ROUTES = `
  insert into cutover.proof_routes (connection, epoch, journal, phase, new_weight, forced, at)
  select connection, epoch, $2::int, phase, new_weight, forced, at from cutover.proof_routes where journal = $1
  on conflict do nothing`;

/** In a transaction of the caller's. Once, while nothing of the new journal is accounted for. */
export async function goOnFrom(postgres: Postgres, { id, upTo }: Former, journal: number): Promise<void> {
  for (const text of STATEMENTS) await postgres.query(text, [id, journal, upTo]);
  await postgres.query(ROUTES, [id, journal]);
}

/** This journal and those that it goes on from, each with the offset up to which they are the same. `$1`: its number. */
export const LINEAGE = `
  with recursive lineage as (
    select id, deployment, shard, restored_from, restored_upto, 9223372036854775807 as upto
    from cutover.journals where id = $1
    union all
    select f.id, f.deployment, f.shard, f.restored_from, f.restored_upto, least(l.upto, l.restored_upto)
    from lineage l join cutover.journals f
      on f.deployment = l.deployment and f.shard = l.shard and f.incarnation = l.restored_from and f.id <> l.id)`;

/** Of a journal that has not begun, and goes on from another one. */
export const formerRow = z.object({
  former: z.int().nullable(),
  former_upto: z.coerce.number().nullable(),
  former_done: z.boolean().nullable(),
});
