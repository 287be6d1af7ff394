/** The SSH wire encoding (RFC 4251 section 5), as keys and signatures use it: lengths, strings, multiple precision integers. */

export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.raw(1).readUInt8();
  }

  uint32(): number {
    return this.raw(4).readUInt32BE();
  }

  string(): Buffer {
    return this.raw(this.uint32());
  }

  text(): string {
    return this.string().toString('latin1');
  }

  /** Without the leading zero that only says that it is positive. */
  positiveInteger(): Buffer {
    const bytes = this.string();
    const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0;
    const start = bytes[0] === 0 ? 1 : 0;
    if (bytes.length === 0 || isNegative || bytes[start] === 0) throw new SshFormatError('a number is not well formed');
    return bytes.subarray(start);
  }

  raw(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new SshFormatError('it ends too early');
    const found = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return found;
  }
}

/** What is wrong with bytes that claim to be a key or a signature. Thrown inside this folder only. */
export class SshFormatError extends Error {
  override readonly name = 'SshFormatError';
}

export function sshString(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export type SshResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** Runs a reader; whatever does not fit is a message, never an exception. */
export function readSsh<T>(read: () => T): SshResult<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof SshFormatError) return { ok: false, message: error.message };
    throw error;
  }
}
