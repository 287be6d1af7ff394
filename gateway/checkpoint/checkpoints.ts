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
import { type Made, Room, type RoomOptions } from './room.ts';

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
export type CheckpointReport = ({ readonly ok: true } & Made) | { readonly ok: false; readonly message: string };

export type CheckpointsOptions = Omit<CheckpointWorkerOptions, 'isUrgent'> &
  Omit<RoomOptions, 'segments' | 'shippedUpTo' | 'checkpoint'> & {
    readonly logger: Logger;
    usage(): JournalUsage;
    segments(): readonly SegmentPlace[];
    now(): number;
    readonly retention: Retention;
    /** Default 10 s. */
    readonly peakOverMs?: number;
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

/** A checkpoint costs as much as the records since the last one: at a peak it waits, for so many segments at most. */
const TOGETHER_SEGMENTS = 8;
/** No segment has filled for so long: the peak is over. */
const PEAK_OVER_MS = 10_000;
/** Segments that may fill while one checkpoint is made. */
const PATIENCE_SEGMENTS = 8;

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #inventory: Inventory;
  #worker: Worker | null = null;
  readonly #room: Room;
  #isBusy = false;
  /** Segments that have filled since a checkpoint was last asked for, and what asks for one once no more fill. */
  #unasked = 0;
  #peak: NodeJS.Timeout | null = null;
  /** Segments that have filled since the checkpoint under way was asked for. */
  #missed = 0;
  #isUrgent = false;
  #isStopped = false;
  readonly #ageTimer: NodeJS.Timeout | null;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    this.#inventory = options.inventory;
    const { retention } = options;
    this.#room = new Room({
      ...options,
      shippedUpTo: () => (retention.kind === 'shipped' ? (retention.upTo() ?? 0) : Number.POSITIVE_INFINITY),
      checkpoint: (durableUpTo) => this.#make(durableUpTo),
    });
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
      return await purgeBefore(Math.min(this.#room.free, upTo));
    } catch (error) {
      logger.error({ event: 'purge-failed', problem: String(error) });
      return 0;
    }
  }

  /**
   * A segment is full: its records go into a checkpoint, at a peak together with those that fill next. `durableUpTo`: the
   * newest record that is on disk.
   */
  segmentStarted(durableUpTo: number): void {
    if (this.#isStopped || durableUpTo < 1) return;
    this.#unasked += 1;
    if (this.#isBusy || this.#unasked >= TOGETHER_SEGMENTS) {
      this.#make(durableUpTo);
      return;
    }
    this.#makeAfterPeak();
  }

  #makeAfterPeak(): void {
    const { durableUpTo, peakOverMs = PEAK_OVER_MS } = this.#options;
    this.#peak ??= setTimeout(() => this.#make(durableUpTo()), peakOverMs).unref();
    this.#peak.refresh();
  }

  #make(durableUpTo: number): void {
    if (this.#peak !== null) clearTimeout(this.#peak);
    this.#peak = null;
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
    this.#unasked = 0;
    const request: CheckpointRequest = { upTo: durableUpTo };
    this.#running().postMessage(request);
  }

  /** The disk is full: whatever may go goes now, however much history was to be kept; then what only copies need. */
  async pressed(): Promise<number> {
    return this.#isStopped ? 0 : this.#room.pressed();
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
    if (this.#peak !== null) clearTimeout(this.#peak);
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
    if (this.#unasked > 0 && !this.#isStopped) this.#makeAfterPeak();
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
    this.#room.made(report);
    const purged = await this.#purge();
    logger.info({ event: 'checkpoint', offset: report.offset, neededFrom: report.neededFrom, purgedSegments: purged });
  }

  /** A file that cannot be removed costs room and nothing else: it is tried again with the next checkpoint. */
  async #purge(): Promise<number> {
    const { usage, retention, logger } = this.#options;
    if (retention.kind === 'size' && usage().bytes <= retention.keepBytes) return this.purgeOld();
    try {
      return await this.#room.purgeUnneeded();
    } catch (error) {
      logger.error({ event: 'purge-failed', problem: String(error) });
      return 0;
    }
  }
}
