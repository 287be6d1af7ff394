/**
 * A disk in memory that forgets like a real one: what was not synced may be lost or torn at a crash, in any
 * combination; a failed sync loses its writes for good though reads still show them; names that were not synced with
 * their directory may be lost too. For tests and for the simulation; deterministic for a deterministic `random`.
 */
import { basename, dirname, join } from 'node:path';
import type { JournalFile, JournalFiles } from './files.ts';

export type DiskOperation =
  | 'create'
  | 'open'
  | 'write'
  | 'read'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'list'
  | 'syncDirectory';

/** What an operation does: it works, it fails, for want of room or else, or (a write) only its first bytes get anywhere before it fails. */
export type Fate = 'works' | 'fails' | 'no-room' | { readonly tornAt: number };

export type MemoryFilesOptions = {
  /** Asked before each operation. Default: everything works. */
  readonly fate?: (operation: DiskOperation, path: string) => Fate;
  /** Each operation waits for it first: a simulation's latency. */
  readonly delay?: (operation: DiskOperation, path: string) => Promise<void>;
  /** Writes are done in the turn that asks for them, as into a page cache. Default: they take their time. */
  readonly writesNow?: boolean;
};

type Write = { readonly position: number; readonly bytes: Uint8Array; doomed: boolean };
const SECTOR_BYTES = 512;

class Contents {
  durable = Buffer.alloc(0);
  visible = Buffer.alloc(0);
  unsynced: Write[] = [];

  write(position: number, bytes: Uint8Array): void {
    this.visible = overlay(this.visible, position, bytes);
    this.unsynced.push({ position, bytes: Uint8Array.from(bytes), doomed: false });
  }

  sync(): void {
    for (const { position, bytes, doomed } of this.unsynced) {
      if (!doomed) this.durable = overlay(this.durable, position, bytes);
    }
    this.unsynced = this.unsynced.filter((write) => write.doomed);
  }

  /** The kernel marks the pages clean though they never reached the disk: a later sync does not write them. */
  failSync(): void {
    for (const write of this.unsynced) write.doomed = true;
  }

  crash(random: () => number): void {
    for (const { position, bytes, doomed } of this.unsynced) {
      const fate = random();
      if (doomed || fate < 1 / 3) continue;
      if (fate < 2 / 3) this.durable = overlay(this.durable, position, bytes);
      else this.#keepSomeSectors(position, bytes, random);
    }
    this.unsynced = [];
    this.visible = Buffer.from(this.durable);
  }

  #keepSomeSectors(position: number, bytes: Uint8Array, random: () => number): void {
    for (let at = 0; at < bytes.byteLength; at += SECTOR_BYTES - ((position + at) % SECTOR_BYTES)) {
      const length = SECTOR_BYTES - ((position + at) % SECTOR_BYTES);
      if (random() < 1 / 2) this.durable = overlay(this.durable, position + at, bytes.subarray(at, at + length));
    }
  }
}

export class MemoryFiles implements JournalFiles {
  readonly #options: MemoryFilesOptions;
  #names = new Map<string, Contents>();
  #durableNames = new Map<string, Contents>();
  #dead = false;

  constructor(options: MemoryFilesOptions = {}) {
    this.#options = options;
  }

  /** The power fails: what remains, as another disk. Operations of this one never end. */
  crash(random: () => number, options: MemoryFilesOptions = {}): MemoryFiles {
    this.#dead = true;
    const after = new MemoryFiles(options);
    const names = random() < 1 / 2 ? this.#names : this.#durableNames;
    for (const contents of new Set(names.values())) contents.crash(random);
    after.#names = new Map(names);
    after.#durableNames = new Map(names);
    return after;
  }

  /** Only the process dies: everything written is still there, synced or not. */
  kill(options: MemoryFilesOptions = {}): MemoryFiles {
    this.#dead = true;
    const after = new MemoryFiles(options);
    after.#names = new Map(this.#names);
    after.#durableNames = new Map(this.#durableNames);
    return after;
  }

  /** Changes bytes on the disk behind everyone's back. */
  damage(path: string, position: number, change: (byte: number) => number): void {
    const contents = this.#existing(path);
    for (const image of [contents.visible, contents.durable]) image[position] = change(image[position] ?? 0) & 0xff;
  }

