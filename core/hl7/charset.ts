/**
 * Which characters the bytes are. MSH-18 lies in the field (ISO-8859-1 declared over UTF-8 and the reverse), so what
 * is declared is held against the bytes: MSH-18 where the bytes agree, then valid UTF-8, then a
 * fallback that loses nothing. It has to be known before a message is split: the second byte of a character in
 * ISO-2022-JP, Shift_JIS, Big5 or GB 18030 can be a delimiter's.
 */
import type { Span } from './message.ts';

/** WHATWG labels, but for `ascii` and `latin1` (each byte one character, so that nothing is lost). */
export type Charset = 'ascii' | 'latin1' | string;

export type CharsetInFact = {
  readonly charset: Charset;
  /** MSH-18 as it stands; null where it is absent or empty. */
  readonly declared: string | null;
  /** What is wrong with the declaration; null where the bytes agree with it, or need none. */
  readonly finding: 'declared-otherwise' | 'unknown-name' | 'not-declared' | null;
};

/** HL7 table 0211, as Node's decoder names them. */
const DECLARED: Readonly<Record<string, Charset>> = {
  ASCII: 'ascii',
  'ISO IR6': 'ascii',
  '8859/1': 'latin1',
  '8859/2': 'iso-8859-2',
  '8859/3': 'iso-8859-3',
  '8859/4': 'iso-8859-4',
  '8859/5': 'iso-8859-5',
  '8859/6': 'iso-8859-6',
  '8859/7': 'iso-8859-7',
  '8859/8': 'iso-8859-8',
  '8859/9': 'windows-1254',
  '8859/15': 'iso-8859-15',
  'ISO IR14': 'iso-2022-jp',
  'ISO IR87': 'iso-2022-jp',
  'ISO IR159': 'iso-2022-jp',
  'GB 18030-2000': 'gb18030',
  'KS X 1001': 'euc-kr',
  'BIG-5': 'big5',
  UNICODE: 'utf-8',
  'UNICODE UTF-8': 'utf-8',
};

/** What the field writes besides the table. */
const SPELLINGS: Readonly<Record<string, Charset>> = {
  'UTF-8': 'utf-8',
  UTF8: 'utf-8',
  'ISO-8859-1': 'latin1',
  'ISO8859-1': 'latin1',
  '8859-1': 'latin1',
  'WINDOWS-1252': 'windows-1252',
  CP1252: 'windows-1252',
  SHIFT_JIS: 'shift_jis',
  SJIS: 'shift_jis',
  'ISO-2022-JP': 'iso-2022-jp',
};

const ESCAPE = 0x1b;
const CARRIAGE_RETURN = 0x0d;
/** Stands where a byte belongs to a character of several bytes: no delimiter has it. */
const NO_DELIMITER = 0x80;

/** `declared`: MSH-18 as latin1 text, with its repetitions. */
export function charsetInFact(bytes: Uint8Array, declared: string | null, fallback: Charset = 'latin1'): CharsetInFact {
  const names = (declared ?? '').split('~').map((name) => name.trim().toUpperCase());
  const known = names.map((name) => DECLARED[name] ?? SPELLINGS[name]).filter((name) => name !== undefined);
  const wanted = known.find((name) => name === 'iso-2022-jp') ?? known[0] ?? null;
  const said = declared === null || declared === '' ? null : declared;
  if (isAscii(bytes)) {
    // Seven bits, and yet not ASCII: ISO 2022 announces itself with an escape.
    const isIso2022 = wanted === 'iso-2022-jp' && bytes.includes(ESCAPE);
    return { charset: isIso2022 ? 'iso-2022-jp' : 'ascii', declared: said, finding: null };
  }
  // A mark alone makes it none: bytes that are no UTF-8 would all be read as the same U+FFFD.
  const utf8 = decodes(bytes, 'utf-8');
  if (wanted !== null && wanted !== 'ascii' && fits(bytes, wanted, utf8)) {
    return { charset: wanted, declared: said, finding: null };
  }
  const charset = utf8 ? 'utf-8' : fallback;
  if (said === null) return { charset, declared: null, finding: 'not-declared' };
  return { charset, declared: said, finding: wanted === null ? 'unknown-name' : 'declared-otherwise' };
}

/** Bytes of several that all hold as UTF-8 are UTF-8, whatever a table of single bytes would make of them. */
function fits(bytes: Uint8Array, wanted: Charset, utf8: boolean): boolean {
  if (wanted === 'utf-8') return utf8;
  return !utf8 && (wanted === 'latin1' || decodes(bytes, wanted));
}

function isAscii(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if ((bytes[index] ?? 0) >= 0x80) return false;
  return true;
}

function decodes(bytes: Uint8Array, label: string): boolean {
  try {
    new TextDecoder(label, { fatal: true }).decode(bytes);
    return true;
  } catch (error) {
    // ERR_ENCODING_INVALID_ENCODED_DATA: the bytes are none of this charset.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

const decoders = new Map<string, InstanceType<typeof TextDecoder>>();

/** The characters of a span; byte for byte where it holds what the charset does not know, so that no two are read alike. */
export function decodeSpan(bytes: Uint8Array, span: Span, charset: Charset): string {
  if (charset === 'ascii' || charset === 'latin1') return byteByByte(bytes, span);
  let decoder = decoders.get(charset);
  if (decoder === undefined) {
    decoder = new TextDecoder(charset, { ignoreBOM: true });
    decoders.set(charset, decoder);
  }
  const text = decoder.decode(bytes.subarray(span.start, span.end));
  if (!text.includes('\ufffd')) return text;
  // It may stand there as a character of its own.
  const isWritten = charset === 'utf-8' && Buffer.from(text, 'utf8').equals(bytes.subarray(span.start, span.end));
  return isWritten ? text : byteByByte(bytes, span);
}

function byteByByte(bytes: Uint8Array, { start, end }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** The bytes as they are to be split: of the same length, without delimiters that are half a character. */
export function structureBytes(bytes: Uint8Array, charset: Charset): Uint8Array {
  switch (charset) {
    case 'iso-2022-jp':
      return maskIso2022(bytes);
    case 'shift_jis':
      return maskTrailing(bytes, (byte) => (byte >= 0x81 && byte <= 0x9f) || (byte >= 0xe0 && byte <= 0xfc));
    case 'big5':
    case 'gb18030':
      return maskTrailing(bytes, (byte) => byte >= 0x81 && byte <= 0xfe);
    default:
      return bytes;
  }
}

/** ESC ( B and ESC ( J go back to single bytes, any other announcement leaves them; a line begins with single bytes. */
function maskIso2022(bytes: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(bytes);
  let single = true;
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] === CARRIAGE_RETURN) single = true;
    else if (bytes[index] === ESCAPE) {
      const length = bytes[index + 1] === 0x24 && bytes[index + 2] === 0x28 ? 4 : 3;
      single = bytes[index + 1] === 0x28 && (bytes[index + 2] === 0x42 || bytes[index + 2] === 0x4a);
      masked.fill(NO_DELIMITER, index, index + length);
      index += length - 1;
    } else if (!single) masked[index] = NO_DELIMITER;
  }
  return masked;
}

function maskTrailing(bytes: Uint8Array, isLeading: (byte: number) => boolean): Uint8Array {
  const masked = Uint8Array.from(bytes);
  for (let index = 0; index + 1 < bytes.length; index++) {
    if (isLeading(bytes[index] ?? 0)) masked[++index] = NO_DELIMITER;
  }
  return masked;
}
