/**
 * The journal's bytes (numbers little-endian).
 *
 * Segment: header (128), then batches back to back, then zeros.
 *   header: magic 8 | crc32 of the rest 4 | shard 4 | segment 8 | first offset 8 | first batch 8 | previous batch's
 *   checksum 4 | incarnation length 2 | incarnation
 * Batch: head (64), table (12 a record), then meta and payload of each record.
 *   head: magic 4 | crc32 of the rest of head and table 4 | body bytes 4 | records 4 | batch number 8 | segment 8 |
 *   previous batch's checksum 4 | flags 4 | first offset 8 | newest batch known durable 8 | incarnation tag 8
 *   flags: 1 clean shutdown, 2 records are sealed (seal.ts), upper half: number of the key
 *   table entry: meta bytes 4 | payload bytes 4 (all ones: no payload) | crc32 of meta and payload 4
 *
 * The durable mark tells a torn end from damage: a bad batch that a later batch knows to have been durable is damage.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const SEGMENT_HEADER_BYTES = 128;
export const HEAD_BYTES = 64;
export const ENTRY_BYTES = 12;
const SEGMENT_MAGIC = Buffer.from('CUTJRNL1', 'latin1');
export const BATCH_MAGIC = Buffer.from([0xc5, 0x7b, 0x1e, 0xa9]);
export const NO_PAYLOAD = 0xffff_ffff;
export const CLEAN_SHUTDOWN = 1;
/** Its records are sealed; the upper half of the flags is the number of the key. */
export const SEALED = 2;
export const KEY_SHIFT = 16;
const INCARNATION_LIMIT_BYTES = 64;
/** Nonce and tag of a sealed record (seal.ts). */
export const NONCE_BYTES = 12;
export const SEAL_BYTES = 28;

export type SegmentHeader = {
  readonly shard: number;
  readonly incarnation: string;
  readonly segment: number;
  /** The offset that its first record has. */
  readonly firstOffset: number;
  readonly firstBatch: number;
  /** Checksum of the batch before `firstBatch`. */
  readonly previous: number;
};

export type BatchFields = {
  readonly number: number;
  readonly segment: number;
  readonly previous: number;
  readonly cleanShutdown: boolean;
  readonly firstOffset: number;
  readonly durableBatch: number;
};

export type Entry = {
  readonly metaBytes: number;
  readonly payloadBytes: number | null;
  readonly crc: number;
  /** As it lies on disk, with its seal. */
  readonly storedBytes: number;
};

export type BatchHead = BatchFields & {
  /** Null: its records are not sealed. */
  readonly key: number | null;
  readonly checksum: number;
  readonly count: number;
  readonly bodyBytes: number;
  readonly tagged: boolean;
};

export function incarnationTag(incarnation: string): Buffer {
  return createHash('sha256').update(incarnation, 'utf8').digest().subarray(0, 8);
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const name = Buffer.from(header.incarnation, 'utf8');
  if (name.length > INCARNATION_LIMIT_BYTES) throw new RangeError('an incarnation has at most 64 bytes');
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(header.shard, 12);
  bytes.writeBigUInt64LE(BigInt(header.segment), 16);
  bytes.writeBigUInt64LE(BigInt(header.firstOffset), 24);
  bytes.writeBigUInt64LE(BigInt(header.firstBatch), 32);
  bytes.writeUInt32LE(header.previous, 40);
  bytes.writeUInt16LE(name.length, 44);
  name.copy(bytes, 46);
  bytes.writeUInt32LE(crc32(bytes.subarray(12)), 8);
  return bytes;
}

/** Null where the bytes are no segment header. */
export function decodeSegmentHeader(raw: Uint8Array): SegmentHeader | null {
  const bytes = viewOf(raw);
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return null;
  if (bytes.readUInt32LE(8) !== crc32(bytes.subarray(12, SEGMENT_HEADER_BYTES))) return null;
  return {
    shard: bytes.readUInt32LE(12),
    segment: Number(bytes.readBigUInt64LE(16)),
    firstOffset: Number(bytes.readBigUInt64LE(24)),
    firstBatch: Number(bytes.readBigUInt64LE(32)),
    previous: bytes.readUInt32LE(40),
    incarnation: bytes.toString('utf8', 46, 46 + bytes.readUInt16LE(44)),
  };
}

/** Reads the fields without judging them; null without the magic. */
export function decodeHead(raw: Uint8Array, tag: Uint8Array): BatchHead | null {
  const bytes = viewOf(raw);
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, 4).equals(BATCH_MAGIC)) return null;
  const flags = bytes.readUInt32LE(36);
  return {
    checksum: bytes.readUInt32LE(4),
    bodyBytes: bytes.readUInt32LE(8),
    count: bytes.readUInt32LE(12),
    number: Number(bytes.readBigUInt64LE(16)),
    segment: Number(bytes.readBigUInt64LE(24)),
    previous: bytes.readUInt32LE(32),
    cleanShutdown: (flags & CLEAN_SHUTDOWN) !== 0,
    key: (flags & SEALED) === 0 ? null : flags >>> KEY_SHIFT,
    firstOffset: Number(bytes.readBigUInt64LE(40)),
    durableBatch: Number(bytes.readBigUInt64LE(48)),
    tagged: bytes.subarray(56, 64).equals(tag),
  };
}

/** The table, or null where head and table do not carry their checksum. */
export function decodeTable(raw: Uint8Array, head: BatchHead): Entry[] | null {
  const bytes = viewOf(raw);
  const end = HEAD_BYTES + head.count * ENTRY_BYTES;
  if (bytes.length < end || crc32(bytes.subarray(8, end)) !== head.checksum) return null;
  const entries: Entry[] = [];
  const sealBytes = head.key === null ? 0 : SEAL_BYTES;
  for (let at = HEAD_BYTES; at < end; at += ENTRY_BYTES) {
    const metaBytes = bytes.readUInt32LE(at);
    const payload = bytes.readUInt32LE(at + 4);
    const payloadBytes = payload === NO_PAYLOAD ? null : payload;
    entries.push({
      metaBytes,
      payloadBytes,
      storedBytes: metaBytes + (payloadBytes ?? 0) + sealBytes,
      crc: bytes.readUInt32LE(at + 8),
    });
  }
  return entries;
}

/** Meta and payload lie next to each other, so one checksum over both is that of the entry; of sealed ones over the seal. */
export function isIntact(entry: Entry, bytes: Uint8Array): boolean {
  return bytes.byteLength === entry.storedBytes && crc32(bytes) === entry.crc;
}

export function batchBytes(head: BatchHead): number {
  return HEAD_BYTES + head.count * ENTRY_BYTES + head.bodyBytes;
}

/** The same bytes, not a copy of them. */
export function viewOf(raw: Uint8Array): Buffer {
  return Buffer.isBuffer(raw) ? raw : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
}
