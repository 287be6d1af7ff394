/**
 * The simulated machine's disk with the real journal on it: small segments, checkpoints and purges, and a disk that forgets
 * what was not synced, tears it, or fails. Beside it stands an archive of every record as the engine appended it, which the
 * oracle reads; what comes back after a crash must be a beginning of the archive that holds all that was called durable.
 */

import type { Inventory } from '../../core/inventory.ts';
import type { Checkpoint } from '../checkpoint/checkpoint-file.ts';
import { asMeta, Compactor } from '../checkpoint/compactor.ts';
import { Room } from '../checkpoint/room.ts';
import type { JournalMeta } from '../engine/records.ts';
import { isOutOfRoom } from '../journal/errors.ts';
import { Journal, type RecoveryReport } from '../journal/journal.ts';
import { type Fate, MemoryFiles, type MemoryFilesOptions } from '../journal/memory-files.ts';
import { JournalView } from './judges/journal-view.ts';
import type { World } from './world.ts';

export type DiskRecord = { readonly offset: number; readonly meta: JournalMeta; readonly payload: Buffer | null };

export type DiskEvents = {
  written(upTo: number): void;
  durable(upTo: number): void;
  failed(): void;
  /** As the engine's, on a full disk. */
  giveUpBacklog(ends: readonly number[]): number | null;
};

export type Opened = {
  readonly report: RecoveryReport;
  readonly checkpoint: Checkpoint | null;
  readonly records: readonly DiskRecord[];
  /** What is older is not there any more. */
  readonly firstOffset: number;
};

/** Probabilities per operation. */
export type DiskFaults = {
  readonly failSync: number;
  /** Of a write that fails half done, of a name that cannot be changed. */
  readonly tearWrite: number;
};

const DIR = '/journal';
export const INCARNATION = 'simulated-incarnation';
const SHARD = 0;
const SEGMENT_BYTES = 16 * 1024;
/** Most syncs take a few milliseconds; some wait for a busy disk. */
const SLOW_SYNC = 0.1;
const SLOW_SYNC_MS = 60;
const CHECKPOINT_WITHIN_MS = 4000;
const FAST_MS: Readonly<Record<string, number>> = { sync: 4, write: 1, syncDirectory: 2 };

export class Disk {
  /** Every record ever appended that was not lost by a crash; the one with offset n is at n - 1. */
  archive: DiskRecord[] = [];
  view = new JournalView();
  events: DiskEvents | null = null;
  faults: DiskFaults = { failSync: 0, tearWrite: 0 };
  /** The folder is empty at the next opening, as where a volume was not mounted. */
  isMissing = false;
  /** Segments that there is room for. */
  roomSegments = Number.POSITIVE_INFINITY;
  /** How often it was full. */
  timesFull = 0;
  /** Every sync takes a while, so that epochs are under way. */
  isSlow = false;
  /** Told of every input that is admitted between a failed sync and the next good one (rule 3). */
  onAdmittedWhileFailed: (msh10: string) => void = () => {};
  onFailed: (what: 'failed-sync' | 'torn-write') => void = () => {};
  /** What the crash broke that it may not break. */
  onBroken: (what: string) => void = () => {};
  onDurable: (upTo: number) => void = () => {};
  onWritten: (meta: JournalMeta) => void = () => {};
  readonly #world: World;
  readonly #inventory: Inventory;
  #files: MemoryFiles;
  #journal: Journal | null = null;
  #hasFailed = false;
  #wasBorn = false;
  #generation = 0;
  /** As its file has it. */
  #checkpoint: string | null = null;
  #isCompacting = false;
  #compactor: Compactor | null = null;
  #room: Room | null = null;
  /** Since the disk was last opened. */
  #isProcessOnly = true;
  /** What survives the process, as the journal told it; after a failure only what is durable. */
  #safeUpTo = 0;
  #failsNext: 'sync' | 'write' | null = null;

  constructor(world: World, inventory: Inventory) {
    this.#world = world;
    this.#inventory = inventory;
    this.#files = new MemoryFiles(this.#options());
  }

  get files(): MemoryFiles {
    return this.#files;
  }

  get dir(): string {
    return DIR;
  }

