/**
 * Finds out what a journal folder holds: walks every segment's chain of checksums with bounded memory, cuts what a
 * crash left half-written at the end, and stops at damage. What a segment holds ends where the next one's header
 * says it does: a segment that was given up after a failed sync may hold more, and the later segment wins.
 */
import { join } from 'node:path';
import { JournalCorruptError, JournalForeignError, JournalKeyError } from './errors.ts';
import type { JournalFile, JournalFiles } from './files.ts';
import { BATCH_MAGIC, decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './format.ts';
import type { Seal } from './seal.ts';
import { Segment, segmentNumberOf } from './segment.ts';
import { type Batch, SegmentReader } from './segment-reader.ts';
import type { RecoveryReport } from './types.ts';

const ZEROS = Buffer.alloc(1 << 20);

/** Where a chain of batches stands: what the next batch must be. */
export type ChainPoint = { readonly nextBatch: number; readonly nextOffset: number; readonly previous: number };

export type Scan = {
  readonly segments: Segment[];
  readonly end: ChainPoint;
  /** Up to here the disk itself proves that it was synced; batches after it may live in memory only. */
  readonly durable: ChainPoint;
  /** Where the mark of a clean shutdown stands, if that is the end. */
  readonly cleanMark: { readonly position: number; readonly before: ChainPoint } | null;
  readonly cut: RecoveryReport['cut'];
};

export type Identity = { readonly shard: number; readonly incarnation: string };

/** Null for an empty folder. Throws JournalCorruptError or JournalForeignError. */
export async function scanJournal(
  files: JournalFiles,
  dir: string,
  identity: Identity,
  seal: Seal,
  checkedBefore: number,
): Promise<Scan | null> {
  const names = await files.list(dir);
  for (const name of names) {
    if (name.endsWith('.tmp')) await files.remove(join(dir, name));
  }
  const numbers = names.flatMap((name) => segmentNumberOf(name) ?? []).sort((a, b) => a - b);
  for (const [index, number] of numbers.entries()) {
    const expected = (numbers[0] ?? 0) + index;
    if (number !== expected) {
      throw new JournalCorruptError('segment-missing', expected, 0, `segment ${expected} is not there, ${number} is`);
    }
  }
  const segments: Segment[] = [];
  try {
    for (const name of names.filter((one) => segmentNumberOf(one) !== null).sort()) {
      segments.push(await openSegment(files, dir, name, identity));
    }
    // What a killed process renamed or removed is to stay so, whatever happens next.
    await files.syncDirectory(dir);
    return await scanSegments(segments, seal, checkedBefore);
  } catch (error) {
    for (const segment of segments) await segment.release();
    throw error;
  }
}

async function openSegment(files: JournalFiles, dir: string, name: string, identity: Identity): Promise<Segment> {
  const path = join(dir, name);
  const number = segmentNumberOf(name) ?? 0;
  const file = await files.open(path);
  try {
    const header = decodeSegmentHeader(await file.read(0, SEGMENT_HEADER_BYTES));
    if (header === null || header.segment !== number) {
      throw new JournalCorruptError('segment-header-bad', number, 0, 'its header is damaged');
    }
    if (header.incarnation !== identity.incarnation || header.shard !== identity.shard) {
      throw new JournalForeignError(number, header, identity);
    }
    return new Segment(header, path, file, await file.size());
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function scanSegments(segments: Segment[], seal: Seal, checkedBefore: number): Promise<Scan | null> {
  const [first] = segments;
  if (first === undefined) return null;
  let point = startOf(first);
  for (const [index, segment] of segments.entries()) {
    requireSamePoint(segment, point);
    const next = segments[index + 1];
    if (next === undefined) return scanLast(segments, segment, seal);
    // What a checkpoint stands for was read when it was made, and is checked again by whoever reads it.
    const isChecked = next.firstOffset <= checkedBefore;
    point = isChecked ? startOf(next) : await scanUntil(segment, startOf(next), seal);
  }
  return null;
}

function startOf({ header }: Segment): ChainPoint {
  return { nextBatch: header.firstBatch, nextOffset: header.firstOffset, previous: header.previous };
}

function requireSamePoint(segment: Segment, point: ChainPoint): void {
  const { header } = segment;
  if (header.firstOffset !== point.nextOffset || header.previous !== point.previous) {
    const what = `it starts at offset ${header.firstOffset}, the segments before it end before ${point.nextOffset}`;
    throw new JournalCorruptError('segments-disagree', segment.number, 0, what);
  }
}

/** Walks a segment that has a successor: everything up to the successor's start must be there. */
async function scanUntil(segment: Segment, stop: ChainPoint, seal: Seal): Promise<ChainPoint> {
  const reader = await SegmentReader.of(segment.file, segment.number, seal);
  let point = startOf(segment);
  while (point.nextBatch < stop.nextBatch) {
    const batch = await chained(reader, segment.end, point);
    if (batch === null) throw badBatch(segment, point);
    segment.add(batch.head.firstOffset, batch.bytes);
    point = after(batch);
  }
  return point;
}

async function scanLast(segments: Segment[], segment: Segment, seal: Seal): Promise<Scan> {
  const reader = await SegmentReader.of(segment.file, segment.number, seal);
  let end = startOf(segment);
  let durable = end;
  let cleanMark: Scan['cleanMark'] = null;
  // Ends of batches that no later batch has called durable yet; bounded by what the writer leaves unsynced.
  let unproven: ChainPoint[] = [];
  for (;;) {
    const batch = await chained(reader, segment.end, end);
    if (batch === null) break;
    cleanMark = batch.head.cleanShutdown ? { position: batch.position, before: end } : null;
    segment.add(batch.head.firstOffset, batch.bytes);
    end = after(batch);
    const proven = batch.head.durableBatch + 1;
    if (proven > durable.nextBatch) {
      durable = unproven.findLast((point) => point.nextBatch <= proven) ?? durable;
      unproven = unproven.filter((point) => point.nextBatch > proven);
    }
    unproven.push(end);
  }
  const cut = await judgeTail(reader, segment, end, seal);
  return { segments, end, durable, cleanMark: cut === null ? cleanMark : null, cut };
}

async function chained(reader: SegmentReader, position: number, point: ChainPoint): Promise<Batch | null> {
  const batch = await reader.batch(position);
  if (batch === null) return null;
  const { number, previous, firstOffset, key } = batch.head;
  const fits = number === point.nextBatch && previous === point.previous && firstOffset === point.nextOffset;
  if (fits && key !== null && !reader.canOpen(key))
    throw new JournalKeyError(`journal segment ${batch.head.segment}`, key, false);
  return fits ? batch : null;
}

function after({ head }: Batch): ChainPoint {
  return { nextBatch: head.number + 1, nextOffset: head.firstOffset + head.count, previous: head.checksum };
}

/** What lies behind the last good batch: nothing, a torn end, or damage to what had been durable. */
async function judgeTail(
  reader: SegmentReader,
  segment: Segment,
  end: ChainPoint,
  seal: Seal,
): Promise<RecoveryReport['cut']> {
  let lastUsed = -1;
  for (let at = segment.end; at < reader.fileBytes; ) {
    const chunk = await segment.file.read(at, ZEROS.length);
    if (chunk.byteLength === 0) break;
    const isZero = ZEROS.subarray(0, chunk.byteLength).equals(chunk);
    if (!isZero) lastUsed = at + chunk.findLastIndex((byte) => byte !== 0);
    at += chunk.byteLength;
  }
  if (lastUsed < 0) return null;
  if (await someBatchKnowsItDurable(segment.file, segment, end, seal)) throw badBatch(segment, end);
  return { segment: segment.number, at: segment.end, bytes: lastUsed + 1 - segment.end };
}

/** Looks for a sound later batch that was written after the bad one had been synced. */
async function someBatchKnowsItDurable(
  file: JournalFile,
  segment: Segment,
  end: ChainPoint,
  seal: Seal,
): Promise<boolean> {
  const reader = await SegmentReader.of(file, segment.number, seal, 64 * 1024);
  const overlap = BATCH_MAGIC.length - 1;
  for (let at = segment.end; at < reader.fileBytes; ) {
    const chunk = Buffer.from(await file.read(at, (1 << 20) + overlap));
    for (let found = chunk.indexOf(BATCH_MAGIC); found >= 0; found = chunk.indexOf(BATCH_MAGIC, found + 1)) {
      const batch = await reader.batch(at + found);
      if (batch !== null && batch.head.durableBatch >= end.nextBatch) return true;
    }
    if (chunk.length <= overlap) break;
    at += chunk.length - overlap;
  }
  return false;
}

function badBatch(segment: Segment, point: ChainPoint): JournalCorruptError {
  const what = `batch ${point.nextBatch} (records from offset ${point.nextOffset}) is damaged, and later ones prove that it had been on disk`;
  return new JournalCorruptError('batch-bad', segment.number, segment.end, what);
}
