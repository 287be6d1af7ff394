/** The key file of payload encryption: one key a line, 32 bytes in base64, the newest last. */
import { readFile } from 'node:fs/promises';
import { type JournalKey, numberOf } from './journal/seal.ts';
import { ShardRefusal } from './shard-refusal.ts';

export const KEY_FILE_VARIABLE = 'CUTOVER_JOURNAL_KEY_FILE';
const KEY_BYTES = 32;
const BASE64_PATTERN = /^[A-Za-z0-9+/]{43}=$/;

/** No variable: no encryption. Throws ShardRefusal; never shows what is in the file. */
export async function readJournalKeys(env: Readonly<Record<string, string | undefined>>): Promise<JournalKey[]> {
  const file = env[KEY_FILE_VARIABLE] ?? '';
  if (file === '') return [];
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ShardRefusal(`${KEY_FILE_VARIABLE}: ${file} cannot be read (${error.code})`, 'name a readable file');
  });
  const keys: JournalKey[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const key = line.trim();
    if (key === '' || key.startsWith('#')) continue;
    if (!BASE64_PATTERN.test(key)) throw wrong(file, index, `is not ${KEY_BYTES} bytes in base64`);
    const bytes = Buffer.from(key, 'base64');
    if (keys.some((other) => numberOf(other) === numberOf(bytes))) {
      throw wrong(file, index, 'has the number of a key above it, so the two could not be told apart');
    }
    keys.push(bytes);
  }
  if (keys.length === 0) throw new ShardRefusal(`${file} has no key`, MAKE_ONE);
  return keys;
}

const MAKE_ONE = 'append one: openssl rand -base64 32 >> FILE';

function wrong(file: string, index: number, what: string): ShardRefusal {
  return new ShardRefusal(`${file}:${index + 1} ${what}`, MAKE_ONE);
}
