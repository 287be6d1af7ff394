/**
 * The journal's segments on disk: which there are, starting the next one, preparing a zero-filled spare ahead of
 * need so that a rollover does not stall, and removing the oldest.
 */
import { join } from 'node:path';
import { JournalFullError } from './errors.ts';
import type { JournalFile, JournalFiles } from './files.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './format.ts';
import { Segment, segmentName } from './segment.ts';

/** So much is filled at once: small enough that a sync of the segment in use hardly waits for it. */
const FILL_STEP_BYTES = 1 << 18;
/** Bytes of the spare for each byte of the segment in use beyond its half: it is ready at five sixths. */
const FILL_SPEED = 3;
/** Made once: one for each step would be cleared, and collected, for nothing. */
const ZEROS = Buffer.alloc(FILL_STEP_BYTES);

/** `in-step`: filled as the segment in use is, see `prepareSpare`. */
type Filling = 'as-is' | 'zero-filled' | 'in-step';
type Blank = { readonly path: string; readonly file: JournalFile; readonly bytes: number };

/** Encodes the first batch of the segment with this number. */
export type FirstBatch = (segment: number) => { readonly buffers: readonly Uint8Array[]; readonly bytes: number };

export type StoreOptions = {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly segmentBytes: number;
  readonly limitBytes: number;
};

export class SegmentStore {
  readonly #options: StoreOptions;
  readonly #segments: Segment[];
  #spare: Blank | null = null;
  #filling: Promise<void> | null = null;
  /** Ends the wait of a spare for the segment in use. */
  #moreIsDue: () => void = () => {};
  #purging: Promise<unknown> = Promise.resolve();
  #blanks = 0;
  #closed = false;

  constructor(options: StoreOptions, segments: Segment[]) {
    this.#options = options;
    this.#segments = segments;
  }

  get current(): Segment {
    const last = this.#segments.at(-1);
    if (last === undefined) throw new Error('a journal has a segment');
    return last;
  }

  get nextNumber(): number {
    return (this.#segments.at(-1)?.number ?? 0) + 1;
  }

  all(): readonly Segment[] {
    return this.#segments;
  }

  /** Where a durable record stands; the later segment wins. */
  holding(offset: number): Segment | null {
    return this.#segments.findLast((segment) => segment.firstOffset <= offset) ?? null;
  }

  usedBytes(): number {
    const spare = this.#spare?.bytes ?? 0;
    return this.#segments.reduce((sum, segment) => sum + segment.diskBytes, spare);
  }

  fits(bytes: number): boolean {
    return this.current.end + bytes <= Math.max(this.#options.segmentBytes, SEGMENT_HEADER_BYTES);
  }

  /**
   * Starts the next segment. `content` (its first batch) is on disk before the segment gets its name, so that a crash
   * in between leaves the segment before as it was. Current when this resolves, or when only the directory failed.
   */
  async start(
    header: Omit<SegmentHeader, 'segment'>,
    how: Exclude<Filling, 'in-step'>,
    content?: FirstBatch,
  ): Promise<Segment> {
    const { files, dir } = this.#options;
    const blank = this.#takeSpare() ?? (await this.#create(how));
    const full: SegmentHeader = { ...header, segment: this.nextNumber };
    const path = join(dir, segmentName(full.segment));
    const batch = content?.(full.segment) ?? { buffers: [], bytes: 0 };
    try {
      await blank.file.write([encodeSegmentHeader(full), ...batch.buffers], 0);
      await blank.file.sync();
      await files.rename(blank.path, path);
    } catch (error) {
      await this.#discard(blank);
      throw error;
    }
    // From here on the name is taken, whatever becomes of the directory's own sync.
    const segment = new Segment(full, path, blank.file, Math.max(blank.bytes, SEGMENT_HEADER_BYTES));
    if (batch.bytes > 0) segment.add(full.firstOffset, batch.bytes);
    this.#segments.push(segment);
    await files.syncDirectory(dir);
    return segment;
  }

  /**
   * To be called after each write: from half of the current segment on a spare is filled, in step with what is written, so that it
   * takes the disk from nobody for long. Its failure is not one: the next segment grows as it is written.
   */
  prepareSpare(): void {
    this.#moreIsDue();
    if (this.#closed || this.#spare !== null || this.#filling !== null || this.#fillDue < 0) return;
    this.#filling = this.#create('in-step')
      .then((blank) => {
        this.#spare = blank;
      })
      .catch(() => undefined)
      .finally(() => {
        this.#filling = null;
      });
  }

  /** Removes segments whose records are all below `offset`; says how many. One purge at a time. */
  purgeBefore(offset: number): Promise<number> {
    const purge = this.#purging.then(() => this.#purge(offset));
    this.#purging = purge.catch(() => undefined);
    return purge;
  }

  async #purge(offset: number): Promise<number> {
    const { files, dir } = this.#options;
    for (let removed = 0; ; removed++) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined || next.firstOffset > offset) return removed;
      // One by one, and the next only after this one is gone for good: a gap in the numbers counts as damage.
      await files.remove(oldest.path);
      await files.syncDirectory(dir);
      this.#segments.shift();
      await oldest.release();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#moreIsDue();
    await Promise.all([this.#filling, this.#purging]);
    const spare = this.#takeSpare();
    if (spare !== null) await this.#discard(spare);
    for (const segment of this.#segments) await segment.release();
  }

  #takeSpare(): Blank | null {
    const spare = this.#spare;
    this.#spare = null;
    return spare;
  }

  /** How far a spare is filled by now. */
  get #fillDue(): number {
    return FILL_SPEED * (this.current.end - this.#options.segmentBytes / 2);
  }

  #nextWrite(): Promise<void> {
    return new Promise((resolve) => {
      this.#moreIsDue = resolve;
    });
  }

  async #create(how: Filling): Promise<Blank> {
    const { files, dir, segmentBytes, limitBytes } = this.#options;
    if (this.usedBytes() + segmentBytes > limitBytes) throw new JournalFullError(limitBytes);
    this.#blanks += 1;
    const path = join(dir, `blank-${this.#blanks}.tmp`);
    await files.remove(path);
    const file = await files.create(path);
    try {
      for (let at = 0; how !== 'as-is' && at < segmentBytes && !this.#closed; at += FILL_STEP_BYTES) {
        while (how === 'in-step' && at > this.#fillDue && !this.#closed) await this.#nextWrite();
        await file.write([ZEROS.subarray(0, segmentBytes - at)], at);
        await file.sync();
      }
      return { path, file, bytes: how === 'as-is' ? 0 : segmentBytes };
    } catch (error) {
      await this.#discard({ path, file, bytes: 0 });
      throw error;
    }
  }

  async #discard(blank: Blank): Promise<void> {
    await Promise.allSettled([blank.file.close(), this.#options.files.remove(blank.path)]);
  }
}
