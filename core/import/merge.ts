/**
 * A proposal into the text of an inventory. What is new is added at the end, what the legacy platform changed is replaced
 * where it stands, and what a person changed stays as they wrote it. Not one other byte changes.
 */
import { isMap, isNode, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { inlineYaml, type Replacement, replaceValues, type YamlValue } from '../yaml-splice.ts';
import type { Proposal, ProposedEntry } from './propose.ts';
import { type Drift, type Flat, flatten, type ImportState } from './state.ts';

export type Merged = {
  readonly text: string;
  readonly added: readonly string[];
  readonly updated: readonly Drift[];
  /** Changed by hand, and kept; `legacyChanged`: the legacy platform changed it as well, so somebody must look. */
  readonly kept: readonly { readonly name: string; readonly path: string; readonly legacyChanged: boolean }[];
  /** No longer in what was imported; they stay in the inventory. */
  readonly gone: readonly string[];
  /** Imported before, and taken out by hand: they stay out. */
  readonly removed: readonly string[];
  /** Values that have no place in the file to be written to. */
  readonly unwritable: readonly Drift[];
};

type Kind = 'feeds' | 'connections';

export function mergeInto(text: string, proposal: Proposal, before: ImportState): Merged {
  const document = parseDocument(text);
  const replacements: Replacement[] = [];
  const work: Merged & {
    added: string[];
    updated: Drift[];
    kept: Merged['kept'][number][];
    gone: string[];
    removed: string[];
    unwritable: Drift[];
  } = {
    text,
    added: [],
    updated: [],
    kept: [],
    gone: [],
    removed: [],
    unwritable: [],
  };
  const fresh: Record<Kind, ProposedEntry[]> = { feeds: [], connections: [] };
  for (const kind of ['feeds', 'connections'] as const) {
    const places = placesOf(document, kind);
    const keys = new Set(proposal[kind].map(({ key }) => key));
    for (const [key, { name }] of Object.entries(before[kind]))
      if (!keys.has(key) && places.has(name)) work.gone.push(name);
    for (const entry of proposal[kind]) {
      const place = places.get(entry.name);
      if (place === undefined && before[kind][entry.key] !== undefined) work.removed.push(entry.name);
      else if (place === undefined) fresh[kind].push(entry);
      else mergeEntry(entry, { kind, ...place }, before[kind][entry.key]?.values ?? {}, { replacements, work });
    }
  }
  const replaced = replaceValues(text, replacements);
  let result = replaced.text;
  for (const kind of ['feeds', 'connections'] as const) {
    if (fresh[kind].length > 0) result = append(result, kind, fresh[kind]);
    work.added.push(...fresh[kind].map(({ name }) => name));
  }
  return { ...work, text: result };
}

function placesOf(
  document: ReturnType<typeof parseDocument>,
  kind: Kind,
): Map<string, { index: number; map: YAMLMap }> {
  const list = document.get(kind, true);
  const items = isSeq(list) ? list.items : [];
  return new Map(
    items.flatMap((map, index) => {
      if (!isMap(map)) return [];
      const before = map.get('previousNames');
      const names = [...(isSeq(before) ? before.items.map(String) : []), String(map.get('name'))];
      return names.map((name) => [name, { index, map }] as const);
    }),
  );
}

type Work = {
  readonly replacements: Replacement[];
  readonly work: { updated: Drift[]; kept: Merged['kept'][number][]; unwritable: Drift[] };
};

function mergeEntry(
  entry: ProposedEntry,
  place: { kind: Kind; index: number; map: YAMLMap },
  base: Flat,
  { replacements, work }: Work,
): void {
  const { kind, index, map } = place;
  const { effects, ...others } = entry.values;
  const now = flatten(others);
  const isEffect = (path: string): boolean => path.startsWith('effects[');
  for (const path of new Set([...Object.keys(now), ...Object.keys(base).filter((each) => !isEffect(each))])) {
    const at = pathOf(path);
    const written = map.getIn(at);
    const [was, is] = [base[path] ?? null, now[path] ?? null];
    const present = written === undefined || isNode(written) ? null : (written as YamlValue);
    if (present === is) continue;
    if (!(path in base) || present !== was) {
      work.kept.push({ name: entry.name, path, legacyChanged: path in base && is !== was });
      continue;
    }
    const drift = { name: entry.name, path, was, is };
    if (is === null || written === undefined) work.unwritable.push(drift);
    else {
      replacements.push({ path: [kind, index, ...at], value: is });
      work.updated.push(drift);
    }
  }
  if (Array.isArray(effects)) mergeEffects(entry.name, effects, { place, base, replacements, work });
}

/** Effects that are new are added unclassified; how a person classified the others stays. */
function mergeEffects(
  name: string,
  effects: readonly YamlValue[],
  { place, base, replacements, work }: { place: { kind: Kind; index: number; map: YAMLMap }; base: Flat } & Work,
): void {
  const kindOf = (effect: unknown): string =>
    typeof effect === 'object' && effect !== null && 'kind' in effect ? String(effect.kind) : '';
  const node = place.map.get('effects', true);
  const present: unknown = isNode(node) ? node.toJSON() : [];
  const list: YamlValue[] = Array.isArray(present) ? present : [];
  const known = new Set([
    ...list.map(kindOf),
    ...Object.entries(base).flatMap(([path, value]) => (/^effects\[\d+\]\.kind$/.test(path) ? [String(value)] : [])),
  ]);
  const added = effects.filter((effect) => !known.has(kindOf(effect)));
  if (added.length === 0) return;
  for (const effect of added) {
    const drift = { name, path: 'effects', was: null, is: kindOf(effect) };
    if (isNode(node)) work.updated.push(drift);
    else work.unwritable.push(drift);
  }
  if (isNode(node)) replacements.push({ path: [place.kind, place.index, 'effects'], value: [...list, ...added] });
}

function pathOf(path: string): (string | number)[] {
  return path
    .split(/[.[\]]+/)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** After the last item of the list; where there is no list, or an empty one, it is made. */
function append(text: string, kind: Kind, entries: readonly ProposedEntry[]): string {
  const list = parseDocument(text).get(kind, true);
  const block = entries.map(entryText).join('');
  if (!isSeq(list)) return `${text.replace(/\n*$/, '\n')}${kind}:\n${block}`;
  const { range } = list;
  if (range === null || range === undefined) throw new Error(`the list of ${kind} has no place`);
  if (list.items.length === 0) {
    const line = text.lastIndexOf('\n', range[0]) + 1;
    const key = text.slice(line, range[0]).trimEnd();
    const rest = text.slice(range[1]).replace(/^[^\n]*\n?/, '');
    return `${text.slice(0, line)}${key}\n${block}${rest}`;
  }
  if (list.flow === true) {
    const end = range[1] - 1;
    return `${text.slice(0, end).trimEnd()},\n${entries.map(({ values }) => `  ${inlineYaml(values)}`).join(',\n')}\n${text.slice(end)}`;
  }
  const indent = indentOf(text, range[0]);
  const last = list.items.at(-1);
  const end = isNode(last) && last.range ? endOfLine(text, last.range[1]) : text.length;
  const head = text.slice(0, end).replace(/\n*$/, '\n');
  return `${head}${indented(block, indent)}${text.slice(end)}`;
}

function endOfLine(text: string, valueEnd: number): number {
  // The end of a block collection is the beginning of a later line already.
  if (text.charAt(valueEnd - 1) === '\n') return valueEnd;
  const end = text.indexOf('\n', valueEnd);
  return end < 0 ? text.length : end + 1;
}

function indentOf(text: string, start: number): number {
  return start - (text.lastIndexOf('\n', start - 1) + 1);
}

function indented(block: string, indent: number): string {
  const more = indent - 2;
  if (more === 0) return block;
  return block.replaceAll(/^ {2}/gm, ' '.repeat(indent));
}

/** One key a line, the rest inline: short enough to be read, and to be edited. */
function entryText({ comment, values }: ProposedEntry): string {
  const lines = Object.entries(values).map(([key, value], index) => {
    const lead = index === 0 ? '  - ' : '    ';
    if (key === 'feed' && typeof value === 'object') return `${lead}feed:\n${membersText(value, '      ')}`;
    if (key === 'effects' && Array.isArray(value) && value.length > 0) {
      return `${lead}effects:\n${value.map((effect) => `      - ${inlineYaml(effect)}`).join('\n')}`;
    }
    return `${lead}${key}: ${inlineYaml(value)}`;
  });
  return `  # ${comment.replaceAll(/[\r\n]+/g, ' ')}\n${lines.join('\n')}\n`;
}

function membersText(value: YamlValue, lead: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${lead}${inlineYaml(value)}`;
  return Object.entries(value)
    .map(([key, member]) =>
      key === 'platforms'
        ? `${lead}platforms:\n${membersText(member, `${lead}  `)}`
        : `${lead}${key}: ${inlineYaml(member)}`,
    )
    .join('\n');
}

/** An inventory without connections, for a first import. */
export function newInventoryText(deployment: string): string {
  return `# yaml-language-server: $schema=../../docs/schemas/inventory.schema.json
# Made by \`cutover import\`. Edit freely: a later import keeps what you change, and says where legacy changed as well.
deployment: ${inlineYaml(deployment)}
target: local
gateways:
  - { shard: 0, admin: "https://127.0.0.1:7443" }
feeds: []
connections: []
`;
}
