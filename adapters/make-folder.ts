/**
 * Makes a folder and those above it, one by one from the top. Node's own recursive way spins for ever where a file system
 * answers ENOENT for a folder whose parent is there, as /proc does, and a link to nowhere (seen with Node 20 and 24).
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** @throws where one of them can neither be found nor made, with the path and the system's code. */
export function makeFolder(folder: string, mode?: number): void {
  const missing: string[] = [];
  try {
    for (let at = folder; !made(at, mode); at = dirname(at)) missing.push(at);
    for (const one of missing.reverse()) makeOne(one, mode);
  } catch (error) {
    const code = codeOf(error);
    const refusal = new Error(
      `the folder ${folder} cannot be made (${code ?? String(error)}): is the one above it there, and may this user write to it?`,
    );
    throw Object.assign(refusal, { code, path: folder });
  }
}

/** False: the folder above it is missing. */
function made(folder: string, mode: number | undefined): boolean {
  try {
    makeOne(folder, mode);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && dirname(folder) !== folder) return false;
    throw error;
  }
}

function makeOne(folder: string, mode: number | undefined): void {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
