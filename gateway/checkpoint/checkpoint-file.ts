/**
 * A checkpoint: the engine's state after every record below an offset, in one file beside the journal. With it recovery
 * reads only what came later, and what lies before may be purged. It is written whole or not at all.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineState } from '../engine/recovery.ts';

/** `offset`: the first record that is not in the state. */
export type Checkpoint = { readonly incarnation: string; readonly offset: number; readonly state: EngineState };

const NAME_PATTERN = /^checkpoint-(\d{16})\.json$/;
const KEPT = 2;

export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const body = JSON.stringify(checkpoint);
  const path = join(folder, `checkpoint-${String(checkpoint.offset).padStart(16, '0')}.json`);
  const file = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await file.writeFile(`${digestOf(body)}\n${body}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  await syncFolder(folder);
  for (const name of (await checkpointNames(folder)).slice(KEPT)) await rm(join(folder, name), { force: true });
}

/** The newest one that is whole and of this incarnation; null where there is none. */
export async function readNewestCheckpoint(folder: string, incarnation: string): Promise<Checkpoint | null> {
  for (const name of await checkpointNames(folder)) {
    const [digest, body] = (await readFile(join(folder, name), 'utf8')).split('\n');
    if (body === undefined || digest !== digestOf(body)) continue;
    const checkpoint: Checkpoint = JSON.parse(body);
    if (checkpoint.incarnation === incarnation) return checkpoint;
  }
  return null;
}

/** Newest first. */
async function checkpointNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => NAME_PATTERN.test(name))
    .sort()
    .reverse();
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