  /** Null where the process was killed meanwhile. Throws what the journal throws. */
  async open(): Promise<Opened | null> {
    const generation = this.#generation;
    const isMissing = this.isMissing;
    this.isMissing = false;
    const checkpoint = isMissing ? null : this.#readCheckpoint();
    const files = isMissing ? new MemoryFiles(this.#options()) : this.#files;
    const { journal, recovered, report } = await Journal.open({
      dir: DIR,
      shard: SHARD,
      incarnation: INCARNATION,
      files,
      mustExist: this.#wasBorn,
      segmentBytes: SEGMENT_BYTES,
      recoverFrom: checkpoint?.offset ?? 0,
      checkedBefore: Math.min(checkpoint?.offset ?? 0, checkpoint?.neededFrom ?? 0),
      retryMs: 50,
      wait: (ms) => this.#world.wait(ms),
      timer: (ms, run) => this.#world.cancellable(ms, run),
      defer: (run) => this.#world.after(0, run),
      events: {
        written: (upTo) => this.#written(generation, upTo),
        durable: (upTo) => this.#durable(generation, upTo),
        failed: (error) => this.#failed(generation, error),
        segmentStarted: () => this.#segmentStarted(generation),
      },
    });
    const records: DiskRecord[] = [];
    for await (const { offset, meta, payload } of recovered) {
      if (offset < (checkpoint?.offset ?? 0)) continue;
      records.push({ offset, meta: asMeta(meta), payload: payload === null ? null : Buffer.from(payload) });
    }
    if (generation !== this.#generation) return null;
    this.#journal = journal;
    this.#wasBorn = true;
    this.#files = files;
    this.#room = this.#roomOf(journal, checkpoint);
    const { firstOffset } = journal.usage();
    this.#compare(records, report, firstOffset, checkpoint?.offset ?? 1);
    return { report, checkpoint, records, firstOffset };
  }

  #roomOf(journal: Journal, checkpoint: Checkpoint | null): Room {
    const { offset = 0, neededFrom = 0, neededBesidesBacklog = 0 } = checkpoint ?? {};
    return new Room({
      freeAtStart: { now: Math.min(offset, neededFrom), besidesBacklog: Math.min(offset, neededBesidesBacklog) },
      segments: () => journal.segments(),
      giveUpBacklog: (ends) => this.events?.giveUpBacklog(ends) ?? null,
      purgeBefore: (before) => journal.purgeBefore(before),
      shippedUpTo: () => Number.POSITIVE_INFINITY,
      durableUpTo: () => this.view.durableUpTo,
      checkpoint: () => this.#segmentStarted(this.#generation),
    });
  }

  append(record: DiskRecord, needs: 'written' | 'durable'): void {
    if (this.#hasFailed && record.meta.t === 'input') this.onAdmittedWhileFailed(record.meta.msh10);
    this.archive.push(record);
    this.#world.stir();
    this.#journal?.append({ offset: record.offset, meta: record.meta, payload: record.payload }, needs);
  }

  /** The next operation of that kind fails, if this disk fails at all. */
  failNext(operation: 'sync' | 'write'): void {
    this.#failsNext = operation;
  }

  /** Null where it has been purged. */
  async find(offset: number): Promise<Buffer | null> {
    this.#world.stir();
    const record = await this.#journal?.read(offset).catch(() => null);
    const payload = record?.payload ?? null;
    return payload === null ? null : Buffer.from(payload);
  }

  /** The orderly end of the process: everything is synced, and the end is marked. */
  async close(): Promise<void> {
    this.#world.stir();
    await this.#journal?.close();
  }

  /** The process is gone. `machine`: with it everything that was not synced, but for what chance had written already. */
  crash(machine: boolean): void {
    this.#generation++;
    this.#journal = null;
    this.#hasFailed = false;
    this.#compactor = null;
    this.#room = null;
    this.#isCompacting = false;
    this.#isProcessOnly &&= !machine;
    const options = this.#options();
    this.#files = machine ? this.#files.crash(() => this.#world.random(), options) : this.#files.kill(options);
  }

  #isDue(operation: 'sync' | 'write'): boolean {
    if (this.#failsNext !== operation) return false;
    this.#failsNext = null;
    return true;
  }

  #options(): MemoryFilesOptions {
    return {
      writesNow: this.#world.chance(0.5),
      fate: (operation): Fate => {
        switch (operation) {
          case 'sync':
            if (!this.#isDue('sync') && !this.#world.chance(this.faults.failSync)) return 'works';
            this.onFailed('failed-sync');
            return 'fails';
          case 'write':
            if (!this.#isDue('write') && !this.#world.chance(this.faults.tearWrite)) return 'works';
            this.onFailed('torn-write');
            return { tornAt: this.#world.roll(400) };
          case 'create':
            if (this.#files.bytes + SEGMENT_BYTES > this.roomSegments * SEGMENT_BYTES) return 'no-room';
            return this.#world.chance(this.faults.tearWrite) ? 'fails' : 'works';
          case 'rename':
          case 'syncDirectory':
            return this.#world.chance(this.faults.tearWrite) ? 'fails' : 'works';
          default:
            return 'works';
        }
      },
      delay: (operation) => {
        const fastMs = FAST_MS[operation];
        if (fastMs === undefined) return Promise.resolve();
        const slowMs =
          operation === 'sync' && (this.isSlow || this.#world.chance(SLOW_SYNC)) ? this.#world.roll(SLOW_SYNC_MS) : 0;
        return this.#world.wait(this.#world.random() * fastMs + slowMs);
      },
    };
  }

  #written(generation: number, upTo: number): void {
    if (generation !== this.#generation) return;
    for (let offset = this.view.writtenUpTo + 1; offset <= upTo; offset++) {
      const record = this.archive[offset - 1];
      if (record === undefined) continue;
      this.view.add(record);
      this.onWritten(record.meta);
    }
    this.#safeUpTo = Math.max(this.#safeUpTo, upTo);
    this.events?.written(upTo);
  }

  #durable(generation: number, upTo: number): void {
    if (generation !== this.#generation) return;
    this.#hasFailed = false;
    this.#written(generation, upTo);
    this.view.becameDurable(upTo, this.#world.now);
    this.events?.durable(upTo);
    this.onDurable(upTo);
  }

  #failed(generation: number, error: Error): void {
    if (generation !== this.#generation) return;
    this.#hasFailed = true;
    this.#safeUpTo = this.view.durableUpTo;
    this.events?.failed();
    if (!isOutOfRoom(error)) return;
    this.timesFull++;
    this.#world.stir();
    // What the disk does to it, its next attempt meets again.
    void this.#room?.pressed().catch(() => 0);
  }

  /** A checkpoint of what is durable, some time later; then what it does not need may go. */
  #segmentStarted(generation: number): void {
    if (this.#isCompacting || this.view.durableUpTo < 1) return;
    this.#isCompacting = true;
    this.#world.after(this.#world.random() * CHECKPOINT_WITHIN_MS, () => {
      if (generation === this.#generation) void this.#compact(generation, this.view.durableUpTo);
    });
  }

  async #compact(generation: number, upTo: number): Promise<void> {
    this.#world.stir();
    this.#compactor ??= new Compactor({
      inventory: this.#inventory,
      shard: SHARD,
      incarnation: INCARNATION,
      from: this.#readCheckpoint(),
      read: async (from, last) =>
        this.archive.slice(from - 1, last).map(({ offset, meta, payload }) => ({ offset, meta, payload })),
    });
    const { checkpoint, neededFrom, neededBesidesBacklog } = await this.#compactor.checkpoint(upTo);
    if (generation !== this.#generation) return;
    this.#isCompacting = false;
    this.#checkpoint = JSON.stringify(checkpoint);
    this.#room?.made({ offset: checkpoint.offset, neededFrom, neededBesidesBacklog });
    if (this.#world.chance(0.7)) await this.#room?.purgeUnneeded().catch(() => 0);
  }

  #readCheckpoint(): Checkpoint | null {
    return this.#checkpoint === null ? null : JSON.parse(this.#checkpoint);
  }

  /** What came back is what was appended, all that was durable (or written, where only the process died), and no more. */
  #compare(records: readonly DiskRecord[], report: RecoveryReport, firstOffset: number, from: number): void {
    const known = this.#isProcessOnly ? this.#safeUpTo : this.view.durableUpTo;
    if (report.nextOffset <= known) this.onBroken(`record ${report.nextOffset} of ${known} that were safe is gone`);
    if (firstOffset > from)
      this.onBroken(`records from ${from} to ${firstOffset - 1} were purged before a checkpoint had them`);
    for (const { offset, meta, payload } of records) {
      const then = this.archive[offset - 1];
      const isSame =
        then !== undefined &&
        JSON.stringify(then.meta) === JSON.stringify(meta) &&
        (then.payload === null ? payload === null : payload !== null && then.payload.equals(payload));
      if (!isSame) this.onBroken(`record ${offset} came back as another`);
    }
    this.archive.length = Math.min(this.archive.length, report.nextOffset - 1);
    this.view = new JournalView(this.archive);
    this.view.becameDurable(this.archive.length, this.#world.now);
    this.#safeUpTo = this.archive.length;
    this.#isProcessOnly = true;
  }
}
