/**
 * The analysis that a project asks for: its diff rules and data contracts. Rules end on a day: they are compiled anew
 * when the day changes, and what they accepted until then stays counted under the former basis.
 */
import { type Definitions, readDefinitions } from '../adapters/proof-definitions.ts';
import { digestOf } from '../core/canonical-json.ts';
import { inspectOutput } from '../core/compare/inspect.ts';
import { comparePair } from '../core/compare/pair.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import { compileRules } from '../core/rules/compile.ts';
import type { CompiledRules } from '../core/rules/compiled.ts';
import type { Analysis } from './analysis.ts';

export type ProjectAnalysis =
  | { readonly ok: true; readonly value: Analysis }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** `folder`: the project's. */
export async function analysisOf(
  folder: string,
  inventory: Inventory,
  now: () => number = Date.now,
): Promise<ProjectAnalysis> {
  const read = await readDefinitions(folder, inventory.connections, dayOf(now()));
  if (!read.ok) return read;
  const rulesOf = rulesByDay(read.value, now);
  const basisOf = (connection: string): string => rulesOf(connection).digest;
  const value: Analysis = {
    basis: () => digestOf(inventory.connections.map(({ name }) => [name, basisOf(name)])),
    basisOf,
    compare: (connection, control, candidate) => comparePair(control, candidate, rulesOf(connection)),
    inspect: (connection, payload) => inspectOutput(payload, read.value.contractOf(connection)),
  };
  return { ok: true, value };
}

function rulesByDay({ ruleFiles }: Definitions, now: () => number): (connection: string) => CompiledRules {
  const compiled = new Map<string, CompiledRules>();
  let day = '';
  return (connection) => {
    const today = dayOf(now());
    if (today !== day) compiled.clear();
    day = today;
    const known = compiled.get(connection) ?? compileRules(ruleFiles, connection, today);
    compiled.set(connection, known);
    return known;
  };
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
