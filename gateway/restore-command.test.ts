/** A restore that is cut after its checkpoint and before its identity: what is sealed for the new incarnation is no obstacle. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseInventory } from '../core/inventory.ts';
import { readNewestCheckpoint, writeCheckpoint } from './checkpoint/checkpoint-file.ts';
import { identityIn, initDataDir, RESTORE_FILE } from './data-dir.ts';
import { Seal } from './journal/seal.ts';
import { checkpointFolderOf } from './recover.ts';
import { type RestoreOptions, restoreDataDir } from './restore-command.ts';

const TEXT = `deployment: restores
gateways: [{ shard: 0, admin: "https://127.0.0.1:7443" }]
connections: []
`;
const EMPTY = { nowMs: 1, connections: {}, feeds: {}, legPorts: {}, decisions: [], operations: [] };
const STATE = { ...EMPTY, inputs: [], outputs: [], resolved: [], strangers: [] };

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cutover-restore-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

test('given sealed checkpoints, when a restore is cut before its identity is written, then it is finished by running it again', async () => {
  const parsed = parseInventory(TEXT, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const inventory = parsed.value;
  const keys = [randomBytes(32)];
  await initDataDir({ dataDir, inventory, shard: 0, target: 'local', now: new Date() });
  const former = await readFile(join(dataDir, 'identity.json'), 'utf8');
  const incarnation = (await identityIn(dataDir))?.incarnation ?? '';
  const folder = checkpointFolderOf(dataDir);
  await writeCheckpoint(folder, { incarnation, offset: 1, state: STATE }, new Seal(incarnation, keys));
  const asked: RestoreOptions = {
    dataDir,
    inventory,
    known: {},
    databaseUrl: null,
    keys,
    nowMs: 1_800_000_000_000,
    isWanted: true,
  };
  const report = await restoreDataDir(asked);

  await writeFile(join(dataDir, 'identity.json'), former);
  const plan = { incarnation: report.incarnation, formerIncarnation: incarnation, nowMs: asked.nowMs, report };
  await writeFile(join(dataDir, RESTORE_FILE), JSON.stringify(plan));
  expect(await restoreDataDir({ ...asked, nowMs: asked.nowMs + 1 })).toMatchObject({
    restored: true,
    upTo: report.upTo,
  });
  expect((await identityIn(dataDir))?.incarnation).toBe(report.incarnation);
  const checkpoint = await readNewestCheckpoint(folder, report.incarnation, new Seal(report.incarnation, keys));
  expect(checkpoint?.offset).toBe(1);
});
