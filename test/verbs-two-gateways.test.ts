/** A deployment of two gateways: one of them down, and a rollback from nothing but the operations bundle. */
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import type { Phase } from '../core/platform.ts';
import { type Estate, startEstate } from './verbs-estate.ts';

const LIMIT_MS = 300_000;
/** Every other connection is on shard 1. */
const CONNECTIONS = 4;

let estate: Estate;

beforeAll(async () => {
  estate = await startEstate(CONNECTIONS, { shards: 2 });
}, LIMIT_MS);

afterAll(() => estate?.stop(), LIMIT_MS);

test(
  'the verbs move the connections of both, and everything agrees',
  async () => {
    for (const verb of ['sync', 'parallel', 'switch']) {
      const { exitCode, document } = await move(verb, '--all');
      expect({ verb, exitCode, failed: document.failed }).toEqual({ verb, exitCode: 0, failed: [] });
    }
    expect(await phases()).toEqual(Array(CONNECTIONS).fill('switched'));
    await expectRecords('switched');
  },
  LIMIT_MS,
);

test(
  'one down: a rollback of all takes back the others, exit 4, names what is out of reach; later it finishes',
  async () => {
    await estate.killGateway(1);
    const { exitCode, document } = await move('rollback', '--all', '--reason', 'new is slow');
    expect(exitCode).toBe(4);
    expect(document.changed.map(({ name }) => name)).toEqual(onShard(0));
    expect(document.refused.map(({ name }) => name)).toEqual(onShard(1));
    for (const { message } of document.refused) expect(message).toMatch(/gateway of shard 1 .* cannot be reached/);

    const status = await estate.project.cutover(['status', '--json']);
    const { ok, connections } = statusDocumentSchema.parse(JSON.parse(status.stdout));
    expect({ ok, exitCode: status.exitCode }).toEqual({ ok: false, exitCode: 1 });
    expect(connections.map(({ name, phase }) => [name, phase])).toEqual(
      estate.names.map((name) => [name, onShard(0).includes(name) ? 'parallel' : null]),
    );

    const refused = await estate.project.cutover(['switch', '--all', '--yes', '--json']);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/gateway of shard 1 .* cannot be reached/);

    await estate.restartGateway(1);
    expect((await move('rollback', '--all', '--reason', 'new is slow')).exitCode).toBe(0);
    await expectRecords('parallel');
  },
  LIMIT_MS,
);

test(
  'from an empty folder with inventory, certificates and tokens alone: rolled back, and sync brings the records up',
  async () => {
    expect((await move('switch', '--all')).exitCode).toBe(0);
    const empty = join(estate.project.folder, 'empty');
    const bundle = join(empty, 'bundle');
    await mkdir(bundle, { recursive: true });
    await writeFile(join(bundle, 'inventory.yaml'), JSON.stringify(estate.inventory));
    for (const shard of [0, 1]) {
      await copyFile(estate.env[`CUTOVER_ADMIN_CA_${shard}`] ?? '', join(bundle, `admin-${shard}.crt`));
    }
    const tokens = Object.entries(estate.env).filter(([name]) => name.startsWith('CUTOVER_ADMIN_TOKEN'));
    const from = ['--inventory', 'bundle/inventory.yaml', '--all', '--json'];
    const asked = await estate.project.elsewhere(empty, ['status', ...from], Object.fromEntries(tokens));
    expect(statusDocumentSchema.parse(JSON.parse(asked.stdout)).connections.map(({ phase }) => phase)).toEqual(
      Array(CONNECTIONS).fill('switched'),
    );

    const command = ['rollback', ...from, '--yes', '--reason', 'new is dead', '--force'];
    const { exitCode, stdout, stderr } = await estate.project.elsewhere(empty, command, Object.fromEntries(tokens));
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/from an inventory alone/),
    });
    expect(moveDocumentSchema.parse(JSON.parse(stdout)).changed).toHaveLength(CONNECTIONS);
    expect(await phases()).toEqual(Array(CONNECTIONS).fill('parallel'));
    expect(await readdir(empty)).toEqual(['bundle']);

    expect((await move('sync', '--all')).document.synced).toHaveLength(CONNECTIONS);
    await expectRecords('parallel');
  },
  LIMIT_MS,
);

function onShard(shard: number): string[] {
  return estate.names.filter((_, index) => index % 2 === shard);
}

async function move(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await estate.project.cutover([...args, '--yes', '--json']);
  const document = moveDocumentSchema.safeParse(JSON.parse(stdout));
  if (!document.success) throw new Error(`${args.join(' ')} ended with ${exitCode}: ${stdout}${stderr}`);
  return { exitCode, document: document.data };
}

async function phases(): Promise<Phase[]> {
  const routes = await estate.routes();
  return estate.names.flatMap((name) => routes.get(name)?.phase ?? []);
}

/** Stack file and Pulumi state say what the gateways say. */
async function expectRecords(phase: Phase): Promise<void> {
  const { stdout } = await estate.project.cutover(['status', '--json']);
  for (const { truth } of statusDocumentSchema.parse(JSON.parse(stdout)).connections) {
    expect(truth).toMatchObject({ config: truth.gateway, pulumi: truth.gateway, gateway: { phase } });
  }
}
