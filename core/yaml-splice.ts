/**
 * Values of a YAML text replaced where they stand: not one other byte changes, so that comments, order, quotes and layout
 * of a file that people edit survive every program that writes into it.
 */
import { isMap, isNode, isScalar, isSeq, type Node, parseDocument, stringify } from 'yaml';
import type { Path } from './located-yaml.ts';

export type YamlValue = string | number | boolean | null | YamlValue[] | { [key: string]: YamlValue };
export type Replacement = { readonly path: Path; readonly value: YamlValue };

/** Paths that are not in the document are left out, and returned. */
export function replaceValues(
  text: string,
  replacements: readonly Replacement[],
): { readonly text: string; readonly missing: readonly Path[] } {
  const document = parseDocument(text);
  const missing: Path[] = [];
  const cuts: { start: number; end: number; text: string }[] = [];
  for (const { path, value } of replacements) {
    const node = document.getIn(path, true);
    const span = isNode(node) ? spanOf(node) : null;
    if (span === null) missing.push(path);
    else cuts.push({ ...span, text: inlineYaml(value) });
  }
  let result = text;
  for (const { start, end, text: next } of cuts.sort((a, b) => b.start - a.start)) {
    result = result.slice(0, start) + next + result.slice(end);
  }
  return { text: result, missing };
}

/** On one line, valid inside of flow collections too. */
export function inlineYaml(value: YamlValue): string {
  if (typeof value === 'string')
    return /^[\w./-]+$/.test(value) && stringify(value).trim() === value ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inlineYaml).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([key, member]) => `${inlineYaml(key)}: ${inlineYaml(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** A block collection ends at its last value, not at the line after it. */
function spanOf(node: Node): { start: number; end: number } | null {
  const { range } = node;
  if (range === null || range === undefined) return null;
  const [start, valueEnd] = range;
  if (isScalar(node) || !(isMap(node) || isSeq(node)) || node.flow === true) return { start, end: valueEnd };
  const last = node.items.at(-1);
  const lastNode = isNode(last) ? last : isPairWithValue(last) ? last.value : null;
  const lastSpan = lastNode === null ? null : spanOf(lastNode);
  return { start, end: lastSpan?.end ?? valueEnd };
}

function isPairWithValue(item: unknown): item is { value: Node } {
  return typeof item === 'object' && item !== null && 'value' in item && isNode(item.value);
}
