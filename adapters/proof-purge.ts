/** Purges payloads of shipped records in SQL; ids, digests and what seals them stay, so that they still verify. */
import { z } from 'zod';
import type { Postgres } from './postgres.ts';

export type PurgeScope = {
  readonly name: string;
  /** Null: all. */
  readonly connections: readonly string[] | null;
  readonly feeds: readonly string[] | null;
};
export type Purged = { readonly purged: number; readonly mismatched: number; readonly isDone: boolean };

const count = z.coerce.number();
const purgedRow = z.object({ was: count, upto: count, purged: count, mismatched: count });
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

/**
 * Purges payloads of one scope, a stretch at a time, as far as they are accounted for and older than `beforeMs`. A
 * record whose digest does not fit its payload keeps it: somebody has to look at it.
 */
export async function purgePayloads(
  postgres: Postgres,
  journal: number,
  scope: PurgeScope,
  beforeMs: number,
): Promise<Purged> {
  return postgres.transaction(async () => {
    const { rows } = await postgres.query(PURGE, [
      journal,
      scope.name,
      scope.connections,
      scope.feeds,
      new Date(beforeMs),
    ]);
    const [row] = z.array(purgedRow).parse(rows);
    if (row === undefined) return { purged: 0, mismatched: 0, isDone: true };
    await postgres.query(
      `insert into cutover.proof_purges as t (journal, scope, position, purged, mismatched) values ($1, $2, $3, $4, $5)
       on conflict (journal, scope) do update set position = excluded.position, purged = t.purged + excluded.purged,
         mismatched = t.mismatched + excluded.mismatched`,
      [journal, scope.name, row.upto, row.purged, row.mismatched],
    );
    return { purged: row.purged, mismatched: row.mismatched, isDone: row.upto <= row.was };
  });
}
