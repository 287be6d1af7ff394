/**
 * The stack file as a document: entries are replaced in place, so comments and layout survive, and the file is
 * replaced atomically, so that a reader (or a crash) sees the old one or the new one, never a half.
 */
import { readFileSync, renameSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Document, isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { formatProblem } from '../core/located-yaml.ts';
import { parseStackConfig, ROUTES_KEY, type RouteEntry, type StackConfig } from '../core/stack-config.ts';
import { detachAliases } from '../core/yaml-aliases.ts';

export type StackFile = { readonly file: string; readonly text: string; readonly config: StackConfig };
export type StackFileFailure = {
  readonly ok: false;
  readonly code: 'stack-file-missing' | 'stack-file-invalid';
  /** One line a problem. */
  readonly problems: readonly string[];
};

export async function readStackFile(
  file: string,
): Promise<{ readonly ok: true; readonly value: StackFile } | StackFileFailure> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { ok: false, code: 'stack-file-missing', problems: [`${file}: cannot be read (${cause})`] };
  }
  const parsed = parseStackConfig(text, file);
  if (!parsed.ok) return { ok: false, code: 'stack-file-invalid', problems: parsed.problems.map(formatProblem) };
  return { ok: true, value: { file, text, config: parsed.value } };
}

export type EntryEdits = ReadonlyMap<string, RouteEntry>;

/** The text with these entries replaced or added; everything else stays as it is, byte for byte where YAML allows. */
export function editEntries(text: string, entries: EntryEdits): string {
  if (entries.size === 0) return text;
  const document = parseDocument(text, { keepSourceTokens: true });
  const routes = routesOf(document);
  detachAliases(
    document,
    [...entries.keys()].map((name) => routes.get(name, true)),
  );
  for (const [name, entry] of entries) setEntry(document, routes, name, entry);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** The text with each entry under the name that its connection has now. `renamed`: former name → name. */
export function renameEntries(text: string, renamed: ReadonlyMap<string, string>): string {
  if (renamed.size === 0) return text;
  const document = parseDocument(text, { keepSourceTokens: true });
  const routes = document.getIn(['config', ROUTES_KEY], true);
  const keys = isMap(routes) ? routes.items.flatMap(({ key }) => (isScalar(key) ? [key] : [])) : [];
  const former = keys.filter(({ value }) => renamed.has(String(value)));
  if (!isMap(routes) || former.length === 0) return text;
  for (const key of former) {
    const name = renamed.get(String(key.value));
    if (routes.has(name)) {
      detachAliases(document, [routes.get(key, true)]);
      routes.delete(key);
    } else key.value = name;
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Writes beside the file, syncs, renames over it and syncs the folder. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const beside = besides(file);
  try {
    await writeSynced(beside, text);
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(file);
}

const MOST_TRIES = 50;

/**
 * `edit` gets the text as it is, and gives back what it is to be. Another verb may replace the file while this one writes beside it:
 * then it is edited as the other has left it, and what either wrote stays. Resolves with whether anything was to be changed.
 */
export async function editFile(file: string, edit: (text: string) => string | Promise<string>): Promise<boolean> {
  const beside = besides(file);
  try {
    for (let tries = 1; ; tries++) {
      const text = await readFile(file, 'utf8');
      const edited = await edit(text);
      if (edited === text) return false;
      await writeSynced(beside, edited);
      // Between these two nothing of this process comes, and of another one next to nothing.
      if (readFileSync(file, 'utf8') !== text && tries < MOST_TRIES) continue;
      renameSync(beside, file);
      await syncFolder(file);
      return true;
    }
  } finally {
    await rm(beside, { force: true });
  }
}

async function syncFolder(file: string): Promise<void> {
  const directory = await open(dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Null: the file could be replaced by a text of this size; else what is in the way. It stays as it is. */
export async function whyNotReplaceable(file: string, text: string): Promise<string | null> {
  const beside = besides(file);
  try {
    await writeSynced(beside, text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(beside, { force: true }).catch(() => undefined);
  }
}

let besideCount = 0;

function besides(file: string): string {
  return join(dirname(file), `.${basename(file)}.${process.pid}.${besideCount++}.tmp`);
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o644);
  try {
    await handle.writeFile(text, 'utf8');
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function routesOf(document: Document.Parsed): YAMLMap {
  const existing = document.getIn(['config', ROUTES_KEY], true);
  if (isMap(existing)) {
    if (existing.items.length === 0) existing.flow = false;
    return existing;
  }
  const created = document.createNode({});
  created.flow = false;
  document.setIn(['config', ROUTES_KEY], created);
  return created;
}

const FIELDS = ['phase', 'newWeight', 'epoch', 'approval', 'reason'] as const;

/** Members are set one by one in place: a comment inside an entry survives too. */
function setEntry(document: Document.Parsed, routes: YAMLMap, name: string, entry: RouteEntry): void {
  const existing = routes.get(name, true);
  if (!isMap(existing)) {
    const created = document.createNode(membersOf(entry));
    if (isMap(created)) created.flow = true;
    routes.set(name, created);
    return;
  }
  const members = membersOf(entry);
  for (const field of FIELDS) {
    const value = members[field];
    if (value === undefined) existing.delete(field);
    else setScalar(existing, field, value);
  }
}

function setScalar(map: YAMLMap, field: string, value: string | number): void {
  const node = map.get(field, true);
  if (isScalar(node)) {
    if (node.value !== value) node.value = value;
  } else map.set(field, value);
}

function membersOf(entry: RouteEntry): Partial<Record<(typeof FIELDS)[number], string | number>> {
  return {
    phase: entry.phase,
    ...(entry.phase === 'parallel' ? { newWeight: entry.newWeight } : {}),
    epoch: entry.epoch,
    ...(entry.approval === undefined ? {} : { approval: entry.approval }),
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
  };
}
