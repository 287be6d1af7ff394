/**
 * A lossless reader of HL7 v2 over offsets into the original bytes (HL7 v2 chapter 2, sections 2.5 and 2.7). Nothing
 * is decoded, trimmed or copied; what a field holds is a span. No library does this (they rewrite what they do not
 * know), and a gateway must never need more of a message than this.
 */
import { type FieldPath, parseFieldPath } from './path.ts';

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

export type Span = { readonly start: number; readonly end: number };

export type Delimiters = {
  readonly field: number;
  readonly component: number;
  readonly repetition: number;
  /** Null where MSH-2 is shorter than the standard's four characters. */
  readonly escape: number | null;
  readonly subcomponent: number | null;
};

/** Null where the bytes do not begin with an MSH segment that names its delimiters. */
export function readDelimiters(bytes: Uint8Array): Delimiters | null {
  if (!namesDelimiters(bytes)) return null;
  const field = bytes[3] ?? 0;
  let end = 5;
  while (end < bytes.length && bytes[end] !== field && !isTerminator(bytes[end])) end++;
  return {
    field,
    component: bytes[4] ?? 0,
    repetition: (end > 5 ? bytes[5] : undefined) ?? 0x7e,
    escape: (end > 6 ? bytes[6] : undefined) ?? null,
    subcomponent: (end > 7 ? bytes[7] : undefined) ?? null,
  };
}

function namesDelimiters(bytes: Uint8Array): boolean {
  if (bytes.length < 6 || bytes[0] !== 0x4d || bytes[1] !== 0x53 || bytes[2] !== 0x48) return false;
  return !isTerminator(bytes[3]) && bytes[4] !== bytes[3] && !isTerminator(bytes[4]);
}

/**
 * The span of the first occurrence of a path (first segment of that name, first repetition), or null where the
 * message has no such field. An empty field is an empty span.
 */
export function findField(bytes: Uint8Array, path: string | FieldPath): Span | null {
  return locateField(bytes, path) ? { start: foundStart, end: foundEnd } : null;
}

/** The field's bytes as latin1 text (each byte one character, so equal text is equal bytes), or null. */
export function fieldText(bytes: Uint8Array, path: string | FieldPath): string | null {
  if (!locateField(bytes, path)) return null;
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1', foundStart, foundEnd);
}

/** True where every field of the predicate has exactly its value. */
export function matchesPredicate(bytes: Uint8Array, predicate: Readonly<Record<string, string>>): boolean {
  return Object.entries(predicate).every(([path, value]) => {
    const text = fieldText(bytes, path);
    // Nobody decodes a message here: a name may stand in it as UTF-8 or, a byte a letter, as ISO-8859-1.
    return text === value || (text !== null && text === Buffer.from(value, 'utf8').toString('latin1'));
  });
}

/** Several fields as one key; null where any is absent or empty, so that no two messages share a key by lack of one. */
export function keyOf(bytes: Uint8Array, paths: readonly string[]): string | null {
  const parts: string[] = [];
  for (const path of paths) {
    const text = fieldText(bytes, path);
    if (text === null || text === '') return null;
    parts.push(text);
  }
  return parts.join('\u0000');
}

/** The bytes with one field replaced; null where the message lacks the field. Everything else stays as it is. */
export function withField(bytes: Uint8Array, path: string, value: Uint8Array): Uint8Array | null {
  const span = findField(bytes, path);
  if (span === null) return null;
  return Buffer.concat([bytes.subarray(0, span.start), value, bytes.subarray(span.end)]);
}

/** What the search before has found, to be read at once: a message is asked for several fields, and nothing is made for them. */
let foundStart = 0;
let foundEnd = 0;

function locateField(bytes: Uint8Array, path: string | FieldPath): boolean {
  if (!namesDelimiters(bytes)) return false;
  const wanted = typeof path === 'string' ? parseFieldPath(path) : path;
  const field = bytes[3] ?? 0;
  return locateSegment(bytes, wanted.segment, field) && locateInSegment(bytes, wanted, field);
}

/** The segment without its terminator. */
function locateSegment(bytes: Uint8Array, name: string, fieldDelimiter: number): boolean {
  let start = 0;
  while (start < bytes.length) {
    let end = start;
    while (end < bytes.length && !isTerminator(bytes[end])) end++;
    if (isNamed(bytes, start, end, name, fieldDelimiter)) {
      foundStart = start;
      foundEnd = end;
      return true;
    }
    start = end + 1;
    while (start < bytes.length && isTerminator(bytes[start])) start++;
  }
  return false;
}

function isNamed(bytes: Uint8Array, start: number, end: number, name: string, fieldDelimiter: number): boolean {
  if (end - start < name.length) return false;
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name.charCodeAt(index)) return false;
  }
  return end - start === name.length || bytes[start + name.length] === fieldDelimiter;
}

/** Within the segment that was found before. */
function locateInSegment(bytes: Uint8Array, path: FieldPath, fieldDelimiter: number): boolean {
  const isHeader = path.segment === 'MSH' || path.segment === 'FHS' || path.segment === 'BHS';
  // In a header the field delimiter itself is field 1 (HL7 v2 section 2.14.9.1).
  if (isHeader && path.field === 1) return narrow(foundStart + 3, foundStart + 4);
  foundStart += 3;
  if (!locateNth(bytes, fieldDelimiter, isHeader ? path.field - 1 : path.field)) return false;
  if (path.component === 0 || (isHeader && path.field === 2)) return true;
  const delimiters = readDelimiters(bytes);
  if (delimiters === null) return false;
  locateNth(bytes, delimiters.repetition, 0);
  if (!locateNth(bytes, delimiters.component, path.component - 1)) return false;
  if (path.subcomponent === 0) return true;
  if (delimiters.subcomponent === null) return path.subcomponent === 1;
  return locateNth(bytes, delimiters.subcomponent, path.subcomponent - 1);
}

/** The part with this index (from 0) between delimiters, of what was found before. */
function locateNth(bytes: Uint8Array, delimiter: number, index: number): boolean {
  const last = foundEnd;
  let start = foundStart;
  // Fields are short: looking at each byte here is quicker than a call of `indexOf` for each field.
  for (let skipped = 0; skipped < index; skipped++) {
    while (start < last && bytes[start] !== delimiter) start++;
    if (start >= last) return false;
    start++;
  }
  let end = start;
  while (end < last && bytes[end] !== delimiter) end++;
  return narrow(start, end);
}

function narrow(start: number, end: number): true {
  foundStart = start;
  foundEnd = end;
  return true;
}

// LF and CRLF stand in for CR in the field; the standard allows CR only (section 2.5.1).
function isTerminator(byte: number | undefined): boolean {
  return byte === CARRIAGE_RETURN || byte === LINE_FEED;
}
