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
  | {
      readonly ok: true;
      readonly offset: number;
      readonly neededFrom: number;
      readonly neededBesidesBacklog: number;
    }
  | { readonly ok: false; readonly message: string };

export type CheckpointsOptions = Omit<CheckpointWorkerOptions, 'isUrgent'> & {
  readonly logger: Logger;
  usage(): JournalUsage;
  segments(): readonly SegmentPlace[];
  now(): number;
  /** What the checkpoint that was read at the start lets go, and would, were copies given up; 0: nothing. */
  readonly freeAtStart: Free;
  /**
   * Copies that nobody is owed are given up so that the journal before one of these records may go: the newest one that
   * nothing else needs, which it returns; null: none of them.
   */
  giveUpBacklog(ends: readonly number[]): number | null;
  purgeBefore(offset: number): Promise<number>;
  /** The newest record that is on disk. */
  durableUpTo(): number;
  readonly retention: Retention;
};

/** Below these records nothing is needed to recover or to deliver: now, and were copies given up that nobody is owed. */
export type Free = { readonly now: number; readonly besidesBacklog: number };

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

/** Segments that are let go together with the copies that they hold: one to go on in, one for the checkpoint after it. */
const GIVEN_UP_AT_ONCE = 2;

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
  /** Below it nothing is needed to recover or to deliver; 0: no checkpoint has said so yet. */
  #free = 0;
  #freeBesidesBacklog = 0;
  #isPressed = false;
  /** The first record that is in no checkpoint of this process. */
  #madeUpTo = 0;
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
    this.#free = options.freeAtStart.now;
    this.#freeBesidesBacklog = options.freeAtStart.besidesBacklog;
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
    this.#peak ??= setTimeout(() => this.#make(this.#options.durableUpTo()), PEAK_OVER_MS).unref();
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
    if (this.#isPressed || this.#isStopped) return 0;
    this.#isPressed = true;
    try {
      const purged = await this.#purgeUnneeded();
      if (purged > 0) return purged;
      const { segments, giveUpBacklog } = this.#options;
      const most = Math.min(this.#freeBesidesBacklog, this.#shippedUpTo + 1);
      // A segment may go as a whole, where its successor begins.
      const ends = segments().flatMap(({ firstOffset }, index) =>
        index > 0 && firstOffset <= most ? [firstOffset] : [],
      );
      const upTo = ends.length === 0 ? null : giveUpBacklog(ends.slice(0, GIVEN_UP_AT_ONCE));
      if (upTo === null) {
        // The newest checkpoint may be old, or the last one found no room.
        const durableUpTo = this.#options.durableUpTo();
        if (durableUpTo >= this.#madeUpTo) this.#make(durableUpTo);
        return 0;
      }
      this.#free = Math.max(this.#free, upTo);
      return await this.#purgeUnneeded();
    } finally {
      this.#isPressed = false;
    }
  }

  async #purgeUnneeded(): Promise<number> {
    return this.#free === 0 ? 0 : this.#options.purgeBefore(Math.min(this.#free, this.#shippedUpTo + 1));
  }

  get #shippedUpTo(): number {
    const { retention } = this.#options;
    return retention.kind === 'shipped' ? (retention.upTo() ?? 0) : Number.POSITIVE_INFINITY;
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
    this.#madeUpTo = report.offset;
    const purged = await this.#purge(report);
    logger.info({ event: 'checkpoint', offset: report.offset, neededFrom: report.neededFrom, purgedSegments: purged });
  }

  async #purge({ offset, neededFrom, neededBesidesBacklog }: Extract<CheckpointReport, { ok: true }>): Promise<number> {
    const { usage, retention } = this.#options;
    this.#free = Math.min(offset, neededFrom);
    this.#freeBesidesBacklog = Math.min(offset, neededBesidesBacklog);
    if (retention.kind === 'shipped' || usage().bytes > retention.keepBytes) return this.#purgeUnneeded();
    return this.purgeOld();
  }
}
