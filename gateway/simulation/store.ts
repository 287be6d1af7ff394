/**
 * The database of a simulated night: the gateway's own shipper copies the journal's durable records into it. It survives every
 * crash, so it tells when something was shipped that a crash could still undo (rule 3).
 */
import { Seal } from '../journal/seal.ts';
import { Diverged } from '../shipping/diverged.ts';
import { JournalTail } from '../shipping/journal-tail.ts';
import { type Row, rowOf } from '../shipping/row.ts';
import { Shipper } from '../shipping/shipper.ts';
import { type Disk, type DiskRecord, INCARNATION } from './disk.ts';
import type { World } from './world.ts';

const JOURNAL = { deployment: 'simulation', shard: 0, incarnation: INCARNATION };
const WRITE_MS = 30;
/** How many of the newest shipped records are compared with what a crash has left. */
const COMPARED = 50;

export class Store {
  readonly #world: World;
  readonly #rows = new Map<number, Buffer>();
  #shippedUpTo = 0;
  #shipper: Shipper | null = null;
  /** One for each process that ships. */
  #life = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** A gateway begins to ship; the one before is gone with its process. */
  shipFrom(disk: Disk, durableUpTo: number): void {
    const life = ++this.#life;
    const shipper = new Shipper({
      journal: JOURNAL,
      tail: new JournalTail(disk.dir, new Seal(INCARNATION), disk.files),
      open: async () => ({
        position: async () => ({
          shippedUpTo: this.#shippedUpTo,
          digest: this.#rows.get(this.#shippedUpTo) ?? null,
        }),
        write: (rows) => this.#write(life, rows),
        noteGap: async () => undefined,
        close: async () => undefined,
      }),
      durableUpTo,
      report: () => undefined,
      log: () => undefined,
      now: () => this.#world.now,
      random: () => this.#world.random(),
      limits: { records: 200, bytes: 1 << 20 },
      timer: (ms, run) => this.#world.cancellable(ms, run),
    });
    this.#shipper = shipper;
    this.#world.stir();
    void shipper.run();
  }

  durable(upTo: number): void {
    this.#world.stir();
    this.#shipper?.durable(upTo);
  }

  gone(): void {
    this.#shipper = null;
    this.#life++;
  }

  /** What was shipped and is not what the disk has; null: nothing. */
  undone(records: readonly DiskRecord[]): string | null {
    if (this.#shippedUpTo > records.length) return `record ${this.#shippedUpTo} was shipped, and a crash has undone it`;
    for (let offset = Math.max(1, this.#shippedUpTo - COMPARED); offset <= this.#shippedUpTo; offset++) {
      const [record, shipped] = [records[offset - 1], this.#rows.get(offset)];
      if (record === undefined || shipped === undefined) continue;
      if (!rowOf(record, JOURNAL).digest.equals(shipped)) return `record ${offset} was shipped as another`;
    }
    return null;
  }

  async #write(life: number, rows: readonly Row[]): Promise<void> {
    await this.#world.wait(this.#world.random() * WRITE_MS);
    // Its process is gone: nobody hears how this ended.
    if (life !== this.#life) return new Promise(() => undefined);
    for (const { offset, digest } of rows) {
      const there = this.#rows.get(offset);
      if (there !== undefined && !there.equals(digest)) throw new Diverged(offset, 'another record is there');
      this.#rows.set(offset, digest);
      this.#shippedUpTo = Math.max(this.#shippedUpTo, offset);
    }
  }
}
