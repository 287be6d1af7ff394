/** The list of mutants cannot rot: each text stands in its file exactly once, each name is its own. */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { MUTANTS } from './mutants.ts';

const root = resolve(import.meta.dirname, '../..');

test('every mutant finds the text that it replaces, once, and changes it', async () => {
  const rotten: string[] = [];
  for (const { name, file, find, replace } of MUTANTS) {
    const times = (await readFile(join(root, file), 'utf8')).split(find).length - 1;
    if (times !== 1 || find === replace) rotten.push(`${name}: ${times} times in ${file}`);
  }
  expect(rotten).toEqual([]);
  // A mutant that does not even parse would be no proof of anything.
  for (const { file, find, replace } of MUTANTS) {
    const source = await readFile(join(root, file), 'utf8');
    stripTypeScriptTypes(source.replace(find, () => replace));
  }
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});
