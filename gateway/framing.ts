/**
 * MLLP framing over byte offsets (HL7 v2 Transport: MLLP release 1): START payload END1 END2. A frame that lies in one
 * chunk is a view of it; nothing is decoded. Bytes between frames are counted and skipped.
 */
import type { Framing } from '../core/inventory.ts';

const MSH = [0x4d, 0x53, 0x48] as const;

export type Frame = {
  /** The message without its block characters. */
  readonly payload: Buffer;
  /** The same with its block characters, as received. */
  readonly raw: Buffer;
};

export type FramerLimits = { readonly frameBytes: number };

export type TakenFrame =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'none' }
  | { readonly kind: 'too-large'; readonly head: Buffer };

const HEAD_BYTES = 4096;
const TINY_BYTES = 16 * 1024;

/** Feeds on chunks, gives frames one by one: a reader takes the next frame only when it is done with the last. */
export class Framer {
  /** Bytes seen outside of frames, line ends between frames not counted. */
  garbageBytes = 0;
  /** Frames given up because a new one began inside them. */
  restarts = 0;
  readonly #framing: Framing;
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** Offset in the joined buffer where the search for the end goes on. */
  #scanned = 0;
  #inFrame = false;

  constructor(framing: Framing, limits: FramerLimits) {
    this.#framing = framing;
    this.#limitBytes = limits.frameBytes;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#bufferedBytes += chunk.length;
    // Tiny pieces are joined as they come, each byte a few times only: else a slow drip costs far more than its bytes.
    let tail = chunk;
    for (let last = this.#chunks.at(-1); last !== undefined && isTiny(last, tail); last = this.#chunks.at(-1)) {
      this.#chunks.pop();
      tail = Buffer.concat([last, tail]);
    }
    this.#chunks.push(tail);
  }

  /** Undoes the last `take`. */
  putBack(frame: Frame): void {
    this.#chunks.unshift(frame.raw);
    this.#bufferedBytes += frame.raw.length;
    this.#inFrame = false;
    this.#scanned = 0;
  }

  /** Forgets what has come; returns the beginning of the frame that it is in. */
  giveUp(): Buffer {
    const head = this.#chunks[0]?.subarray(1, 1 + HEAD_BYTES) ?? Buffer.alloc(0);
    this.#reset();
    return head;
  }

  take(): TakenFrame {
    if (this.#bufferedBytes === 0) return NONE;
    const whole = this.#takeWhole();
    if (whole !== null) return whole;
    if (!this.#inFrame && !this.#skipToStart()) return NONE;
    // A long frame is joined once it is complete, not on every chunk: only new bytes are searched.
    const end = this.#findEnd();
    if (end >= 0) return this.#cut(end);
    if (this.#bufferedBytes <= this.#limitBytes) return NONE;
    const head = this.#join().subarray(1, 1 + HEAD_BYTES);
    this.#reset();
    return { kind: 'too-large', head };
  }

  /** What nearly always comes: one frame, in one piece, and nothing else. */
  #takeWhole(): TakenFrame | null {
    const [raw] = this.#chunks;
    const { start, end } = this.#framing;
    if (raw === undefined || this.#chunks.length !== 1 || this.#inFrame || raw[0] !== start) return null;
    const last = raw.length - 2;
    if (last < 1 || last + 2 > this.#limitBytes || raw[last] !== end[0] || raw[last + 1] !== end[1]) return null;
    if (raw.indexOf(start, 1) > 0) return null;
    for (let at = raw.indexOf(end[0], 1); at < last; at = raw.indexOf(end[0], at + 1)) {
      if (raw[at + 1] === end[1]) return null;
    }
    this.#reset();
    return { kind: 'frame', frame: { payload: raw.subarray(1, last), raw } };
  }

  #skipToStart(): boolean {
    const buffer = this.#join();
    const start = buffer.indexOf(this.#framing.start);
    if (start !== 0) {
      const skipped = start < 0 ? buffer : buffer.subarray(0, start);
      for (const byte of skipped) if (byte !== 0x0d && byte !== 0x0a) this.garbageBytes++;
    }
    if (start < 0) {
      this.#reset();
      return false;
    }
    this.#replace(buffer.subarray(start));
    this.#inFrame = true;
    this.#scanned = 1;
    return true;
  }

  /** Index of END1 in the joined bytes, or -1. */
  #findEnd(): number {
    const [first, second] = this.#framing.end;
    let base = 0;
    let previousByte = -1;
    for (const chunk of this.#chunks) {
      const chunkEnd = base + chunk.length;
      if (chunkEnd > this.#scanned) {
        // One byte back: a piece that was joined since may have brought the second half of END. Byte 0 is START.
        let from = Math.max(base === 0 ? 1 : 0, this.#scanned - base - 1);
        if (from === 0 && previousByte === first && base > 1 && chunk[0] === second) return base - 1;
        for (;;) {
          const at = chunk.indexOf(first, from);
          if (at < 0 || at + 1 >= chunk.length) break;
          if (chunk[at + 1] === second) return base + at;
          from = at + 1;
        }
      }
      previousByte = chunk[chunk.length - 1] ?? -1;
      base = chunkEnd;
    }
    this.#scanned = base;
    return -1;
  }

  #cut(end: number): TakenFrame {
    const buffer = this.#join();
    let start = 0;
    // A sender that broke off inside a frame and began anew: the last `START MSH` counts.
    const again = buffer.indexOf(this.#framing.start, 1);
    const restart = again < 0 || again >= end ? 0 : buffer.subarray(0, end).lastIndexOf(beginning(this.#framing));
    if (restart > 0) {
      start = restart;
      this.restarts++;
    }
    const frame = { payload: buffer.subarray(start + 1, end), raw: buffer.subarray(start, end + 2) };
    this.#inFrame = false;
    this.#scanned = 0;
    this.#replace(buffer.subarray(end + 2));
    return { kind: 'frame', frame };
  }

  #join(): Buffer {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #replace(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bufferedBytes = rest.length;
  }

  #reset(): void {
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#scanned = 0;
    this.#inFrame = false;
  }
}

function isTiny(last: Buffer, next: Buffer): boolean {
  return last.length < TINY_BYTES && last.length <= next.length;
}

/** START and what an HL7 message begins with. */
function beginning({ start }: Framing): Buffer {
  return Buffer.from([start, ...MSH]);
}

const NONE: TakenFrame = { kind: 'none' };

/** The payload in its block characters; the frame as received where the framing is the same. */
export function framed(
  frame: { readonly payload: Uint8Array; readonly raw?: Uint8Array },
  framing: Framing,
): Uint8Array {
  const { raw } = frame;
  if (
    raw !== undefined &&
    raw[0] === framing.start &&
    raw[raw.length - 2] === framing.end[0] &&
    raw[raw.length - 1] === framing.end[1]
  ) {
    return raw;
  }
  const bytes = Buffer.allocUnsafe(frame.payload.length + 3);
  bytes[0] = framing.start;
  bytes.set(frame.payload, 1);
  bytes[bytes.length - 2] = framing.end[0];
  bytes[bytes.length - 1] = framing.end[1];
  return bytes;
}
