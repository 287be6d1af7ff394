/** Every YAML file of a folder against one schema; what is wrong in any of them is said at once. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { type Located, type Path, parseYaml } from '../core/located-yaml.ts';

export type YamlFile<T> = {
  readonly file: string;
  /** Without its ending. */
  readonly name: string;
  readonly value: T;
  lineOf(path: Path): number;
};
export type YamlFolder<T> =
  | { readonly ok: true; readonly files: readonly YamlFile<T>[] }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** In the order of their names; a folder that does not exist is empty. */
export async function readYamlFolder<S extends z.ZodType>(folder: string, schema: S): Promise<YamlFolder<z.output<S>>> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files: YamlFile<z.output<S>>[] = [];
  const problems: Located[] = [];
  for (const name of names.filter((each) => /\.ya?ml$/.test(each)).sort()) {
    const file = join(folder, name);
    const parsed = parseYaml(await readFile(file, 'utf8'), file, schema);
    if (parsed.ok) files.push({ file, name: name.replace(/\.ya?ml$/, ''), value: parsed.value, lineOf: parsed.lineOf });
    else problems.push(...parsed.problems);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, files };
}
