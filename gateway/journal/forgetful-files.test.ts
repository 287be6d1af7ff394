/** The layer that the chaos of the real gateway rests on: it forgets exactly what a killed machine may forget. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JournalFiles } from './files.ts';
import { forgetfulFiles } from './forgetful-files.ts';

let folder: string;
let dir: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-forgetful-'));
  dir = join(folder, 'journal');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
/** The next process: nothing of the former one's memory. */
const reborn = async (): Promise<JournalFiles> => {
  const files = forgetfulFiles({ leaks: 0, random: Math.random });
  await files.ensureDirectory(dir);
  return files;
};

test('a write is seen at once and is on the disk after its sync only', async () => {
  const files = await reborn();
  const file = await files.create(join(dir, 'a'));
  await file.write([Buffer.from('one')], 0);
  await file.sync();
  await files.syncDirectory(dir);
  await file.write([Buffer.from('two')], 3);
  expect(text(await file.read(0, 10))).toBe('onetwo');
  expect(await file.size()).toBe(6);
  const after = await (await reborn()).open(join(dir, 'a'));
  expect(text(await after.read(0, 10))).toBe('one');
});

test('a sync does not cover what is written while it runs', async () => {
  const files = await reborn();
  const file = await files.create(join(dir, 'a'));
  await file.write([Buffer.from('one')], 0);
  const syncing = file.sync();
  file.writeNow?.([Buffer.from('two')], 3);
  await syncing;
  await files.syncDirectory(dir);
  const after = await (await reborn()).open(join(dir, 'a'));
  expect(text(await after.read(0, 10))).toBe('one');
});

test('a name is on the disk after its folder is synced only, and so is a removal', async () => {
  const files = await reborn();
  for (const name of ['a', 'b']) {
    const file = await files.create(join(dir, name));
    await file.write([Buffer.from(name)], 0);
    await file.sync();
  }
  await files.rename(join(dir, 'a'), join(dir, 'c'));
  expect((await files.list(dir)).sort()).toEqual(['b', 'c']);
  expect(await readdir(dir)).toEqual([]);
  expect(await (await reborn()).list(dir)).toEqual([]);

  const again = await reborn();
  const file = await again.create(join(dir, 'a'));
  await file.sync();
  await again.rename(join(dir, 'a'), join(dir, 'c'));
  await again.syncDirectory(dir);
  await again.remove(join(dir, 'c'));
  expect(await again.list(dir)).toEqual([]);
  expect(await (await reborn()).list(dir)).toEqual(['c']);
});
