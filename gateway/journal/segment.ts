/** One segment in memory: its file, what it holds, and a sparse index from offset to byte position. */
import type { JournalFile } from './files.ts';
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from './format.ts';

/** One index entry for at least this many bytes, so that an index takes about 1/1000 of its segment. */
const INDEX_STEP_BYTES = 16 * 1024;

export class Segment {
  readonly header: SegmentHeader;
  readonly path: string;
  readonly file: JournalFile;
  /** Bytes that it takes on disk. */
  diskBytes: number;
  /** Where the next batch goes. */
  end = SEGMENT_HEADER_BYTES;
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];
  #readers = 0;
  #removed = false;

  constructor(header: SegmentHeader, path: string, file: JournalFile, diskBytes: number) {
    this.header = header;
    this.path = path;
    this.file = file;
    this.diskBytes = diskBytes;
  }

  get number(): number {
    return this.header.segment;
  }

  get firstOffset(): number {
    return this.header.firstOffset;
  }

  /** Notes a batch at the end of the segment. */
  add(firstOffset: number, bytes: number): void {
    const last = this.#positions.at(-1);
    if (last === undefined || this.end - last >= INDEX_STEP_BYTES) {
      this.#offsets.push(firstOffset);
      this.#positions.push(this.end);
    }
    this.end += bytes;
    this.diskBytes = Math.max(this.diskBytes, this.end);
  }

  /** Notes a batch that was found on the way: of a segment that was not walked when it was opened. */
  found(firstOffset: number, position: number): void {
    const last = this.#positions.at(-1) ?? 0;
    if (position < last + INDEX_STEP_BYTES) return;
    this.#offsets.push(firstOffset);
    this.#positions.push(position);
  }

  /** The position of a batch at or before the one that holds the offset. */
  positionBefore(offset: number): number {
    let low = 0;
    let high = this.#offsets.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#offsets[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#positions[low] ?? SEGMENT_HEADER_BYTES;
  }

  /** Keeps the file open while `work` reads, also when the segment is purged meanwhile. */
  async reading<T>(work: (file: JournalFile) => Promise<T>): Promise<T> {
    this.#readers += 1;
    try {
      return await work(this.file);
    } finally {
      this.#readers -= 1;
      if (this.#removed && this.#readers === 0) await this.file.close();
    }
  }

  async release(): Promise<void> {
    if (this.#removed) return;
    this.#removed = true;
    if (this.#readers === 0) await this.file.close();
  }
}

const NAME_PATTERN = /^segment-(\d{10})\.journal$/;

export function segmentName(segment: number): string {
  return `segment-${String(segment).padStart(10, '0')}.journal`;
}

/** The number in a segment's file name, or null for another file. */
export function segmentNumberOf(name: string): number | null {
  const match = NAME_PATTERN.exec(name);
  return match === null ? null : Number(match[1]);
}
