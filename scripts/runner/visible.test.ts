import { expect, test } from 'vitest';
import { visible } from './visible.ts';

const HOSTILE = 'A\u001b[2J\u009b1m\u0007\r\u007f\u202eB';

test('what a terminal would obey is shown by number; lines, tabs and every other letter stay', () => {
  expect(visible(`id: ${HOSTILE}\n\tmüller 漢字 ✓\n`)).toBe(
    'id: A\\u001b[2J\\u009b1m\\u0007\\u000d\\u007f\\u202eB\n\tmüller 漢字 ✓\n',
  );
});

test('a JSON document says the same as before', () => {
  const document = { id: HOSTILE, by: 'müller' };
  const shown = visible(JSON.stringify(document, null, 2));
  for (const obeyed of ['\u001b', '\u009b', '\u202e']) expect(shown).not.toContain(obeyed);
  expect(JSON.parse(shown)).toEqual(document);
});
