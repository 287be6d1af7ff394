/** Reads records back from segments: one by its offset, or all of them in order. */
import { JournalCorruptError } from './errors.ts';
import type { Seal } from './seal.ts';
import type { Segment } from './segment.ts';
import { type Batch, type Place, placesOf, SegmentReader } from './segment-reader.ts';
import type { JournalRecord } from './types.ts';

const LOOKUP_WINDOW_BYTES = 32 * 1024;

/** The record must stand in this segment. */
export async function readRecord(segment: Segment, offset: number, seal: Seal): Promise<JournalRecord> {
  return segment.reading(async (file) => {
    const reader = await SegmentReader.of(file, segment.number, seal, LOOKUP_WINDOW_BYTES);
    let position = segment.positionBefore(offset);
    for (;;) {
      const batch = await reader.head(position);
      if (batch === null || batch.head.firstOffset > offset) throw lost(segment, position, offset);
      segment.found(batch.head.firstOffset, position);
      const index = offset - batch.head.firstOffset;
      if (index < batch.head.count) {
        const place = placeAt(batch, index);
        const record = place === undefined ? null : await reader.record(place, offset, batch.head.key);
        if (record === null) throw lost(segment, position, offset);
        return record;
      }
      position += batch.bytes;
    }
  });
}

/** Records `from` up to and without `to`, one window of a segment in memory at a time. */
export async function* readRange(
  segments: readonly Segment[],
  from: number,
  to: number,
  seal: Seal,
): AsyncGenerator<JournalRecord> {
  for (const [index, segment] of segments.entries()) {
    const stop = Math.min(to, segments[index + 1]?.firstOffset ?? to);
    let offset = Math.max(from, segment.firstOffset);
    if (offset >= stop) continue;
    const reader = await SegmentReader.of(segment.file, segment.number, seal);
    let position = segment.positionBefore(offset);
    while (offset < stop) {
      const batch = await reader.head(position);
      if (batch === null) throw lost(segment, position, offset);
      for await (const records of reader.records(batch)) {
        for (const record of records) {
          if (record === null) throw lost(segment, position, offset);
          if (record.offset !== offset) continue;
          if (offset >= stop) break;
          yield record;
          offset += 1;
        }
      }
      position += batch.bytes;
    }
  }
}

function placeAt(batch: Batch, index: number): Place | undefined {
  let before = 0;
  for (const place of placesOf(batch)) {
    if (before === index) return place;
    before += 1;
  }
  return undefined;
}

function lost(segment: Segment, position: number, offset: number): JournalCorruptError {
  return new JournalCorruptError('record-bad', segment.number, position, `record ${offset} cannot be read back`);
}
