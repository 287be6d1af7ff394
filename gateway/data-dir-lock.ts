/**
 * One process per data directory. The lock is the kernel's own (through SQLite's exclusive transaction on an empty
 * file), so it ends with its process however that ends, and nothing stale is ever left to judge.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** SQLite's result code for a file that another connection has locked. */
const SQLITE_BUSY = 5;

export type DataDirLock = { release(): void };

/** The lock, or a description of who has it. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock | { readonly heldBy: string }> {
  const holderFile = join(dataDir, 'lock.holder');
  const database = new DatabaseSync(join(dataDir, 'lock'));
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    const holder = await readFile(holderFile, 'utf8').catch(() => '');
    return { heldBy: holder.trim() === '' ? 'another process' : holder.trim() };
  }
  await writeFile(holderFile, `process ${process.pid}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
