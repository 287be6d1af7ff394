/** Writes HL7 v2 segments (chapter 2, sections 2.5 and 2.7): fields by number, texts escaped, one terminator. */

export const CARRIAGE_RETURN = '\r';
const ENCODING_CHARACTERS = '^~\\&';

/** As MSH-18 names them, and as Node encodes them. */
export const CHARSETS = { 'UNICODE UTF-8': 'utf8', '8859/1': 'latin1' } as const;
export type Charset = keyof typeof CHARSETS;

/** Field number → its text, already in HL7's own syntax. Fields that are not named are empty. */
export type Fields = Readonly<Record<number, string>>;

export function segment(name: string, fields: Fields): string {
  const last = Math.max(0, ...Object.keys(fields).map(Number));
  const texts = Array.from({ length: last }, (_, index) => fields[index + 1] ?? '');
  return [name, ...texts].join('|');
}

/** MSH counts the field separator itself as field 1 (section 2.14.9.1). */
export function headerSegment(fields: Fields): string {
  const last = Math.max(2, ...Object.keys(fields).map(Number));
  const texts = Array.from({ length: last - 2 }, (_, index) => fields[index + 3] ?? '');
  return ['MSH', ENCODING_CHARACTERS, ...texts].join('|');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\E\\',
  '|': '\\F\\',
  '^': '\\S\\',
  '~': '\\R\\',
  '&': '\\T\\',
  '\n': '\\.br\\',
};

/** Text that holds delimiters, as a field may carry it. */
export function escapeText(text: string): string {
  return text.replace(/[\\|^~&\n]/g, (found) => ESCAPES[found] ?? found);
}

export function toBytes(segments: readonly string[], charset: Charset): Buffer {
  return Buffer.from(segments.map((text) => text + CARRIAGE_RETURN).join(''), CHARSETS[charset]);
}

/** `YYYYMMDDHHMMSS` in UTC. */
export function timestamp(at: Date): string {
  return at.toISOString().replace(/[-:T]/g, '').slice(0, 14);
}
