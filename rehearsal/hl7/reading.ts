/**
 * What the parties read of a message: a few header fields and a digest of its body. Written for the parties alone:
 * a count that shared the gateway's reader would share its mistakes.
 */
import { createHash } from 'node:crypto';

const CARRIAGE_RETURN = 0x0d;
/** The segment that the new platform adds; no part of a message's meaning. */
export const PLATFORM_SEGMENT = 'ZRP';

export type Header = {
  /** Field number → text, each byte one character. */
  readonly fields: readonly string[];
  /** Offset of the segment's terminator. */
  readonly end: number;
};

export function readHeader(message: Buffer): Header {
  const at = message.indexOf(CARRIAGE_RETURN);
  const end = at < 0 ? message.length : at;
  const text = message.toString('latin1', 0, end);
  const separator = text[3] ?? '|';
  // MSH-1 is the separator itself, so that fields[n] is MSH-n.
  const [name = '', ...rest] = text.split(separator);
  return { fields: [name, separator, ...rest], end };
}

export function controlIdOf(message: Buffer): string {
  return readHeader(message).fields[10] ?? '';
}

export type Answer = { readonly code: string; readonly controlId: string };

/** MSA-1 and MSA-2, or null where there is no MSA segment. */
export function readAnswer(message: Buffer): Answer | null {
  const at = message.indexOf('\rMSA', 0, 'latin1');
  if (at < 0) return null;
  const end = message.indexOf(CARRIAGE_RETURN, at + 1);
  const text = message.toString('latin1', at + 1, end < 0 ? message.length : end);
  const [, code = '', controlId = ''] = text.split(text[3] ?? '|');
  return { code, controlId };
}

export function isPositive(answer: Answer): boolean {
  return answer.code === 'AA' || answer.code === 'CA';
}

/** SHA-256 over all that a platform has to keep: every segment but MSH and its own; the first 16 hex digits. */
export function bodyDigest(message: Buffer): string {
  const { end } = readHeader(message);
  const body = message.subarray(Math.min(end + 1, message.length));
  const hash = createHash('sha256');
  const at = body.indexOf(`\r${PLATFORM_SEGMENT}|`, 0, 'latin1');
  if (at < 0) {
    hash.update(body);
  } else {
    const next = body.indexOf(CARRIAGE_RETURN, at + 1);
    hash.update(body.subarray(0, at + 1)).update(body.subarray(next < 0 ? body.length : next + 1));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Facilities that get a copy of this result: OBR-28 of its first OBR, the first component of each repetition. */
export function copyFacilitiesOf(message: Buffer): string[] {
  const at = message.indexOf('\rOBR', 0, 'latin1');
  if (at < 0) return [];
  const end = message.indexOf(CARRIAGE_RETURN, at + 1);
  const text = message.toString('latin1', at + 1, end < 0 ? message.length : end);
  const copies = text.split(text[3] ?? '|')[28] ?? '';
  return copies === '' ? [] : copies.split('~').map((copy) => copy.split('^')[0] ?? '');
}

/**
 * How a message is recognised at the other end: where the parties made it by its two facilities and MSH-13, which
 * name it in the whole estate (a result may also go to another practice than its own), else by its body.
 */
export type IdentityKind = 'sequence' | 'digest';
export type Identity = { readonly key: string; readonly controlId: string; readonly digest: string };

export function identityOf(message: Buffer, kind: IdentityKind): Identity {
  const { fields } = readHeader(message);
  const digest = bodyDigest(message);
  const key = kind === 'sequence' ? [4, 6, 13].map((field) => fields[field] ?? '').join('/') : digest;
  return { key, controlId: fields[10] ?? '', digest };
}
