/**
 * Traffic from the journals that gateways have shipped to PostgreSQL: counts a quarter of an hour, and the spans in
 * which a gateway was there to see it. No payload is read.
 */
import { presentName } from '../core/former-names.ts';
import type { Span, TrafficSlot } from '../core/planning/traffic.ts';
import { SLOT_MS } from '../core/planning/zone.ts';
import type { Postgres } from './postgres.ts';
import { shippedOnce } from './shipped-once.ts';

export type RecordedTraffic = {
  /** By connection: what its destination answered. */
  readonly connections: ReadonlyMap<string, readonly TrafficSlot[]>;
  /** From a start of a gateway to the last that it recorded before the next one; by shard. */
  readonly observed: ReadonlyMap<number, readonly Span[]>;
};

const COUNTS = `
  select r.connection as name, floor(extract(epoch from r.at) * 1000 / $2)::bigint * $2 as slot, count(*) as messages
  from cutover.journals j join cutover.records r on r.journal = j.id
  where j.deployment = $1 and r.type = 'output-verdict' and r.connection is not null and r.at >= $3
    and ${shippedOnce('j', 'r."offset"')}
  group by 1, 2 order by 1, 2`;

const RUNS = `
  select j.shard, extract(epoch from s.at) * 1000 as from_ms,
    extract(epoch from (
      select max(r.at) from cutover.records r
      where r.journal = j.id and r."offset" >= s."offset" and r."offset" < coalesce(s.next, 9223372036854775807)
    )) * 1000 as to_ms
  from cutover.journals j join lateral (
    select r."offset", r.at, lead(r."offset") over (order by r."offset") as next
    from cutover.records r where r.journal = j.id and r.type = 'start'
  ) s on true
  where j.deployment = $1`;

type CountRow = { name: string; slot: string; messages: string };
type RunRow = { shard: number; from_ms: string; to_ms: string | null };

/** Of the newest weeks only: older traffic is another lab's. `renamed`: former name → name. @throws PostgresFailure */
export async function readRecordedTraffic(
  postgres: Postgres,
  deployment: string,
  sinceMs: number,
  renamed: ReadonlyMap<string, string>,
): Promise<RecordedTraffic> {
  const counts = await postgres.query<CountRow>(COUNTS, [deployment, SLOT_MS, new Date(sinceMs)]);
  const runs = await postgres.query<RunRow>(RUNS, [deployment]);
  const connections = new Map<string, TrafficSlot[]>();
  for (const { name: then, slot, messages } of counts.rows) {
    const name = presentName(renamed, then);
    const slots = connections.get(name) ?? [];
    slots.push({ startMs: Number(slot), messages: Number(messages) });
    connections.set(name, slots);
  }
  const observed = new Map<number, Span[]>();
  for (const { shard, from_ms: from, to_ms: to } of runs.rows) {
    if (to === null || Number(to) <= sinceMs) continue;
    const spans = observed.get(shard) ?? [];
    spans.push({ fromMs: Math.max(Number(from), sinceMs), toMs: Number(to) });
    observed.set(shard, spans);
  }
  return { connections, observed };
}
