/**
 * The runbooks, followed to the letter: every command of a page is taken from it, in its order, its names are filled in as a person
 * would, and it is run by a shell against a deployment under traffic: two gateways, platforms, PostgreSQL, worker, the real
 * engine. A command that is added to one of these pages fails here until it is followed too. `insert-and-remove.md` is
 * followed where there is a load balancer: infra/edge-killed.slow.test.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { killTree } from '../adapters/process-tree.ts';
import { commandsOf, openShell, type Ran, type Shell } from '../adapters/runbook-harness.ts';
import type { Phase } from '../core/platform.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';
import { type Parties, type Sender, startParties, startSender } from './verbs-parties.ts';

const LIMIT_MS = 600_000;
const POLL = { timeout: 120_000, interval: 200 };
const SEND_EVERY_MS = 150;
/** Of shard 0 and 1: the night's wave, and those that something happens to. */
const [TONIGHT, TONIGHT_TOO, TROUBLED, RESTORED] = [1, 2, 3, 4].map((number) => `practice-00${number}-orders`) as [
  string,
  string,
  string,
  string,
];
const WAVE: Readonly<Record<string, string>> = { [TONIGHT]: 'tonight', [TONIGHT_TOO]: 'tonight' };
const SWALLOWED = 'swallowed';

let estate: Estate;
let database: TestPostgres;
let worker: ChildProcess;
let shell: Shell;
let folder: string;
const parties = new Map<string, Parties>();
const senders: { readonly name: string; readonly sender: Sender }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-runbooks-'));
  database = await startPostgres();
  estate = await startEstate(4, {
    shards: 2,
    databaseUrl: database.url,
    change: async ({ name, feed, legs }) => {
      const own = await startParties(
        { legacy: Object(legs).legacy.port, new: Object(legs).new.port },
        // As a legacy channel that filters what it should not.
        { legacy: (message) => (message.includes(SWALLOWED) ? null : message), new: (message) => message },
      );
      parties.set(name, own);
      const at = (port: number): object => ({ host: '127.0.0.1', port });
      return {
        wave: WAVE[name] ?? 'later',
        feed: { ...Object(feed), platforms: { legacy: at(own.ports.legacy), new: at(own.ports.new) } },
        destination: at(own.ports.destination),
        correlate: ['MSH-10'],
      };
    },
  });
  const place = estate.project.folder;
  shell = await openShell(place, { ...process.env, ...estate.env, ...projectEnv(place) }, FIXED);
  const inventory = ['--inventory', join(place, 'stacks/test/inventory.yaml'), '--port', '0', '--project', place];
  worker = spawn(process.execPath, [join(REPOSITORY, 'scripts/cutover.ts'), 'worker', ...inventory], {
    env: { ...process.env, DATABASE_URL: database.url },
    stdio: 'ignore',
  });
  for (const name of estate.names) sendOn(name);
  for (const verb of ['sync', 'parallel']) await ok(`cutover ${verb} --stack production --all --yes`);
}, LIMIT_MS);

afterAll(async () => {
  await stopSending(...(estate?.names ?? []));
  worker?.kill('SIGTERM');
  await estate?.stop();
  await Promise.all([...parties.values()].map((one) => one.stop()));
  await database?.remove();
  await rm(folder, { recursive: true, force: true });
}, LIMIT_MS);

const FIXED = {
  '--stack production': '--stack test',
  'stacks/production': 'stacks/test',
  'stacks/NAME': 'stacks/test',
  'Pulumi.production.yaml': 'Pulumi.test.yaml',
  W: 'tonight',
  ONE: TONIGHT,
  NAME: TROUBLED,
};

/** What a look may find, without being what the page is about. */
const LOOK = [0, 3];

const UNFED = 'needs a flow without a feed: test/verbs-origin-platform.test.ts';

type Step = {
  /** What it must say at this place, at least. */
  readonly says: RegExp;
  /** Of the shell; `until`: run again until it is so, as the page has it ("until green"). */
  readonly exit?: number | readonly number[];
  readonly until?: number;
  readonly names?: Readonly<Record<string, string>>;
  /** What the page says to add, beside the command itself. */
  readonly more?: string;
  readonly before?: () => Promise<unknown>;
  readonly after?: (ran: Ran) => Promise<unknown> | unknown;
  /** Followed in another way than by running it to its end. */
  readonly by?: (command: string) => Promise<unknown>;
  /** Why it is not followed here. */
  readonly notHere?: string;
};

