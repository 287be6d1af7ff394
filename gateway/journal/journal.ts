/**
 * The durable append-only log of a shard. Records are buffered and go out by themselves: everything that waits is one
 * batch, writing goes on beside a sync, one sync is under way, and it covers what was written before it began. A failed
 * write or sync is never retried on the same file: what was not known durable is written again, with the same offsets, to
 * a fresh segment.
 */
import { BatchEncoder, type EncodedBatch } from './batch-encoder.ts';
import { JournalCorruptError } from './errors.ts';
import type { BatchFields } from './format.ts';
import { GroupCommit } from './group-commit.ts';
import { type Item, itemOf } from './item.ts';
import { readRange, readRecord } from './reading.ts';
import { type ChainPoint, type Scan, scanJournal } from './recovery.ts';
import { Seal } from './seal.ts';
import type { Segment } from './segment.ts';
import { SegmentStore } from './segment-store.ts';
import { type Settings, withDefaults } from './settings.ts';
import {
  FIRST_OFFSET,
  type JournalEvents,
  type JournalOptions,
  type JournalRecord,
  type JournalUsage,
  type RecoveryReport,
  type SegmentPlace,
} from './types.ts';

export type {
  JournalEvents,
  JournalOptions,
  JournalRecord,
  JournalUsage,
  RecoveryReport,
} from './types.ts';

/** How often closing tries a fresh segment on a disk that fails. */
const ATTEMPTS_AT_END = 3;

/** A disk operation failed, as opposed to an event handler that threw. */
class DiskFailure extends Error {
  readonly original: Error;
  constructor(original: Error) {
    super(original.message);
    this.original = original;
  }
}

export class Journal {
  readonly #settings: Settings;
  readonly #events: JournalEvents;
  readonly #store: SegmentStore;
  readonly #seal: Seal;
  /** The chain as written, and as far as it is known to be on disk. */
  #written: ChainPoint;
  #durable: ChainPoint;
  #nextOffset: number;
  /** Not yet given to the disk. */
  #pending: Item[] = [];
  /** From the durable point on: written or being written, kept until a sync has covered them. */
  #unsynced: Item[] = [];
  #bufferedBytes = 0;
  #unsyncedBytes = 0;
  /** Written records that somebody wants durable. */
  #awaitingSync = 0;
  #job: Promise<void> | null = null;
  #syncing: Promise<void> | null = null;
  /** A job wants no further sync to begin. */
  #isSyncHeld = false;
  /** Ends the wait for company. */
  #gathered: () => void = () => {};
  /** What a write or sync failed with, until a fresh segment has been synced. */
  #trouble: Error | null = null;
  #scheduled = false;
  #closing = false;
  readonly #encoder: BatchEncoder;
  readonly #pace = new GroupCommit();

  private constructor(settings: Settings, seal: Seal, store: SegmentStore, end: ChainPoint, durable: ChainPoint) {
    this.#settings = settings;
    this.#events = settings.events;
    this.#store = store;
    this.#seal = seal;
    this.#encoder = new BatchEncoder(seal);
    this.#written = durable;
    this.#durable = durable;
    this.#nextOffset = end.nextOffset;
  }

