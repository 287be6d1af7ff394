import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldText, findField, keyOf, matchesPredicate, readDelimiters, withField } from './message.ts';

const ORDER = message([
  'MSH|^~\\&|EMR|NORTHSIDE|LAB|MAIN|20260301220000||ORM^O01|MSG00001|P|2.5.1',
  'PID|1||100001^^^NS&1.2.3&ISO^MR~200002^^^OTHER^SS||DOE^JANE^^^^^L||19700101|F',
  'ORC|NW|A-1^EMR||',
  'OBR|1|A-1^EMR||CBC^Complete count^L|||""',
  'NTE|1||a \\F\\ b \\.br\\ c',
  'ZPD',
]);

describe('given a message with the usual delimiters, when a field is read', () => {
  test.each<[string, string | null]>([
    ['MSH-1', '|'],
    ['MSH-2', '^~\\&'],
    ['MSH-2.1', '^~\\&'],
    ['MSH-3', 'EMR'],
    ['MSH-8', ''],
    ['MSH-9', 'ORM^O01'],
    ['MSH-9.2', 'O01'],
    ['MSH-10', 'MSG00001'],
    ['MSH-12', '2.5.1'],
    ['MSH-13', null],
    ['PID-1', '1'],
    ['PID-2', ''],
    ['PID-3', '100001^^^NS&1.2.3&ISO^MR~200002^^^OTHER^SS'],
    ['PID-3.1', '100001'],
    ['PID-3.2', ''],
    ['PID-3.4', 'NS&1.2.3&ISO'],
    ['PID-3.4.1', 'NS'],
    ['PID-3.4.3', 'ISO'],
    ['PID-3.4.4', null],
    ['PID-3.5', 'MR'],
    ['PID-3.6', null],
    ['PID-5.7', 'L'],
    ['PID-8', 'F'],
    ['PID-9', null],
    ['ORC-3', ''],
    ['ORC-4', ''],
    ['ORC-5', null],
    ['OBR-7', '""'],
    ['NTE-3', 'a \\F\\ b \\.br\\ c'],
    ['ZPD-1', null],
    ['OBX-1', null],
  ])('then %s is %j', (path, text) => {
    expect(fieldText(ORDER, path)).toBe(text);
  });

  test('then empty is a place in the message, and absent is none', () => {
    const empty = findField(ORDER, 'PID-2');
    expect(empty).toEqual({ start: ORDER.indexOf('PID|1|') + 6, end: ORDER.indexOf('PID|1|') + 6 });
    expect(findField(ORDER, 'PID-9')).toBeNull();
  });

  test('then the first segment of a name counts, and a name inside another one or inside a text does not', () => {
    const bytes = message(['MSH|^~\\&|A', 'NTE|1||OBX|x', 'OBXX|no', 'OBX|1|TX', 'OBX|2|NM']);
    expect(fieldText(bytes, 'OBX-1')).toBe('1');
    expect(fieldText(bytes, 'OBX-2')).toBe('TX');
  });
});

describe('given segments ended as they are in the field', () => {
  test.each([
    ['carriage return', '\r'],
    ['line feed', '\n'],
    ['both', '\r\n'],
    ['blank lines between', '\r\r\n\n'],
  ])('when it is %s, then the fields are the same', (_, terminator) => {
    const bytes = Buffer.from(['MSH|^~\\&|A||||||ADT^A01|ID7', 'PID|||77'].join(terminator), 'latin1');
    expect(fieldText(bytes, 'MSH-10')).toBe('ID7');
    expect(fieldText(bytes, 'PID-3')).toBe('77');
    expect(fieldText(Buffer.concat([bytes, Buffer.from(terminator)]), 'PID-3')).toBe('77');
  });
});

