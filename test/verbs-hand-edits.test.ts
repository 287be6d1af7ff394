/**
 * An old checkout, and edits by hand: routes stay as they are, and the reason is said. And some refused, some aborting:
 * the others go on, and the stack file says what is true.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveDocumentSchema } from '../core/documents.ts';
import { type Estate, STACK_HEAD, startEstate } from './verbs-estate.ts';
import { type PulumiRun, runPulumi } from './verbs-pulumi.ts';

const LIMIT_MS = 600_000;
const REFUSED = 'practice-001-orders';
const ABORTING = 'practice-002-orders';
const DEAD = { host: '127.0.0.1', port: 9 };

let estate: Estate;
let staleFolder: string;

beforeAll(async () => {
  estate = await startEstate(5, {
    change: ({ name, feed }) => {
      if (name === REFUSED) return { effects: [{ kind: 'print' }] };
      if (name !== ABORTING || typeof feed !== 'object' || feed === null || !('platforms' in feed)) return {};
      return { feed: { ...feed, platforms: { ...Object(feed.platforms), new: DEAD } } };
    },
  });
  await verb(['sync', '--all'], 0);
  staleFolder = join(estate.project.folder, 'stale');
  await cp(join(estate.project.folder, 'stacks'), join(staleFolder, 'stacks'), { recursive: true });
  for (const shared of ['infra', 'core', 'adapters', 'node_modules', 'Pulumi.yaml', 'package.json']) {
    await cp(join(estate.project.folder, shared), join(staleFolder, shared), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}, LIMIT_MS);

afterAll(() => estate.stop(), LIMIT_MS);

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
    expect(output).toMatch(/practice-00[245]-orders: .*(stale|epoch)/);
  },
  LIMIT_MS,
);

test.each([
  { args: ['parallel', '--all'], exitCode: 3, why: /already|switched|illegal/ },
  {
    args: ['cancel', '--all', '--reason', 'x', '--connection', 'practice-003-orders'].filter((arg) => arg !== '--all'),
    exitCode: 3,
    why: /switched/,
  },
  { args: ['switch', '--connection', 'practice-003-orders'], exitCode: 0, why: /there already|alreadyThere/ },
])(
  'from the stale checkout: $args leaves the routes as they are',
  async ({ args, exitCode, why }) => {
    const before = await routes();
    const run = await estate.project.cutover([...args, '--yes', '--json', '--project', staleFolder]);
    expect({ ...run, why: run.stdout }).toMatchObject({ exitCode, why: expect.stringMatching(why) });
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

async function expectTrueStackFile(): Promise<void> {
  const text = await stackText();
  for (const { name, phase, epoch } of await routes()) {
    expect(text).toMatch(new RegExp(`${name}: \\{ phase: ${phase},.* epoch: ${epoch}\\b`));
  }
}

async function unchangedBy(folder: string, args: readonly string[]): Promise<PulumiRun> {
  const before = await routes();
  const backend = { PULUMI_BACKEND_URL: `file://${join(estate.project.folder, 'backend')}` };
  const run = await runPulumi(folder, { ...estate.env, ...backend }, args);
  expect(await routes()).toEqual(before);
  return run;
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
