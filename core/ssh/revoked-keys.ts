/**
 * Keys that no longer count: a text file with one public key or `SHA256:` fingerprint a line, or a binary KRL as
 * `ssh-keygen -k` writes it (format: OpenSSH, PROTOCOL.krl).
 */
import { createHash } from 'node:crypto';
import type { SshPublicKey } from './public-key.ts';
import { readSsh, SshFormatError, SshReader, type SshResult } from './wire.ts';

/** SHA-256 and SHA-1 digests of key blobs, in hex. */
export type RevokedKeys = ReadonlySet<string>;

export const NO_REVOKED_KEYS: RevokedKeys = new Set();

const KRL_MAGIC = 'SSHKRL\n\0';
const KRL_VERSION = 1;
/** Its own version, date and flags. */
const KRL_NUMBERS_BYTES = 24;
const SECTION = { certificates: 1, keys: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 } as const;
const BASE64_KEY = /^[A-Za-z0-9+/]{4,}={0,2}$/;

export function readRevokedKeys(file: Buffer): SshResult<RevokedKeys> {
  return file.subarray(0, KRL_MAGIC.length).toString('latin1') === KRL_MAGIC ? readKrl(file) : readLines(file);
}

export function isRevoked(key: SshPublicKey, revoked: RevokedKeys): boolean {
  return revoked.has(hexDigest('sha256', key.blob)) || revoked.has(hexDigest('sha1', key.blob));
}

function readKrl(file: Buffer): SshResult<RevokedKeys> {
  return readSsh(() => {
    const reader = new SshReader(file);
    reader.raw(KRL_MAGIC.length);
    if (reader.uint32() !== KRL_VERSION) throw new SshFormatError('the KRL has a version that is not understood');
    reader.raw(KRL_NUMBERS_BYTES);
    reader.string();
    reader.string();
    const revoked = new Set<string>();
    while (!reader.isAtEnd) addSection(reader.byte(), reader.string(), revoked);
    return revoked;
  });
}

function addSection(type: number, content: Buffer, revoked: Set<string>): void {
  const entries = (): Buffer[] => {
    const reader = new SshReader(content);
    const found: Buffer[] = [];
    while (!reader.isAtEnd) found.push(reader.string());
    return found;
  };
  switch (type) {
    case SECTION.keys:
      for (const blob of entries()) revoked.add(hexDigest('sha256', blob));
      return;
    case SECTION.sha1:
    case SECTION.sha256:
      for (const digest of entries()) revoked.add(digest.toString('hex'));
      return;
    case SECTION.certificates:
    case SECTION.signature:
      // Certificates are not taken at all, and the file is trusted as the signers file beside it is.
      return;
    default:
      throw new SshFormatError(`the KRL has a section of type ${type}, which is not understood`);
  }
}

function readLines(file: Buffer): SshResult<RevokedKeys> {
  const revoked = new Set<string>();
  for (const [index, raw] of file.toString('utf8').split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const digest = digestIn(line);
    if (digest === null) return { ok: false, message: `line ${index + 1} is neither a public key nor a fingerprint` };
    revoked.add(digest);
  }
  return { ok: true, value: revoked };
}

/** `ssh-ed25519 AAAA…`, or a fingerprint alone or after `sha256:` or `hash:`. */
function digestIn(line: string): string | null {
  const fingerprint = /^(?:sha256:|hash:)?\s*SHA256:([A-Za-z0-9+/]{43})=?(?:\s|$)/i.exec(line)?.[1];
  if (fingerprint !== undefined) return Buffer.from(fingerprint, 'base64').toString('hex');
  const [type = '', key = ''] = line.split(/\s+/);
  if (!BASE64_KEY.test(key)) return null;
  const blob = Buffer.from(key, 'base64');
  const read = readSsh(() => new SshReader(blob).text());
  return read.ok && read.value === type ? hexDigest('sha256', blob) : null;
}

function hexDigest(hash: 'sha1' | 'sha256', blob: Buffer): string {
  return createHash(hash).update(blob).digest('hex');
}
