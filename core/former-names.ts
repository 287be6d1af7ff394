/** Names that connections have had: what was recorded bears the name of its time, and belongs to the connection of today. */
import type { Connection } from './inventory.ts';

/** Former name → name. */
export function renamedOf(
  connections: readonly Pick<Connection, 'name' | 'previousNames'>[],
): ReadonlyMap<string, string> {
  return new Map(connections.flatMap(({ name, previousNames }) => previousNames.map((former) => [former, name])));
}
