/**
 * What the last import wrote, kept beside the inventory. A rerun compares three things: what was imported then, what is
 * imported now, and what stands in the file. So it knows a change of the legacy platform from one made by hand.
 */
import { z } from 'zod';
import type { YamlValue } from '../yaml-splice.ts';
import type { EntryValues, Proposal } from './propose.ts';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const entry = z.strictObject({
  name: z.string(),
  values: z.record(z.string(), scalar).describe('path → value, as it was written'),
});

export const importStateSchema = z.strictObject({
  version: z.literal(1),
  sources: z.array(z.strictObject({ file: z.string(), sha256: z.string() })),
  hosts: z
    .strictObject({ legacy: z.string().optional(), new: z.string().optional() })
    .default({})
    .describe('where the platforms are reached, as the command line said: a rerun need not say it again'),
  feeds: z.record(z.string(), entry),
  connections: z.record(z.string(), entry),
});
export type ImportState = z.output<typeof importStateSchema>;
export type Flat = Record<string, string | number | boolean | null>;

export const NO_STATE: ImportState = { version: 1, sources: [], hosts: {}, feeds: {}, connections: {} };

/** `a.b[0].c` → value; an empty list or map has no leaves. */
export function flatten(value: YamlValue, path = ''): Flat {
  if (typeof value !== 'object' || value === null) return { [path]: value };
  const members: [string, YamlValue][] = Array.isArray(value)
    ? value.map((member, index): [string, YamlValue] => [`${path}[${index}]`, member])
    : Object.entries(value).map(([key, member]): [string, YamlValue] => [path === '' ? key : `${path}.${key}`, member]);
  return Object.assign({}, ...members.map(([at, member]) => flatten(member, at)));
}

export function stateOf(proposal: Proposal, sources: ImportState['sources'], hosts: ImportState['hosts']): ImportState {
  const entries = (items: readonly { key: string; name: string; values: EntryValues }[]): ImportState['connections'] =>
    Object.fromEntries(items.map(({ key, name, values }) => [key, { name, values: flatten(values) }]));
  return {
    version: 1,
    sources: [...sources],
    hosts,
    feeds: entries(proposal.feeds),
    connections: entries(proposal.connections),
  };
}

export type Drift = { readonly name: string; readonly path: string; readonly was: YamlValue; readonly is: YamlValue };
export type Drifts = {
  readonly added: readonly string[];
  readonly gone: readonly string[];
  readonly changed: readonly Drift[];
};

/** How the legacy platform differs from what was imported. Assigned ports and waves are not its own. */
export function driftOf(before: ImportState, proposal: Proposal): Drifts {
  const now = stateOf(proposal, [], {});
  const added: string[] = [];
  const gone: string[] = [];
  const changed: Drift[] = [];
  for (const kind of ['feeds', 'connections'] as const) {
    for (const [key, { name }] of Object.entries(before[kind])) if (now[kind][key] === undefined) gone.push(name);
    for (const [key, { name, values }] of Object.entries(now[kind])) {
      const known = before[kind][key];
      if (known === undefined) added.push(name);
      else changed.push(...changesOf(name, known.values, values));
    }
  }
  return { added, gone, changed };
}

export function changesOf(name: string, before: Flat, now: Flat): Drift[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((path) => before[path] !== now[path])
    .map((path) => ({ name, path, was: before[path] ?? null, is: now[path] ?? null }));
}