  /**
   * Reads what is there and makes it writable. Everything that `recovered` yields is on disk. Throws
   * JournalCorruptError or JournalForeignError. No event is told before this has resolved. Purge only after `recovered`
   * has been read.
   */
  static async open(
    options: JournalOptions,
  ): Promise<{ journal: Journal; recovered: AsyncIterable<JournalRecord>; report: RecoveryReport }> {
    const settings = withDefaults(options);
    const { files } = settings;
    await files.ensureDirectory(options.dir);
    const seal = new Seal(options.incarnation, options.keys);
    const scan = await scanJournal(files, options.dir, options, seal, settings.checkedBefore);
    if (scan === null && options.mustExist === true) {
      throw new JournalCorruptError(
        'journal-missing',
        1,
        0,
        'the folder is empty, but this data directory was born with a journal',
      );
    }
    const store = new SegmentStore(settings, scan?.segments ?? []);
    const start: ChainPoint = { nextBatch: 1, nextOffset: settings.firstOffset, previous: 0 };
    const end = scan?.end ?? start;
    const journal = new Journal(settings, seal, store, end, scan?.cleanMark?.before ?? scan?.durable ?? start);
    try {
      await journal.#settle(scan);
    } catch (error) {
      await store.close();
      throw error;
    }
    const from = Math.max(settings.recoverFrom, store.all()[0]?.firstOffset ?? FIRST_OFFSET);
    const report: RecoveryReport = {
      clean: scan === null || scan.cleanMark !== null,
      records: Math.max(0, end.nextOffset - from),
      nextOffset: end.nextOffset,
      cut: scan?.cut ?? null,
    };
    return { journal, recovered: readRange([...store.all()], from, end.nextOffset, journal.#seal), report };
  }

  /** Bytes appended and not yet given to the disk: what the engine bounds its admission by. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Throws a RangeError for a gap in the offsets, and after close. */
  append(record: JournalRecord, needs: 'written' | 'durable'): void {
    if (this.#closing) throw new Error('the journal is closed');
    if (record.offset !== this.#nextOffset) {
      throw new RangeError(`the next record has offset ${this.#nextOffset}, not ${record.offset}`);
    }
    const item = itemOf(record, needs);
    this.#nextOffset += 1;
    this.#pending.push(item);
    this.#bufferedBytes += item.bytes;
    if (this.#job !== null || this.#scheduled) return;
    this.#scheduled = true;
    this.#settings.defer(this.#turn);
  }

  /** Also for records that are buffered or not yet durable. Rejects with a RangeError for one that is not here. */
  async read(offset: number): Promise<JournalRecord> {
    const ahead = offset - this.#durable.nextOffset;
    if (ahead >= 0) {
      const item = this.#unsynced[ahead] ?? this.#pending[ahead - this.#unsynced.length];
      if (item === undefined) throw new RangeError(`record ${offset} has not been appended`);
      return item.record;
    }
    const segment = this.#store.holding(offset);
    if (segment === null) throw new RangeError(`record ${offset} has been purged`);
    return readRecord(segment, offset, this.#seal);
  }

  /** Removes whole segments that hold only records below `offset`; says how many. */
  purgeBefore(offset: number): Promise<number> {
    return this.#store.purgeBefore(offset);
  }

  /** Oldest first. */
  segments(): readonly SegmentPlace[] {
    return this.#store.all().map(({ path, firstOffset }) => ({ path, firstOffset }));
  }

  usage(): JournalUsage {
    const segments = this.#store.all();
    return {
      segments: segments.length,
      bytes: this.#store.usedBytes(),
      firstOffset: segments[0]?.firstOffset ?? FIRST_OFFSET,
      nextOffset: this.#nextOffset,
    };
  }

  /** Writes and syncs everything and marks the end as clean. Rejects where the disk no longer takes it. */
  async close(isClean = true): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#gathered();
    try {
      await this.#drain();
      if (isClean) await this.#write([], true);
      await this.#disk(() => this.#store.current.file.sync());
    } catch (error) {
      throw error instanceof DiskFailure ? error.original : error;
    } finally {
      await this.#store.close();
    }
  }

  async #drain(): Promise<void> {
    for (;;) {
      if (this.#job === null && (this.#pending.length > 0 || this.#trouble !== null)) this.#job = this.#work();
      if (this.#job !== null) await this.#job;
      else if (this.#syncing !== null) await this.#syncing;
      else if (this.#written.nextBatch > this.#durable.nextBatch) await this.#sync();
      else return;
    }
  }

  /** Before the first append: a first segment, or what a crash left unproven on disk once more in a fresh one. */
  async #settle(scan: Scan | null): Promise<void> {
    if (scan === null) {
      await this.#store.start(this.#header(), 'zero-filled');
      return;
    }
    if (scan.cleanMark !== null) {
      await this.#replaceMark(scan.cleanMark.position);
      return;
    }
    const untouched = scan.end.nextBatch === this.#durable.nextBatch && scan.cut === null;
    if (untouched) return;
    const { nextOffset } = this.#durable;
    for await (const record of readRange(scan.segments, nextOffset, scan.end.nextOffset, this.#seal)) {
      this.#hold(itemOf(record, 'durable'));
    }
    this.#nextOffset = scan.end.nextOffset;
    await this.#startWithUnsynced('zero-filled');
    this.#forgetSynced(this.#written);
    this.#awaitingSync = 0;
  }

  /** From now on a crash is one, also before the first sync; and nothing leans on the mark having reached the disk. */
  async #replaceMark(position: number): Promise<void> {
    const { current } = this.#store;
    current.end = position;
    await this.#write([], false);
    await current.file.sync();
    this.#forgetSynced(this.#written);
  }

  /** What came in one turn of the loop is one batch, written in this turn where the disk is quick, else by a job. */
  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.#job !== null || this.#pending.length === 0) return;
    if (!this.#writeNow()) this.#job ??= this.#work();
  };

  /** False: it takes a job. A write that failed is trouble for the job, with its records still pending. */
  #writeNow(): boolean {
    const { current } = this.#store;
    const batch = this.#pending;
    const bytes = bytesOf(batch);
    const isInTheWay = this.#trouble !== null || this.#unsyncedBytes > this.#settings.unsyncedLimitBytes;
    if (current.file.writeNow === undefined || isInTheWay || !this.#store.fits(bytes)) return false;
    const encoded = this.#encode(batch, current.number, false);
    try {
      if (!current.file.writeNow(encoded.buffers, current.end)) return false;
    } catch (error) {
      this.#fail(asError(error));
      return false;
    }
    this.#pending = [];
    for (const item of batch) this.#hold(item);
    this.#note(current, batch.length, encoded);
    this.#wrote(batch, bytes);
    return true;
  }

  /** Whatever takes waiting: a slow write, the next segment, a fresh one after trouble. Nothing else is written meanwhile. */
  async #work(): Promise<void> {
    try {
      for (;;) {
        if (this.#trouble !== null) await this.#startAfresh(this.#trouble);
        else if (this.#pending.length > 0) await this.#commitPending();
        else return;
      }
    } finally {
      // In the same turn as the last look at what is pending, so that no append falls in between.
      this.#job = null;
      this.#syncIfDue();
    }
  }

  async #commitPending(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    const isTooMuch = this.#unsyncedBytes > this.#settings.unsyncedLimitBytes;
    for (const item of batch) this.#hold(item);
    try {
      if (isTooMuch) await this.#syncAlone();
      await this.#commit(batch);
    } catch (error) {
      if (!(error instanceof DiskFailure)) throw error;
      this.#fail(error.original);
    }
  }

  async #commit(batch: readonly Item[]): Promise<void> {
    const bytes = bytesOf(batch);
    const { current } = this.#store;
    const isBlank =
      current.firstOffset === this.#written.nextOffset && current.header.firstBatch === this.#written.nextBatch;
    if (!isBlank && !this.#store.fits(bytes)) await this.#rollOver();
    await this.#write(batch, false);
    this.#wrote(batch, bytes);
  }

  #wrote(batch: readonly Item[], bytes: number): void {
    this.#bufferedBytes -= bytes;
    for (const item of batch) if (item.durable) this.#awaitingSync += 1;
    this.#events.written(this.#written.nextOffset - 1);
    if (this.#awaitingSync >= this.#pace.target) this.#gathered();
    this.#syncIfDue();
    this.#store.prepareSpare();
  }

  /** The old segment is synced first: what a segment holds ends, for good, where its successor starts. */
  async #rollOver(): Promise<void> {
    await this.#syncAlone();
    const segment = await this.#disk(() => this.#store.start(this.#header(), 'as-is'));
    this.#events.segmentStarted(segment.number);
  }

  async #write(batch: readonly Item[], cleanShutdown: boolean): Promise<void> {
    const segment = this.#store.current;
    const encoded = this.#encode(batch, segment.number, cleanShutdown);
    await this.#disk(() => segment.file.write(encoded.buffers, segment.end));
    this.#note(segment, batch.length, encoded);
  }

  #note(segment: Segment, records: number, encoded: EncodedBatch): void {
    segment.add(this.#written.nextOffset, encoded.bytes);
    this.#written = pointAfter(this.#written, records, encoded.checksum);
  }

  #encode(batch: readonly Item[], segment: number, cleanShutdown: boolean): EncodedBatch {
    const { nextBatch, nextOffset, previous } = this.#written;
    const fields: BatchFields = {
      number: nextBatch,
      segment,
      previous,
      cleanShutdown,
      firstOffset: nextOffset,
      durableBatch: this.#durable.nextBatch - 1,
    };
    return this.#encoder.encode(fields, batch);
  }

  get #isSyncDue(): boolean {
    return this.#awaitingSync > 0 || this.#unsyncedBytes > this.#settings.unsyncedLimitBytes;
  }

  #syncIfDue(): void {
    if (this.#syncing !== null || this.#isSyncHeld || this.#trouble !== null || !this.#isSyncDue) return;
    this.#syncing = this.#syncWhileDue();
  }

  /** One sync after the other, each for all that was written before it began; writing goes on beside it. */
  async #syncWhileDue(): Promise<void> {
    try {
      while (this.#isSyncDue && this.#trouble === null && !this.#isSyncHeld) {
        await this.#gather();
        await this.#sync();
      }
    } finally {
      this.#syncing = null;
    }
  }

  /** Waits a moment for company, see group-commit.ts. */
  async #gather(): Promise<void> {
    const isUrgent = this.#closing || this.#isSyncHeld || this.#unsyncedBytes > this.#settings.unsyncedLimitBytes;
    if (!isUrgent && this.#awaitingSync < this.#pace.target) {
      await new Promise<void>((resolve) => {
        const cancel = this.#settings.timer(this.#settings.gatherMs, resolve);
        this.#gathered = () => {
          cancel();
          resolve();
        };
      });
      this.#gathered = () => {};
    }
    this.#pace.began(this.#awaitingSync);
  }

  /** A failure is noted as trouble, not thrown. */
  async #sync(): Promise<void> {
    const covered = this.#written;
    if (covered.nextBatch === this.#durable.nextBatch) return;
    try {
      await this.#store.current.file.sync();
    } catch (error) {
      this.#fail(asError(error));
      return;
    }
    const isGrown = covered.nextOffset > this.#durable.nextOffset;
    this.#forgetSynced(covered);
    if (isGrown) this.#events.durable(covered.nextOffset - 1);
  }

  /** For a job: when it resolves all that is written is on disk and no sync is under way. Throws DiskFailure. */
  async #syncAlone(): Promise<void> {
    this.#isSyncHeld = true;
    this.#gathered();
    try {
      await this.#syncing;
      if (this.#trouble === null) await this.#sync();
    } finally {
      this.#isSyncHeld = false;
    }
    if (this.#trouble !== null) throw new DiskFailure(this.#trouble);
  }

  /** Only a batch that is about to be written may stand behind what is covered. */
  #forgetSynced(covered: ChainPoint): void {
    const synced = this.#unsynced.splice(0, covered.nextOffset - this.#durable.nextOffset);
    for (const item of synced) {
      this.#unsyncedBytes -= item.bytes;
      if (item.durable) this.#awaitingSync -= 1;
    }
    this.#durable = covered;
  }

  /** From now on nothing counts as written or durable until a job has started afresh. */
  #fail(error: Error): void {
    const isKnown = this.#trouble === error;
    this.#trouble = error;
    if (!isKnown) this.#events.failed(error, this.#durable.nextOffset - 1);
    this.#job ??= this.#work();
  }

  /** Goes on until a fresh segment holds, synced, everything that was not known durable. */
  async #startAfresh(first: Error): Promise<void> {
    await this.#syncing;
    let attemptsAtEnd = 0;
    for (let error = first; ; ) {
      try {
        await this.#rewrite();
        return;
      } catch (again) {
        if (!(again instanceof DiskFailure)) throw again;
        error = again.original;
      }
      this.#fail(error);
      if (this.#closing) attemptsAtEnd += 1;
      if (attemptsAtEnd >= ATTEMPTS_AT_END) throw error;
      await this.#settings.wait(this.#settings.retryMs);
    }
  }

  async #rewrite(): Promise<void> {
    const reached = this.#written.nextOffset;
    this.#written = this.#durable;
    const segment = await this.#disk(() => this.#startWithUnsynced('as-is'));
    this.#bufferedBytes = bytesOf(this.#pending);
    this.#events.segmentStarted(segment.number);
    this.#trouble = null;
    if (this.#written.nextOffset > reached) this.#events.written(this.#written.nextOffset - 1);
    this.#forgetSynced(this.#written);
    this.#awaitingSync = 0;
    this.#events.durable(this.#durable.nextOffset - 1);
  }

  /** A fresh segment that follows the durable point and begins with everything after it, all of it synced. */
  async #startWithUnsynced(how: 'as-is' | 'zero-filled'): Promise<Segment> {
    const items = this.#unsynced;
    if (items.length === 0) return this.#store.start(this.#header(), how);
    let after = this.#durable;
    const segment = await this.#store.start(this.#header(), how, (number) => {
      const encoded = this.#encode(items, number, false);
      after = pointAfter(this.#durable, items.length, encoded.checksum);
      return encoded;
    });
    this.#written = after;
    return segment;
  }

  #hold(item: Item): void {
    this.#unsynced.push(item);
    this.#unsyncedBytes += item.bytes;
  }

  #header() {
    const { shard, incarnation } = this.#settings;
    const { nextOffset, nextBatch, previous } = this.#durable;
    return { shard, incarnation, firstOffset: nextOffset, firstBatch: nextBatch, previous };
  }

  async #disk<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      throw new DiskFailure(asError(error));
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function bytesOf(items: readonly Item[]): number {
  let bytes = 0;
  for (const item of items) bytes += item.bytes;
  return bytes;
}

function pointAfter(point: ChainPoint, records: number, checksum: number): ChainPoint {
  return { nextBatch: point.nextBatch + 1, nextOffset: point.nextOffset + records, previous: checksum };
}
