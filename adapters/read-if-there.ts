/** Reads what need not be there. That it cannot be read is another thing than that it is absent, and is said with its path. */
import { readdir, readFile } from 'node:fs/promises';

export type IfThere<T> =
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly code: string; readonly message: string };

export function readIfThere(file: string): Promise<IfThere<Buffer>> {
  return ifThere(file, readFile(file));
}

export function namesIfThere(folder: string): Promise<IfThere<readonly string[]>> {
  return ifThere(folder, readdir(folder));
}

async function ifThere<T>(path: string, reading: Promise<T>): Promise<IfThere<T>> {
  try {
    return { kind: 'read', value: await reading };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
    return { kind: 'unreadable', code, message: `${path} cannot be read (${code}): may this user read it?` };
  }
}
