import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { dictionaryText } from './extract-dictionary.ts';

test('core/hl7/dictionary.ts is what the package says', async () => {
  const file = new URL('../core/hl7/dictionary.ts', import.meta.url);
  const words = (text: string): string => text.replace(/[\s,'"]+/g, '');
  expect(words(await readFile(file, 'utf8'))).toBe(words(dictionaryText()));
});
