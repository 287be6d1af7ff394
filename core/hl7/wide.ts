/**
 * UTF-16 and UTF-32: whole messages whose delimiters are two or four bytes (MSH-18 `UNICODE UTF-16`, `UNICODE UTF-32`, or nothing
 * that could be read before it is known). They are read as the same characters in UTF-8, so that what differs has a path.
 */

export type Wide = { readonly encoding: 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be'; readonly utf8: Uint8Array };

const MARK = 0xfeff;
const LETTER_M = 0x4d;

/** Null: it is none, or not to its end. The byte order mark stays, as a character. */
export function readWide(bytes: Uint8Array): Wide | null {
  const encoding = encodingOf(bytes);
  if (encoding === null) return null;
  const text = encoding.startsWith('utf-16') ? utf16(bytes, encoding) : utf32(bytes, encoding === 'utf-32le');
  return text === null ? null : { encoding, utf8: Buffer.from(text, 'utf8') };
}

/** By its first character: a byte order mark, or the M of MSH. */
function encodingOf(bytes: Uint8Array): Wide['encoding'] | null {
  const [a = -1, b = -1, c = -1, d = -1] = bytes.subarray(0, 4);
  const begins = (unit: number): boolean => unit === MARK || unit === LETTER_M;
  if (bytes.length % 4 === 0 && c === 0 && d === 0 && begins(a + b * 256)) return 'utf-32le';
  if (bytes.length % 4 === 0 && a === 0 && b === 0 && begins(c * 256 + d)) return 'utf-32be';
  if (bytes.length % 2 !== 0) return null;
  if (begins(a + b * 256)) return 'utf-16le';
  return begins(a * 256 + b) ? 'utf-16be' : null;
}

function utf16(bytes: Uint8Array, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function utf32(bytes: Uint8Array, isLittle: boolean): string | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const point = view.getUint32(at, isLittle);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null;
    text += String.fromCodePoint(point);
  }
  return text;
}
