/** The edge stack's file: read against its schema, and its paths replaced in place, so that comments and layout survive. */
import { readFile } from 'node:fs/promises';
import { isMap, parseDocument } from 'yaml';
import { type EdgeStack, PATHS_KEY, parseEdgeStack } from '../core/edge/edge-config.ts';
import type { PathEntry } from '../core/edge/path.ts';
import { formatProblem } from '../core/located-yaml.ts';
import { detachAliases } from '../core/yaml-aliases.ts';

export type EdgeFile =
  | { readonly kind: 'read'; readonly file: string; readonly text: string; readonly stack: EdgeStack }
  /** This deployment has no edge. */
  | { readonly kind: 'absent'; readonly file: string }
  | { readonly kind: 'invalid'; readonly file: string; readonly problems: readonly string[] };

export async function readEdgeFile(file: string): Promise<EdgeFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'absent', file };
    return { kind: 'invalid', file, problems: [`${file}: cannot be read (${String(error)})`] };
  }
  const parsed = parseEdgeStack(text, file);
  if (!parsed.ok) return { kind: 'invalid', file, problems: parsed.problems.map(formatProblem) };
  return { kind: 'read', file, text, stack: parsed.value };
}

export function editPaths(text: string, paths: ReadonlyMap<string, PathEntry>): string {
  if (paths.size === 0) return text;
  const document = parseDocument(text, { keepSourceTokens: true });
  const existing = document.getIn(['config', PATHS_KEY], true);
  if (!isMap(existing)) {
    const created = document.createNode({});
    created.flow = false;
    document.setIn(['config', PATHS_KEY], created);
  } else if (existing.items.length === 0) existing.flow = false;
  else {
    detachAliases(
      document,
      [...paths.keys()].map((feed) => existing.get(feed, true)),
    );
  }
  for (const [feed, path] of paths) {
    const entry = document.createNode({ ...path });
    if (isMap(entry)) entry.flow = true;
    document.setIn(['config', PATHS_KEY, feed], entry);
  }
  // As the Pulumi CLI writes this file itself.
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
