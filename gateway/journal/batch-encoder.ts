/**
 * Turns records into the bytes of a batch (format.ts). Small ones are laid out in one piece of memory that is used again
 * for every batch, so that a batch costs one write and one copy of each byte; large payloads are passed on as they are.
 */
import { crc32 } from 'node:zlib';
import {
  BATCH_MAGIC,
  type BatchFields,
  CLEAN_SHUTDOWN,
  ENTRY_BYTES,
  HEAD_BYTES,
  KEY_SHIFT,
  NO_PAYLOAD,
  NONCE_BYTES,
  SEAL_BYTES,
  SEALED,
} from './format.ts';
import type { Item } from './item.ts';
import type { Seal } from './seal.ts';

export type EncodedBatch = {
  /** To be written one after the other, before the next batch is encoded. */
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  readonly checksum: number;
};

const LARGEST_BODY_BYTES = 0xffff_ffff;
const COPY_LIMIT_BYTES = 64 * 1024;
const FIRST_SCRATCH_BYTES = 256 * 1024;
/** A batch that needed more gives its memory back. */
const KEPT_SCRATCH_BYTES = 4 * 1024 * 1024;

export class BatchEncoder {
  readonly #seal: Seal;
  #scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES);

  constructor(seal: Seal) {
    this.#seal = seal;
  }

  encode(fields: BatchFields, items: readonly Item[]): EncodedBatch {
    const tableEnd = HEAD_BYTES + items.length * ENTRY_BYTES;
    const isSealed = this.#seal.current !== null;
    const scratch = this.#scratchOf(tableEnd + copiedBytes(items, isSealed));
    const buffers: Uint8Array[] = [];
    let entry = HEAD_BYTES;
    let from = 0;
    let at = tableEnd;
    let bodyBytes = 0;
    for (const { record, meta, metaBytes, bytes } of items) {
      const { payload } = record;
      const start = at;
      if (isSealed) at += NONCE_BYTES;
      at += scratch.write(meta, at, 'utf8');
      const isCopied = payload !== null && (isSealed || payload.byteLength <= COPY_LIMIT_BYTES);
      if (isCopied) {
        scratch.set(payload, at);
        at += payload.byteLength;
      }
      if (isSealed) at = this.#seal.close(scratch, start, bytes, fields.segment, record.offset);
      let crc = crc32(scratch.subarray(start, at));
      if (payload !== null && !isCopied) {
        crc = crc32(payload, crc);
        buffers.push(scratch.subarray(from, at), payload);
        from = at;
      }
      scratch.writeUInt32LE(metaBytes, entry);
      scratch.writeUInt32LE(payload === null ? NO_PAYLOAD : payload.byteLength, entry + 4);
      scratch.writeUInt32LE(crc, entry + 8);
      entry += ENTRY_BYTES;
      bodyBytes += isSealed ? bytes + SEAL_BYTES : bytes;
    }
    if (bodyBytes > LARGEST_BODY_BYTES) throw new RangeError('a batch has at most 4 GiB');
    if (at > from) buffers.push(scratch.subarray(from, at));
    const checksum = this.#head(scratch, fields, items.length, bodyBytes, tableEnd);
    return { buffers, bytes: tableEnd + bodyBytes, checksum };
  }

  #head(scratch: Buffer, fields: BatchFields, count: number, bodyBytes: number, tableEnd: number): number {
    BATCH_MAGIC.copy(scratch, 0);
    scratch.writeUInt32LE(bodyBytes, 8);
    scratch.writeUInt32LE(count, 12);
    scratch.writeBigUInt64LE(BigInt(fields.number), 16);
    scratch.writeBigUInt64LE(BigInt(fields.segment), 24);
    scratch.writeUInt32LE(fields.previous, 32);
    const { current } = this.#seal;
    const sealed = current === null ? 0 : SEALED | (current << KEY_SHIFT);
    scratch.writeUInt32LE((sealed | (fields.cleanShutdown ? CLEAN_SHUTDOWN : 0)) >>> 0, 36);
    scratch.writeBigUInt64LE(BigInt(fields.firstOffset), 40);
    scratch.writeBigUInt64LE(BigInt(fields.durableBatch), 48);
    scratch.set(this.#seal.tag, 56);
    const checksum = crc32(scratch.subarray(8, tableEnd));
    scratch.writeUInt32LE(checksum, 4);
    return checksum;
  }

  #scratchOf(bytes: number): Buffer {
    if (bytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    else if (this.#scratch.length > KEPT_SCRATCH_BYTES && bytes <= FIRST_SCRATCH_BYTES) {
      this.#scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES);
    }
    return this.#scratch;
  }
}

/** A sealed record is changed on its way, so it is always copied. */
function copiedBytes(items: readonly Item[], isSealed: boolean): number {
  let bytes = isSealed ? items.length * SEAL_BYTES : 0;
  for (const { record, metaBytes, bytes: all } of items) {
    const isCopied = record.payload !== null && (isSealed || record.payload.byteLength <= COPY_LIMIT_BYTES);
    bytes += isCopied ? all : metaBytes;
  }
  return bytes;
}
