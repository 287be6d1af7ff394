/**
 * The journal as the engine sees it: batches one at a time, written also while a sync runs that covers only what was
 * written before it began, and on a crash the loss of what no sync has covered (a gapless part of it may survive, whole batches of it: the journal cuts
 * a torn one). The real journal is held to the same contract by its own tests.
 */
import type { JournalMeta } from '../engine/records.ts';
import { JournalView } from './journal-view.ts';
import type { World } from './world.ts';

export type DiskRecord = { readonly offset: number; readonly meta: JournalMeta; readonly payload: Buffer | null };
type Pending = DiskRecord & { readonly needs: 'written' | 'durable' };

export type DiskEvents = {
  written(upTo: number): void;
  durable(upTo: number): void;
  failed(): void;
};

/** Most syncs take a few milliseconds; some wait for a busy disk. */
const SLOW_SYNC = 0.1;
const SLOW_SYNC_MS = 60;

export class Disk {
  /** What would be read after a crash, and how much of it for certain. */
  records: DiskRecord[] = [];
  durableCount = 0;
  view = new JournalView();
  events: DiskEvents | null = null;
  /** Probability that a sync fails. */
  failing = 0;
  failedSyncs = 0;
  /** Told of every input that is admitted between a failed sync and the next good one (rule 3). */
  onAdmittedWhileFailed: (msh10: string) => void = () => {};
  onFailed: () => void = () => {};
  readonly #world: World;
  #pending: Pending[] = [];
  /** Counts of records at which a batch ends. */
  #batchEnds: number[] = [];
  #needsSync = false;
  #isWriting = false;
  #isSyncing = false;
  #hasFailed = false;
  #generation = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get isIdle(): boolean {
    return !this.#isWriting && !this.#isSyncing && this.#pending.length === 0;
  }

  append(record: DiskRecord, needs: 'written' | 'durable'): void {
    if (this.#hasFailed && record.meta.t === 'input') this.onAdmittedWhileFailed(record.meta.msh10);
    this.#pending.push({ ...record, needs });
    this.#kick();
  }

  find(offset: number): DiskRecord | null {
    return this.#pending.find((item) => item.offset === offset) ?? this.view.at(offset);
  }

  /** The process is gone. `machine`: with it everything that was not synced, but for what chance had written already. */
  crash(machine: boolean): void {
    this.#generation++;
    this.#isWriting = false;
    this.#isSyncing = false;
    this.#pending = [];
    this.#needsSync = false;
    this.#hasFailed = false;
    if (machine) {
      const ends = [this.durableCount, ...this.#batchEnds.filter((end) => end > this.durableCount)];
      this.records.length = ends[this.#world.roll(ends.length)] ?? this.durableCount;
    }
    this.durableCount = this.records.length;
    this.#batchEnds = [];
    this.view = new JournalView(this.records);
    this.view.durableUpTo = this.records.at(-1)?.offset ?? -1;
  }

  #kick(): void {
    // After a failed sync nothing new is written before a fresh segment is on disk.
    if (this.#isWriting || this.#hasFailed || this.#pending.length === 0) return;
    this.#isWriting = true;
    this.#guarded(this.#world.random(), () => this.#write());
  }

  #write(): void {
    this.#isWriting = false;
    if (this.#hasFailed) return;
    const batch = this.#pending.splice(0);
    for (const record of batch) {
      this.records.push(record);
      this.view.add(record);
    }
    this.#batchEnds.push(this.records.length);
    this.#needsSync ||= batch.some((item) => item.needs === 'durable');
    const last = batch.at(-1);
    if (last !== undefined) this.events?.written(last.offset);
    if (this.#needsSync && !this.#isSyncing) this.#sync();
    this.#kick();
  }

  #sync(): void {
    const covered = this.records.length;
    this.#needsSync = false;
    this.#isSyncing = true;
    const slowMs = this.#world.chance(SLOW_SYNC) ? this.#world.roll(SLOW_SYNC_MS) : 0;
    this.#guarded(this.#world.random() * 4 + slowMs, () => {
      if (this.#world.chance(this.failing)) {
        this.#hasFailed = true;
        this.failedSyncs++;
        this.onFailed();
        this.events?.failed();
        // A fresh segment takes what was not known durable; nothing of it counts before its own sync.
        this.#guarded(50, () => this.#sync());
        return;
      }
      this.#hasFailed = false;
      this.#isSyncing = false;
      this.durableCount = covered;
      this.#batchEnds = this.#batchEnds.filter((end) => end > covered);
      const last = this.records[covered - 1];
      if (last !== undefined) {
        this.view.durableUpTo = last.offset;
        this.events?.durable(last.offset);
      }
      if (this.#needsSync && !this.#isSyncing) this.#sync();
      this.#kick();
    });
  }

  #guarded(delayMs: number, run: () => void): void {
    const generation = this.#generation;
    this.#world.after(delayMs, () => {
      if (generation === this.#generation) run();
    });
  }
}
