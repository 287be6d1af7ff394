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

/** The lock, or a description of who has it. Throws where what should be the lock's file is something else. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock | { readonly heldBy: string }> {
  const holderFile = join(dataDir, 'lock.holder');
  const lockFile = join(dataDir, 'lock');
  const database = new DatabaseSync(lockFile, { open: false });
  try {
    database.open();
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    if (database.isOpen) database.close();
    if (!isBusy(error)) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(
        `${lockFile} cannot be locked (${why}); it holds nothing: where no gateway serves ${dataDir}, remove it`,
      );
    }
    const holder = await readFile(holderFile, 'utf8').catch(() => '');
    return { heldBy: holder.trim() === '' ? 'another process' : holder.trim() };
  }
  await writeFile(holderFile, `process ${process.pid}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
