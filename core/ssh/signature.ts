/**
 * Detached OpenSSH signatures, as `ssh-keygen -Y sign` writes them (format: OpenSSH, PROTOCOL.sshsig). The key that
 * signed stands in the signature; who it belongs to, and whether it counts, is judged elsewhere.
 */
import { createHash } from 'node:crypto';
import { isSignedBy, readPublicKey, type SshPublicKey } from './public-key.ts';
import { readSsh, SshFormatError, SshReader, type SshResult, sshString } from './wire.ts';

export type SshSignature = {
  readonly key: SshPublicKey;
  /** What it was made for: a signature for one purpose is none for another. */
  readonly namespace: string;
  readonly hash: 'sha256' | 'sha512';
  readonly blob: Buffer;
};

export const SIGNATURE_LIMIT_CHARACTERS = 16 * 1024;

const MAGIC = 'SSHSIG';
const VERSION = 1;
const ARMOR = /^-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function readSignature(armored: string): SshResult<SshSignature> {
  if (armored.length > SIGNATURE_LIMIT_CHARACTERS)
    return { ok: false, message: 'it is longer than a signature can be' };
  const text = ARMOR.exec(armored.trimStart())?.[1]?.replaceAll(/[\r\n]/g, '');
  if (text === undefined || !BASE64.test(text)) return { ok: false, message: 'it is no armored OpenSSH signature' };
  return readSsh(() => {
    const reader = new SshReader(Buffer.from(text, 'base64'));
    if (reader.raw(MAGIC.length).toString('latin1') !== MAGIC) throw new SshFormatError('it is no SSHSIG');
    const version = reader.uint32();
    if (version !== VERSION) throw new SshFormatError(`its version is ${version}; version ${VERSION} is understood`);
    const key = readPublicKey(reader.string());
    if (!key.ok) throw new SshFormatError(key.message);
    const namespace = reader.text();
    reader.string();
    const hash = reader.text();
    if (hash !== 'sha256' && hash !== 'sha512') throw new SshFormatError('its hash is neither sha256 nor sha512');
    const blob = reader.string();
    if (!reader.isAtEnd) throw new SshFormatError('there are bytes after the signature');
    return { key: key.value, namespace, hash, blob };
  });
}

/** True where the key in the signature signed exactly these bytes for the signature's namespace. */
export function isSignatureOf(message: string, { key, namespace, hash, blob }: SshSignature): boolean {
  const digest = createHash(hash).update(message, 'utf8').digest();
  const reserved = '';
  const fields = [namespace, reserved, hash, digest].map((field) => sshString(field));
  return isSignedBy(key, Buffer.concat([Buffer.from(MAGIC), ...fields]), blob);
}
