/** The key file: what it may hold, and what a person is told where it is wrong. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY_FILE_VARIABLE, readJournalKeys } from './journal-keys.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-keys-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(text: string): Promise<Uint8Array[]> {
  const file = join(folder, 'keys');
  await writeFile(file, text);
  return readJournalKeys({ [KEY_FILE_VARIABLE]: file });
}

test('keys come in the order of the file; blank lines and comments are none', async () => {
  const keys = [randomBytes(32), randomBytes(32)];
  const lines = keys.map((key) => key.toString('base64'));
  expect(await read(`# of 2026\n${lines[0]}\n\n${lines[1]}\n`)).toEqual(keys);
  expect(await readJournalKeys({})).toEqual([]);
});

test('a wrong file is refused by line and with the remedy, and never shown', async () => {
  const key = randomBytes(32).toString('base64');
  await expect(read(`${key}\nsecretsecret\n`)).rejects.toThrow(
    /keys:2 is not 32 bytes in base64 → append one: openssl/,
  );
  await expect(read(`${key}\nsecretsecret\n`)).rejects.not.toThrow(/secretsecret/);
  await expect(read(`${key}\n${key}\n`)).rejects.toThrow('keys:2 has the number of a key above it');
  await expect(read('# none\n')).rejects.toThrow('has no key');
  const missing = readJournalKeys({ [KEY_FILE_VARIABLE]: join(folder, 'none') });
  await expect(missing).rejects.toThrow(/none cannot be read \(ENOENT\)/);
});
