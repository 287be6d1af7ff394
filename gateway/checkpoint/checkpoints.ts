/**
 * When checkpoints are made and what they let go: one for every so many bytes of journal; what lies before it, is not
 * needed and has been shipped is purged. Without a database the journal keeps a bounded history instead.
 */
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Inventory } from '../../core/inventory.ts';
import type { JournalUsage } from '../journal/journal.ts';
import type { JournalKey } from '../journal/seal.ts';
import type { SegmentPlace } from '../journal/types.ts';

export type CheckpointWorkerOptions = {
  readonly inventory: Inventory;
  readonly shard: number;
  readonly incarnation: string;
  readonly journalDir: string;
  readonly folder: string;
  readonly keys: readonly JournalKey[];
  /** It has fallen behind and no longer gives way to the traffic. */
  readonly isUrgent: boolean;
};
export type CheckpointRequest = { readonly upTo: number };
export type CheckpointReport =
  | { readonly ok: true; readonly offset: number; readonly neededFrom: number }
  | { readonly ok: false; readonly message: string };

export type CheckpointsOptions = Omit<CheckpointWorkerOptions, 'isUrgent'> & {
  readonly logger: Logger;
  usage(): JournalUsage;
  segments(): readonly SegmentPlace[];
  now(): number;
  /** What the checkpoint that was read at the start lets go; 0: nothing. */
  readonly freeAtStart: number;
  purgeBefore(offset: number): Promise<number>;
  readonly retention: Retention;
};

/**
 * With a database only what it has may go (`upTo` null: unknown, so nothing); without one the journal keeps this many
 * bytes of history.
 */
export type Retention =
  | { readonly kind: 'shipped'; upTo(): number | null }
  | {
      readonly kind: 'size';
      readonly keepBytes: number;
      /** Whatever the size, what nothing needs goes once it is that old; null: only size counts. */
      readonly keepMs: number | null;
    };

const AGE_CHECK_MS = 600_000;

/** Segments that may fill while one checkpoint is made. */
const PATIENCE_SEGMENTS = 8;

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #inventory: Inventory;
  #worker: Worker | null = null;
  /** Below it nothing is needed to recover or to deliver; 0: no checkpoint has said so yet. */
  #free = 0;
  #isBusy = false;
  /** Segments that have filled since the checkpoint under way was asked for. */
  #missed = 0;
  #isUrgent = false;
  #isStopped = false;
  readonly #ageTimer: NodeJS.Timeout | null;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    this.#inventory = options.inventory;
    this.#free = options.freeAtStart;
    const { retention } = options;
    const ages = retention.kind === 'size' && retention.keepMs !== null;
    // Also where nothing comes: no segment fills then.
    this.#ageTimer = ages ? setInterval(() => void this.purgeOld(), AGE_CHECK_MS).unref() : null;
  }

  /** Segments that are past their age, and that nothing needs, go; says how many. */
  async purgeOld(): Promise<number> {
    const { retention, segments, purgeBefore, now, logger } = this.#options;
    if (retention.kind !== 'size' || retention.keepMs === null || this.#isStopped) return 0;
    try {
      const youngest = now() - retention.keepMs;
      let upTo = 0;
      for (const { path, firstOffset } of segments()) {
        // Everything before it was older.
        upTo = firstOffset;
        if ((await stat(path)).mtimeMs >= youngest) break;
      }
      return await purgeBefore(Math.min(this.#free, upTo));
    } catch (error) {
      logger.error({ event: 'purge-failed', problem: String(error) });
      return 0;
    }
  }

  /** A segment is full: its records go into a checkpoint. `durableUpTo`: the newest record that is on disk. */
  segmentStarted(durableUpTo: number): void {
    if (this.#isStopped || durableUpTo < 1) return;
    if (this.#isBusy) {
      this.#missed += 1;
      if (this.#missed < PATIENCE_SEGMENTS || this.#isUrgent) return;
      this.#options.logger.warn({ event: 'checkpoint-behind', segments: this.#missed });
      void this.#worker?.terminate();
      this.#worker = null;
      this.#isUrgent = true;
    }
    this.#isBusy = true;
    this.#missed = 0;
    const request: CheckpointRequest = { upTo: durableUpTo };
    this.#running().postMessage(request);
  }

  /** The disk is full: whatever may go goes now, however much history was to be kept. */
  async pressed(): Promise<number> {
    const { retention, purgeBefore } = this.#options;
    const shipped = retention.kind === 'shipped' ? (retention.upTo() ?? 0) + 1 : Number.POSITIVE_INFINITY;
    return this.#free === 0 ? 0 : purgeBefore(Math.min(this.#free, shipped));
  }

  /** The inventory has changed: the next checkpoint is made by a thread that knows it. */
  async restart(inventory: Inventory): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = null;
    this.#isBusy = false;
    this.#inventory = inventory;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#ageTimer !== null) clearInterval(this.#ageTimer);
    await this.#worker?.terminate();
    this.#worker = null;
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const { shard, incarnation, journalDir, folder, keys, logger } = this.#options;
    const workerData: CheckpointWorkerOptions = {
      inventory: this.#inventory,
      shard,
      incarnation,
      journalDir,
      folder,
      keys,
      isUrgent: this.#isUrgent,
    };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, name: 'checkpoint' });
    worker.on('message', (report: CheckpointReport) => {
      if (this.#worker === worker) void this.#reported(report);
    });
    worker.on('error', (error) => {
      logger.error({ event: 'checkpoint-thread-failed', code: error.name });
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#isBusy = false;
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  async #reported(report: CheckpointReport): Promise<void> {
    this.#isBusy = false;
    if (this.#isUrgent) {
      // The next one gives way again, from the checkpoint that this one has made.
      this.#isUrgent = false;
      void this.#worker?.terminate();
      this.#worker = null;
    }
    const { logger } = this.#options;
    if (!report.ok) {
      logger.error({ event: 'checkpoint-failed', problem: report.message });
      return;
    }
    const purged = await this.#purge(report);
    logger.info({ event: 'checkpoint', offset: report.offset, neededFrom: report.neededFrom, purgedSegments: purged });
  }

  async #purge({ offset, neededFrom }: { readonly offset: number; readonly neededFrom: number }): Promise<number> {
    const { usage, purgeBefore, retention } = this.#options;
    const free = Math.min(offset, neededFrom);
    this.#free = free;
    switch (retention.kind) {
      case 'shipped':
        return purgeBefore(Math.min(free, (retention.upTo() ?? 0) + 1));
      case 'size':
        return usage().bytes > retention.keepBytes ? purgeBefore(free) : this.purgeOld();
    }
  }
}
