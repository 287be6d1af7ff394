/**
 * Makes checkpoints by doing what recovery would do: it applies the journal's durable records, in order, to an engine of
 * its own that touches nothing. So a checkpoint and the records after it are the same state as all the records.
 */
import type { Inventory } from '../../core/inventory.ts';
import type { Effects } from '../engine/io.ts';
import type { JournalMeta } from '../engine/records.ts';
import { Recovery } from '../engine/recovery.ts';
import { ShardEngine } from '../engine/shard.ts';
import { viewOf } from '../journal/format.ts';
import type { JournalRecord } from '../journal/journal.ts';
import type { Checkpoint } from './checkpoint-file.ts';

export type CompactorOptions = {
  readonly inventory: Inventory;
  readonly shard: number;
  readonly incarnation: string;
  readonly from: Checkpoint | null;
  /** Durable records `from` up to `upTo`, some of them at least. */
  read(from: number, upTo: number): Promise<readonly JournalRecord[]>;
};

const FRAME_LIMIT_BYTES = 32 * 1024 * 1024;
const FIRST_OFFSET = 1;

export class Compactor {
  readonly #options: CompactorOptions;
  readonly #recovery: Recovery;
  #next: number;

  constructor(options: CompactorOptions) {
    this.#options = options;
    const { inventory, shard, from } = options;
    const engine = new ShardEngine(
      {
        inventory,
        shard,
        target: 'local',
        frameLimitBytes: FRAME_LIMIT_BYTES,
        frameBudgetBytes: FRAME_LIMIT_BYTES,
      },
      NOTHING,
    );
    this.#recovery = new Recovery(engine);
    if (from !== null) this.#recovery.load(from.state);
    this.#next = from?.offset ?? FIRST_OFFSET;
  }

  /** The state after the record `upTo`, and the oldest record that may still be asked for: now, and were copies given up. */
  async checkpoint(upTo: number): Promise<{
    readonly checkpoint: Checkpoint;
    readonly neededFrom: number;
    readonly neededBesidesBacklog: number;
  }> {
    while (this.#next <= upTo) {
      const records = await this.#options.read(this.#next, upTo);
      const [first] = records;
      if (first === undefined || first.offset !== this.#next) throw new Error(`record ${this.#next} is not there`);
      for (const { offset, meta, payload } of records) {
        this.#recovery.apply(offset, asMeta(meta), payload === null ? null : viewOf(payload));
      }
      this.#next = (records.at(-1)?.offset ?? upTo) + 1;
    }
    const { incarnation } = this.#options;
    const neededFrom = this.#recovery.neededFrom ?? this.#next;
    const neededBesidesBacklog = this.#recovery.neededBesidesBacklog ?? this.#next;
    const needed = { neededFrom, neededBesidesBacklog };
    return { checkpoint: { incarnation, offset: this.#next, ...needed, state: this.#recovery.dump() }, ...needed };
  }
}

/** Recovery applies records without effects; whatever it might want is not for this engine to do. */
export const NOTHING: Effects = {
  send: () => {},
  connect: () => {},
  close: () => {},
  pause: () => {},
  resume: () => {},
  append: () => {},
  read: () => {},
  arm: () => {},
  disarm: () => {},
  log: () => {},
};

/** Records of this journal were written by this engine: the journal has checked their bytes. */
export function asMeta(meta: object): JournalMeta {
  if (!('t' in meta)) throw new Error('a journal record has no type');
  return meta as JournalMeta;
}
