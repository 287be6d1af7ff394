/**
 * Damage in the middle of a journal, as far as it can be made good without guessing: what is intact is copied, under its
 * offsets, into a new journal; in the place of a record that is not stands one that says so (`lost`). Looking changes
 * nothing; the damaged journal is kept beside the new one.
 */
import { dirname, join } from 'node:path';
import type { JournalFiles } from './files.ts';
import { BATCH_MAGIC, decodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './format.ts';
import { Journal } from './journal.ts';
import { Seal } from './seal.ts';
import { segmentNumberOf } from './segment.ts';
import { type Batch, placesOf, SegmentReader } from './segment-reader.ts';
import type { JournalOptions, JournalRecord } from './types.ts';

export type RepairOptions = Pick<JournalOptions, 'dir' | 'shard' | 'incarnation'> & {
  readonly files: JournalFiles;
  readonly keys: NonNullable<JournalOptions['keys']>;
  readonly nowMs: number;
  /** Of the new journal. Default: as the journal has it. */
  readonly segmentBytes?: number;
  /** Of the new journal; default: the same. */
  readonly newIncarnation?: string;
  /** Records that follow what was copied, offset by offset. */
  readonly more?: AsyncIterable<JournalRecord>;
  /** Appended behind these. */
  readonly then?: readonly JournalRecord['meta'][];
  /** What the former journal is called from then on: `journal.NAME-NOW`. Default `damaged`. */
  readonly keptAs?: string;
};

export type Damage = {
  readonly segment: number;
  readonly at: number;
  /** Records that cannot be read: first and last offset. */
  readonly from: number;
  readonly to: number;
};
export type RepairPlan = { readonly records: number; readonly nextOffset: number; readonly damages: readonly Damage[] };

type Found =
  | { readonly kind: 'record'; readonly record: JournalRecord }
  | { readonly kind: 'lost'; readonly damage: Damage };
type Place = { readonly header: SegmentHeader; readonly path: string };

const BATCH_RECORDS = 2000;
const SEARCH_BYTES = 1 << 20;

export async function planRepair(options: RepairOptions): Promise<RepairPlan> {
  const damages: Damage[] = [];
  let records = 0;
  let nextOffset = 1;
  for await (const found of salvage(options)) {
    if (found.kind === 'record') {
      records += 1;
      nextOffset = found.record.offset + 1;
    } else {
      damages.push(found.damage);
      nextOffset = found.damage.to + 1;
    }
  }
  return { records, nextOffset, damages };
}

/**
 * Builds the new journal and puts it in the damaged one's place; resolves with where that is now. Its next start counts as
 * one after a crash: what is lost, or came after a backup, the peers may have.
 */
export async function repair(options: RepairOptions): Promise<string> {
  const { dir, files, nowMs } = options;
  const fresh = `${dir}.repaired`;
  const [first] = await placesIn(options);
  await files.removeFolder(fresh);
  let durable = 0;
  let trouble: string | null = null;
  let told: () => void = () => {};
  const { journal } = await Journal.open({
    ...options,
    incarnation: options.newIncarnation ?? options.incarnation,
    dir: fresh,
    firstOffset: first?.header.firstOffset ?? 1,
    events: {
      written: () => undefined,
      durable: (upTo) => {
        durable = upTo;
        told();
      },
      failed: (error) => {
        trouble = error.message;
        told();
      },
      segmentStarted: () => undefined,
    },
  });
  let last = 0;
  const append = async (record: JournalRecord): Promise<void> => {
    const isSynced = record.offset % BATCH_RECORDS === 0;
    journal.append(record, isSynced ? 'durable' : 'written');
    last = record.offset;
    if (!isSynced) return;
    // A segment that is full is synced by itself: what has come so far may still end before this record.
    while (durable < last) {
      if (trouble !== null) {
        const why = `${trouble}; it needs as much room as the journal has`;
        throw new Error(`the repaired journal cannot be written to ${fresh}: ${why}`);
      }
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
  };
  for await (const found of salvage(options)) {
    if (found.kind === 'record') await append(found.record);
    else {
      for (let offset = found.damage.from; offset <= found.damage.to; offset++) {
        await append({ offset, meta: { t: 'lost', at: nowMs }, payload: null });
      }
    }
  }
  for await (const record of options.more ?? []) await append(record);
  const start = Math.max(last, (first?.header.firstOffset ?? 1) - 1);
  for (const [index, meta] of (options.then ?? []).entries()) {
    await append({ offset: start + 1 + index, meta, payload: null });
  }
  await journal.close(false);
  const kept = `${dir}.${options.keptAs ?? 'damaged'}-${nowMs}`;
  await files.rename(dir, kept);
  await files.rename(fresh, dir);
  await files.syncDirectory(dirname(dir));
  return kept;
}

/** What can be read of a journal, in order; changes nothing. */
export async function* recordsIn(options: RepairOptions): AsyncGenerator<JournalRecord> {
  for await (const found of salvage(options)) if (found.kind === 'record') yield found.record;
}

/** Every offset from the oldest segment's first on, once: its record, or that it is lost. */
async function* salvage(options: RepairOptions): AsyncGenerator<Found> {
  const { files, incarnation, keys } = options;
  const seal = new Seal(incarnation, keys);
  const places = await placesIn(options);
  let next = places[0]?.header.firstOffset ?? 1;
  for (const [index, { header, path }] of places.entries()) {
    const stop = places[index + 1]?.header.firstOffset ?? null;
    const lostBefore = header.firstOffset - 1;
    if (lostBefore >= next)
      yield { kind: 'lost', damage: { segment: header.segment, at: 0, from: next, to: lostBefore } };
    next = Math.max(next, header.firstOffset);
    const file = await files.open(path);
    try {
      const reader = await SegmentReader.of(file, header.segment, seal);
      let position = SEGMENT_HEADER_BYTES;
      while (stop === null || next < stop) {
        const batch = await reader.head(position);
        const isNext = batch !== null && batch.head.firstOffset <= next;
        if (batch !== null && isNext) {
          let offset = batch.head.firstOffset - 1;
          for (const place of placesOf(batch)) {
            offset += 1;
            if (offset < next || (stop !== null && offset >= stop)) continue;
            const record = await reader.record(place, offset, batch.head.key);
            if (record !== null) yield { kind: 'record', record };
            else yield { kind: 'lost', damage: { segment: header.segment, at: place.at, from: offset, to: offset } };
            next = offset + 1;
          }
          position += batch.bytes;
          continue;
        }
        const later = await nextBatch(reader, position + 1, next);
        // Behind the last batch there is nothing but what a crash left: that is no damage.
        if (later === null && stop === null) break;
        const to =
          later === null ? (stop ?? next) - 1 : Math.min(later.head.firstOffset, stop ?? later.head.firstOffset) - 1;
        if (to >= next) yield { kind: 'lost', damage: { segment: header.segment, at: position, from: next, to } };
        next = Math.max(next, to + 1);
        if (later === null) break;
        position = later.position;
      }
    } finally {
      await file.close();
    }
  }
}

/** The next batch that begins at or after `from` and holds records from `offset` on. */
async function nextBatch(reader: SegmentReader, from: number, offset: number): Promise<Batch | null> {
  const overlap = BATCH_MAGIC.length - 1;
  for (let at = from; at < reader.fileBytes; ) {
    const chunk = Buffer.from(await reader.bytes(at, Math.min(SEARCH_BYTES + overlap, reader.fileBytes - at)));
    for (let found = chunk.indexOf(BATCH_MAGIC); found >= 0; found = chunk.indexOf(BATCH_MAGIC, found + 1)) {
      const batch = await reader.head(at + found);
      if (batch !== null && batch.head.firstOffset >= offset) return batch;
    }
    if (chunk.length <= overlap) return null;
    at += chunk.length - overlap;
  }
  return null;
}

/** Segments of this journal whose header can be read, in order; one without is as if it were not there. */
async function placesIn({ files, dir, shard, incarnation }: RepairOptions): Promise<Place[]> {
  const places: Place[] = [];
  for (const name of (await files.list(dir)).filter((one) => segmentNumberOf(one) !== null).sort()) {
    const path = join(dir, name);
    const file = await files.open(path);
    try {
      const header = decodeSegmentHeader(await file.read(0, SEGMENT_HEADER_BYTES));
      const isOwn = header?.incarnation === incarnation && header.shard === shard;
      if (header !== null && isOwn && header.segment === segmentNumberOf(name)) places.push({ header, path });
    } finally {
      await file.close();
    }
  }
  return places;
}
