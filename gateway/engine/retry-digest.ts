/**
 * What a resend is recognised by: the message without the fields that a resend may change. It is hardly ever asked for
 * (when the same MSH-10 comes again), so of a short message it is made only then.
 */
import { createHash, hash } from 'node:crypto';
import { findField } from '../../core/hl7/message.ts';

/** A longer message is not kept for it. */
const KEPT_BYTES = 4096;

export class RetryDigest {
  #payload: Uint8Array | null;
  readonly #ignore: readonly string[];
  #text: string;

  private constructor(payload: Uint8Array | null, ignore: readonly string[], text: string) {
    this.#payload = payload;
    this.#ignore = ignore;
    this.#text = text;
  }

  static of(payload: Uint8Array, ignore: readonly string[]): RetryDigest {
    return payload.length <= KEPT_BYTES
      ? new RetryDigest(payload, ignore, '')
      : new RetryDigest(null, [], digestOf(payload, ignore));
  }

  /** One that has been kept as text. */
  static from(text: string): RetryDigest {
    return new RetryDigest(null, [], text);
  }

  /** SHA-256 in hex. */
  get text(): string {
    if (this.#payload !== null) {
      this.#text = digestOf(this.#payload, this.#ignore);
      this.#payload = null;
    }
    return this.#text;
  }

  equals(other: RetryDigest): boolean {
    return this.text === other.text;
  }
}

const NUL = Uint8Array.of(0);
const scratch = Buffer.alloc(2 * KEPT_BYTES);

function digestOf(payload: Uint8Array, ignore: readonly string[]): string {
  const spans = ignore
    .map((path) => findField(payload, path))
    .filter((span) => span !== null)
    .sort((a, b) => a.start - b.start);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const span of spans) {
    if (span.start < from) continue;
    // A NUL stands in the place of each field.
    parts.push(payload.subarray(from, span.start), NUL);
    from = span.end;
  }
  parts.push(payload.subarray(from));
  // Laid out anew a short message is hashed in one go, which is quicker than in parts.
  if (payload.length + spans.length > scratch.length) {
    const digest = createHash('sha256');
    for (const part of parts) digest.update(part);
    return digest.digest('hex');
  }
  let at = 0;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  return hash('sha256', scratch.subarray(0, at), 'hex');
}
