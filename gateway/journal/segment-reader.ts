/** Reads one segment's batches and records through a window, so that memory stays bounded by the largest record. */
import { JournalKeyError } from './errors.ts';
import type { JournalFile } from './files.ts';
import {
  type BatchHead,
  batchBytes,
  decodeHead,
  decodeTable,
  ENTRY_BYTES,
  type Entry,
  HEAD_BYTES,
  isIntact,
  viewOf,
} from './format.ts';
import type { Seal } from './seal.ts';
import type { JournalRecord, JsonObject } from './types.ts';

export type Batch = {
  readonly position: number;
  readonly bytes: number;
  readonly head: BatchHead;
  readonly entries: Entry[];
};

/** A larger batch is read record by record, so that memory stays bounded. */
const AT_ONCE_BYTES = 4 * 1024 * 1024;

export class SegmentReader {
  readonly fileBytes: number;
  readonly #file: JournalFile;
  readonly #segment: number;
  readonly #seal: Seal;
  readonly #windowBytes: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  private constructor(file: JournalFile, fileBytes: number, segment: number, seal: Seal, windowBytes: number) {
    this.#file = file;
    this.fileBytes = fileBytes;
    this.#segment = segment;
    this.#seal = seal;
    this.#windowBytes = windowBytes;
  }

  static async of(file: JournalFile, segment: number, seal: Seal, windowBytes = 1 << 20): Promise<SegmentReader> {
    return new SegmentReader(file, await file.size(), segment, seal, windowBytes);
  }

  canOpen(key: number): boolean {
    return this.#seal.has(key);
  }

  /** Fewer bytes than asked for only at the end of the file. Valid until the caller is done: windows are never reused. */
  async bytes(position: number, length: number): Promise<Uint8Array> {
    const from = position - this.#windowAt;
    if (from < 0 || from + length > this.#window.byteLength) {
      this.#window = await this.#file.read(position, Math.max(length, this.#windowBytes));
      this.#windowAt = position;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(from, from + length);
  }

  /** Head and table of the batch at `position`, checked; null where there is none. */
  async head(position: number): Promise<Batch | null> {
    const head = decodeHead(await this.bytes(position, HEAD_BYTES), this.#seal.tag);
    if (head === null || !head.tagged || head.segment !== this.#segment) return null;
    const bytes = batchBytes(head);
    if (position + bytes > this.fileBytes) return null;
    const entries = decodeTable(await this.bytes(position, HEAD_BYTES + head.count * ENTRY_BYTES), head);
    if (entries === null || sumOf(entries) !== head.bodyBytes) return null;
    return { position, bytes, head, entries };
  }

  /** The batch at `position` with every record checked; null where there is none. */
  async batch(position: number): Promise<Batch | null> {
    const batch = await this.head(position);
    if (batch === null) return null;
    if (batch.bytes <= AT_ONCE_BYTES) {
      // One piece of memory, no waiting between its records: recovery reads millions of them.
      const bytes = await this.bytes(position, batch.bytes);
      for (const { entry, at } of placesOf(batch)) {
        const from = at - position;
        if (!isIntact(entry, bytes.subarray(from, from + entry.storedBytes))) return null;
      }
      return batch;
    }
    for (const { entry, at } of placesOf(batch)) {
      if (!isIntact(entry, await this.bytes(at, entry.storedBytes))) return null;
    }
    return batch;
  }

  /**
   * The records of a batch, some at a time: all of them where it is read at once, since millions are read and waiting for
   * each would cost more than the reading. Null in place of one that lost its checksum meanwhile.
   */
  async *records(batch: Batch): AsyncGenerator<readonly (JournalRecord | null)[]> {
    const { firstOffset, key } = batch.head;
    let offset = firstOffset;
    if (batch.bytes > AT_ONCE_BYTES) {
      for (const place of placesOf(batch)) {
        yield [await this.record(place, offset, key)];
        offset += 1;
      }
      return;
    }
    const bytes = viewOf(await this.bytes(batch.position, batch.bytes));
    const records: (JournalRecord | null)[] = [];
    let from = HEAD_BYTES + batch.entries.length * ENTRY_BYTES;
    for (const entry of batch.entries) {
      records.push(this.#recordIn(bytes, from, entry, offset, key));
      from += entry.storedBytes;
      offset += 1;
    }
    yield records;
  }

  /** `key`: the one that its batch is sealed with. */
  async record(place: Place, offset: number, key: number | null): Promise<JournalRecord | null> {
    const { entry, at } = place;
    return this.#recordIn(viewOf(await this.bytes(at, entry.storedBytes)), 0, entry, offset, key);
  }

  #recordIn(bytes: Buffer, from: number, entry: Entry, offset: number, key: number | null): JournalRecord | null {
    const stored = bytes.subarray(from, from + entry.storedBytes);
    if (!isIntact(entry, stored)) return null;
    if (key === null) return decoded(bytes, from, entry, offset);
    const opened = this.#seal.open(key, stored, this.#segment, offset);
    if (opened === null) throw new JournalKeyError(`journal segment ${this.#segment}`, key, this.#seal.has(key));
    return decoded(viewOf(opened), 0, entry, offset);
  }
}

/** Views cost more than bytes where millions are read, so none is made but where it must be. */
function decoded(bytes: Buffer, from: number, entry: Entry, offset: number): JournalRecord {
  const payloadFrom = from + entry.metaBytes;
  const meta: JsonObject = JSON.parse(bytes.toString('utf8', from, payloadFrom));
  if (entry.payloadBytes === null) return { offset, meta, payload: null };
  // A copy: what holds on to one payload must not hold on to the whole window.
  const payload = Buffer.allocUnsafe(entry.payloadBytes);
  bytes.copy(payload, 0, payloadFrom, payloadFrom + entry.payloadBytes);
  return { offset, meta, payload };
}

export type Place = { readonly entry: Entry; readonly at: number };

export function* placesOf(batch: Batch): Generator<Place> {
  let at = batch.position + HEAD_BYTES + batch.entries.length * ENTRY_BYTES;
  for (const entry of batch.entries) {
    yield { entry, at };
    at += entry.storedBytes;
  }
}

function sumOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.storedBytes, 0);
}
