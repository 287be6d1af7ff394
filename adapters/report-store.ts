/** What PostgreSQL knows for people who look at the whole: pauses of swaps, and which platform's outputs were delivered. */
import { z } from 'zod';
import type { Pause } from '../core/war-room/feed.ts';
import type { Postgres } from './postgres.ts';

export type PlatformCount = { readonly connection: string; readonly legacy: number; readonly new: number };

const PAUSES_LIMIT = 5_000;
const operationSchema = z.object({ pauseMs: z.number(), outcome: z.string() });

/** @throws PostgresFailure */
export async function readPauses(postgres: Postgres, deployment: string, sinceMs: number): Promise<readonly Pause[]> {
  if (!(await hasTable(postgres, 'records'))) return [];
  const { rows } = await postgres.query<{ connection: string; at_ms: string; meta: string }>(
    `select r.connection, extract(epoch from r.at) * 1000 as at_ms, r.meta
     from cutover.journals j join cutover.records r on r.journal = j.id
     where j.deployment = $1 and r.type = 'operation' and r.at > $2 order by r.at desc limit ${PAUSES_LIMIT}`,
    [deployment, new Date(sinceMs)],
  );
  return rows.toReversed().flatMap(({ connection, at_ms: at, meta }) => {
    const operation = operationSchema.safeParse(JSON.parse(meta));
    if (!operation.success) return [];
    const { pauseMs, outcome } = operation.data;
    return [{ atMs: Number(at), connection, pauseMs, aborted: outcome === 'aborted' }];
  });
}

/** Of the deliveries that the worker still has. @throws PostgresFailure */
export async function readDeliveries(postgres: Postgres, deployment: string): Promise<readonly PlatformCount[]> {
  if (!(await hasTable(postgres, 'proof_deliveries'))) return [];
  const { rows } = await postgres.query<{ connection: string; legacy: string; new: string }>(
    `select c.name as connection, count(*) filter (where d.platform = 'legacy') as legacy,
       count(*) filter (where d.platform = 'new') as new
     from cutover.proof_deliveries d join cutover.proof_connections c on c.id = d.connection
     where c.deployment = $1 group by c.name`,
    [deployment],
  );
  return rows.map((row) => ({ connection: row.connection, legacy: Number(row.legacy), new: Number(row.new) }));
}

export async function hasTable(postgres: Postgres, name: string): Promise<boolean> {
  const { rows } = await postgres.query("select from pg_tables where schemaname = 'cutover' and tablename = $1", [
    name,
  ]);
  return rows.length > 0;
}
