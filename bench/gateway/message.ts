/** The message that the load is made of: an ORU^R01 of 1.2 KB whose MSH-10 names its feed and its number. */

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);
const ID_DIGITS = 12;
export const FRAME_BYTES = 1200;

const OBSERVATION = 'OBX|1|NM|6690-2^LEUKOCYTES^LN||7.1|10*9/L|4.0-11.0|N|||F|||20260101115900\r';
const BEFORE_ID = 'MSH|^~\\&|LAB|NORTH|EMR|CLINIC|20260101120000||ORU^R01|';

/** Frames of one feed: `next` gives the number's frame, in memory of its own. */
export class Messages {
  readonly #template: Buffer;
  readonly #idAt: number;
  readonly #prefix: string;

  constructor(feed: number) {
    this.#prefix = `B${String(feed).padStart(5, '0')}-`;
    const id = this.#prefix + '0'.repeat(ID_DIGITS);
    const head = `${BEFORE_ID}${id}|P|2.5\rPID|1||900012^^^LAB^MR||DOE^JANE||19700101|F\rOBR|1|77|88|58410-2^CBC^LN\r`;
    const body = (head + OBSERVATION.repeat(20)).slice(0, FRAME_BYTES - 3);
    this.#template = Buffer.concat([Buffer.from([START]), Buffer.from(body, 'latin1'), END]);
    this.#idAt = 1 + BEFORE_ID.length;
  }

  id(number: number): string {
    return this.#prefix + String(number).padStart(ID_DIGITS, '0');
  }

  frame(number: number): Buffer {
    const frame = Buffer.from(this.#template);
    frame.write(this.id(number), this.#idAt, 'latin1');
    return frame;
  }
}

export type Named = { readonly feed: number; readonly number: number };

/** Feed and number out of a frame that `Messages` made; null for anything else. */
export function nameOf(frame: Buffer): Named | null {
  const at = 1 + BEFORE_ID.length;
  if (frame[0] !== START || frame[at] !== 0x42) return null;
  const feed = Number(frame.toString('latin1', at + 1, at + 6));
  const number = Number(frame.toString('latin1', at + 7, at + 7 + ID_DIGITS));
  return Number.isInteger(feed) && Number.isInteger(number) ? { feed, number } : null;
}

export function idOf(frame: Buffer): string {
  const at = 1 + BEFORE_ID.length;
  return frame.toString('latin1', at, at + 7 + ID_DIGITS);
}

export function answerTo(frame: Buffer): Buffer {
  const text = `MSH|^~\\&|EMR|CLINIC|LAB|NORTH|20260101120000||ACK^R01|A${idOf(frame)}|P|2.5\rMSA|AA|${idOf(frame)}\r`;
  return Buffer.concat([Buffer.from([START]), Buffer.from(text, 'latin1'), END]);
}

/** Whole frames out of what a socket brings; what is here speaks one message at a time. */
export class Frames {
  #rest: Buffer | null = null;

  *of(chunk: Buffer): Generator<Buffer> {
    let bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = null;
    for (let end = bytes.indexOf(END); end >= 0; end = bytes.indexOf(END)) {
      yield bytes.subarray(0, end + 2);
      bytes = bytes.subarray(end + 2);
    }
    if (bytes.length > 0) this.#rest = bytes;
  }
}
