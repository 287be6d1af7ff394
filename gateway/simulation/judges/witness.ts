/**
 * What the parties of a simulation made and saw, in their own words: every message by the digest of its bytes, every
 * answer by its bytes (each carries an id that no other has). The oracle judges the gateway by this and by the disk.
 */
import { createHash } from 'node:crypto';
import { fieldText } from '../../../core/hl7/message.ts';
import type { Platform as PlatformName } from '../../../core/platform.ts';

export type Maker = PlatformName | 'destination';

export type AnswerMade = {
  readonly by: Maker;
  /** Digest of the message that it answers, and when that had come. */
  readonly of: string;
  readonly serial: string;
  readonly receivedAtMs: number;
  readonly madeAtMs: number;
  readonly isPositive: boolean;
  /** Times that the one who waited for it has read it. */
  read: number;
};

export function digest(payload: Uint8Array): string {
  return createHash('sha256').update(payload).digest('hex');
}

/** The name of a message through everything that platforms do to it (unlike MSH-10, which sources reuse). */
export function serialOf(payload: Uint8Array): string {
  return fieldText(payload, 'OBR-2') ?? '';
}

export function keyInMessage(payload: Uint8Array): string {
  return fieldText(payload, 'PID-3') ?? '';
}

export class Witness {
  /** Serial by the first 12 digits of a digest: what the gateway's lists name a message by. */
  readonly #serials = new Map<string, string>();
  readonly #answers = new Map<string, AnswerMade>();
  readonly #answersById = new Map<string, { readonly made: AnswerMade; readonly payload: Buffer }>();
  /** How often a platform was sent this message, a destination these bytes. */
  readonly #receipts = new Map<string, number>();
  readonly #inputs = new Set<string>();
  readonly #followers: { readonly first: AnswerMade; readonly second: AnswerMade }[] = [];
  /** How often a destination rejected these bytes. */
  readonly #rejections = new Map<string, number>();
  #count = 0;

  message(payload: Uint8Array): string {
    const sha = digest(payload);
    this.#serials.set(sha.slice(0, 12), serialOf(payload));
    if (fieldText(payload, 'MSH-3') === 'SRC') this.#inputs.add(sha.slice(0, 12));
    return sha;
  }

  serialBy(sha: string): string | null {
    return this.#serials.get(sha.slice(0, 12)) ?? null;
  }

  /** True where these are a source's bytes, not what a platform made of them. */
  isInput(sha: string): boolean {
    return this.#inputs.has(sha.slice(0, 12));
  }

  received(by: string, sha: string): number {
    const count = (this.#receipts.get(`${by} ${sha}`) ?? 0) + 1;
    this.#receipts.set(`${by} ${sha}`, count);
    return count;
  }

  receipts(): Iterable<[string, number]> {
    return this.#receipts;
  }

  /** Makes an answer that no one else will ever give. */
  answer(payload: Buffer, by: Maker, code: 'AA' | 'CA' | 'AE' | 'AR', receivedAtMs: number, nowMs: number): Buffer {
    const msh10 = fieldText(payload, 'MSH-10') ?? '';
    const id = `A${++this.#count}`;
    const bytes = Buffer.from(
      `MSH|^~\\&|${by}|P|||2026||ACK|${id}|P|2.5\rMSA|${code}|${msh10}|\u00fcber ${by} ${id}\r`,
      'latin1',
    );
    const made: AnswerMade = {
      by,
      of: this.message(payload),
      serial: serialOf(payload),
      receivedAtMs,
      madeAtMs: nowMs,
      isPositive: code === 'AA' || code === 'CA',
      read: 0,
    };
    if (by === 'destination' && !made.isPositive) this.#rejections.set(made.of, this.rejectionsOf(made.of) + 1);
    this.#answers.set(bytes.toString('latin1'), made);
    this.#answersById.set(id, { made, payload: bytes });
    return bytes;
  }

  /** An application acknowledgement that follows a commit: the commit, and it. */
  followed(commit: Buffer, application: Buffer): void {
    const [first, second] = [this.answerMade(commit), this.answerMade(application)];
    if (first !== null && second !== null) this.#followers.push({ first, second });
  }

  /** Application acknowledgements whose commit the sender has read, and that it has not, or more than once. */
  notReadOnce(): readonly AnswerMade[] {
    return this.#followers
      .filter(({ first, second }) => first.read > 0 && second.read !== 1)
      .map(({ second }) => second);
  }

  rejectionsOf(sha: string): number {
    return this.#rejections.get(sha) ?? 0;
  }

  answerMade(payload: Buffer): AnswerMade | null {
    return this.#answers.get(payload.toString('latin1')) ?? null;
  }

  /** The answer whose id these bytes carry, whatever else has been changed in them. */
  answerNamed(payload: Buffer): { readonly made: AnswerMade; readonly payload: Buffer } | null {
    return this.#answersById.get(fieldText(payload, 'MSH-10') ?? '') ?? null;
  }
}
