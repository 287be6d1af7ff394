/** The analysis that a project asks for: its diff rules, compiled for each connection. */
import { digestOf } from '../core/canonical-json.ts';
import { comparePair } from '../core/compare/pair.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import { type CompiledRules, NO_RULES } from '../core/rules/compiled.ts';
import type { Analysis } from './analysis.ts';

export type ProjectAnalysis =
  | { readonly ok: true; readonly value: Analysis & { readonly basis: string } }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** `folder`: the project's. */
export async function analysisOf(_folder: string, inventory: Inventory): Promise<ProjectAnalysis> {
  const rules = new Map<string, CompiledRules>(inventory.connections.map(({ name }) => [name, NO_RULES]));
  const rulesOf = (connection: string): CompiledRules => rules.get(connection) ?? NO_RULES;
  const value = {
    basis: digestOf([...rules].map(([name, { digest }]) => [name, digest])),
    basisOf: (connection: string) => rulesOf(connection).digest,
    compare: (
      connection: string,
      control: Parameters<typeof comparePair>[0],
      candidate: Parameters<typeof comparePair>[1],
    ) => comparePair(control, candidate, rulesOf(connection)),
    inspect: () => [],
  };
  return { ok: true, value };
}
