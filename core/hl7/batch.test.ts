import fc from 'fast-check';
import { expect, test } from 'vitest';
import { partsOf } from './batch.ts';

const A = 'MSH|^~\\&|A\rPID|1\r';
const B = 'MSH|^~\\&|B\rPID|2\r';

const told = (text: string): string[] =>
  partsOf(Buffer.from(text)).map(({ kind, start, end }) => `${kind} ${JSON.stringify(text.slice(start, end))}`);

test.each<[string, string, string[]]>([
  ['one message', A, [`message ${JSON.stringify(A)}`]],
  ['two, one after the other', A + B, [`message ${JSON.stringify(A)}`, `message ${JSON.stringify(B)}`]],
  [
    'frames',
    `\x0b${A}\x1c\r\x0b${B}\x1c\r`,
    [
      'between "\\u000b"',
      `message ${JSON.stringify(A)}`,
      'between "\\u001c\\r"',
      'between "\\u000b"',
      `message ${JSON.stringify(B)}`,
      'between "\\u001c\\r"',
    ],
  ],
  [
    'a batch',
    `FHS|x\rBHS|y\r${A}${B}BTS|2\rFTS|1\r`,
    [
      'batch-header "FHS|x\\r"',
      'batch-header "BHS|y\\r"',
      `message ${JSON.stringify(A)}`,
      `message ${JSON.stringify(B)}`,
      'batch-trailer "BTS|2\\r"',
      'batch-trailer "FTS|1\\r"',
    ],
  ],
  ['no message', 'hello\n', ['between "hello\\n"']],
])('%s', (_, text, expected) => {
  expect(told(text)).toEqual(expected);
});

test('whatever the bytes, the parts are the whole', () => {
  const line = fc.constantFrom('MSH|^~\\&|A', 'PID|1', 'FHS|', 'BTS|1', '', '\x0b', '\x1c', 'x\x1cMSH');
  const end = fc.constantFrom('\r', '\n', '\r\n', '');
  fc.assert(
    fc.property(fc.array(fc.tuple(line, end)), (lines) => {
      const bytes = Buffer.from(lines.flat().join(''));
      let at = 0;
      for (const part of partsOf(bytes)) {
        expect(part.start).toBe(at);
        expect(part.end).toBeGreaterThan(at);
        at = part.end;
      }
      expect(at).toBe(bytes.length);
    }),
  );
});
