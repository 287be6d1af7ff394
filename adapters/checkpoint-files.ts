/**
 * Checkpoints of the ledger on disk, outside the database: `stacks/<stack>/checkpoints/<entries>-<head>.json` in canonical
 * JSON, and its detached signature beside it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKPOINT_NAMESPACE, type Checkpoint } from '../core/audit/checkpoint.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { signWithSshKeygen } from './ssh-keygen.ts';

/** Names sort by length. */
const DIGITS = 10;

export type StoredCheckpoint =
  | { readonly ok: true; readonly files: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Signs first: without a signature nothing is written. */
export async function storeCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  key: { readonly keyFile: string; readonly env: NodeJS.ProcessEnv },
): Promise<StoredCheckpoint> {
  const text = canonicalJson(checkpoint);
  const signed = await signWithSshKeygen(text, { ...key, namespace: CHECKPOINT_NAMESPACE });
  if (!signed.ok) return { ok: false, message: `${signed.message}; ${signed.remedy}` };
  const head = checkpoint.head.replace('sha256:', '').slice(0, 12);
  const file = join(folder, `${String(checkpoint.length).padStart(DIGITS, '0')}-${head}.json`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(file, text, 'utf8');
    await writeFile(`${file}.sig`, signed.signature, 'utf8');
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  return { ok: true, files: [file, `${file}.sig`] };
}
