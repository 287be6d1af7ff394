/** What a change of diff rules or contracts makes void in the proof store, and what has to be looked at again because of it. */
import { z } from 'zod';
import type { Postgres } from './postgres.ts';

/** The rules that hold for a connection, and the first epoch whose results still count. */
export type PresentRules = { readonly connection: string; readonly basis: string; readonly fromEpoch: number };

/** '': none. */
export type HeldTo = { readonly connection: string; readonly area: string };

/** Of inputs: after one, up to another, at most so many. */
export type Stretch = { readonly after: number; readonly upTo: number; readonly limit: number };

/** Outputs up to `upto` came under another contract; up to `done` they have been held against that of today. */
export type Inspection = { readonly connection: string; readonly upto: number; readonly done: number };

const count = z.coerce.number();
const inspectionRow = z.object({ connection: z.string(), upto: count, done: count });

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

export async function voidFormer(
  postgres: Postgres,
  deployment: string,
  present: readonly PresentRules[],
): Promise<void> {
  for (const text of [VOID_COMPARISON, VOID_DIFFERENCES]) {
    await postgres.query(text, [JSON.stringify(present), deployment]);
  }
}

export async function adoptContracts(postgres: Postgres, deployment: string, areas: readonly HeldTo[]): Promise<void> {
  await postgres.query(ADOPT_CONTRACTS, [JSON.stringify(areas), deployment]);
}

export async function openInspections(postgres: Postgres, journal: number): Promise<readonly Inspection[]> {
  const { rows } = await postgres.query(
    `select c.name as connection, i.upto, i.done from cutover.proof_inspections i
     join cutover.proof_connections c on c.id = i.connection where i.journal = $1 and i.done < i.upto`,
    [journal],
  );
  return z.array(inspectionRow).parse(rows);
}

/** Inputs with a pair that was compared under other rules. */
export async function comparedOtherwise(
  postgres: Postgres,
  deployment: string,
  journal: number,
  { after, upTo, limit }: Stretch,
  present: readonly PresentRules[],
): Promise<readonly number[]> {
  const { rows } = await postgres.query(
    `select distinct o.input from cutover.proof_obligations o
     join cutover.proof_connections c on c.id = o.connection and c.deployment = $2
     join jsonb_to_recordset($1::jsonb) as present(connection text, basis text, "fromEpoch" int) on present.connection = c.name
     where o.journal = $3 and o.input > $4 and o.input <= $5 and o.pair in ('matched', 'accepted', 'differing')
       and o.basis <> present.basis and o.epoch >= present."fromEpoch"
     order by o.input limit $6`,
    [JSON.stringify(present), deployment, journal, after, upTo, limit],
  );
  return z
    .array(z.object({ input: count }))
    .parse(rows)
    .map(({ input }) => input);
}
