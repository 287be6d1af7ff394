import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Evidence } from '../core/evidence.ts';
import { evidenceFolderOf, listEvidence, loadEvidence, storeEvidence } from './evidence-files.ts';

const at = (day: number, more: Partial<Evidence> = {}): Evidence => ({
  kind: 'drill',
  deployment: 'lab-1',
  stack: 'production',
  at: `2026-03-0${day}T22:00:00.000Z`,
  connections: ['a'],
  body: { day },
  ...more,
});

let project: string;
let folder: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'evidence-'));
  folder = evidenceFolderOf(project, 'production');
});
afterEach(() => rm(project, { recursive: true, force: true }));

test('what was stored is read as it was, twice stored it is one file, newest first in the list', async () => {
  const first = await storeEvidence(folder, at(1));
  const second = await storeEvidence(folder, at(2));
  await storeEvidence(folder, at(1));
  await storeEvidence(folder, at(3, { kind: 'gate' }));
  expect(await readdir(folder)).toHaveLength(3);
  expect(await loadEvidence(folder, first.digest)).toEqual({ ok: true, value: at(1) });
  const { found, damaged } = await listEvidence(folder, 'drill');
  expect(found.map(({ digest }) => digest)).toEqual([second.digest, first.digest]);
  expect(damaged).toEqual([]);
});

test('a changed file is no evidence any more, it is named, and storing the same again does not hide it', async () => {
  const { digest } = await storeEvidence(folder, at(1));
  const file = join(folder, `${digest.slice(7)}.json`);
  await writeFile(file, (await readFile(file, 'utf8')).replace('lab-1', 'lab-2'));
  await storeEvidence(folder, at(1));
  expect(await loadEvidence(folder, digest)).toMatchObject({ ok: false, code: 'damaged' });
  const { found, damaged } = await listEvidence(folder, 'drill');
  expect(found).toEqual([]);
  expect(damaged[0]).toContain(`${file}: its bytes do not have the digest of its name`);
});

test('a byte that is no text is no letter, also where a careless reader would take it for one', async () => {
  const { digest } = await storeEvidence(folder, at(1, { body: { id: 'M\ufffd' } }));
  const file = join(folder, `${digest.slice(7)}.json`);
  const bytes = await readFile(file);
  const place = bytes.indexOf('\ufffd');
  await writeFile(file, Buffer.concat([bytes.subarray(0, place), Buffer.from([0xff]), bytes.subarray(place + 3)]));
  expect(await loadEvidence(folder, digest)).toMatchObject({ ok: false, code: 'damaged' });
});

test('what is not there is said; a name that is no digest reads no file', async () => {
  expect(await loadEvidence(folder, `sha256:${'0'.repeat(64)}`)).toMatchObject({ ok: false, code: 'absent' });
  expect(await loadEvidence(folder, 'sha256:../../etc/passwd')).toMatchObject({ ok: false, code: 'absent' });
  expect(await listEvidence(folder, 'drill')).toEqual({ found: [], damaged: [] });
});
