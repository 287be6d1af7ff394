/** Messages of an archive: one or many a file, framed, in batches or plain; below folders that may bear names of connections. */
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { partsOf } from '../core/hl7/batch.ts';

export type ArchivedPayload = {
  /** From the archive's own downwards. */
  readonly folders: readonly string[];
  readonly file: string;
  readonly payload: Uint8Array;
};

const DEPTH_LIMIT = 16;
/** What is larger is no archive of messages, or is to be cut. */
export const FILE_LIMIT_BYTES = 512 * 1024 * 1024;

/** In the order of file names. A file that is too large is passed to `onSkipped`. */
export async function* readPayloads(path: string, onSkipped: (file: string) => void): AsyncGenerator<ArchivedPayload> {
  const found = await stat(path);
  if (found.isDirectory()) yield* readFolder(path, [], onSkipped);
  else yield* readFileOf(path, [], onSkipped);
}

async function* readFolder(
  folder: string,
  folders: readonly string[],
  onSkipped: (file: string) => void,
): AsyncGenerator<ArchivedPayload> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && folders.length < DEPTH_LIMIT)
      yield* readFolder(path, [...folders, entry.name], onSkipped);
    else if (entry.isFile()) yield* readFileOf(path, folders, onSkipped);
  }
}

async function* readFileOf(
  file: string,
  folders: readonly string[],
  onSkipped: (file: string) => void,
): AsyncGenerator<ArchivedPayload> {
  if ((await stat(file)).size > FILE_LIMIT_BYTES) {
    onSkipped(file);
    return;
  }
  const bytes = await readFile(file);
  for (const { kind, start, end } of partsOf(bytes)) {
    if (kind === 'message') yield { folders, file, payload: bytes.subarray(start, end) };
  }
}
