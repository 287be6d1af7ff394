import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sweepEngineScratch, withEngineScratch } from './engine-scratch.ts';

const DAY_MS = 24 * 3_600_000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-scratch-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function leave(scratch: string): Promise<void> {
  await writeFile(join(scratch, 'pulumi.host.ada.log.INFO.1'), 'a log');
  await mkdir(join(scratch, 'pulumi-node-pipes1'));
}

test('what a run leaves in its folder goes with it, also where it fails', async () => {
  const inside = await withEngineScratch(
    async (scratch) => {
      await leave(scratch);
      return readdir(folder);
    },
    () => [],
  );
  expect(inside).toEqual([expect.stringMatching(/^cutover-pulumi-/)]);
  expect(await readdir(folder)).toEqual([]);
  const failing = withEngineScratch(
    async (scratch) => {
      await leave(scratch);
      throw new Error('the engine has failed');
    },
    () => undefined,
  );
  await expect(failing).rejects.toThrow('the engine has failed');
  expect(await readdir(folder)).toEqual([]);
});

test('where none can be made, nothing is run, and it is said where and what to do', async () => {
  const file = join(folder, 'a-file');
  await writeFile(file, '');
  vi.stubEnv('TMPDIR', file);
  const said = await withEngineScratch(
    async () => 'it ran',
    (message) => message,
  );
  expect(said).toContain(`in ${file} (ENOTDIR`);
  expect(said).toContain('TMPDIR');
});

test('what a killed verb left is removed a day later; what is in use, or of others, stays', async () => {
  const [nowMs, old] = [Date.now(), ['cutover-pulumi-aB3dE6', 'cutover-config-aB3dE6']];
  const others = ['cutover-pulumi-aB3dE7', 'cutover-rehearsal-aB3dE6', 'cutover-pulumi-test-aB3dE6', 'notes'];
  for (const name of [...old, ...others]) await mkdir(join(folder, name));
  await leave(join(folder, 'cutover-pulumi-aB3dE6'));
  const before = new Date(nowMs - DAY_MS - 1_000);
  for (const name of [...old, ...others.slice(1)]) await utimes(join(folder, name), before, before);
  await sweepEngineScratch(nowMs);
  expect((await readdir(folder)).sort()).toEqual(others.toSorted());
});
