/** Names that connections have had: what was recorded bears the name of its time, and belongs to the connection of today. */
import type { Connection } from './inventory.ts';

type Named = Pick<Connection, 'name' | 'previousNames'>;

/** The one that bears this name, or has borne it. */
export function connectionCalled<T extends Named>(connections: readonly T[], name: string): T | undefined {
  return connections.find((one) => one.name === name || one.previousNames.includes(name));
}

/** Former name → name. */
export function renamedOf(connections: readonly Named[]): ReadonlyMap<string, string> {
  return new Map(connections.flatMap(({ name, previousNames }) => previousNames.map((former) => [former, name])));
}

/** The name of today. `renamed`: former name → name. */
export function presentName(renamed: ReadonlyMap<string, string>, name: string): string {
  return renamed.get(name) ?? name;
}
