/**
 * The analysis that a project asks for: its diff rules and data contracts, read again when somebody changes them. Rules end on
 * a day: they are compiled anew when the day changes. What was found under former rules stays counted under their basis.
 */
import { type Definitions, readDefinitions, ruleSigningOf } from '../adapters/proof-definitions.ts';
import { digestOf } from '../core/canonical-json.ts';
import { contractArea, inspectOutput } from '../core/compare/inspect.ts';
import { comparePair } from '../core/compare/pair.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import { compileRules } from '../core/rules/compile.ts';
import type { CompiledRules } from '../core/rules/compiled.ts';
import type { Analysis } from './analysis.ts';

/** `refused`: the files do not hold; what held before goes on. */
export type Reread =
  | { readonly kind: 'same' | 'changed' }
  | { readonly kind: 'refused'; readonly problems: readonly Located[] };

export type ProjectAnalysis =
  | { readonly ok: true; readonly value: Analysis; reread(): Promise<Reread> }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** `folder`: the project's; `stackFolder`: with the signers of the stack. */
export async function analysisOf(
  folder: string,
  inventory: Inventory,
  now: () => number = Date.now,
  stackFolder: string = folder,
): Promise<ProjectAnalysis> {
  const readAll = async () => {
    const signing = await ruleSigningOf(inventory, stackFolder, now());
    return readDefinitions(folder, inventory.connections, dayOf(now()), signing);
  };
  const read = await readAll();
  if (!read.ok) return read;
  let definitions = read.value;
  let known = digestOfDefinitions(definitions, inventory);
  const compiled = new Map<string, CompiledRules>();
  let day = '';
  const rulesOf = (connection: string): CompiledRules => {
    const today = dayOf(now());
    if (today !== day) compiled.clear();
    day = today;
    const rules = compiled.get(connection) ?? compileRules(definitions.ruleFiles, connection, today);
    compiled.set(connection, rules);
    return rules;
  };
  const basisOf = (connection: string): string => rulesOf(connection).digest;
  const value: Analysis = {
    basis: () => digestOf(inventory.connections.map(({ name }) => [name, basisOf(name)])),
    basisOf,
    contractOf: (connection) => {
      const contract = definitions.contractOf(connection);
      return contract === null ? '' : contractArea(contract);
    },
    compare: (connection, control, candidate) => comparePair(control, candidate, rulesOf(connection)),
    inspect: (connection, payload) => inspectOutput(payload, definitions.contractOf(connection)),
  };
  const reread = async (): Promise<Reread> => {
    const again = await readAll();
    if (!again.ok) return { kind: 'refused', problems: again.problems };
    const digest = digestOfDefinitions(again.value, inventory);
    if (digest === known) return { kind: 'same' };
    definitions = again.value;
    known = digest;
    compiled.clear();
    return { kind: 'changed' };
  };
  return { ok: true, value, reread };
}

function digestOfDefinitions({ ruleFiles, contractOf }: Definitions, { connections }: Inventory): string {
  const contracts = connections.map(({ name }) => [name, contractOf(name)?.digest ?? null]);
  return digestOf(JSON.parse(JSON.stringify([ruleFiles, contracts])));
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
