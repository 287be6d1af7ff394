/**
 * An OpenSSH public key and what it signed: Ed25519, ECDSA and RSA, and the first two on a security key (sk-…, FIDO).
 * DSA, RSA below 2048 bits, SHA-1 signatures and certificates are refused.
 */
import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { readSsh, SshFormatError, SshReader, type SshResult } from './wire.ts';

export type SshPublicKey = {
  readonly type: string;
  readonly blob: Buffer;
  /** As `ssh-keygen -l` prints it: `SHA256:…`. */
  readonly fingerprint: string;
  readonly key: KeyObject;
  /** Of a security key: what it signs for; null: an ordinary key. */
  readonly application: string | null;
};

type Curve = { readonly name: string; readonly jwk: string; readonly bytes: number; readonly hash: string };

const P256: Curve = { name: 'nistp256', jwk: 'P-256', bytes: 32, hash: 'sha256' };
const CURVES: Readonly<Record<string, Curve>> = {
  'ecdsa-sha2-nistp256': P256,
  'ecdsa-sha2-nistp384': { name: 'nistp384', jwk: 'P-384', bytes: 48, hash: 'sha384' },
  'ecdsa-sha2-nistp521': { name: 'nistp521', jwk: 'P-521', bytes: 66, hash: 'sha512' },
  'sk-ecdsa-sha2-nistp256@openssh.com': P256,
};
const RSA_HASHES: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };
const RSA_MINIMUM_BITS = 2048;
const RSA_MAXIMUM_BITS = 16_384;
const ED25519_KEY_BYTES = 32;
const ED25519_SIGNATURE_BYTES = 64;
const UNCOMPRESSED_POINT = 4;
/** FIDO: someone has touched the key. */
const USER_PRESENT = 0x01;

export const KEY_TYPES = [
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
] as const;

export function readPublicKey(blob: Buffer): SshResult<SshPublicKey> {
  return readSsh(() => {
    const reader = new SshReader(blob);
    const type = reader.text();
    const key = keyOf(type, reader);
    const application = type.startsWith('sk-') ? reader.text() : null;
    if (!reader.isAtEnd) throw new SshFormatError('there are bytes after the key');
    const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
    return { type, blob, fingerprint, key, application };
  });
}

function keyOf(type: string, reader: SshReader): KeyObject {
  const curve = Object.hasOwn(CURVES, type) ? CURVES[type] : undefined;
  if (curve !== undefined) return ecKey(reader, curve);
  switch (type) {
    case 'ssh-ed25519':
    case 'sk-ssh-ed25519@openssh.com':
      return imported({ kty: 'OKP', crv: 'Ed25519', x: base64Url(exactly(ED25519_KEY_BYTES, reader.string())) });
    case 'ssh-rsa':
      return rsaKey(reader);
    default:
      throw new SshFormatError(`keys of type ${printable(type)} are not taken; take ${KEY_TYPES.join(', ')}`);
  }
}

function ecKey(reader: SshReader, { name, jwk, bytes }: Curve): KeyObject {
  if (reader.text() !== name) throw new SshFormatError('its curve is not that of its type');
  const point = exactly(1 + 2 * bytes, reader.string());
  if (point[0] !== UNCOMPRESSED_POINT) throw new SshFormatError('its point is compressed');
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)];
  return imported({ kty: 'EC', crv: jwk, x: base64Url(x), y: base64Url(y) });
}

function rsaKey(reader: SshReader): KeyObject {
  const [e, n] = [reader.positiveInteger(), reader.positiveInteger()];
  const bits = n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
  if (bits < RSA_MINIMUM_BITS || bits > RSA_MAXIMUM_BITS) {
    throw new SshFormatError(`an RSA key of ${bits} bits is not taken; from ${RSA_MINIMUM_BITS} bits on it is`);
  }
  return imported({ kty: 'RSA', n: base64Url(n), e: base64Url(e) });
}

/** `blob`: algorithm, signature and, of a security key, flags and counter. False for whatever does not prove it. */
export function isSignedBy(key: SshPublicKey, data: Uint8Array, blob: Buffer): boolean {
  const read = readSsh(() => {
    const reader = new SshReader(blob);
    const algorithm = reader.text();
    const signature = reader.string();
    const signed = key.application === null ? Buffer.from(data) : fidoData(key.application, data, reader);
    return reader.isAtEnd && signed !== null && isProof(key, algorithm, signature, signed);
  });
  return read.ok && read.value;
}

/** What a security key signs; null: nobody touched it. Format: OpenSSH, PROTOCOL.u2f. */
function fidoData(application: string, data: Uint8Array, reader: SshReader): Buffer | null {
  const flags = reader.raw(1);
  const counter = reader.raw(4);
  if (((flags[0] ?? 0) & USER_PRESENT) === 0) return null;
  const hash = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
  return Buffer.concat([hash(Buffer.from(application, 'latin1')), flags, counter, hash(data)]);
}

function isProof({ type, key }: SshPublicKey, algorithm: string, signature: Buffer, data: Buffer): boolean {
  if (type === 'ssh-rsa') {
    const hash = Object.hasOwn(RSA_HASHES, algorithm) ? RSA_HASHES[algorithm] : undefined;
    return hash !== undefined && verify(hash, data, key, padded(signature, rsaBytes(key)));
  }
  if (algorithm !== type) return false;
  const curve = CURVES[type];
  if (curve === undefined) return signature.length === ED25519_SIGNATURE_BYTES && verify(null, data, key, signature);
  const reader = new SshReader(signature);
  const [r, s] = [reader.positiveInteger(), reader.positiveInteger()];
  if (!reader.isAtEnd || r.length > curve.bytes || s.length > curve.bytes) return false;
  const raw = Buffer.concat([padded(r, curve.bytes), padded(s, curve.bytes)]);
  return verify(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }, raw);
}

function rsaBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

/** Numbers are written without leading zeros, and checked with them. */
function padded(number: Buffer, bytes: number): Buffer {
  return number.length >= bytes ? number : Buffer.concat([Buffer.alloc(bytes - number.length), number]);
}

function imported(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new SshFormatError('it is no key: its numbers do not fit');
  }
}

function exactly(bytes: number, found: Buffer): Buffer {
  if (found.length !== bytes) throw new SshFormatError(`it has ${found.length} bytes where its type has ${bytes}`);
  return found;
}

function base64Url(bytes: Buffer): string {
  return bytes.toString('base64url');
}

function printable(text: string): string {
  return /^[\x21-\x7e]{1,60}$/.test(text) ? text : '(unreadable)';
}
