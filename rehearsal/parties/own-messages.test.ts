import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { controlIdOf } from '../hl7/reading.ts';
import { readOwnMessages, repeating, splitMessages } from './own-messages.ts';

const ORDER = 'MSH|^~\\&|A|B|C|D|20260105||ORM^O01|ID1|P|2.3\rPID|1||ZZ1\r';
const RESULT = 'MSH|^~\\&|A|B|C|D|20260105||ORU^R01|ID2|P|2.3\rPID|1||ZZ2\r';

test.each([
  ['as on the wire', ORDER + RESULT],
  ['with line feeds', (ORDER + RESULT).replaceAll('\r', '\n')],
  ['with Windows line ends', (ORDER + RESULT).replaceAll('\r', '\r\n')],
  ['in MLLP frames', `\u000b${ORDER}\u001c\r\u000b${RESULT}\u001c\r`],
  ['in a batch', `FHS|^~\\&\rBHS|^~\\&\r${ORDER}${RESULT}BTS|2\rFTS|1\r`],
])('a file with two messages %s', (_, text) => {
  expect(splitMessages(Buffer.from(text, 'latin1')).map((message) => message.toString('latin1'))).toEqual([
    ORDER,
    RESULT,
  ]);
});

test('a folder is read into orders and results, other files are counted', () => {
  const folder = mkdtempSync(join(tmpdir(), 'own-messages-'));
  try {
    writeFileSync(join(folder, 'a.hl7'), ORDER + RESULT);
    writeFileSync(join(folder, 'notes.txt'), 'nothing to send');
    const read = readOwnMessages(folder);
    expect(read).toMatchObject({ orders: [Buffer.from(ORDER)], results: [Buffer.from(RESULT)], skipped: 1 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a message without MSH-10, or with one that was there before, gets its own', () => {
  const nameless = ORDER.replace('ID1', '');
  const source = repeating(
    [nameless, RESULT, RESULT].map((text) => Buffer.from(text)),
    0,
    'Q7-',
  );
  expect([1, 2, 3].map(() => controlIdOf(source.next().bytes))).toEqual(['Q7-1', 'ID2', 'Q7-3']);
});

test('the first round sends the bytes as they are, later rounds under a fresh MSH-10', () => {
  const source = repeating([Buffer.from(ORDER), Buffer.from(RESULT)], 1, 'Q7-');
  const sent = [1, 2, 3, 4].map(() => source.next().bytes);
  expect(sent.slice(0, 2).map(String)).toEqual([RESULT, ORDER]);
  expect(sent.map(controlIdOf)).toEqual(['ID2', 'ID1', 'Q7-3', 'Q7-4']);
  expect(sent[3]?.toString().replace('Q7-4', 'ID1')).toBe(ORDER);
});
