/**
 * What one shard hands to another when a feed moves. The state inside is closed as the journal is; whoever has the file can import
 * it once, into the shard that it names. It exists only where the former shard has already given the feed up.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../adapters/make-folder.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { openText, sealText } from './checkpoint/checkpoint-file.ts';
import { writeDurably } from './data-dir.ts';
import type { MovedState } from './engine/moving.ts';
import type { OutputRecord } from './engine/records.ts';
import { type JournalKey, Seal } from './journal/seal.ts';
import { ShardRefusal } from './shard-refusal.ts';

/** `parked`: outputs that nobody owns, which go along with their bytes. */
export type Cargo = {
  readonly state: MovedState;
  readonly parked: readonly { readonly at: string; readonly record: OutputRecord; readonly payload: string }[];
};

const preparedSchema = z.strictObject({
  move: z.string().min(1),
  from: z.int().min(0),
  to: z.int().min(0),
  feeds: z.array(z.string()).min(1),
  connections: z.array(z.strictObject({ name: z.string(), epoch: z.int().min(1) })).min(1),
  incarnation: z.string(),
  /** The newest record that it knows of. */
  upTo: z.int().min(0),
  sha256: z.string(),
  body: z.string(),
});
/** Kept in the data directory, from before the former shard has given the feed up. */
export type Prepared = z.output<typeof preparedSchema>;

const moveFileSchema = preparedSchema.extend({
  kind: z.literal('cutover-feed-move'),
  version: z.literal(2),
  deployment: z.string(),
  movedOutAt: z.iso.datetime(),
});
export type MoveFile = z.output<typeof moveFileSchema>;

/** The digest is of all the rest: whose the state is, and where it goes, is not to be changed by hand. */
const writtenSchema = moveFileSchema.extend({ digest: z.string() });

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export function bodyOf(cargo: Cargo, upTo: number, seal: Seal): { readonly body: string; readonly sha256: string } {
  const body = sealText(JSON.stringify(cargo), upTo, seal);
  return { body, sha256: digestOf(body) };
}

/** The state came from this program's own journal, and its digest is the one that the former shard has recorded. */
export function cargoOf(file: MoveFile, keys: readonly JournalKey[]): Cargo {
  return JSON.parse(openText(file.body, 'the moved feed', file.upTo, new Seal(file.incarnation, keys)));
}

export async function keepPrepared(dataDir: string, prepared: Prepared): Promise<void> {
  makeFolder(folderOf(dataDir), FOLDER_MODE);
  await writeDurably(pathOf(dataDir, prepared.move), `${JSON.stringify(prepared)}\n`, FILE_MODE);
}

/** Those that are whole, of this folder. */
export async function allPrepared(dataDir: string): Promise<readonly Prepared[]> {
  const names = await readdir(folderOf(dataDir)).catch(() => []);
  const all = await Promise.all(names.map((name) => parsed(join(folderOf(dataDir), name), preparedSchema)));
  return all.filter((one) => one !== null).filter(({ body, sha256 }) => digestOf(body) === sha256);
}

/** Throws ShardRefusal where it is not as the journal says. */
export async function preparedOf(dataDir: string, move: string, sha256: string): Promise<Prepared> {
  const path = pathOf(dataDir, move);
  const prepared = await parsed(path, preparedSchema);
  if (prepared?.sha256 === sha256 && digestOf(prepared.body) === sha256) return prepared;
  throw new ShardRefusal(
    `${path} is missing or damaged, and it is the feed's only state`,
    'restore the whole data directory from its volume snapshot or backup (runbooks/restore.md)',
  );
}

export async function writeMoveFile(path: string, file: MoveFile): Promise<void> {
  const digest = digestOf(canonicalJson(file));
  await writeDurably(path, `${JSON.stringify({ ...file, digest })}\n`, FILE_MODE);
}

/** Throws ShardRefusal. */
export async function readMoveFile(path: string): Promise<MoveFile> {
  const written = await parsed(path, writtenSchema);
  if (written === null) {
    const message = `${path} is not a file that this version's move-out has written, or is cut short`;
    throw new ShardRefusal(message, 'name that file, or run the same move-out again: it writes the file anew');
  }
  const { digest, ...file } = written;
  if (digestOf(canonicalJson(file)) === digest) return file;
  throw new ShardRefusal(`${path} is damaged or was changed`, 'run the same move-out again: it writes the file anew');
}

function folderOf(dataDir: string): string {
  return join(dataDir, 'moves');
}

function pathOf(dataDir: string, move: string): string {
  return join(folderOf(dataDir), `${move}.json`);
}

async function parsed<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S> | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
