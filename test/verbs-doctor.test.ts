/** `doctor`: every cause that it looks for, made for real, is a finding with its remedy; nothing is changed. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { doctorDocumentSchema } from '../core/documents.ts';
import { createTestProject, type TestProject } from './verbs-harness.ts';
import { runPulumi } from './verbs-pulumi.ts';

const LIMIT_MS = 120_000;
const NAME = 'northside-orders';
const STACK = `config:\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n    ${NAME}: { phase: legacy, epoch: 1 }\n`;

let gateway: FakeGateway;
let project: TestProject;
let platform: Server;
let platformPort: number;

beforeEach(async () => {
  gateway = await startFakeGateway({ connections: [NAME] });
  project = await createTestProject(gateway.env);
  platform = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(platform, 'listening');
  const address = platform.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  platformPort = address.port;
  await write({});
  await project.writeStack(STACK);
}, LIMIT_MS);

afterEach(async () => {
  platform.close();
  await gateway.stop();
  await project.remove();
}, LIMIT_MS);

test(
  'where nothing is wrong: what it looked at, and what it did not',
  async () => {
    const { ok, verdicts } = await doctor();
    expect({ ok, verdicts }).toMatchObject({
      ok: false,
      verdicts: {
        node: 'ok',
        git: 'ok',
        'ssh-keygen': 'ok',
        'disk.space': expect.stringMatching(/ok|warning/),
        'disk.sync': expect.stringMatching(/ok|warning/),
        'pulumi.engine': 'ok',
        'pulumi.backend': 'ok',
        postgresql: 'not-checked',
        'gateway.0.reachable': 'ok',
        'gateway.0.clock': 'ok',
        'gateway.0.lease': 'ok',
        'gateway.0.version': 'warning',
        'peers.names': 'ok',
        'peers.ports': 'not-checked',
        // No `sync` has been run yet: Pulumi has no route.
        agreement: 'failed',
      },
    });
  },
  LIMIT_MS,
);

type Case = {
  readonly what: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly arrange?: () => Promise<unknown> | unknown;
  readonly check: string;
  readonly verdict: 'failed' | 'warning' | 'ok';
  readonly message: RegExp;
  readonly remedy: RegExp | null;
};

const CASES: readonly Case[] = [
  {
    what: 'a gateway that is not there',
    arrange: () => write({ admin: 'https://127.0.0.1:9' }),
    check: 'gateway.0.reachable',
    verdict: 'failed',
    message: /cannot be reached \(ECONNREFUSED\)/,
    remedy: /check that the gateway runs/,
  },
  {
    what: 'a gateway that is not there, and someone else has its port',
    arrange: () => write({ admin: 'https://127.0.0.1:9', feedPort: platformPort }),
    check: 'gateway.0.ports',
    verdict: 'failed',
    message: /taken on this host: \d+/,
    remedy: /ss -ltnp/,
  },
  {
    what: 'a gateway of another deployment',
    arrange: () => write({ deployment: 'lab-other' }),
    check: 'gateway.0.identity',
    verdict: 'failed',
    message: /deployment lab-test-1.*expects lab-other/,
    remedy: /gateways/,
  },
  {
    what: 'a lease that a verb elsewhere holds',
    arrange: () => holdLease(),
    check: 'gateway.0.lease',
    verdict: 'warning',
    message: /'switch' by grace on ops-2 holds its lease/,
    remedy: /ends by itself/,
  },
  {
    what: 'a database that is down',
    env: { DATABASE_URL: 'postgres://127.0.0.1:9/none' },
    check: 'postgresql',
    verdict: 'failed',
    message: /ECONNREFUSED/,
    remedy: /DATABASE_URL/,
  },
  {
    what: 'an engine that is not there',
    env: { CUTOVER_PULUMI: '/nowhere/pulumi' },
    check: 'pulumi.engine',
    verdict: 'failed',
    message: /CUTOVER_PULUMI/,
    remedy: /install Pulumi/,
  },
  {
    what: 'a backend that is not there',
    env: { PULUMI_BACKEND_URL: 'file:///proc/nothing/here' },
    check: 'pulumi.engine',
    verdict: 'failed',
    message: /backend .* cannot be used/,
    remedy: /./,
  },
  {
    what: 'a stack file that says something else than the gateway',
    arrange: () => gateway.setRoute(NAME, { phase: 'parallel', newWeight: 0, epoch: 2 }),
    check: 'agreement',
    verdict: 'failed',
    message: /do not say what the gateway says, for northside-orders/,
    remedy: /cutover sync/,
  },
  {
    what: 'a host whose name does not resolve',
    arrange: () => write({ host: 'nowhere.invalid' }),
    check: 'peers.names',
    verdict: 'failed',
    message: /do not resolve here: nowhere\.invalid/,
    remedy: /DNS/,
  },
  {
    what: 'a platform that listens, asked with --connect',
    args: ['--connect'],
    check: 'peers.ports',
    verdict: 'ok',
    message: /every port of the platforms \(1\) accepts/,
    remedy: null,
  },
  {
    what: 'a platform that does not listen, asked with --connect',
    args: ['--connect'],
    arrange: () => platform.close(),
    check: 'peers.ports',
    verdict: 'failed',
    message: /do not accept connections from here: 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    remedy: /firewall/,
  },
];

test.each(CASES)(
  '$what: $check is $verdict',
  async ({ args = [], env = {}, arrange, check, verdict, message, remedy }) => {
    await arrange?.();
    const { findings, exitCode } = await doctor(args, env);
    const found = findings.find((finding) => finding.check === check);
    expect(found).toMatchObject({ verdict, message: expect.stringMatching(message) });
    if (remedy === null) expect(found?.remedy).toBeNull();
    else expect(found?.remedy).toMatch(remedy);
    if (verdict === 'failed') expect(exitCode).toBe(3);
    expect(gateway.moves).toEqual([]);
    expect(await project.readStack()).toBe(STACK);
  },
  LIMIT_MS,
);

test(
  'a lost passphrase: doctor finds it before the night, a verb says what to do, and a new one is given as the how-to has it',
  async () => {
    const [former, next] = ['correct horse', 'a new one'].map((text) => ({ PULUMI_CONFIG_PASSPHRASE: text }));
    expect((await project.cutover(['sync', '--all', '--json'], former)).exitCode).toBe(0);
    expect((await doctor([], former)).verdicts['pulumi.passphrase']).toBe('ok');
    const { exitCode, findings } = await doctor([], next);
    const found = findings.find(({ check }) => check === 'pulumi.passphrase');
    expect([exitCode, found]).toMatchObject([
      3,
      { verdict: 'failed', remedy: expect.stringMatching(/A lost passphrase/) },
    ]);
    const move = ['parallel', '--all', '--yes', '--json'];
    const refused = await project.cutover(move, next);
    expect([refused.exitCode, JSON.parse(refused.stdout).failed]).toMatchObject([
      1,
      [
        {
          message: expect.stringMatching(/incorrect passphrase/),
          next: [/set PULUMI_CONFIG_PASSPHRASE/, /lost/, /rollback/].map((text) => expect.stringMatching(text)),
        },
      ],
    ]);
    expect(gateway.moves).toEqual([]);

    const env = { ...gateway.env, ...next };
    const state = JSON.parse((await runPulumi(project.folder, env, ['stack', 'export'])).output);
    delete state.deployment.secrets_providers;
    await writeFile(join(project.folder, 'state.json'), JSON.stringify(state));
    // Without the salt in the stack file, the state's counts.
    await project.writeStack((await project.readStack()).replace(/^encryptionsalt:.*\n/m, ''));
    expect((await doctor([], next)).verdicts['pulumi.passphrase']).toBe('failed');
    const imported = await runPulumi(project.folder, env, ['stack', 'import', '--file', 'state.json']);
    expect(imported).toMatchObject({ exitCode: 0 });
    expect((await project.cutover(move, next)).exitCode).toBe(0);
    expect((await doctor([], next)).verdicts['pulumi.passphrase']).toBe('ok');
  },
  LIMIT_MS,
);

async function doctor(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = await project.cutover(['doctor', ...args, '--json'], env);
  expect(stderr + stdout).not.toMatch(/(\n|\\n)\s+at |unforeseen/);
  const { ok, findings } = doctorDocumentSchema.parse(JSON.parse(stdout));
  return {
    ok,
    exitCode,
    findings,
    verdicts: Object.fromEntries(findings.map(({ check, verdict }) => [check, verdict])),
  };
}

async function holdLease(): Promise<void> {
  const client = new GatewayClient({ admin: gateway.admin, shard: 0, env: gateway.env });
  await client.lease.acquire({ holder: 'other', host: 'ops-2', operator: 'grace', verb: 'switch' });
  await client.close();
}

type Change = {
  readonly admin?: string;
  readonly deployment?: string;
  readonly feedPort?: number;
  readonly host?: string;
};

function write({ admin, deployment = 'lab-test-1', feedPort = 21_001, host = '127.0.0.1' }: Change): Promise<void> {
  const peer = { host, port: platformPort };
  return project.writeInventory({
    deployment,
    gateways: [{ shard: 0, admin: admin ?? gateway.admin }],
    connections: [
      {
        name: NAME,
        direction: 'orders',
        practice: 'northside',
        wave: 'pilot',
        feed: { port: feedPort, platforms: { legacy: peer, new: peer } },
        legs: { legacy: { port: 22_001 }, new: { port: 23_001 } },
        destination: peer,
      },
    ],
  });
}
