/**
 * Bad input of every kind: one clear message with a remedy, the right exit code, one document with --json, no stack
 * trace, and nothing changed.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { errorDocumentSchema } from '../core/documents.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';

const LIMIT_MS = 120_000;
const NAME = 'northside-orders';
const STACK =
  'config:\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n    northside-orders: { phase: legacy, epoch: 1 }\n';

let gateway: FakeGateway;
let project: TestProject;

beforeEach(async () => {
  gateway = await startFakeGateway({ connections: [NAME] });
  project = await createTestProject(gateway.env);
  await project.writeInventory(inventory());
  await project.writeStack(STACK);
}, LIMIT_MS);

afterEach(async () => {
  await gateway.stop();
  await project.remove();
}, LIMIT_MS);

type Case = {
  readonly what: string;
  readonly args: readonly string[];
  readonly exitCode: number;
  readonly message: RegExp;
  /** Changes the project or the environment first. */
  readonly arrange?: () => Promise<Record<string, string> | undefined>;
};

const PARALLEL = ['parallel', '--all', '--yes'];

const CASES: readonly Case[] = [
  { what: 'a misspelt verb', args: ['swich'], exitCode: 2, message: /did you mean 'switch'/ },
  { what: 'a misspelt flag', args: ['switch', '--conection', NAME], exitCode: 2, message: /did you mean --connection/ },
  { what: 'a flag without its value', args: ['switch', '--connection'], exitCode: 2, message: /needs a value/ },
  { what: 'a value where there is none', args: ['switch', '--all=yes'], exitCode: 2, message: /takes no value/ },
  { what: 'a weight of 100', args: ['switch', '--all', '--weight', '100'], exitCode: 2, message: /from 0 to 99/ },
  {
    what: 'a weight that is no number',
    args: ['switch', '--all', '--weight', '1e1'],
    exitCode: 2,
    message: /whole number/,
  },
  {
    what: 'a word too many',
    args: ['switch', NAME],
    exitCode: 2,
    message: /is unexpected: say what it is, with a flag/,
  },
  { what: 'no selection', args: ['switch', '--yes'], exitCode: 2, message: /which connections/ },
  {
    what: 'two selections that exclude each other',
    args: ['switch', '--all', '--wave', 'pilot', '--yes'],
    exitCode: 2,
    message: /exclude each other/,
  },
  {
    what: 'an unknown connection',
    args: ['switch', '--connection', 'northside-order', '--yes'],
    exitCode: 2,
    message: /did you mean northside-orders/,
  },
  {
    what: 'an unknown wave',
    args: ['switch', '--wave', 'pilto', '--yes'],
    exitCode: 2,
    message: /no wave 'pilto'; did you mean pilot/,
  },
  { what: 'no --yes without a terminal', args: ['switch', '--all'], exitCode: 2, message: /needs --yes/ },
  { what: 'a rollback without a reason', args: ['rollback', '--all', '--yes'], exitCode: 2, message: /needs a reason/ },
  { what: 'an unknown shell', args: ['completion', 'tcsh'], exitCode: 2, message: /bash, zsh, fish/ },
  {
    what: 'an unknown stack',
    args: ['status', '--stack', 'tst'],
    exitCode: 2,
    message: /no stack 'tst'.*did you mean test/,
  },
  { what: 'a folder without a project', args: ['status', '--project', '/'], exitCode: 2, message: /no Pulumi.yaml/ },
  {
    what: 'a Pulumi.yaml that is no YAML',
    args: ['status'],
    exitCode: 2,
    message: /Pulumi\.yaml is no Pulumi project file/,
    arrange: async () => void (await writeFile(join(project.folder, 'Pulumi.yaml'), 'name: [')),
  },
  {
    what: 'a stack file that is no YAML',
    args: PARALLEL,
    exitCode: 2,
    message: /Pulumi\.test\.yaml:\d+/,
    arrange: async () =>
      void (await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {a: [}\n')),
  },
  {
    what: 'a phase that does not exist',
    args: PARALLEL,
    exitCode: 2,
    message: /Pulumi\.test\.yaml:4.*phase/,
    arrange: async () => void (await project.writeStack(STACK.replace('legacy,', 'live,'))),
  },
  {
    what: 'a stack of another layer',
    args: [...PARALLEL, '--stack', 'test'],
    exitCode: 2,
    message: /'edge' layer/,
    arrange: async () => void (await project.writeStack('config:\n  lab-cutover:layer: edge\n')),
  },
  {
    what: 'no inventory',
    args: PARALLEL,
    exitCode: 2,
    message: /inventory\.yaml.*cannot be read/,
    arrange: () => rm(join(project.folder, 'stacks/test/inventory.yaml')).then(() => undefined),
  },
  {
    what: 'a port that does not exist',
    args: PARALLEL,
    exitCode: 2,
    message: /inventory\.yaml.*feed.port/,
    arrange: async () => void (await project.writeInventory(inventory({ feed: { ...feed(), port: 70_000 } }))),
  },
  {
    what: 'a port twice',
    args: PARALLEL,
    exitCode: 2,
    message: /inventory\.yaml.*21001/,
    arrange: async () =>
      void (await project.writeInventory(inventory({ legs: { legacy: { port: 21_001 }, new: { port: 23_001 } } }))),
  },
  {
    what: 'a name that no name can be',
    args: PARALLEL,
    exitCode: 2,
    message: /inventory\.yaml.*name/,
    arrange: async () => void (await project.writeInventory(inventory({ name: 'North Side' }))),
  },
  {
    what: 'no credential',
    args: PARALLEL,
    exitCode: 1,
    message: /CUTOVER_ADMIN_TOKEN/,
    arrange: async () => ({ CUTOVER_ADMIN_TOKEN: '' }),
  },
  {
    what: 'a wrong credential',
    args: PARALLEL,
    exitCode: 1,
    message: /token|credential/i,
    arrange: async () => ({ CUTOVER_ADMIN_TOKEN: 'nonsense' }),
  },
  {
    what: 'no gateway',
    args: PARALLEL,
    exitCode: 1,
    message: /cannot be reached.*ECONNREFUSED/,
    arrange: async () => void (await project.writeInventory(inventory({}, 'https://127.0.0.1:9'))),
  },
  {
    what: 'no engine',
    args: PARALLEL,
    exitCode: 1,
    message: /CUTOVER_PULUMI/,
    arrange: async () => ({ CUTOVER_PULUMI: '/nowhere/pulumi' }),
  },
  {
    what: 'a backend that cannot be written',
    args: PARALLEL,
    exitCode: 1,
    message: /backend .* cannot be used/,
    arrange: async () => ({ PULUMI_BACKEND_URL: `file://${project.stackFile}/backend` }),
  },
  {
    what: 'a backend where no folder can be',
    args: PARALLEL,
    exitCode: 1,
    message: /backend .* cannot be used: .*\/proc\/nothing\/here cannot be made \(ENOENT\)/,
    arrange: async () => ({ PULUMI_BACKEND_URL: 'file:///proc/nothing/here' }),
  },
  {
    what: 'a cache where no folder can be',
    args: PARALLEL,
    exitCode: 1,
    message: /\/proc\/nothing\/.* cannot be made/,
    arrange: async () => ({ CUTOVER_CACHE: '/proc/nothing/here' }),
  },
  {
    what: 'a database that is not there',
    args: PARALLEL,
    exitCode: 1,
    message: /ledger.*DATABASE_URL/,
    arrange: async () => ({ DATABASE_URL: 'postgres://127.0.0.1:9/none' }),
  },
  {
    what: 'a database address that is none',
    args: PARALLEL,
    exitCode: 1,
    message: /ledger.*DATABASE_URL/,
    arrange: async () => ({ DATABASE_URL: 'nonsense' }),
  },
  ...[['compare'], ['reconcile'], ['audit', 'export', '--out', 'audit-out']].map((args) => ({
    what: `no database for ${args.join(' ')}`,
    args,
    exitCode: 3,
    message: /DATABASE_URL is not set/,
    arrange: async () => ({ DATABASE_URL: '' }),
  })),
  {
    what: 'no room for temporary files',
    args: PARALLEL,
    exitCode: 1,
    message: /Pulumi\.test\.yaml\/nothing/,
    arrange: async () => ({ TMPDIR: join(project.stackFile, 'nothing') }),
  },
  {
    what: 'an entry of a connection that the inventory does not have',
    args: PARALLEL,
    exitCode: 1,
    message: /harbor-orders.*no connection of this name/s,
    arrange: async () => void (await project.writeStack(`${STACK}    harbor-orders: { phase: legacy, epoch: 1 }\n`)),
  },
];

test.each(CASES)(
  '$what: exit $exitCode',
  async ({ args, exitCode, message, arrange }) => {
    const env = (await arrange?.()) ?? {};
    const before = await project.readStack();
    const run = await project.cutover([...args, '--json'], env);
    expect({ ...run, message: run.stderr }).toMatchObject({ exitCode, message: expect.stringMatching(message) });
    const document: unknown = JSON.parse(run.stdout);
    const nextSteps =
      typeof document === 'object' && document !== null && 'nextSteps' in document ? document.nextSteps : [];
    expect(nextSteps).not.toEqual([]);
    if (exitCode === 2) expect(errorDocumentSchema.parse(document).error.message).toMatch(message);
    expect(run.stderr + run.stdout).not.toMatch(/(\n|\\n)\s+at |unforeseen/);
    expect(gateway.moves).toEqual([]);
    expect(withoutSalt(await project.readStack())).toBe(before);
  },
  LIMIT_MS,
);

test('the same for a person: the message and what to do next on stderr, nothing on stdout', async () => {
  await mkdir(join(project.folder, 'elsewhere'));
  const { exitCode, stdout, stderr } = await project.cutover(['switch', '--all', '--yes', '--stack', 'prod']);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(/^! switch: there is no stack 'prod'.*\n {2}next: /);
});

/** Pulumi writes its salt into the stack file when the stack is made, which moves nothing. */
function withoutSalt(text: string): string {
  return text.replace(/^encryptionsalt:.*\n/m, '');
}

function feed(): object {
  const peer = { host: '127.0.0.1', port: 9 };
  return { port: 21_001, platforms: { legacy: peer, new: peer } };
}

function inventory(change: object = {}, admin = gateway.admin): object {
  const connection = {
    name: NAME,
    direction: 'orders',
    practice: 'northside',
    wave: 'pilot',
    feed: feed(),
    legs: { legacy: { port: 22_001 }, new: { port: 23_001 } },
    destination: { host: '127.0.0.1', port: 9 },
    ...change,
  };
  return { deployment: 'lab-test-1', gateways: [{ shard: 0, admin }], connections: [connection] };
}

test('a Node that is too old is told which one it takes, and where to get it', async () => {
  const preload = join(project.folder, 'old-node.cjs');
  await writeFile(preload, "Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } });");
  const command = ['--require', preload, join(REPOSITORY, 'scripts/cutover.cjs'), 'status', '--json'];
  const run = spawnSync(process.execPath, command, { encoding: 'utf8' });
  expect(run).toMatchObject({ status: 2, stdout: '' });
  expect(run.stderr).toMatch(/^! cutover takes Node 24 or newer; .*\n {2}next: npm ci/);
});
