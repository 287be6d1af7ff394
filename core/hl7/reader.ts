/**
 * A lossless reader of whole HL7 v2 messages (chapter 2, sections 2.5 to 2.7) over offsets into the original bytes.
 * Every byte is in a segment, in a terminator or in what stands before the first segment; nothing is trimmed, decoded
 * or rewritten until someone asks for a value. Libraries drop or rewrite what they do not know, which is just
 * what a comparison is to find.
 */
import { type Charset, type CharsetInFact, charsetInFact, decodeSpan, structureBytes } from './charset.ts';
import { unescapeText } from './escapes.ts';
import { type Delimiters, fieldText, readDelimiters, type Span } from './message.ts';
import { readWide, type Wide } from './wide.ts';

export type Segment = Span & {
  readonly name: string;
  /** Where the next segment begins; between `end` and this are the terminators. */
  readonly next: number;
};

/** Never the bytes themselves: a line broken in two could begin with anything. */
const NAMELESS = '???';

export type Note =
  | 'bytes-before-header'
  | 'line-feed-in-data'
  | 'no-final-terminator'
  | 'odd-segment-name'
  | 'ambiguous-delimiters';

export type Message = {
  /** As they came; of UTF-16 and UTF-32 the same characters in UTF-8. */
  readonly bytes: Uint8Array;
  /** What they came in where that was UTF-16 or UTF-32, else null. */
  readonly wide: Wide['encoding'] | null;
  /** The bytes to split: those of the message, without delimiters that are half a character. */
  readonly structure: Uint8Array;
  readonly charset: CharsetInFact;
  readonly delimiters: Delimiters;
  /** What stands before MSH: a byte order mark, blanks. Empty as a rule. */
  readonly lead: Span;
  readonly segments: readonly Segment[];
  readonly notes: readonly Note[];
};

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
/** A byte order mark of UTF-8, and what is blank. */
const BLANKS: ReadonlySet<number> = new Set([0xef, 0xbb, 0xbf, 0x20, 0x09, CARRIAGE_RETURN, LINE_FEED, 0]);
const HEADERS: ReadonlySet<string> = new Set(['MSH', 'FHS', 'BHS']);
/** What may stand before MSH: a byte order mark and some blanks. */
const LEAD_LIMIT = 64;

/**
 * Null where there is no MSH that names its delimiters: such bytes are compared as bytes. A batch (section 2.10.3) is read as
 * one message with the delimiters and the charset of its first one.
 */
export function readMessage(original: Uint8Array, fallback?: Charset): Message | null {
  const wide = readWide(original);
  const bytes = wide?.utf8 ?? original;
  const start = headerAt(bytes);
  if (start < 0) return null;
  const first = isAt(bytes, start, 'MSH') ? start : firstInBatch(bytes, start);
  const body = first === 0 ? bytes : bytes.subarray(first);
  const written = readDelimiters(body);
  if (written === null) return null;
  const charset = charsetInFact(bytes, fieldText(body, 'MSH-18'), fallback);
  const structure = structureBytes(bytes, charset.charset);
  const { delimiters, ambiguous } = settleDelimiters(body, written);
  const notes = new Set<Note>();
  if (start > 0) notes.add('bytes-before-header');
  if (ambiguous) notes.add('ambiguous-delimiters');
  const segments = splitSegments(structure, start, delimiters.field, notes);
  const read = { bytes, wide: wide?.encoding ?? null, structure, charset };
  return { ...read, delimiters, lead: { start: 0, end: start }, segments, notes: [...notes] };
}

/** Of a message, or of a batch that something stands before which says nothing; -1: there is none. */
function headerAt(bytes: Uint8Array): number {
  const limit = Math.min(LEAD_LIMIT, bytes.length - 3);
  let isBlank = true;
  for (let at = 0; at <= limit; at++) {
    if (isAt(bytes, at, 'MSH')) return at;
    if (isBlank && (isAt(bytes, at, 'FHS') || isAt(bytes, at, 'BHS'))) return at;
    isBlank &&= BLANKS.has(bytes[at] ?? 0);
  }
  return -1;
}

/** The first message behind the headers of a batch; the end where it is empty. */
function firstInBatch(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    if (isTerminator(bytes[at - 1]) && isAt(bytes, at, 'MSH')) return at;
  }
  return bytes.length;
}

function isAt(bytes: Uint8Array, at: number, name: string): boolean {
  return (
    bytes[at] === name.charCodeAt(0) && bytes[at + 1] === name.charCodeAt(1) && bytes[at + 2] === name.charCodeAt(2)
  );
}

/**
 * Two spellings of MSH-2 are common and no longer what they say by position: `^~&` (the escape character left out)
 * and `^~\\&` (a backslash doubled by a template). They are read as they are meant, and noted.
 */