  /** The file as a reader sees it. */
  contents(path: string): Uint8Array {
    return Uint8Array.from(this.#existing(path).visible);
  }

  /** What all files take. */
  get bytes(): number {
    return [...this.#names.values()].reduce((sum, { visible }) => sum + visible.length, 0);
  }

  async ensureDirectory(): Promise<void> {
    await this.#step('list', '');
  }

  async list(dir: string): Promise<string[]> {
    await this.#step('list', dir);
    return [...this.#names.keys()].filter((path) => dirname(path) === join(dir)).map((path) => basename(path));
  }

  async create(path: string): Promise<JournalFile> {
    await this.#step('create', path);
    if (this.#names.has(path)) throw new Error(`EEXIST: ${path}`);
    const contents = new Contents();
    this.#names.set(path, contents);
    return this.#handle(path, contents);
  }

  async open(path: string): Promise<JournalFile> {
    await this.#step('open', path);
    return this.#handle(path, this.#existing(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', from);
    let isThere = false;
    for (const [name, contents] of [...this.#names]) {
      if (name !== from && dirname(name) !== from) continue;
      isThere = true;
      this.#names.delete(name);
      this.#names.set(name === from ? to : join(to, basename(name)), contents);
    }
    if (!isThere) throw new Error(`ENOENT: ${from}`);
  }

  async remove(path: string): Promise<void> {
    await this.#step('remove', path);
    this.#names.delete(path);
  }

  async removeFolder(path: string): Promise<void> {
    await this.#step('remove', path);
    for (const name of [...this.#names.keys()]) if (dirname(name) === join(path)) this.#names.delete(name);
  }

  async syncDirectory(dir: string): Promise<void> {
    await this.#step('syncDirectory', dir);
    this.#durableNames = new Map(this.#names);
  }

  #existing(path: string): Contents {
    const contents = this.#names.get(path);
    if (contents === undefined) throw new Error(`ENOENT: ${path}`);
    return contents;
  }

  #handle(path: string, contents: Contents): JournalFile {
    let closed = false;
    const step = (operation: DiskOperation): Promise<Fate> => {
      if (closed) throw new Error(`EBADF: ${path}`);
      return this.#step(operation, path, false);
    };
    const writeNow = (buffers: readonly Uint8Array[], position: number): boolean => {
      if (closed) throw new Error(`EBADF: ${path}`);
      if (this.#dead) return false;
      const bytes = Buffer.concat(buffers);
      const fate = this.#options.fate?.('write', path) ?? 'works';
      if (fate === 'works' || typeof fate === 'object')
        contents.write(position, typeof fate === 'object' ? bytes.subarray(0, fate.tornAt) : bytes);
      if (fate === 'works') return true;
      throw new Error(`EIO: write ${path}`);
    };
    return {
      ...(this.#options.writesNow === true && { writeNow }),
      write: async (buffers, position) => {
        const bytes = Buffer.concat(buffers);
        const fate = await step('write');
        if (typeof fate === 'object') contents.write(position, bytes.subarray(0, fate.tornAt));
        if (fate !== 'works') throw new Error(`EIO: write ${path}`);
        contents.write(position, bytes);
      },
      read: async (position, length) => {
        if ((await step('read')) !== 'works') throw new Error(`EIO: read ${path}`);
        return Uint8Array.from(contents.visible.subarray(position, position + length));
      },
      sync: async () => {
        // What is written while the sync runs is not covered by it.
        const covered = contents.unsynced.length;
        const fate = await step('sync');
        const later = contents.unsynced.splice(covered);
        if (fate === 'works') contents.sync();
        else contents.failSync();
        contents.unsynced.push(...later);
        if (fate !== 'works') throw new Error(`EIO: sync ${path}`);
      },
      size: async () => contents.visible.length,
      close: async () => {
        closed = true;
      },
    };
  }

  async #step(operation: DiskOperation, path: string, throws = true): Promise<Fate> {
    await this.#options.delay?.(operation, path);
    if (this.#dead) return new Promise<Fate>(() => undefined);
    const fate = this.#options.fate?.(operation, path) ?? 'works';
    if (throws && fate === 'no-room')
      throw Object.assign(new Error(`ENOSPC: ${operation} ${path}`), { code: 'ENOSPC' });
    if (throws && fate !== 'works') throw new Error(`EIO: ${operation} ${path}`);
    return fate;
  }
}

function overlay(image: Buffer<ArrayBuffer>, position: number, bytes: Uint8Array): Buffer<ArrayBuffer> {
  const end = position + bytes.byteLength;
  let target = image;
  if (end > image.length) {
    target = Buffer.alloc(end);
    image.copy(target, 0);
  }
  target.set(bytes, position);
  return target;
}