describe('given delimiters that are not the usual ones', () => {
  test('then they are taken from MSH-1 and MSH-2', () => {
    const bytes = message(['MSH#*@!%#A#B#####ADT*A01#ID8', 'PID###1*2%3*4@5*6']);
    expect(fieldText(bytes, 'MSH-1')).toBe('#');
    expect(fieldText(bytes, 'MSH-2')).toBe('*@!%');
    expect(fieldText(bytes, 'MSH-10')).toBe('ID8');
    expect(fieldText(bytes, 'PID-3.2.2')).toBe('3');
    expect(fieldText(bytes, 'PID-3.3')).toBe('4');
  });

  test.each<[string, ReturnType<typeof readDelimiters>]>([
    ['^', { field: 124, component: 94, repetition: 126, escape: null, subcomponent: null }],
    ['^~', { field: 124, component: 94, repetition: 126, escape: null, subcomponent: null }],
    ['^~\\', { field: 124, component: 94, repetition: 126, escape: 92, subcomponent: null }],
    ['^~\\&', { field: 124, component: 94, repetition: 126, escape: 92, subcomponent: 38 }],
    ['^~\\&#', { field: 124, component: 94, repetition: 126, escape: 92, subcomponent: 38 }],
  ])('then an MSH-2 of %s does not take a letter of MSH-3 for a delimiter', (encoding, delimiters) => {
    const bytes = message([`MSH|${encoding}|SENDER||||||ADT^A01|ID9`, 'PID|||a&b^c~d']);
    expect(readDelimiters(bytes)).toEqual(delimiters);
    expect(fieldText(bytes, 'MSH-2')).toBe(encoding);
    expect(fieldText(bytes, 'MSH-3')).toBe('SENDER');
    expect(fieldText(bytes, 'MSH-10')).toBe('ID9');
    expect(fieldText(bytes, 'PID-3.2')).toBe('c');
  });

  test('then without a subcomponent delimiter a component is its own first and only subcomponent', () => {
    const bytes = message(['MSH|^~|A', 'PID|||a&b^c']);
    expect(fieldText(bytes, 'PID-3.1.1')).toBe('a&b');
    expect(fieldText(bytes, 'PID-3.1.2')).toBeNull();
  });

  test.each([
    ['nothing', ''],
    ['a shorter header', 'MSH|^'],
    ['another segment first', 'PID|1||2'],
    ['a batch', 'FHS|^~\\&|A\rMSH|^~\\&|B'],
    ['no encoding characters', 'MSH||SENDER'],
    ['a header that ends at once', 'MSH\r^~\\&|A'],
    ['lower case', 'msh|^~\\&|A'],
  ])('then %s has no delimiters and no fields', (_, text) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(readDelimiters(bytes)).toBeNull();
    expect(fieldText(bytes, 'MSH-10')).toBeNull();
    expect(withField(bytes, 'MSH-10', Buffer.from('x'))).toBeNull();
  });
});

describe('given bytes that are no ASCII, when a field is read', () => {
  test('then every byte is one character, so that equal text is equal bytes', () => {
    const utf8 = Buffer.from('MSH|^~\\&|A\rPID|||Müller', 'utf8');
    const latin1 = Buffer.from('MSH|^~\\&|A\rPID|||Müller', 'latin1');
    expect(Buffer.from(fieldText(utf8, 'PID-3') ?? '', 'latin1')).toEqual(Buffer.from('Müller', 'utf8'));
    expect(fieldText(latin1, 'PID-3')).toBe('Müller');
    expect(fieldText(utf8, 'PID-3')).not.toBe(fieldText(latin1, 'PID-3'));
  });

  test('then a view into a larger buffer reads its own bytes', () => {
    const larger = Buffer.concat([Buffer.from('xxxxPID|||no\r'), ORDER, Buffer.from('\rPID|||no')]);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 13, ORDER.length);
    expect(fieldText(view, 'PID-3.1')).toBe('100001');
  });
});

describe('given a predicate, when a message is weighed', () => {
  test('then every field must have exactly its value', () => {
    expect(matchesPredicate(ORDER, { 'MSH-4': 'NORTHSIDE' })).toBe(true);
    expect(matchesPredicate(ORDER, { 'MSH-4': 'NORTHSIDE', 'PID-3.1': '100001' })).toBe(true);
    expect(matchesPredicate(ORDER, { 'MSH-4': 'NORTHSIDE', 'PID-3.1': '100002' })).toBe(false);
    expect(matchesPredicate(ORDER, { 'MSH-4': 'NORTH' })).toBe(false);
    expect(matchesPredicate(ORDER, { 'PID-2': '' })).toBe(true);
    expect(matchesPredicate(ORDER, { 'OBX-1': '' })).toBe(false);
    expect(matchesPredicate(ORDER, {})).toBe(true);
  });

  test.each(['utf8', 'latin1'] as const)('then a value from the inventory is found in a message in %s', (encoding) => {
    const bytes = Buffer.from('MSH|^~\\&|A|Zürich', encoding);
    expect(matchesPredicate(bytes, { 'MSH-4': 'Zürich' })).toBe(true);
    expect(matchesPredicate(bytes, { 'MSH-4': 'Zurich' })).toBe(false);
    expect(matchesPredicate(bytes, { 'MSH-4': 'Zürich', 'MSH-3': '張' })).toBe(false);
  });
});

describe('given several fields, when they are made a key', () => {
  test('then two messages share it only where every field is the same', () => {
    expect(keyOf(ORDER, ['MSH-10', 'PID-3.1'])).toBe('MSG00001\u0000100001');
    expect(keyOf(ORDER, ['PID-3.1', 'MSH-10'])).not.toBe(keyOf(ORDER, ['MSH-10', 'PID-3.1']));
  });

  test.each([['PID-2'], ['PID-9'], ['OBX-1']])('then an empty or absent %s gives none', (path) => {
    expect(keyOf(ORDER, ['MSH-10', path])).toBeNull();
  });
});

