/**
 * Reads a journal's durable records in order from its files, beside the process that writes them: it takes nothing of the
 * writer's memory or time, and a segment that is purged meanwhile stays readable until it lets go.
 */
import { join } from 'node:path';
import { diskFiles, type JournalFile, type JournalFiles } from '../journal/files.ts';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../journal/format.ts';
import type { Seal } from '../journal/seal.ts';
import { segmentNumberOf } from '../journal/segment.ts';
import { SegmentReader } from '../journal/segment-reader.ts';
import type { JournalRecord } from '../journal/types.ts';

const WINDOW_BYTES = 256 * 1024;
/** Segments that are purged between the look and the opening, before something else must be wrong. */
const LOOKS = 5;

type SegmentFile = { readonly name: string; readonly number: number; readonly firstOffset: number };
/** A batch with records from `offset` on begins at `position`, or will. */
type Cursor = { readonly segment: number; readonly file: JournalFile; position: number; offset: number };

export type TailLimits = { readonly records: number; readonly bytes: number };

export class JournalTail {
  readonly #dir: string;
  readonly #seal: Seal;
  readonly #files: JournalFiles;
  readonly #known = new Map<string, SegmentFile>();
  #cursor: Cursor | null = null;

  constructor(dir: string, seal: Seal, files: JournalFiles = diskFiles) {
    this.#dir = dir;
    this.#files = files;
    this.#seal = seal;
  }

  /**
   * Records from `from` up to `upTo`, which must be durable, as many as the limits allow and at least one. They begin
   * later than `from` only where it has been purged.
   */
  async read(from: number, upTo: number, limits: TailLimits): Promise<readonly JournalRecord[]> {
    for (let look = 1; ; look++) {
      try {
        return await this.#read(from, upTo, limits);
      } catch (error) {
        await this.close();
        const purged = error instanceof Error && 'code' in error && error.code === 'ENOENT';
        if (!purged || look === LOOKS) throw error;
      }
    }
  }

  async close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = null;
    await cursor?.file.close();
  }

  async #read(wanted: number, upTo: number, limits: TailLimits): Promise<readonly JournalRecord[]> {
    const segments = await this.#segments();
    const at = Math.max(
      0,
      segments.findLastIndex((segment) => segment.firstOffset <= wanted),
    );
    const segment = segments[at];
    if (segment === undefined) throw new Error('the journal folder has no segment');
    const from = Math.max(wanted, segment.firstOffset);
    // The later segment wins: what stands behind its first offset in this one was never durable here.
    const last = Math.min(upTo, (segments[at + 1]?.firstOffset ?? upTo + 1) - 1);
    const cursor = await this.#cursorAt(segment, from);
    const reader = await SegmentReader.of(cursor.file, segment.number, this.#seal, WINDOW_BYTES);
    const records: JournalRecord[] = [];
    let bytes = 0;
    for (let next = from; next <= last; ) {
      const batch = await reader.head(cursor.position);
      if (batch === null || batch.head.firstOffset > next) throw new Error(`record ${next} cannot be read back`);
      const end = batch.head.firstOffset + batch.head.count;
      if (next < end) {
        for await (const some of reader.records(batch)) {
          for (const record of some) {
            if (record === null) throw new Error(`record ${next} cannot be read back`);
            if (record.offset < next) continue;
            if (next > last) return records;
            records.push(record);
            bytes += record.payload?.byteLength ?? 0;
            next += 1;
            if (records.length >= limits.records || bytes >= limits.bytes) return records;
          }
        }
      }
      cursor.position += batch.bytes;
      cursor.offset = end;
    }
    return records;
  }

  async #cursorAt(segment: SegmentFile, offset: number): Promise<Cursor> {
    const present = this.#cursor;
    if (present !== null && present.segment === segment.number && present.offset <= offset) return present;
    await this.close();
    const file = await this.#files.open(join(this.#dir, segment.name));
    this.#cursor = { segment: segment.number, file, position: SEGMENT_HEADER_BYTES, offset: segment.firstOffset };
    return this.#cursor;
  }

  /** In order; headers are read once. */
  async #segments(): Promise<readonly SegmentFile[]> {
    const names = (await this.#files.list(this.#dir)).filter((name) => segmentNumberOf(name) !== null);
    for (const name of this.#known.keys()) if (!names.includes(name)) this.#known.delete(name);
    for (const name of names) {
      if (!this.#known.has(name)) this.#known.set(name, await this.#segment(name));
    }
    return [...this.#known.values()].sort((a, b) => a.number - b.number);
  }

  async #segment(name: string): Promise<SegmentFile> {
    const file = await this.#files.open(join(this.#dir, name));
    try {
      const header = decodeSegmentHeader(await file.read(0, SEGMENT_HEADER_BYTES));
      if (header === null) throw new Error(`${name} has no segment header`);
      return { name, number: header.segment, firstOffset: header.firstOffset };
    } finally {
      await file.close();
    }
  }
}
