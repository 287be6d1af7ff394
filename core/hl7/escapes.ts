/**
 * Escape sequences (HL7 v2 section 2.7), undone only on read. Those that stand for a character become it; those that
 * format or highlight (`\.br\`, `\H\`) and those that nobody defined stay recognisable, between two characters of the
 * private use area, so that a text that merely looks like one is never taken for it.
 */
import type { Delimiters } from './message.ts';

const FORMAT_BEGIN = '\uE000';
const FORMAT_END = '\uE001';
/** A sequence has no delimiter in it; what is longer than this is a lone escape character. */
const SEQUENCE_LIMIT = 80;

/** `decodeHex` makes characters of the bytes of `\X…\`, in the charset of the message. */
export function unescapeText(
  text: string,
  delimiters: Delimiters,
  decodeHex: (bytes: Uint8Array) => string = (bytes) => Buffer.from(bytes).toString('latin1'),
): string {
  if (delimiters.escape === null) return text;
  const character = String.fromCharCode(delimiters.escape);
  let at = text.indexOf(character);
  if (at < 0) return text;
  let result = '';
  let from = 0;
  while (at >= 0) {
    const end = text.indexOf(character, at + 1);
    const body = end < 0 || end - at > SEQUENCE_LIMIT ? null : text.slice(at + 1, end);
    const meaning = body === null ? null : meaningOf(body, delimiters, decodeHex);
    if (meaning === null) {
      // A lone escape character: in the field a backslash that nobody escaped. It stands for itself.
      result += text.slice(from, at + 1);
      from = at + 1;
    } else {
      result += text.slice(from, at) + meaning;
      from = end + 1;
    }
    at = text.indexOf(character, from);
  }
  return result + text.slice(from);
}

function meaningOf(body: string, delimiters: Delimiters, decodeHex: (bytes: Uint8Array) => string): string | null {
  switch (body) {
    case 'F':
      return String.fromCharCode(delimiters.field);
    case 'S':
      return String.fromCharCode(delimiters.component);
    case 'R':
      return String.fromCharCode(delimiters.repetition);
    case 'T':
      return delimiters.subcomponent === null ? '&' : String.fromCharCode(delimiters.subcomponent);
    case 'E':
      return delimiters.escape === null ? null : String.fromCharCode(delimiters.escape);
    case '':
      return null;
  }
  if (/^X([0-9A-Fa-f]{2})+$/.test(body)) return decodeHex(Buffer.from(body.slice(1), 'hex'));
  if (/^(\.[a-z]{2}[+-]?\d*|[HNP]|[CMZ][0-9A-Za-z]*)$/.test(body)) return FORMAT_BEGIN + body + FORMAT_END;
  return null;
}
