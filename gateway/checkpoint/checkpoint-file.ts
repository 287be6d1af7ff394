/**
 * A checkpoint: the engine's state after every record below an offset, in one file beside the journal. With it recovery
 * reads only what came later, and what lies before may be purged. It is written whole or not at all.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineState } from '../engine/recovery/state.ts';
import { isOutOfRoom, JournalKeyError } from '../journal/errors.ts';
import { NONCE_BYTES, SEAL_BYTES } from '../journal/format.ts';
import type { Seal } from '../journal/seal.ts';

/** `offset`: the first record that is not in the state. */
export type Checkpoint = {
  readonly incarnation: string;
  readonly offset: number;
  /** The oldest record that may still be asked for. Absent in files of former versions: not known. */
  readonly neededFrom?: number;
  /** The same, were all copies given up that nobody is owed. */
  readonly neededBesidesBacklog?: number;
  readonly state: EngineState;
};

const NAME_PATTERN = /^checkpoint-(\d{16})\.json$/;
const KEPT = 2;
const RESERVE = 'reserve';
const RESERVE_LEAST_BYTES = 1 << 20;

export async function writeCheckpoint(folder: string, checkpoint: Checkpoint, seal: Seal): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const body = sealText(JSON.stringify(checkpoint), checkpoint.offset, seal);
  const path = join(folder, `checkpoint-${String(checkpoint.offset).padStart(16, '0')}.json`);
  const text = `${digestOf(body)}\n${body}\n`;
  try {
    await replace(path, text);
  } catch (error) {
    if (!(error instanceof Error) || !isOutOfRoom(error)) throw error;
    await rm(join(folder, RESERVE), { force: true });
    await replace(path, text);
  }
  await syncFolder(folder);
  for (const name of (await checkpointNames(folder)).slice(KEPT)) await rm(join(folder, name), { force: true });
  await keepRoom(folder, 2 * text.length);
}

async function replace(path: string, text: string): Promise<void> {
  try {
    await writeSynced(`${path}.tmp`, text);
    await rename(`${path}.tmp`, path);
  } catch (error) {
    // On a full disk a half of it would take the room that the next one needs.
    await rm(`${path}.tmp`, { force: true });
    throw error;
  }
}

/** Room for the next one, which on a full disk is what lets the journal go. Where there is none now, none is kept. */
export async function keepRoom(folder: string, wantedBytes = 0): Promise<void> {
  const reserve = join(folder, RESERVE);
  const bytes = Math.max(RESERVE_LEAST_BYTES, wantedBytes);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const known = await stat(reserve).catch(() => null);
    if (known === null || known.size < bytes) await writeSynced(reserve, Buffer.alloc(bytes));
  } catch {
    await rm(reserve, { force: true });
  }
}

async function writeSynced(path: string, text: string | Buffer): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The newest one that is whole and of this incarnation; null where there is none. */
export async function readNewestCheckpoint(
  folder: string,
  incarnation: string,
  seal: Seal,
): Promise<Checkpoint | null> {
  for (const name of await checkpointNames(folder)) {
    const [digest, body] = (await readFile(join(folder, name), 'utf8')).split('\n');
    if (body === undefined || digest !== digestOf(body)) continue;
    const checkpoint: Checkpoint = JSON.parse(
      openText(body, 'the checkpoint', Number(NAME_PATTERN.exec(name)?.[1]), seal),
    );
    if (checkpoint.incarnation === incarnation) return checkpoint;
  }
  return null;
}

const SEALED_PATTERN = /^sealed (\d+) ([A-Za-z0-9+/=]+)$/;
/** No segment has it: the key that seals checkpoints is one of their own. */
const NO_SEGMENT = 0;

/** It holds answers of peers, so it is closed as the journal is. `offset`: a record that it goes with. */
export function sealText(text: string, offset: number, seal: Seal): string {
  if (seal.current === null) return text;
  const bytes = Buffer.byteLength(text);
  const target = Buffer.alloc(bytes + SEAL_BYTES);
  target.write(text, NONCE_BYTES);
  seal.close(target, 0, bytes, NO_SEGMENT, offset);
  return `sealed ${seal.current} ${target.toString('base64')}`;
}

/** Throws JournalKeyError. */
export function openText(body: string, what: string, offset: number, seal: Seal): string {
  const [, key, text] = SEALED_PATTERN.exec(body) ?? [];
  if (key === undefined || text === undefined) return body;
  const plain = seal.open(Number(key), Buffer.from(text, 'base64'), NO_SEGMENT, offset);
  if (plain === null) throw new JournalKeyError(what, Number(key), seal.has(Number(key)));
  return plain.toString('utf8');
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
