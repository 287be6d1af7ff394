/** A file that a flag names to be written: whether it can be, asked before the work and not after it. */
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Surroundings } from './context.ts';
import type { FlagName } from './flags.ts';
import { usage } from './stop.ts';

/** Absolute. */
export function outputFile({ cwd }: Pick<Surroundings, 'cwd'>, flag: FlagName, path: string): string {
  const file = resolve(cwd, path);
  const folder = dirname(file);
  if (!existsSync(folder)) throw usage(`--${flag}: there is no folder ${folder}`, `mkdir -p '${folder}'`);
  if (!statSync(folder).isDirectory()) throw usage(`--${flag}: ${folder} is no folder`, 'name a file in a folder');
  if (existsSync(file) && statSync(file).isDirectory())
    throw usage(`--${flag}: ${file} is a folder`, `name a file in it: --${flag} ${path.replace(/\/+$/, '')}/NAME`);
  return file;
}
