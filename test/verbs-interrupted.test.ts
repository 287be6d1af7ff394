/** Two operators, Ctrl-C, kills and locks: whatever stops a verb, the next one finds what is true and finishes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { moveDocumentSchema } from '../core/documents.ts';
import { createTestProject, inventoryAt, type TestProject } from './verbs-harness.ts';

const LIMIT_MS = 120_000;
const NAME = 'northside-orders';
const PARALLEL = ['parallel', '--all', '--yes', '--json'];

let gateway: FakeGateway;
let client: GatewayClient;
let project: TestProject;

beforeEach(async () => {
  gateway = await startFakeGateway({ connections: [NAME] });
  client = new GatewayClient({ admin: gateway.admin, shard: 0, env: gateway.env });
  project = await createTestProject(gateway.env);
  await project.writeInventory(inventoryAt(gateway.admin, [NAME]));
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
}, LIMIT_MS);

afterEach(async () => {
  await client.close();
  await gateway.stop();
  await project.remove();
}, LIMIT_MS);

describe('another verb holds the lease', () => {
  test(
    'the second waits, says for whom, and goes on when it is free',
    async () => {
      await holdLease();
      const verb = project.start(PARALLEL);
      await verb.until(/waiting: 'switch' by grace on ops-2/);
      expect(gateway.moves).toEqual([]);
      await client.lease.release('other');
      const { exitCode, stdout } = await verb.ended;
      expect(exitCode).toBe(0);
      expect(moveDocumentSchema.parse(JSON.parse(stdout)).changed).toMatchObject([{ name: NAME, epoch: 2 }]);
      expect(await client.lease.get()).toEqual({ ok: true, value: null });
    },
    LIMIT_MS,
  );

  test(
    'Ctrl-C while it waits: exit 130, one document, nothing changed',
    async () => {
      await holdLease();
      const verb = project.start(PARALLEL);
      await verb.until(/waiting: /);
      verb.kill('SIGINT');
      const { exitCode, stdout } = await verb.ended;
      expect(exitCode).toBe(130);
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, exitCode: 130, error: { code: 'interrupted' } });
      expect(gateway.moves).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'a forced rollback does not wait for it',
    async () => {
      gateway.setRoute(NAME, { phase: 'switched', newWeight: 0, epoch: 3 });
      await holdLease();
      const args = ['rollback', '--all', '--reason', 'new is dead', '--force', '--yes', '--json'];
      const { exitCode, stdout } = await project.cutover(args);
      expect({ exitCode, ...JSON.parse(stdout) }).toMatchObject({ exitCode: 0, changed: [{ name: NAME, epoch: 4 }] });
      expect(gateway.moves).toMatchObject([{ force: true, origin: 'verb', reason: 'new is dead' }]);
    },
    LIMIT_MS,
  );
});

/** The kills themselves are in verbs-killed.slow.test.ts. */
describe('a verb that was killed', () => {
  test(
    'its lock on this host is broken, because its process is gone',
    async () => {
      await leaveLock({ pid: 2 ** 22 + 1, hostname: hostname() });
      const { exitCode, stderr } = await project.cutover(PARALLEL);
      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/breaking the lock of process \d+ .* which is no longer running/);
    },
    LIMIT_MS,
  );

  test(
    'a lock from another host is broken only with --take-over',
    async () => {
      await leaveLock({ pid: 4711, hostname: 'ops-2' });
      const waiting = project.start(PARALLEL);
      await waiting.until(/waiting: the stack is locked by process 4711 of grace on ops-2/);
      waiting.kill('SIGINT');
      const interrupted = await waiting.ended;
      expect(interrupted.exitCode).toBe(130);
      expect(moveDocumentSchema.parse(JSON.parse(interrupted.stdout))).toMatchObject({
        changed: [],
        failed: [{ code: 'pulumi-locked' }],
      });
      expect(gateway.moves).toEqual([]);
      const { exitCode } = await project.cutover([...PARALLEL, '--take-over']);
      expect(exitCode).toBe(0);
    },
    LIMIT_MS,
  );
});

async function holdLease(): Promise<void> {
  const held = await client.lease.acquire({ holder: 'other', host: 'ops-2', operator: 'grace', verb: 'switch' });
  expect(held.ok).toBe(true);
}

/** As the CLI writes it; the stack is made first, as it would have been. */
async function leaveLock(holder: { readonly pid: number; readonly hostname: string }): Promise<void> {
  expect((await project.cutover(['sync', '--all', '--json'])).exitCode).toBe(0);
  const folder = join(project.folder, 'backend/.pulumi/locks/organization/lab-cutover/test');
  await mkdir(folder, { recursive: true });
  const lock = { ...holder, username: 'grace', timestamp: new Date().toISOString() };
  await writeFile(join(folder, '4b7b9f1e-0000-4000-8000-000000000000.json'), JSON.stringify(lock));
}
