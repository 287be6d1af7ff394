/**
 * What marks a journal's bytes as its own, and what closes them to others: the tag of its incarnation, and the keys of
 * payload encryption. Each record (meta and payload) is sealed by itself with AES-256-GCM: nonce 12 | ciphertext | tag 16.
 * Its offset is part of what is authenticated, and each segment has a key derived from the one in the key file, so a nonce
 * is drawn at random without coming near the limit of the method (NIST SP 800-38D, section 8.3).
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomFillSync } from 'node:crypto';
import { incarnationTag, NONCE_BYTES, SEAL_BYTES } from './format.ts';

export type JournalKey = Uint8Array;

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const DERIVED_KEPT = 64;
const ALGORITHM = 'aes-256-gcm';

export class Seal {
  readonly tag: Uint8Array;
  readonly #salt: Uint8Array;
  readonly #keys = new Map<number, JournalKey>();
  readonly #derived = new Map<string, Buffer>();
  /** The key that new records are sealed with, by its number; null: they are not sealed. */
  readonly current: number | null;

  /** The last key is used for what is written; the others only to read what they once closed. */
  constructor(incarnation: string, keys: readonly JournalKey[] = []) {
    this.tag = incarnationTag(incarnation);
    this.#salt = createHash('sha256').update(incarnation, 'utf8').digest();
    let current: number | null = null;
    for (const key of keys) {
      if (key.byteLength !== KEY_BYTES) throw new RangeError(`a journal key has ${KEY_BYTES} bytes`);
      current = numberOf(key);
      this.#keys.set(current, key);
    }
    this.current = current;
  }

  has(key: number): boolean {
    return this.#keys.has(key);
  }

  /** Seals `plain`, which lies in `target` from `at + 12` on, in place. Returns where it ends. */
  close(target: Buffer, at: number, plainBytes: number, segment: number, offset: number): number {
    if (this.current === null) throw new Error('there is no key to seal with');
    const nonce = randomFillSync(target, at, NONCE_BYTES).subarray(at, at + NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#keyOf(this.current, segment), nonce);
    cipher.setAAD(offsetBytes(offset));
    const plain = target.subarray(at + NONCE_BYTES, at + NONCE_BYTES + plainBytes);
    plain.set(cipher.update(plain));
    cipher.final();
    target.set(cipher.getAuthTag(), at + NONCE_BYTES + plainBytes);
    return at + plainBytes + SEAL_BYTES;
  }

  /** Null where the bytes are not what this key has sealed at this offset. */
  open(key: number, sealed: Uint8Array, segment: number, offset: number): Buffer | null {
    if (!this.#keys.has(key) || sealed.byteLength < SEAL_BYTES) return null;
    const decipher = createDecipheriv(ALGORITHM, this.#keyOf(key, segment), sealed.subarray(0, NONCE_BYTES));
    decipher.setAAD(offsetBytes(offset));
    decipher.setAuthTag(sealed.subarray(sealed.byteLength - TAG_BYTES));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.byteLength - TAG_BYTES));
    try {
      decipher.final();
      return plain;
    } catch {
      return null;
    }
  }

  #keyOf(number: number, segment: number): Buffer {
    const name = `${number}/${segment}`;
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const key = this.#keys.get(number);
    if (key === undefined) throw new Error(`there is no journal key ${number}`);
    const derived = Buffer.from(hkdfSync('sha256', key, this.#salt, `cutover journal segment ${segment}`, KEY_BYTES));
    if (this.#derived.size >= DERIVED_KEPT) this.#derived.clear();
    this.#derived.set(name, derived);
    return derived;
  }
}

/** What a batch names its key by: 16 bits of the key's digest. A wrong key of the same number opens nothing. */
export function numberOf(key: JournalKey): number {
  return createHash('sha256').update('cutover journal key').update(key).digest().readUInt16LE(0);
}

function offsetBytes(offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(BigInt(offset));
  return bytes;
}
