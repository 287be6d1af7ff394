/** Reads an inventory from a file. What is wrong comes back as problems with file, line, path and remedy. */
import { readFile } from 'node:fs/promises';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import type { Failed } from '../core/located-yaml.ts';

export async function readInventoryFile(
  file: string,
): Promise<{ readonly ok: true; readonly value: Inventory } | Failed> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const remedy = 'write the inventory there, or name another with `lab-cutover:inventory` in the stack file';
    return {
      ok: false,
      problems: [{ file, line: 0, path: '', message: `the inventory cannot be read (${cause})`, remedy }],
    };
  }
  return parseInventory(text, file);
}
