/** Archives of files: many messages in one, framed or not, across the pieces in which a file is read. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ArchivedMessage, readArchive } from './traffic-files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-archive-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function message(time: string, padding = 0): string {
  return `MSH|^~\\&|A|B|C|D|${time}||ORU^R01|1|P|2.5\rPID|1||MSH|${'x'.repeat(padding)}\r`;
}

async function read(): Promise<ArchivedMessage[]> {
  const found: ArchivedMessage[] = [];
  for await (const each of readArchive(folder, 'UTC')) found.push(each);
  return found;
}

it('finds every message once, however a file is cut, and dates it by MSH-7, else by the file', async () => {
  await mkdir(join(folder, 'northside-orders', '2026'), { recursive: true });
  const many = Array.from({ length: 500 }, (_, index) =>
    message(`20260601${String(index % 24).padStart(2, '0')}0000`, index * 7),
  );
  await writeFile(join(folder, 'northside-orders', '2026', 'all.hl7'), many.join(''));
  await writeFile(join(folder, 'framed.hl7'), `\u000b${message('20260602100000')}\u001c\r\u000b${message('')}\u001c\r`);
  await utimes(join(folder, 'framed.hl7'), 1_780_000_000, 1_780_000_000);
  await writeFile(join(folder, 'notes.txt'), 'no message; MSH|in the middle of a line\n');
  const found = await read();
  const archived = found.filter(({ folders }) => folders[0] === 'northside-orders');
  expect(archived).toHaveLength(500);
  expect(archived.every(({ datedBy }) => datedBy === 'msh-7')).toBe(true);
  expect(archived.filter(({ atMs }) => atMs === Date.UTC(2026, 5, 1, 7))).toHaveLength(21);
  expect(found.filter(({ folders }) => folders.length === 0)).toEqual([
    { atMs: Date.UTC(2026, 5, 2, 10), folders: [], datedBy: 'msh-7' },
    { atMs: 1_780_000_000_000, folders: [], datedBy: 'file-time' },
  ]);
});