function settleDelimiters(
  body: Uint8Array,
  read: Delimiters,
): { readonly delimiters: Delimiters; readonly ambiguous: boolean } {
  const written = fieldText(body, 'MSH-2') ?? '';
  if (written === '^~&') return { delimiters: { ...read, escape: null, subcomponent: 0x26 }, ambiguous: true };
  if (written === '^~\\\\&') return { delimiters: { ...read, escape: 0x5c, subcomponent: 0x26 }, ambiguous: true };
  return { delimiters: read, ambiguous: new Set(written).size !== written.length };
}

/**
 * CR ends a segment (section 2.5.1), with an LF after it as part of the end. A lone LF ends one only where the next
 * line looks like a segment or nothing follows: elsewhere it is a line break that somebody left in a text.
 */
function splitSegments(bytes: Uint8Array, from: number, field: number, notes: Set<Note>): Segment[] {
  const segments: Segment[] = [];
  let start = from;
  while (start < bytes.length) {
    let end = start;
    for (; end < bytes.length; end++) {
      const byte = bytes[end];
      if (byte === CARRIAGE_RETURN) break;
      if (byte !== LINE_FEED) continue;
      if (endsHere(bytes, end + 1, field)) break;
      notes.add('line-feed-in-data');
    }
    let next = end;
    while (next < bytes.length && isTerminator(bytes[next])) next++;
    if (next === end) notes.add('no-final-terminator');
    segments.push({ name: nameAt(bytes, start, end, field, notes), start, end, next });
    start = next;
  }
  return segments;
}

function endsHere(bytes: Uint8Array, at: number, field: number): boolean {
  if (at >= bytes.length || isTerminator(bytes[at])) return true;
  for (let index = at; index < at + 3; index++) if (!isNameByte(bytes[index] ?? 0)) return false;
  const after = bytes[at + 3];
  return after === undefined || after === field || isTerminator(after);
}

function nameAt(bytes: Uint8Array, start: number, end: number, field: number, notes: Set<Note>): string {
  let stop = start;
  let regular = true;
  while (stop < end && bytes[stop] !== field) {
    if (!isNameByte(bytes[stop] ?? 0)) regular = false;
    stop++;
  }
  if (!regular || stop - start !== 3) {
    notes.add('odd-segment-name');
    return NAMELESS;
  }
  return String.fromCharCode(bytes[start] ?? 0, bytes[start + 1] ?? 0, bytes[start + 2] ?? 0);
}

function isNameByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x30 && byte <= 0x39);
}

function isTerminator(byte: number | undefined): boolean {
  return byte === CARRIAGE_RETURN || byte === LINE_FEED;
}

/** Spans by field number; 0 is the name. In a header the field delimiter itself is field 1 (section 2.14.9.1). */
export function fieldsOf(message: Message, segment: Segment): Span[] {
  const { field } = message.delimiters;
  const parts = splitSpan(message.structure, segment, field);
  if (!HEADERS.has(segment.name)) return parts;
  const [name = { start: segment.start, end: segment.start }, ...rest] = parts;
  return [name, { start: name.end, end: Math.min(name.end + 1, segment.end) }, ...rest];
}

/** What stands in front of its first delimiter is the name, and equal where names are; of one without a name it is a value. */
export function firstFieldOf({ name }: Segment): 0 | 1 {
  return name === NAMELESS ? 0 : 1;
}

/** A header's fields 1 and 2 hold the delimiters themselves and are never split. */
export function isDelimiterField(segment: Segment, field: number): boolean {
  return field <= 2 && HEADERS.has(segment.name);
}

export function repetitionsOf(message: Message, field: Span): Span[] {
  return splitSpan(message.structure, field, message.delimiters.repetition);
}

export function componentsOf(message: Message, repetition: Span): Span[] {
  return splitSpan(message.structure, repetition, message.delimiters.component);
}

export function subcomponentsOf(message: Message, component: Span): Span[] {
  const { subcomponent } = message.delimiters;
  return subcomponent === null ? [component] : splitSpan(message.structure, component, subcomponent);
}

/** The parts between delimiters: their spans and the delimiters are the whole span. */
function splitSpan(bytes: Uint8Array, span: Span, delimiter: number): Span[] {
  const parts: Span[] = [];
  let start = span.start;
  for (let at = span.start; at < span.end; at++) {
    if (bytes[at] !== delimiter) continue;
    parts.push({ start, end: at });
    start = at + 1;
  }
  parts.push({ start, end: span.end });
  return parts;
}

/** The characters as they stand, escapes and all. */
export function textOf(message: Message, span: Span): string {
  return decodeSpan(message.bytes, span, message.charset.charset);
}

/** What a leaf says: its characters with the escapes undone. */
export function valueAt(message: Message, span: Span): string {
  return unescapeText(textOf(message, span), message.delimiters, (bytes) =>
    decodeSpan(bytes, { start: 0, end: bytes.length }, message.charset.charset),
  );
}