describe('given one field to write', () => {
  test('then its bytes are replaced and every other byte stays', () => {
    const written = withField(ORDER, 'MSH-10', Buffer.from('A-LONGER-ID'));
    const text = ORDER.toString('latin1');
    expect(Buffer.from(written ?? []).toString('latin1')).toBe(text.replace('MSG00001', 'A-LONGER-ID'));
  });

  test('then an empty field is filled and a full one emptied', () => {
    expect(fieldText(withField(ORDER, 'PID-2', Buffer.from('9')) ?? ORDER, 'PID-2')).toBe('9');
    expect(fieldText(withField(ORDER, 'PID-8', Buffer.from('')) ?? ORDER, 'PID-8')).toBe('');
  });

  test('then a field that is not there is not made', () => {
    expect(withField(ORDER, 'PID-30', Buffer.from('x'))).toBeNull();
  });

  test('then the original is not touched', () => {
    const before = Buffer.from(ORDER);
    withField(ORDER, 'MSH-10', Buffer.from('XXXXXXXX'));
    expect(ORDER).toEqual(before);
  });
});

describe('given any message, when it is read beside a naive splitter', () => {
  const soup = fc
    .array(fc.constantFrom('|', '^', '~', '\\', '&', '\r', '\n', 'PID', 'OBX', 'ZZ1', 'MSH', 'a', 'é', '\u0000', ' '), {
      maxLength: 60,
    })
    .map((parts) => parts.join(''));
  const delimiters = fc.constantFrom('|^~\\&', '#*@!%', '|^~\\&#', '|^~', '|^~\\', '\t:;,.');
  const path = fc
    .record({
      segment: fc.constantFrom('MSH', 'PID', 'OBX', 'ZZ1'),
      field: fc.integer({ min: 1, max: 6 }),
      component: fc.integer({ min: 0, max: 3 }),
      subcomponent: fc.integer({ min: 0, max: 3 }),
    })
    .map((parts) => ({ ...parts, subcomponent: parts.component === 0 ? 0 : parts.subcomponent }));
  const any = fc.tuple(delimiters, soup, path).map(([chosen, rest, where]) => {
    const [field = '|', ...encoding] = chosen;
    const usual = '|^~\\&';
    const translated = [...rest].map((one) => chosen[usual.indexOf(one)] ?? one).join('');
    return { text: `MSH${field}${encoding.join('')}${field}${translated}`, where };
  });

  test('then both find the same', () => {
    fc.assert(
      fc.property(any, ({ text, where }) => {
        expect(fieldText(Buffer.from(text, 'latin1'), where)).toBe(naive(text, where));
      }),
      { numRuns: 3000 },
    );
  });

  test('then writing a field back as it was changes nothing, and writing another value changes only it', () => {
    fc.assert(
      fc.property(any, ({ text, where }) => {
        const bytes = Buffer.from(text, 'latin1');
        const name = asText(where);
        const span = findField(bytes, where);
        if (span === null) {
          expect(withField(bytes, name, Buffer.from('new'))).toBeNull();
          return;
        }
        expect(withField(bytes, name, bytes.subarray(span.start, span.end))).toEqual(bytes);
        const written = Buffer.from(withField(bytes, name, Buffer.from('new')) ?? []).toString('latin1');
        expect(written).toBe(`${text.slice(0, span.start)}new${text.slice(span.end)}`);
      }),
      { numRuns: 1000 },
    );
  });
});

type Where = { segment: string; field: number; component: number; subcomponent: number };

/** Splits strings, as anyone would write it down first: slow, copying, and independent of what it checks. */
function naive(text: string, { segment, field, component, subcomponent }: Where): string | null {
  const fieldDelimiter = text[3] ?? '';
  const lines = text.split(/[\r\n]+/);
  const encoding = lines[0]?.split(fieldDelimiter)[1] ?? '';
  const line = lines.find((one) => one.split(fieldDelimiter)[0] === segment);
  if (line === undefined) return null;
  if (segment === 'MSH' && field === 1) return fieldDelimiter;
  const whole = line.split(fieldDelimiter)[segment === 'MSH' ? field - 1 : field];
  if (whole === undefined) return null;
  if ((segment === 'MSH' && field === 2) || component === 0) return whole;
  const first = whole.split(encoding[1] ?? '~')[0] ?? '';
  const part = first.split(encoding[0] ?? '^')[component - 1];
  if (part === undefined || subcomponent === 0) return part ?? null;
  if (encoding[3] === undefined) return subcomponent === 1 ? part : null;
  return part.split(encoding[3])[subcomponent - 1] ?? null;
}

function asText({ segment, field, component, subcomponent }: Where): string {
  const deeper = subcomponent > 0 ? `.${component}.${subcomponent}` : component > 0 ? `.${component}` : '';
  return `${segment}-${field}${deeper}`;
}

function message(segments: readonly string[]): Buffer {
  return Buffer.from(`${segments.join('\r')}\r`, 'latin1');
}
