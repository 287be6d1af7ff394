/**
 * The real files with a memory like a machine's: what was not synced when the process is killed is gone, or is there in
 * part. Writes stay in this process until their file is synced, names (new, renamed, removed) until their folder is; some
 * sectors reach the disk early, as the system's own writing back does. `kill -9` alone proves nothing about `fdatasync`,
 * because what the process has written survives it; over this layer it does.
 */
import { basename, dirname, join } from 'node:path';
import { diskFiles, type JournalFile, type JournalFiles } from './files.ts';

/** Where files live whose names are not durable yet. A start forgets it with all that is in it. */
const NURSERY = 'unsynced';
const SECTOR_BYTES = 512;

type Write = { readonly position: number; readonly bytes: Buffer };
/** One file, whatever it is called: where it really is, and what is not on the disk. */
type Inode = { realPath: string; unsynced: Write[]; real: JournalFile | null; handles: number };
/** Something that becomes true on the disk when the folder is synced. */
type NameChange =
  | { readonly kind: 'appears'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'vanishes'; readonly path: string };

export type ForgetfulOptions = {
  /** Chance that a sector of a write reaches the disk before its sync. */
  readonly leaks: number;
  readonly random: () => number;
};

export function forgetfulFiles({ leaks, random }: ForgetfulOptions): JournalFiles {
  const names = new Map<string, Inode>();
  let changes: NameChange[] = [];
  let born = 0;

  const inodeOf = (path: string): Inode => {
    const inode = names.get(path);
    if (inode === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return inode;
  };
  const nurseryOf = (dir: string): string => join(dirname(dir), NURSERY);

  return {
    async ensureDirectory(dir) {
      await diskFiles.ensureDirectory(dir);
      await diskFiles.removeFolder(nurseryOf(dir));
      await diskFiles.ensureDirectory(nurseryOf(dir));
      for (const name of await diskFiles.list(dir)) {
        const path = join(dir, name);
        if (!names.has(path)) names.set(path, { realPath: path, unsynced: [], real: null, handles: 0 });
      }
    },
    async list(dir) {
      return [...names.keys()].filter((path) => dirname(path) === dir).map((path) => basename(path));
    },
    async create(path) {
      if (names.has(path)) throw Object.assign(new Error(`EEXIST: ${path}`), { code: 'EEXIST' });
      const inode: Inode = {
        realPath: join(nurseryOf(dirname(path)), String(++born)),
        unsynced: [],
        real: null,
        handles: 0,
      };
      inode.real = await diskFiles.create(inode.realPath);
      names.set(path, inode);
      changes.push({ kind: 'appears', path, inode });
      return handleOf(inode, leaks, random);
    },
    async open(path) {
      const inode = inodeOf(path);
      inode.real ??= await diskFiles.open(inode.realPath);
      return handleOf(inode, leaks, random);
    },
    async rename(from, to) {
      const inode = inodeOf(from);
      names.delete(from);
      names.set(to, inode);
      changes.push({ kind: 'vanishes', path: from }, { kind: 'appears', path: to, inode });
    },
    async remove(path) {
      if (!names.delete(path)) return;
      changes.push({ kind: 'vanishes', path });
    },
    async removeFolder(dir) {
      for (const path of [...names.keys()]) if (dirname(path) === dir) names.delete(path);
      await diskFiles.removeFolder(dir);
    },
    async syncDirectory(dir) {
      const due = changes.filter(({ path }) => dirname(path) === dir);
      changes = changes.filter(({ path }) => dirname(path) !== dir);
      for (const [index, change] of due.entries()) {
        // What appears and vanishes again before the sync never was.
        const isBrief = due.slice(index + 1).some(({ kind, path }) => kind === 'vanishes' && path === change.path);
        if (change.kind === 'vanishes') {
          const isOurs = ![...names.values()].some(({ realPath }) => realPath === change.path);
          if (isOurs) await diskFiles.remove(change.path);
        } else if (!isBrief) {
          await diskFiles.rename(change.inode.realPath, change.path);
          change.inode.realPath = change.path;
        }
      }
      await diskFiles.syncDirectory(dir);
    },
  };
}

function handleOf(inode: Inode, leaks: number, random: () => number): JournalFile {
  inode.handles += 1;
  let isOpen = true;
  const real = (): JournalFile => {
    if (!isOpen || inode.real === null) throw Object.assign(new Error('EBADF'), { code: 'EBADF' });
    return inode.real;
  };
  const keep = (buffers: readonly Uint8Array[], position: number): void => {
    const file = real();
    const bytes = Buffer.concat(buffers);
    inode.unsynced.push({ position, bytes });
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
      if (random() < leaks) file.writeNow?.([bytes.subarray(at, at + SECTOR_BYTES)], position + at);
    }
  };
  return {
    write: async (buffers, position) => keep(buffers, position),
    writeNow: (buffers, position) => {
      keep(buffers, position);
      return true;
    },
    async read(position, length) {
      const onDisk = await real().read(position, length);
      const end = Math.max(
        onDisk.length,
        ...inode.unsynced.map((write) => write.position + write.bytes.length - position),
      );
      const seen = Buffer.alloc(Math.max(0, Math.min(length, end)));
      seen.set(onDisk.subarray(0, seen.length));
      for (const write of inode.unsynced) overlay(seen, position, write);
      return seen;
    },
    async sync() {
      // What is written while the sync runs is not covered by it.
      const covered = [...inode.unsynced];
      for (const { position, bytes } of covered) await real().write([bytes], position);
      await real().sync();
      inode.unsynced = inode.unsynced.filter((write) => !covered.includes(write));
    },
    async size() {
      return Math.max(await real().size(), ...inode.unsynced.map(({ position, bytes }) => position + bytes.length));
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      inode.handles -= 1;
      if (inode.handles > 0) return;
      const file = inode.real;
      inode.real = null;
      await file?.close();
    },
  };
}

function overlay(target: Buffer, from: number, { position, bytes }: Write): void {
  const start = Math.max(position, from);
  const end = Math.min(position + bytes.length, from + target.length);
  if (end > start) target.set(bytes.subarray(start - position, end - position), start - from);
}
