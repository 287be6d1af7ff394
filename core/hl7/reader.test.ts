import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDelimiters } from './message.ts';
import {
  componentsOf,
  fieldsOf,
  type Message,
  readMessage,
  repetitionsOf,
  subcomponentsOf,
  textOf,
  valueAt,
} from './reader.ts';

const HEADER = 'MSH|^~\\&|LAB|MAIN|EMR|NORTH|20260301220000||ORU^R01|ID1|P|2.5.1';

function read(text: string, encoding: BufferEncoding = 'latin1'): Message {
  const message = readMessage(Buffer.from(text, encoding));
  if (message === null) throw new Error('it is a message');
  return message;
}

/** Field n of the first segment of a name, as it stands. */
function field(message: Message, name: string, number: number): string | null {
  const segment = message.segments.find((each) => each.name === name);
  const span = segment === undefined ? undefined : fieldsOf(message, segment)[number];
  return span === undefined ? null : textOf(message, span);
}

describe('given any bytes behind an MSH, when they are read', () => {
  test('then every byte is in a segment, a terminator or before the header, and parts and delimiters are the whole', () => {
    const body = fc.string({ unit: fc.constantFrom(...'ABZ019|^~\\&\r\n "é'.split('')), maxLength: 200 });
    fc.assert(
      fc.property(body, fc.constantFrom('', '\ufeff', '\r\n '), (rest, lead) => {
        const bytes = Buffer.from(`${lead}${HEADER}\r${rest}`, 'utf8');
        const message = readMessage(bytes);
        if (message === null) throw new Error('it is a message');
        let at = message.lead.end;
        for (const segment of message.segments) {
          expect(segment.start).toBe(at);
          expect(rebuilt(message, segment)).toBe(bytes.toString('latin1', segment.start, segment.end));
          at = segment.next;
        }
        expect(at).toBe(bytes.length);
      }),
      { numRuns: 300 },
    );
  });
});

/** A segment put together again from its smallest parts and its delimiters. */
function rebuilt(message: Message, segment: Message['segments'][number]): string {
  const { delimiters } = message;
  const character = (byte: number | null): string => (byte === null ? '' : String.fromCharCode(byte));
  const raw = (span: { start: number; end: number }): string =>
    Buffer.from(message.bytes.subarray(span.start, span.end)).toString('latin1');
  const isHeader = segment.name === 'MSH';
  const fields = fieldsOf(message, segment).map((span, index) => {
    if (isHeader && index <= 2) return raw(span);
    const repetitions = repetitionsOf(message, span).map((repetition) =>
      componentsOf(message, repetition)
        .map((component) => subcomponentsOf(message, component).map(raw).join(character(delimiters.subcomponent)))
        .join(character(delimiters.component)),
    );
    return repetitions.join(character(delimiters.repetition));
  });
  if (!isHeader) return fields.join(character(delimiters.field));
  const [name = '', , ...rest] = fields;
  return [name, ...rest].join(character(delimiters.field));
}

describe('given line breaks as they are in the field', () => {
  test('then CR ends a segment, with or without LF, and a lone LF only where the next line is a segment', () => {
    const message = read(`${HEADER}\r\nNTE|1||first line\nsecond line\rPID|1\nOBX|1|NM\n`);
    expect(message.segments.map(({ name }) => name)).toEqual(['MSH', 'NTE', 'PID', 'OBX']);
    expect(field(message, 'NTE', 3)).toBe('first line\nsecond line');
    expect(message.notes).toEqual(['line-feed-in-data']);
  });

  test('then a line that is no segment is kept under a name of its own, and its content is no name', () => {
    const message = read(`${HEADER}\rJohn Doe phoned\r`);
    expect(message.segments[1]?.name).toBe('???');
    expect(message.notes).toContain('odd-segment-name');
  });
});

describe('given an MSH-2 of another length than four', () => {
  test.each([
    ['^~\\&', '&', '\\', false],
    ['^~\\&#', '&', '\\', false],
    ['^~', null, null, false],
    ['^~&', '&', null, true],
    ['^~\\\\&', '&', '\\', true],
  ])('when it is %s, then subcomponents are divided by %s and escapes by %s', (written, subcomponent, escaping, ambiguous) => {
    const message = read(`MSH|${written}|A&B\\T\\C\r`);
    const byte = (text: string | null): number | null => (text === null ? null : text.charCodeAt(0));
    expect(message.delimiters).toMatchObject({ subcomponent: byte(subcomponent), escape: byte(escaping) });
    expect(message.notes.includes('ambiguous-delimiters')).toBe(ambiguous);
    expect(field(message, 'MSH', 3)).toBe('A&B\\T\\C');
  });

  test('then no letter of MSH-3 becomes a delimiter', () => {
    expect(readDelimiters(Buffer.from('MSH|^|LAB'))).toMatchObject({ component: 0x5e, escape: null });
    expect(field(read('MSH|^|LAB^X\r'), 'MSH', 3)).toBe('LAB^X');
  });
});

