/**
 * The journal as the engine sees it: batches one at a time, a sync that covers what was written before it began, and on
 * a crash the loss of what no sync has covered (a gapless part of it may survive). The real journal is held to the same
 * contract by its own tests.
 */
import type { JournalMeta } from '../engine/records.ts';
import type { World } from './world.ts';

export type DiskRecord = { readonly offset: number; readonly meta: JournalMeta; readonly payload: Buffer | null };
type Pending = DiskRecord & { readonly needs: 'written' | 'durable' };

export type DiskEvents = {
  written(upTo: number): void;
  durable(upTo: number): void;
  failed(): void;
};

export class Disk {
  /** What would be read after a crash, and how much of it for certain. */
  records: DiskRecord[] = [];
  durableCount = 0;
  events: DiskEvents | null = null;
  /** Probability that a sync fails. */
  failing = 0;
  readonly #world: World;
  #pending: Pending[] = [];
  #needsSync = false;
  #isBusy = false;
  #generation = 0;

  constructor(world: World) {
    this.#world = world;
  }

  append(record: DiskRecord, needs: 'written' | 'durable'): void {
    this.#pending.push({ ...record, needs });
    this.#kick();
  }

  find(offset: number): DiskRecord | null {
    return (
      this.#pending.find((item) => item.offset === offset) ??
      this.records.find((item) => item.offset === offset) ??
      null
    );
  }

  /** The process is gone. `machine`: with it everything that was not synced, but for what chance had written already. */
  crash(machine: boolean): void {
    this.#generation++;
    this.#isBusy = false;
    this.#pending = [];
    this.#needsSync = false;
    if (machine) {
      const atRisk = this.records.length - this.durableCount;
      this.records.length = this.durableCount + this.#world.roll(atRisk + 1);
    }
    this.durableCount = this.records.length;
  }

  #kick(): void {
    if (this.#isBusy || this.#pending.length === 0) return;
    this.#isBusy = true;
    this.#guarded(this.#world.random(), () => this.#write());
  }

  #write(): void {
    const batch = this.#pending.splice(0);
    this.records.push(...batch);
    this.#needsSync ||= batch.some((item) => item.needs === 'durable');
    const last = batch.at(-1);
    if (!this.#needsSync) this.#isBusy = false;
    if (last !== undefined) this.events?.written(last.offset);
    if (this.#needsSync) this.#sync();
    else this.#kick();
  }

  #sync(): void {
    const covered = this.records.length;
    this.#needsSync = false;
    this.#guarded(this.#world.random() * 4, () => {
      if (this.#world.chance(this.failing)) {
        this.events?.failed();
        // A fresh segment takes what was not known durable; nothing of it counts before its own sync.
        this.#guarded(50, () => this.#sync());
        return;
      }
      this.durableCount = covered;
      this.#isBusy = false;
      const last = this.records[covered - 1];
      if (last !== undefined) this.events?.durable(last.offset);
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
