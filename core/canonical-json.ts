/**
 * Canonical JSON (RFC 8785: keys sorted by UTF-16 code units, no white space, ECMAScript numbers) and the
 * SHA-256 that names a document. Evidence, approvals and ledger entries are compared by this digest.
 */
import { createHash } from 'node:crypto';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Throws a TypeError for what JSON cannot carry (NaN, infinities, lone surrogates, undefined in an array). */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no NaN or infinity');
    return JSON.stringify(value);
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('canonical JSON has no lone surrogates');
    return JSON.stringify(value);
  }
  if (isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`canonical JSON has no ${typeof value}`);
  const members: string[] = [];
  // Without a function, sort compares UTF-16 code units.
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) members.push(`${canonicalJson(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** `sha256:` and 64 hex digits of the canonical JSON's UTF-8 bytes. */
export function digestOf(value: Json): string {
  return `sha256:${createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex')}`;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