describe('given escapes, when a value is read', () => {
  test.each([
    ['a \\F\\ b', 'a | b'],
    ['\\S\\\\T\\\\R\\\\E\\', '^&~\\'],
    ['\\X41C3\\', 'AÃ'],
    ['one\\.br\\two', 'one\uE000.br\uE001two'],
    ['\\E\\.br\\E\\', '\\.br\\'],
    ['C:\\temp\\', 'C:\\temp\\'],
    ['ends with \\', 'ends with \\'],
    ['\\H\\bold\\N\\', '\uE000H\uE001bold\uE000N\uE001'],
  ])('then %s says %j, and the bytes stay', (written, said) => {
    const message = read(`${HEADER}\rNTE|1||${written}\r`);
    const segment = message.segments[1];
    const span = segment === undefined ? undefined : fieldsOf(message, segment)[3];
    if (span === undefined) throw new Error('there is an NTE-3');
    expect(valueAt(message, span)).toBe(said);
    expect(textOf(message, span)).toBe(written);
  });
});

describe('given a charset, when it is held against MSH-18', () => {
  const withCharset = (declared: string, name: Buffer): Message => {
    const bytes = Buffer.concat([
      Buffer.from(`${HEADER}||||||${declared}\rPID|1||||`, 'latin1'),
      name,
      Buffer.from('\r'),
    ]);
    const message = readMessage(bytes);
    if (message === null) throw new Error('it is a message');
    return message;
  };
  const UTF8 = Buffer.from('Müller', 'utf8');
  const LATIN1 = Buffer.from('Müller', 'latin1');

  test.each([
    ['UNICODE UTF-8', UTF8, 'utf-8', null],
    ['8859/1', LATIN1, 'latin1', null],
    ['8859/1', UTF8, 'utf-8', 'declared-otherwise'],
    ['UNICODE UTF-8', LATIN1, 'latin1', 'declared-otherwise'],
    ['ASCII', LATIN1, 'latin1', 'declared-otherwise'],
    ['', UTF8, 'utf-8', 'not-declared'],
    ['KLINGON', UTF8, 'utf-8', 'unknown-name'],
    ['8859/1', Buffer.from('Mueller'), 'ascii', null],
  ])('%s over %o: it is %s, finding %s, and the name is read', (declared, name, charset, finding) => {
    const message = withCharset(declared, name);
    expect(message.charset).toMatchObject({ charset, finding });
    expect(field(message, 'PID', 5)).toMatch(/^M(ü|ue)ller$/);
  });

  test('then a character whose second byte is a delimiter is not split', () => {
    const japanese = Buffer.concat([
      Buffer.from('\x1b$B'),
      Buffer.from([0x25, 0x5e, 0x3b, 0x7e]),
      Buffer.from('\x1b(B^GIVEN'),
    ]);
    const message = withCharset('~ISO IR87', japanese);
    expect(message.charset.charset).toBe('iso-2022-jp');
    const pid = message.segments[1];
    const span = pid === undefined ? undefined : fieldsOf(message, pid)[5];
    if (span === undefined) throw new Error('there is a PID-5');
    expect(componentsOf(message, span).map((part) => textOf(message, part))).toEqual(['マ時', 'GIVEN']);
  });

  test('then a Shift_JIS backslash byte is no escape', () => {
    const message = withCharset('SHIFT_JIS', Buffer.from([0x95, 0x5c, 0x83, 0x5c, 0x5e, 0x41]));
    const pid = message.segments[1];
    const span = pid === undefined ? undefined : fieldsOf(message, pid)[5];
    if (span === undefined) throw new Error('there is a PID-5');
    expect(componentsOf(message, span).map((part) => valueAt(message, part))).toEqual(['表ソ', 'A']);
  });
});

describe('given bytes that are no message', () => {
  test.each(['', 'MSH', 'MSH|', 'MSH\r|^~', 'PID|1', `${' '.repeat(100)}${HEADER}`])('then %j is none', (text) => {
    expect(readMessage(Buffer.from(text))).toBeNull();
  });
});
