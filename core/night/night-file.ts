/**
 * `stacks/<stack>/night.json`: what each connection's counters were right after its last switch. What has happened since is
 * judged against it: stop rules during the night, and the summary of the first morning.
 */
import { z } from 'zod';
import { type ConnectionStatus, countersSchema } from '../admin-api.ts';
import { presentName } from '../former-names.ts';

const switchedSchema = z.object({
  epoch: z.int(),
  at: z.iso.datetime(),
  by: z.string(),
  pauseMs: z.number().nullable().describe('as its sender felt it'),
  counters: countersSchema,
});
export type Switched = z.output<typeof switchedSchema>;

export const nightFileSchema = z.object({ connections: z.record(z.string(), switchedSchema) });
export type NightFile = z.output<typeof nightFileSchema>;

export const EMPTY_NIGHT: NightFile = { connections: {} };

/** A connection that was renamed since is still on watch. `renamed`: former name → name. */
export function underPresentNames({ connections }: NightFile, renamed: ReadonlyMap<string, string>): NightFile {
  const named = Object.entries(connections).map(([name, one]) => [presentName(renamed, name), one] as const);
  return { connections: Object.fromEntries(named) };
}

/** Null where it has moved since, or was never switched by a verb from here. */
export function switchOf({ connections }: NightFile, status: ConnectionStatus): Switched | null {
  const found = connections[status.name];
  return found !== undefined && found.epoch === status.epoch && status.phase === 'switched' ? found : null;
}