async function follow(runbook: string, steps: readonly Step[]): Promise<void> {
  const commands = await commandsOf(runbook);
  expect(commands.map((command, index) => [command, steps[index]?.says.test(command)])).toEqual(
    commands.map((command) => [command, true]),
  );
  expect(steps).toHaveLength(commands.length);
  for (const [index, step] of steps.entries()) {
    const command = `${commands[index]}${step.more ?? ''}`;
    if (step.notHere !== undefined) continue;
    await step.before?.();
    if (step.by !== undefined) await step.by(shell.fill(command, step.names));
    else if (step.until !== undefined) await untilExit(command, step);
    else {
      const ran = await shell.run(command, step.names);
      expect(ran.exitCode, `${runbook}: ${command}: ${ran.stdout}${ran.stderr}`).toBeOneOf([step.exit ?? 0].flat());
      expect(ran.stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
      await step.after?.(ran);
    }
  }
}

async function untilExit(command: string, { names, until = 0, after }: Step): Promise<void> {
  const endsAt = performance.now() + POLL.timeout;
  for (;;) {
    const ran = await shell.run(command, names);
    if (ran.exitCode === until) {
      await after?.(ran);
      return;
    }
    if (performance.now() > endsAt) expect(ran.exitCode, `${command}: ${ran.stdout}${ran.stderr}`).toBe(until);
  }
}

test(
  'cutover-night.md',
  async () => {
    await follow('cutover-night.md', [
      // Red: the lead of this lab has declared no programme yet, and the page has it say so.
      { says: /plan/, exit: 3 },
      { says: /approve --help/ },
      { says: /doctor/ },
      { says: /status .*--wave W/, until: 0 },
      { says: /drill/ },
      { says: /attest/, notHere: UNFED },
      { says: /switch .*--dry-run/, after: () => expectPhases('parallel', TONIGHT, TONIGHT_TOO) },
      { says: /switch .*--connection ONE/, after: () => expectPhases('switched', TONIGHT) },
      { says: /status .*ONE/, until: 0 },
      { says: /switch .*--wave W --yes/, after: () => expectPhases('switched', TONIGHT, TONIGHT_TOO) },
      { says: /--watch/, by: watched },
      { says: /resolve/, after: ({ stdout }) => expect(stdout).toMatch(/no decision is open/) },
      { says: /compare/, until: 0 },
      { says: /rollback/, after: () => expectPhases('parallel', TONIGHT, TONIGHT_TOO) },
      { says: /reconcile/, until: 0 },
    ]);
  },
  LIMIT_MS,
);

test(
  'recover.md, and what it leads to: a platform is down, a connection is stuck, outputs differ',
  async () => {
    const stuck = 'cutover hold --stack production --connection NAME --for 5m --reason "the destination restarts"';
    await follow('recover.md', [
      {
        says: /status/,
        before: async () => {
          await ok('cutover switch --stack production --connection NAME --yes');
          await parties.get(TROUBLED)?.down('new');
        },
        exit: LOOK,
      },
      { says: /rollback .*--force/, after: () => expectPhases('parallel', TROUBLED) },
      { says: /resolve/, exit: LOOK, after: () => parties.get(TROUBLED)?.up('new') },
      { says: /switch/, before: () => expectFlow(TROUBLED), after: () => expectPhases('switched', TROUBLED) },
      { says: /kubectl/, notHere: 'needs a cluster' },
      {
        says: /status/,
        before: () => ok(stuck),
        exit: LOOK,
      },
      { says: /release/, after: () => expectFlow(TROUBLED) },
      { says: /resolve/, exit: LOOK },
      { says: /compare/, until: 0 },
    ]);
  },
  LIMIT_MS,
);

test(
  'rollback.md, also with the bundle alone',
  async () => {
    const bundle = join(estate.project.folder, 'bundle');
    await follow('rollback.md', [
      { says: /rollback/, after: () => expectPhases('parallel', TROUBLED) },
      { says: /status/, until: 0 },
      {
        says: /rollback .*--force/,
        before: () => ok('cutover switch --stack production --connection NAME --yes'),
        after: () => expectPhases('parallel', TROUBLED),
      },
      { says: /resolve/, exit: LOOK },
      { says: /sync --all/, after: () => expectFlow(TROUBLED) },
      {
        says: /export/,
        by: async (command) => expect(command).toMatch(/CUTOVER_ADMIN_TOKEN_0=\S+ CUTOVER_ADMIN_TOKEN_1=/),
      },
      {
        says: /rollback --inventory bundle/,
        before: async () => {
          await ok('cutover switch --stack production --all --yes');
          await mkdir(bundle);
          await writeFile(join(bundle, 'inventory.yaml'), JSON.stringify(estate.inventory));
          for (const shard of [0, 1])
            await cp(estate.env[`CUTOVER_ADMIN_CA_${shard}`] ?? '', join(bundle, `admin-${shard}.crt`));
        },
        after: () => expectPhases('parallel', ...estate.names),
      },
      { says: /sync --all/ },
      { says: /attest/, notHere: UNFED },
    ]);
  },
  LIMIT_MS,
);

test(
  'gateway-down.md: it was killed, and is started by hand with the line of the page',
  async () => {
    let byHand: ChildProcess | undefined;
    const address = `127.0.0.1:${estate.adminPort}`;
    const here = { 'HOST:PORT': address, DIR: estate.dataDir(0) };
    await follow('gateway-down.md', [
      { says: /healthz/, names: here, before: () => estate.killGateway(0), exit: 7 },
      {
        says: /cutover gateway --inventory/,
        names: here,
        by: async (command) => {
          byHand = shell.start(command);
          await expect
            .poll(() => shell.run('curl -sfk https://HOST:PORT/readyz', here), POLL)
            .toMatchObject({ exitCode: 0 });
          await expectFlow(TONIGHT, TROUBLED);
        },
      },
      {
        says: /gateway repair/,
        names: here,
        before: async () => killTree(byHand?.pid),
        after: ({ stdout, stderr }) => expect(stdout + stderr).toMatch(/"lost":\s*\[\]/),
      },
      {
        says: /curl .*maybeSent/,
        names: { ...here, $CUTOVER_ADMIN_CA: '$CUTOVER_ADMIN_CA_0', $CUTOVER_ADMIN_TOKEN: '$CUTOVER_ADMIN_TOKEN_0' },
        before: async () => {
          await estate.restartGateway(0);
          await expectFlow(TONIGHT, TROUBLED);
        },
        after: ({ stdout }) => expect(JSON.parse(stdout)).toMatchObject({ entries: expect.any(Array) }),
      },
    ]);
  },
  LIMIT_MS,
);

test(
  'swap-aborted.md and decision-list.md: an output is missing, a person decides, the next attempt passes',
  async () => {
    await stopSending(TROUBLED);
    const port = feedPort(TROUBLED);
    for (const number of [1, 2]) expect(await parties.get(TROUBLED)?.send(port, `${SWALLOWED}-${number}`)).toBe('AA');
    const aborted = await shell.run('cutover switch --stack production --connection NAME --yes');
    expect(aborted).toMatchObject({ stdout: expect.stringMatching(/owed/) });
    const ids = await openDecisions();
    expect(ids).toHaveLength(2);
    await follow('decision-list.md', [
      { says: /resolve$/, exit: 3, after: ({ stdout }) => expect(stdout).toContain(ids[0]) },
      { says: /--deliver ID/, names: { ID: ids[0] ?? '' } },
      { says: /--discard ID/, names: { ID: ids[1] ?? '' } },
    ]);
    expect(await openDecisions()).toEqual([]);
    const delivered = parties.get(TROUBLED)?.delivered.filter((id) => id.startsWith(SWALLOWED));
    expect(delivered).toHaveLength(1);
    sendOn(TROUBLED);
    await follow('swap-aborted.md', [
      { says: /status/, until: 0, after: () => expectPhases('parallel', TROUBLED) },
      { says: /resolve/, exit: LOOK },
      { says: /switch .*--yes/, after: () => expectPhases('switched', TROUBLED) },
      { says: /release/, before: () => ok('cutover hold --connection NAME --for 5m --reason "look"') },
      { says: /status/, until: 0 },
      { says: /drill/, before: () => ok('cutover rollback --connection NAME --reason "to drill it" --yes') },
      { says: /rollback --force/, notHere: 'a mention: rollback.md has the whole line' },
    ]);
  },
  LIMIT_MS,
);

test(
  'restore.md and gateway-birth.md: a shard comes back from a snapshot, fenced, and is released',
  async () => {
    const data = estate.dataDir(1);
    const snapshot = join(folder, 'snapshot');
    await stopSending(RESTORED, TONIGHT_TOO);
    await quiet(RESTORED, TONIGHT_TOO);
    await cp(data, snapshot, { recursive: true });
    // Epochs that the snapshot does not know.
    for (const verb of ['switch', 'rollback --reason "drill"'])
      await ok(`cutover ${verb} --stack production --connection NAME --yes`, { NAME: RESTORED });
    const { epoch } = await routeOf(RESTORED);
    await quiet(RESTORED, TONIGHT_TOO);
    await estate.killGateway(1);
    await rm(data, { recursive: true });
    await cp(snapshot, data, { recursive: true });
    const here = { D: data, NAME: RESTORED };
    await follow('restore.md', [
      { says: /gateway init --restore/, names: here, exit: 3 },
      {
        says: /release/,
        names: here,
        before: async () => {
          const restore = (await commandsOf('restore.md')).find((command) => command.includes('init --restore'));
          await ok(`${restore} --yes`, here);
          await estate.restartGateway(1);
          expect(await routeOf(RESTORED)).toMatchObject({ state: 'fenced' });
          expect((await routeOf(RESTORED)).epoch).toBeGreaterThanOrEqual(epoch);
        },
        after: () => ok('cutover release --stack production --connection NAME', { NAME: TONIGHT_TOO }),
      },
      {
        says: /sync/,
        after: () => {
          sendOn(RESTORED);
          sendOn(TONIGHT_TOO);
        },
      },
      { says: /status/, until: 0 },
      { says: /resolve/, exit: LOOK },
    ]);
    await follow('gateway-birth.md', [
      {
        says: /gateway init/,
        names: { DIR: join(folder, 'born'), 'stacks/production/inventory.yaml': 'stacks/test/inventory.yaml' },
      },
      { says: /kubectl/, notHere: 'needs a cluster' },
      { says: /kubectl/, notHere: 'needs a cluster' },
      { says: /kubectl/, notHere: 'needs a cluster' },
    ]);
  },
  LIMIT_MS,
);

test(
  'decommission.md: the wave of the night goes for good',
  async () => {
    await ok('cutover switch --stack production --wave W --yes');
    await expectFlow(TONIGHT, TONIGHT_TOO);
    await follow('decommission.md', [
      { says: /reconcile/, until: 0 },
      { says: /resolve/, exit: LOOK },
      { says: /signoff --help/ },
      {
        says: /decommission .*--dry-run/,
        after: async () => {
          await expectPhases('switched', TONIGHT, TONIGHT_TOO);
          const [, , , command = ''] = await commandsOf('decommission.md');
          await ok(`${command.replace(' --dry-run', '')} --yes`);
          await expectPhases('decommissioned', TONIGHT, TONIGHT_TOO);
        },
      },
      {
        says: /remove/,
        names: { NAME: TONIGHT },
        exit: 3,
        after: ({ stderr }) => expect(stderr).toMatch(/has no edge/),
      },
    ]);
    await expectFlow(TONIGHT, TONIGHT_TOO);
  },
  LIMIT_MS,
);

test(
  'triage.md and shadow-lag.md',
  async () => {
    const address = `127.0.0.1:${estate.adminPort}`;
    await follow('triage.md', [
      { says: /status/, until: 0 },
      { says: /resolve/, exit: LOOK },
      { says: /doctor/, exit: LOOK },
      { says: /history/, after: ({ stdout }) => expect(stdout).toMatch(/the destination restarts|drill|new is down/) },
      { says: /status --practice NAME/, names: { NAME: 'practice-3' }, until: 0 },
      { says: /release/, before: () => ok('cutover hold --connection NAME --for 5m --reason "look"') },
      { says: /status/, until: 0 },
      { says: /history/ },
      { says: /sync/ },
      { says: /approve --help/ },
      { says: /status/, until: 0 },
      { says: /handover --pack/, notHere: 'needs a folder to write to: test/handover.test.ts' },
      { says: /status/, notHere: UNFED },
      { says: /attest/, notHere: UNFED },
      {
        says: /curl/,
        names: {
          'HOST:PORT': address,
          $CUTOVER_ADMIN_CA: '$CUTOVER_ADMIN_CA_0',
          $CUTOVER_ADMIN_TOKEN: '$CUTOVER_ADMIN_TOKEN_0',
        },
        after: ({ stdout }) => expect(JSON.parse(stdout)).toMatchObject({ entries: expect.any(Array) }),
      },
    ]);
    await follow('shadow-lag.md', [
      { says: /status/, until: 0 },
      { says: /resolve --discard/, notHere: 'needs a disk that has been full: test/rules/rule-15-full-disk.test.ts' },
      { says: /cancel/, after: () => expectPhases('legacy', TROUBLED) },
    ]);
  },
  LIMIT_MS,
);

test(
  'through all of it: every message that a source was told is taken has arrived',
  async () => {
    for (const { name, sender } of senders) {
      await sender.stop();
      const own = parties.get(name);
      await expect.poll(() => missingOf(sender.accepted, own?.delivered ?? []), POLL).toEqual([]);
    }
    expect(senders.flatMap(({ sender }) => sender.accepted).length).toBeGreaterThan(100);
  },
  LIMIT_MS,
);

function missingOf(accepted: readonly string[], delivered: readonly string[]): string[] {
  const arrived = new Set(delivered);
  return accepted.filter((id) => !arrived.has(id));
}

/** A sender of its own from here on; ids are never used twice. */
function sendOn(name: string): void {
  const own = parties.get(name);
  if (own === undefined) throw new Error(`${name} has no parties`);
  senders.push({ name, sender: startSender(own, feedPort(name), `${name}-${senders.length}`, SEND_EVERY_MS) });
}

async function stopSending(...names: readonly string[]): Promise<void> {
  await Promise.all(senders.filter(({ name }) => names.includes(name)).map(({ sender }) => sender.stop()));
}

async function ok(command: string, names: Readonly<Record<string, string>> = {}): Promise<void> {
  const ran = await shell.run(command, names);
  expect(ran.exitCode, `${command}: ${ran.stdout}${ran.stderr}`).toBe(0);
}

/** A look that goes on until it is interrupted. */
async function watched(command: string): Promise<void> {
  const child = shell.start(command);
  let shown = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  await expect.poll(() => shown, POLL).toMatch(/tonight/);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  expect(code).toBeOneOf(LOOK);
}

function feedPort(name: string): number {
  return Object(estate.inventory.connections.find((item) => item.name === name)?.feed).port;
}

async function routeOf(name: string) {
  const read = await estate.adminOf(name).connection(name);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

async function expectPhases(phase: Phase, ...names: readonly string[]): Promise<void> {
  for (const name of names) expect(await routeOf(name)).toMatchObject({ name, phase });
}

async function expectFlow(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const own = parties.get(name);
    const count = own?.delivered.length ?? 0;
    await expect.poll(() => own?.delivered.length, { ...POLL, message: name }).toBeGreaterThan(count + 2);
  }
}

/** Nothing is under way. */
async function quiet(...names: readonly string[]): Promise<void> {
  for (const name of names)
    await expect
      .poll(() => routeOf(name), POLL)
      .toMatchObject({ state: 'steady', inFlight: 0, shadowLag: 0, owedOutputs: 0 });
}

async function openDecisions(): Promise<string[]> {
  const read = await estate.adminOf(TROUBLED).decisions();
  if (!read.ok) throw new Error(read.error.message);
  const own = read.value.filter(({ input }) => input?.msh10.startsWith(SWALLOWED) === true);
  return own.filter(({ resolved }) => resolved === null).map(({ id }) => id);
}

function projectEnv(place: string): Readonly<Record<string, string>> {
  return {
    PULUMI_HOME: join(place, 'pulumi-home'),
    PULUMI_BACKEND_URL: `file://${join(place, 'backend')}`,
    PULUMI_CONFIG_PASSPHRASE: '',
    CUTOVER_OPERATOR: 'ada',
    CUTOVER_STACK: 'test',
  };
}
