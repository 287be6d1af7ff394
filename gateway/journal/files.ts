/** The few file operations that the journal needs, so that tests and the simulation can be the disk. */
import { fdatasync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export type JournalFile = {
  /** Writes all of the buffers, one after the other, from `position` on. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /**
   * The same in this very turn, where that takes no time worth mentioning: true where it is written. False: nothing is,
   * and `write` is to be used. Throws where `write` would reject.
   */
  writeNow?(buffers: readonly Uint8Array[], position: number): boolean;
  /** Fewer bytes than asked for only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Data and size are on disk when it resolves (fdatasync). */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
};

export type JournalFiles = {
  ensureDirectory(dir: string): Promise<void>;
  list(dir: string): Promise<string[]>;
  create(path: string): Promise<JournalFile>;
  open(path: string): Promise<JournalFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** A folder with all that is in it; none is no error. */
  removeFolder(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(dir: string): Promise<void>;
};

export const diskFiles: JournalFiles = {
  async ensureDirectory(dir) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(dir));
  },
  list: (dir) => readdir(dir),
  create: (path) => openFile(path, 'wx+'),
  open: (path) => openFile(path, 'r+'),
  rename,
  remove: (path) => rm(path, { force: true }),
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
  syncDirectory,
};

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A write into the page cache takes microseconds, less than handing it to another thread and back. */
const WRITE_NOW_LIMIT_BYTES = 256 * 1024;
/** The system made a write wait, as it does when too much is dirty: for a while others wait in our place. */
const SLOW_WRITE_MS = 200;
const AVOID_AFTER_SLOW_MS = 5000;
let avoidUntilMs = 0;

function writeNow(fd: number, buffers: readonly Uint8Array[], position: number): boolean {
  const beganMs = performance.now();
  if (beganMs < avoidUntilMs) return false;
  let total = 0;
  for (const buffer of buffers) total += buffer.byteLength;
  if (total > WRITE_NOW_LIMIT_BYTES) return false;
  let at = position;
  for (const buffer of buffers) {
    for (let from = 0; from < buffer.byteLength; ) {
      const written = writeSync(fd, buffer, from, buffer.byteLength - from, at);
      if (written === 0) throw new Error(`wrote ${at - position} of ${total} bytes, then no more`);
      from += written;
      at += written;
    }
  }
  const endedMs = performance.now();
  if (endedMs - beganMs > SLOW_WRITE_MS) avoidUntilMs = endedMs + AVOID_AFTER_SLOW_MS;
  return true;
}

async function openFile(path: string, flags: 'wx+' | 'r+'): Promise<JournalFile> {
  const handle = await open(path, flags, 0o600);
  return {
    async write(buffers, position) {
      const total = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
      let { bytesWritten } = await handle.writev([...buffers], position);
      if (bytesWritten === total) return;
      // A short write is legal; what is left goes out as one buffer, and no progress at all is a full disk.
      const all = Buffer.concat(buffers);
      while (bytesWritten < total) {
        const more = await handle.write(all, bytesWritten, total - bytesWritten, position + bytesWritten);
        if (more.bytesWritten === 0) throw new Error(`wrote ${bytesWritten} of ${total} bytes, then no more`);
        bytesWritten += more.bytesWritten;
      }
    },
    writeNow: (buffers, position) => writeNow(handle.fd, buffers, position),
    async read(position, length) {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    sync: () =>
      new Promise((resolve, reject) => fdatasync(handle.fd, (error) => (error === null ? resolve() : reject(error)))),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}
