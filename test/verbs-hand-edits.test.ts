/**
 * An old checkout, and edits by hand: routes stay as they are, and the reason is said. And some refused, some aborting:
 * the others go on, and the stack file says what is true.
 */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveDocumentSchema } from '../core/documents.ts';
import { type Estate, STACK_HEAD, startEstate } from './verbs-estate.ts';
import { type Parties, type Sender, startParties, startSender } from './verbs-parties.ts';
import { type PulumiRun, runPulumi } from './verbs-pulumi.ts';

const LIMIT_MS = 600_000;
const REFUSED = 'practice-001-orders';
const ABORTING = 'practice-002-orders';
const DEAD = { host: '127.0.0.1', port: 9 };
/** These carry messages all the while. */
const [EDITED, NEIGHBOUR] = ['practice-003-orders', 'practice-004-orders'] as const;

let estate: Estate;
let staleFolder: string;
const parties = new Map<string, Parties>();
/** One after the other, of each. */
const senders = new Map<string, Sender[]>();

beforeAll(async () => {
  estate = await startEstate(5, {
    change: async ({ name, feed, legs }) => {
      if (name === REFUSED) return { effects: [{ kind: 'print' }] };
      const { platforms } = Object(feed);
      if (name === ABORTING) return { feed: { ...Object(feed), platforms: { ...platforms, new: DEAD } } };
      if (name !== EDITED && name !== NEIGHBOUR) return {};
      const own = await startParties({ legacy: Object(legs).legacy.port, new: Object(legs).new.port });
      parties.set(name, own);
      const at = (port: number): object => ({ host: '127.0.0.1', port });
      const both = { legacy: at(own.ports.legacy), new: at(own.ports.new) };
      return {
        feed: { ...Object(feed), platforms: both },
        destination: at(own.ports.destination),
        correlate: ['MSH-10'],
      };
    },
  });
  for (const [name, own] of parties) senders.set(name, [startSender(own, feedPortOf(name), name)]);
  await verb(['sync', '--all'], 0);
  staleFolder = join(estate.project.folder, 'stale');
  await cp(join(estate.project.folder, 'stacks'), join(staleFolder, 'stacks'), { recursive: true });
  await cp(join(staleFolder, 'stacks'), join(staleFolder, 'as-it-was'), { recursive: true });
  for (const shared of ['infra', 'core', 'adapters', 'node_modules', 'Pulumi.yaml', 'package.json']) {
    await cp(join(estate.project.folder, shared), join(staleFolder, shared), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}, LIMIT_MS);

afterAll(async () => {
  await stopSenders();
  await estate?.stop();
  await Promise.all([...parties.values()].map((one) => one.stop()));
}, LIMIT_MS);

test(
  'one refused: the others go on, exit 4, it is named with its reason, the stack file is true',
  async () => {
    const document = await verb(['parallel', '--all'], 4);
    expect(document.changed).toHaveLength(4);
    expect(document.refused).toMatchObject([{ name: REFUSED, code: 'effects-unclassified' }]);
    await expectTrueStackFile();
  },
  LIMIT_MS,
);

test(
  'one refused and one aborting: the others are switched, exit 4, both are named, the stack file is true',
  async () => {
    const document = await verb(['switch', '--all'], 4);
    expect(document.changed).toHaveLength(3);
    expect(document.refused).toMatchObject([{ name: REFUSED, code: 'illegal-move' }]);
    expect(document.aborted).toMatchObject([{ name: ABORTING, message: expect.stringMatching(/does not accept/) }]);
    expect(document.failed).toEqual([]);
    await expectTrueStackFile();
  },
  LIMIT_MS,
);

test(
  'from the stale checkout: a bare `pulumi up` is refused, naming what is stale and who moved it',
  async () => {
    const { exitCode, output } = await unchangedBy(staleFolder, ['up', '--yes']);
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(/practice-00[2345]-orders: .*(stale|epoch)/);
  },
  LIMIT_MS,
);

/** What each verb finds at the gateway, where the stale stack file says `legacy` of all. Moves first, then the others. */
const FROM_STALE: readonly { readonly args: readonly string[]; readonly exitCode: number; readonly why: RegExp }[] = [
  { args: ['parallel', '--all', '--yes'], exitCode: 3, why: /practice-003-orders[^}]*switched/ },
  { args: ['switch', '--connection', EDITED, '--yes'], exitCode: 0, why: /"alreadyThere":\[\{"name":"practice-003/ },
  { args: ['rollback', '--connection', REFUSED, '--reason', 'x', '--yes'], exitCode: 0, why: /"alreadyThere":\[\{/ },
  { args: ['cancel', '--connection', EDITED, '--reason', 'x', '--yes'], exitCode: 3, why: /switched/ },
  { args: ['decommission', '--connection', ABORTING, '--yes'], exitCode: 3, why: /parallel/ },
  { args: ['insert', '--connection', EDITED, '--yes'], exitCode: 3, why: /no edge/ },
  { args: ['remove', '--connection', EDITED, '--reason', 'x', '--yes'], exitCode: 3, why: /no edge/ },
  { args: ['sync', '--all'], exitCode: 0, why: /"synced":\["practice-00/ },
  { args: ['status'], exitCode: 3, why: /"agree":false.*cutover sync/s },
  { args: ['doctor'], exitCode: 3, why: /do not say what the gateway says, for/ },
  { args: ['gate', '--connection', EDITED], exitCode: 3, why: /"verdict":"red"/ },
  { args: ['hold', '--connection', EDITED, '--for', '1s', '--reason', 'x'], exitCode: 0, why: /held until/ },
  { args: ['release', '--connection', EDITED], exitCode: 0, why: /released/ },
  { args: ['drill', '--connection', EDITED, '--wait', '60s'], exitCode: 0, why: /"verdict":"passed"/ },
  { args: ['resolve'], exitCode: 0, why: /"decisions":\[\]/ },
  { args: ['history', '--connection', EDITED], exitCode: 0, why: /"phase":"switched"/ },
];

test.each(FROM_STALE)(
  'from the stale checkout: $args leaves the routes as they are, and says why',
  async ({ args, exitCode, why }) => {
    const stacks = join(staleFolder, 'stacks');
    await rm(stacks, { recursive: true });
    await cp(join(staleFolder, 'as-it-was'), stacks, { recursive: true });
    const before = await routes();
    const run = await estate.project.cutover([...args, '--json', '--project', staleFolder]);
    expect({ ...run, said: run.stdout }).toMatchObject({ exitCode, said: expect.stringMatching(why) });
    expect(await routes()).toEqual(before);
  },
  LIMIT_MS,
);

const HAND_EDITS: readonly {
  readonly what: string;
  readonly why: RegExp;
  readonly edit?: () => Promise<void>;
  readonly args?: readonly string[];
}[] = [
  { what: 'pulumi destroy', why: /protect/, args: ['destroy', '--yes'] },
  {
    what: 'an entry removed',
    why: /protect|in the path/,
    edit: async () => writeStack((await stackText()).replace(/^ *practice-003-orders:.*\n/m, '')),
  },
  {
    what: 'a connection removed from the inventory',
    why: /practice-003-orders.*no connection of this name/s,
    edit: () => writeConnections((list) => list.filter(({ name }) => name !== 'practice-003-orders')),
  },
  {
    what: 'a connection renamed without previousNames',
    why: /practice-003-orders.*no connection of this name/s,
    edit: () => writeConnections((list) => list.map((item) => renamed(item, {}))),
  },
  {
    what: 'a connection renamed with previousNames, the entry as it was',
    why: /rename the entry to 'practice-three-orders'/,
    edit: () => writeConnections((list) => list.map((item) => renamed(item, { previousNames: [item.name] }))),
  },
  {
    what: 'the ports of two connections swapped',
    why: /listens? on|ports?/,
    edit: () => writeConnections(swapped),
  },
];

test.each(HAND_EDITS)(
  'by hand: $what is refused, and the routes are as they were',
  async ({ edit, why, args = ['up', '--yes'] }) => {
    const before = await stackText();
    await edit?.();
    try {
      const { exitCode, output } = await unchangedBy(estate.project.folder, args);
      expect({ exitCode, output }).toMatchObject({ output: expect.stringMatching(why) });
      expect(exitCode).not.toBe(0);
    } finally {
      await writeStack(before);
      await estate.project.writeInventory(estate.inventory);
    }
  },
  LIMIT_MS,
);

test(
  'a gateway that is told of swapped ports serves both as before',
  async () => {
    try {
      await writeConnections(swapped);
      process.kill(estate.gatewayPid(), 'SIGHUP');
      await expectTraffic();
      const info = await estate.admin.info();
      expect(info.ok && info.value.feeds).toMatchObject({
        [EDITED]: feedPortOf(EDITED),
        [NEIGHBOUR]: feedPortOf(NEIGHBOUR),
      });
    } finally {
      await estate.project.writeInventory(estate.inventory);
    }
  },
  LIMIT_MS,
);

test(
  'a gateway that is told of a renamed connection serves it under its former name, and no other beside it',
  async () => {
    const before = await routes();
    for (const previousNames of [[], [EDITED]]) {
      await writeConnections((list) => list.map((item) => renamed(item, { previousNames })));
      process.kill(estate.gatewayPid(), 'SIGHUP');
      await expectTraffic();
      expect(await routes()).toEqual(before);
    }
    await estate.project.writeInventory(estate.inventory);
  },
  LIMIT_MS,
);

test(
  'a gateway that is told of a removed connection serves it on; started anew without it, it refuses and names it',
  async () => {
    const before = await routes();
    await writeConnections((list) => list.filter(({ name }) => name !== EDITED));
    process.kill(estate.gatewayPid(), 'SIGHUP');
    await expectTraffic();
    expect(await routes()).toEqual(before);
    process.kill(estate.gatewayPid(), 'SIGTERM');
    await expect(estate.restartGateway()).rejects.toThrow(/the journal knows the connection .*practice-003-orders/s);
    await estate.project.writeInventory(estate.inventory);
    await estate.restartGateway();
    await expectTraffic();
    expect(await routes()).toEqual(before);
  },
  LIMIT_MS,
);

test(
  'a rename in order, restarting the gateway: the route keeps its epoch, sync renames entry and resource, and messages go on',
  async () => {
    const { phase, epoch } = (await estate.routes()).get(EDITED) ?? {};
    await writeConnections((list) => list.map((item) => renamed(item, { previousNames: [item.name] })));
    process.kill(estate.gatewayPid(), 'SIGTERM');
    await estate.restartGateway();
    // An entry under a former name would stop every update, also that of another connection.
    expect(await verb(['rollback', '--connection', NEIGHBOUR, '--reason', 'drill'], 0)).toMatchObject({ warnings: [] });
    await verb(['sync', '--connection', 'practice-three-orders'], 0);
    expect(await stackText()).not.toContain(`${EDITED}:`);
    const run = await runPulumi(estate.project.folder, { ...estate.env, ...backend() }, ['up', '--yes']);
    expect(run).toMatchObject({ exitCode: 0 });
    const now = await estate.routes();
    expect(now.get('practice-three-orders')).toMatchObject({ phase, epoch });
    expect(now.has(EDITED)).toBe(false);
    await expectTraffic();
    const status = await estate.project.cutover(['status', '--connection', 'practice-three-orders', '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({
      connections: [{ truth: { config: { epoch }, pulumi: { epoch } } }],
    });
  },
  LIMIT_MS,
);

test(
  'ports swapped in order, the senders with them: each reaches its own destination again, and no route has moved',
  async () => {
    const before = await routesWithoutNames();
    await stopSenders();
    const inOrder = (list: readonly Connection[]): readonly Connection[] =>
      swapped(list).map((item) => renamed(item, { previousNames: [item.name] }));
    await writeConnections(inOrder);
    process.kill(estate.gatewayPid(), 'SIGTERM');
    await estate.restartGateway();
    const ports = new Map<string, number>([
      [EDITED, feedPortOf(NEIGHBOUR)],
      [NEIGHBOUR, feedPortOf(EDITED)],
    ]);
    for (const [name, own] of parties) {
      senders.get(name)?.push(startSender(own, ports.get(name) ?? 0, `${name}-swapped`));
    }
    await expectTraffic();
    expect(await routesWithoutNames()).toEqual(before);
  },
  LIMIT_MS,
);

test(
  'through all of it: every message that was answered arrived once, in order',
  async () => {
    await stopSenders();
    for (const [name, own] of parties) {
      const accepted = senders.get(name)?.flatMap((sender) => sender.accepted) ?? [];
      expect(accepted.length).toBeGreaterThan(20);
      await expect.poll(() => own.delivered.length, { timeout: 60_000 }).toBe(accepted.length);
      expect(own.delivered).toEqual(accepted);
    }
  },
  LIMIT_MS,
);

async function stopSenders(): Promise<void> {
  await Promise.all([...senders.values()].flat().map((sender) => sender.stop()));
}

async function verb(args: readonly string[], exitCode: number) {
  const run = await estate.project.cutover([...args, '--yes', '--json']);
  expect(run).toMatchObject({ exitCode });
  return moveDocumentSchema.parse(JSON.parse(run.stdout));
}

async function routes() {
  return [...(await estate.routes()).values()].map(({ name, phase, epoch, control }) => ({
    name,
    phase,
    epoch,
    control,
  }));
}

async function routesWithoutNames() {
  return (await routes()).map(({ name: _, ...route }) => route);
}

async function expectTrueStackFile(): Promise<void> {
  const text = await stackText();
  for (const { name, phase, epoch } of await routes()) {
    expect(text).toMatch(new RegExp(`${name}: \\{ phase: ${phase},.* epoch: ${epoch}\\b`));
  }
}

async function unchangedBy(folder: string, args: readonly string[]): Promise<PulumiRun> {
  const before = await routes();
  const run = await runPulumi(folder, { ...estate.env, ...backend() }, args);
  expect(await routes()).toEqual(before);
  await expectTraffic();
  return run;
}

function backend(): { readonly PULUMI_BACKEND_URL: string } {
  return { PULUMI_BACKEND_URL: `file://${join(estate.project.folder, 'backend')}` };
}

function feedPortOf(name: string): number {
  return Object(estate.inventory.connections.find((item) => item.name === name)?.feed).port;
}

/** Messages of both go on arriving. */
async function expectTraffic(): Promise<void> {
  for (const [name, own] of parties) {
    const count = own.delivered.length;
    await expect.poll(() => own.delivered.length, { timeout: 60_000, message: name }).toBeGreaterThan(count + 2);
  }
}

/** The two take each other's feed port. */
function swapped(list: readonly Connection[]): readonly Connection[] {
  const portOf = (name: string): number => feedPortOf(name === EDITED ? NEIGHBOUR : EDITED);
  return list.map((item) =>
    item.name === EDITED || item.name === NEIGHBOUR
      ? { ...item, feed: { ...Object(item.feed), port: portOf(item.name) } }
      : item,
  );
}

function stackText(): Promise<string> {
  return estate.project.readStack();
}

async function writeStack(text: string): Promise<void> {
  expect(text).toContain(STACK_HEAD.split('\n')[1]);
  await estate.project.writeStack(text);
}

type Connection = Estate['inventory']['connections'][number];

async function writeConnections(change: (list: readonly Connection[]) => readonly Connection[]): Promise<void> {
  const { inventory } = estate;
  await estate.project.writeInventory({ ...inventory, connections: change(inventory.connections) });
}

function renamed(item: Connection, more: object): Connection {
  return item.name === 'practice-003-orders' ? { ...item, ...more, name: 'practice-three-orders' } : item;
}
