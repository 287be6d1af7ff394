/** For tests: keys made here, and signatures in the format of `ssh-keygen -Y sign`, also of a simulated security key. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { sshString } from './wire.ts';

export type TestKey = {
  readonly type: string;
  readonly blob: Buffer;
  /** As a .pub file has it. */
  readonly line: string;
  sign(
    message: string,
    namespace: string,
    over?: { readonly hash?: 'sha256' | 'sha512'; readonly flags?: number },
  ): string;
};

const APPLICATION = 'ssh:';
const TOUCHED = 1;

export function ed25519Key(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const blob = Buffer.concat([sshString('ssh-ed25519'), sshString(coordinate(publicKey, 'x'))]);
  return keyOf('ssh-ed25519', blob, (data) => [sshString('ssh-ed25519'), sshString(sign(null, data, privateKey))]);
}

export function securityKey(): TestKey {
  const type = 'sk-ssh-ed25519@openssh.com';
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const blob = Buffer.concat([sshString(type), sshString(coordinate(publicKey, 'x')), sshString(APPLICATION)]);
  return keyOf(type, blob, (data, flags) => {
    const { signed, trailer } = fidoData(data, flags);
    return [sshString(type), sshString(sign(null, signed, privateKey)), trailer];
  });
}

export function ecdsaSecurityKey(): TestKey {
  const type = 'sk-ecdsa-sha2-nistp256@openssh.com';
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = Buffer.concat([Buffer.from([4]), coordinate(publicKey, 'x'), coordinate(publicKey, 'y')]);
  const blob = Buffer.concat([sshString(type), sshString('nistp256'), sshString(point), sshString(APPLICATION)]);
  return keyOf(type, blob, (data, flags) => {
    const { signed, trailer } = fidoData(data, flags);
    const raw = sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const numbers = [raw.subarray(0, 32), raw.subarray(32)].map((number) => sshString(positive(number)));
    return [sshString(type), sshString(Buffer.concat(numbers)), trailer];
  });
}

/** `algorithm`: as the signature names it; `ssh-rsa` is SHA-1. */
export function rsaKey(bits: number, algorithm: 'ssh-rsa' | 'rsa-sha2-256' | 'rsa-sha2-512' = 'rsa-sha2-512'): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  const numbers = [e, n].map((number) => sshString(positive(Buffer.from(number, 'base64url'))));
  const hash = { 'ssh-rsa': 'sha1', 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm];
  return keyOf('ssh-rsa', Buffer.concat([sshString('ssh-rsa'), ...numbers]), (data) => [
    sshString(algorithm),
    sshString(sign(hash, data, privateKey)),
  ]);
}

/** The ordinary key's type and blob under another type's name, as in a certificate or a DSA key; it signs with Ed25519. */
export function keyOfType(type: string, ...fields: readonly (string | Buffer)[]): TestKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const blob = Buffer.concat([sshString(type), ...fields.map((field) => sshString(field))]);
  return keyOf(type, blob, (data) => [sshString(type), sshString(sign(null, data, privateKey))]);
}

type MakeSignature = (data: Buffer, flags: number) => readonly Buffer[];

function keyOf(type: string, blob: Buffer, make: MakeSignature): TestKey {
  return {
    type,
    blob,
    line: `${type} ${blob.toString('base64')}`,
    sign: (message, namespace, { hash = 'sha512', flags = TOUCHED } = {}) => {
      const digest = createHash(hash).update(message, 'utf8').digest();
      const fields = [namespace, '', hash].map((field) => sshString(field));
      const signature = make(Buffer.concat([Buffer.from('SSHSIG'), ...fields, sshString(digest)]), flags);
      const head = [Buffer.from('SSHSIG'), Buffer.from([0, 0, 0, 1]), sshString(blob)];
      return armored(Buffer.concat([...head, ...fields, sshString(Buffer.concat(signature))]));
    },
  };
}

function fidoData(data: Buffer, flags: number): { readonly signed: Buffer; readonly trailer: Buffer } {
  const trailer = Buffer.from([flags, 0, 0, 0, 7]);
  const hash = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
  return { signed: Buffer.concat([hash(Buffer.from(APPLICATION)), trailer, hash(data)]), trailer };
}

export function armored(blob: Buffer): string {
  const lines = blob.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n');
}

function coordinate(key: KeyObject, name: 'x' | 'y'): Buffer {
  return Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url');
}

function positive(number: Buffer): Buffer {
  let start = 0;
  while (number[start] === 0) start++;
  const rest = number.subarray(start);
  return ((rest[0] ?? 0) & 0x80) === 0 ? rest : Buffer.concat([Buffer.from([0]), rest]);
}
