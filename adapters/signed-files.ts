/** Documents with one detached signature each: `<name>.json`, and `<name>.json.sig` beside it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `signature`: null where there is none. */
export type SignedFile = { readonly name: string; readonly text: string; readonly signature: string | null };

/** By name. No folder: none. */
export async function readSignedFiles(folder: string): Promise<readonly SignedFile[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => ({
      name,
      text: await readFile(join(folder, name), 'utf8'),
      signature: await readFile(join(folder, `${name}.sig`), 'utf8').catch(() => null),
    })),
  );
}
