/** The gateway process before a fake shard: birth, refusals and their exit codes, ready line, signals, stop. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { readySchema } from '../core/admin-api.ts';
import { ed25519Key } from '../core/ssh/test-keys.ts';
import { fakeHost } from './admin/fake-host.ts';
import { JournalCorruptError } from './journal/errors.ts';
import { runGateway, type Surroundings } from './process.ts';
import type { ShardOptions, StartShard } from './shard-options.ts';

const INVENTORY = `deployment: lab-1
gateways: [{ shard: 0, admin: "https://127.0.0.1:7443" }]
connections: []
`;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

class Run {
  readonly out: string[] = [];
  readonly errors: string[] = [];
  readonly logs: string[] = [];
  readonly started: ShardOptions[] = [];
  readonly reloaded: string[] = [];
  stops = 0;
  signal: (signal: Signal) => void = () => undefined;
  exit: Promise<number> = Promise.resolve(-1);

  start(argv: readonly string[], over: Partial<Surroundings> = {}): this {
    const startShard: StartShard = async (options) => {
      this.started.push(options);
      return {
        host: fakeHost(),
        feeds: { a: 21001 },
        reload: async (inventory) => {
          this.reloaded.push(inventory.deployment);
          return [];
        },
        stop: async () => {
          this.stops += 1;
        },
      };
    };
    this.exit = runGateway(argv, {
      startShard,
      out: (line) => this.out.push(line),
      error: (line) => this.errors.push(line),
      logTo: { write: (line) => void this.logs.push(line) },
      onSignal: (handle) => {
        this.signal = handle;
      },
      ...over,
    });
    return this;
  }

  async ready(): Promise<number> {
    await vi.waitFor(() => expect(this.out.length).toBe(1), { timeout: 20_000 });
    return readySchema.parse(JSON.parse(this.out[0] ?? '')).adminPort;
  }
}

async function files(
  inventory = INVENTORY,
): Promise<{ dir: string; argv: string[]; inventory: string; dataDir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'cutover-process-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'inventory.yaml');
  await writeFile(path, inventory);
  const dataDir = join(dir, 'data');
  return { dir, argv: ['--inventory', path, '--data-dir', dataDir], inventory: path, dataDir };
}

test('init, then serving: one ready line, and SIGTERM stops it with 0; the directory is free again', async () => {
  const { argv, dataDir } = await files();
  const born = new Run().start(['init', ...argv]);
  expect(await born.exit).toBe(0);
  expect(JSON.parse(born.out[0] ?? '')).toMatchObject({ born: true, shard: 0, deployment: 'lab-1', target: 'local' });

  const run = new Run().start([...argv, '--admin-port', '0']);
  expect(await run.ready()).toBeGreaterThan(0);
  expect(JSON.parse(run.out[0] ?? '')).toMatchObject({ ready: true, feeds: { a: 21001 }, connections: 1 });
  expect(run.started[0]).toMatchObject({ dataDir, signers: null, identity: { shard: 0, deployment: 'lab-1' } });

  const second = new Run().start([...argv, '--admin-port', '0']);
  expect(await second.exit).toBe(3);
  expect(second.errors.join()).toContain('is served by process');

  run.signal('SIGTERM');
  expect(await run.exit).toBe(0);
  expect(run.stops).toBe(1);
  const third = new Run().start([...argv, '--admin-port', '0']);
  await third.ready();
  third.signal('SIGINT');
  expect(await third.exit).toBe(0);
});

test('without a born data directory: 3 and how to restore; with --init it is born', async () => {
  const { argv } = await files();
  const run = new Run().start([...argv, '--admin-port', '0']);
  expect(await run.exit).toBe(3);
  expect(run.errors.join()).toContain('restore');
  expect(run.started).toEqual([]);
  const init = new Run().start([...argv, '--admin-port', '0', '--init']);
  await init.ready();
  init.signal('SIGTERM');
  expect(await init.exit).toBe(0);
  const again = new Run().start([...argv, '--admin-port', '0', '--init']);
  await again.ready();
  again.signal('SIGTERM');
  expect(await again.exit).toBe(0);
  expect(again.started[0]?.identity).toEqual(init.started[0]?.identity);
});

test('rule 12: production does not start without signers, and hands them to the shard', async () => {
  const { argv, dir } = await files(`${INVENTORY}target: production\n`);
  expect(await new Run().start(['init', ...argv, '--target', 'production']).exit).toBe(0);
  const run = new Run().start([...argv, '--admin-port', '0']);
  expect(await run.exit).toBe(3);
  expect(run.errors.join()).toContain('--signers');
  expect(run.started).toEqual([]);
  const empty = join(dir, 'empty');
  await writeFile(empty, '\n');
  expect(await new Run().start([...argv, '--signers', empty]).exit).toBe(2);
  const signers = join(dir, 'signers');
  await writeFile(signers, 'ann@lab namespaces="cutover-approval" ssh-ed25519 AAAA\n');
  const broken = new Run().start([...argv, '--signers', signers]);
  expect(await broken.exit).toBe(2);
  expect(broken.errors.join()).toContain(`${signers}:1: the key of ann@lab`);
  await writeFile(signers, `ann@lab namespaces="cutover-approval" ${ed25519Key().line} role=engineering\n`);
  const served = new Run().start([...argv, '--admin-port', '0', '--signers', signers]);
  await served.ready();
  expect(served.started[0]?.signers?.describe()).toMatchObject({
    signers: [{ person: 'ann@lab', roles: ['engineering'] }],
    rolesWithoutSigner: ['lab-operations'],
  });
  served.signal('SIGTERM');
  expect(await served.exit).toBe(0);
});

test('wrong arguments and a wrong inventory: 2, with every problem on its line', async () => {
  const run = new Run().start(['--port', '1']);
  expect(await run.exit).toBe(2);
  expect(run.errors.join('\n')).toContain('cutover gateway --help');
  const { argv, inventory } = await files('deployment: lab-1\ngateways: []\nconnections: {}\n');
  const wrong = new Run().start(argv);
  expect(await wrong.exit).toBe(2);
  expect(wrong.errors.length).toBe(2);
  expect(wrong.errors[0]).toContain(`${inventory}:2`);
  const absent = new Run().start(['--inventory', `${inventory}x`, '--data-dir', 'd']);
  expect(await absent.exit).toBe(2);
  expect(absent.errors.join()).toContain('ENOENT');
});

test('the database comes from the environment, by name; a wrong one is refused without being shown', async () => {
  const { argv } = await files();
  await new Run().start(['init', ...argv]).exit;
  const env = { CUTOVER_TEST_DB: 'mysql://u:hidden@h/d', CUTOVER_TEST_DB_GOOD: 'postgresql://u:hidden@h/d' };
  Object.assign(process.env, env);
  cleanups.push(async () => {
    for (const name of Object.keys(env)) delete process.env[name];
  });
  const naming = (name: string) => new Run().start([...argv, '--admin-port', '0', '--database-url-env', name]);
  const [unset, wrong] = [naming('CUTOVER_TEST_DB_UNSET'), naming('CUTOVER_TEST_DB')];
  expect([await unset.exit, await wrong.exit]).toEqual([2, 2]);
  expect(unset.errors.join()).toContain('CUTOVER_TEST_DB_UNSET is not set');
  expect(wrong.errors.join()).toContain('CUTOVER_TEST_DB holds no PostgreSQL URL');
  expect(wrong.errors.join()).not.toContain('hidden');
  const good = naming('CUTOVER_TEST_DB_GOOD');
  await good.ready();
  expect(good.started[0]?.databaseUrl).toBe(env.CUTOVER_TEST_DB_GOOD);
  good.signal('SIGTERM');
  expect(await good.exit).toBe(0);
  expect(good.logs.join()).not.toContain('hidden');
});

test('a damaged journal is a refusal, a taken port a failure; each is one line without a stack', async () => {
  const { argv } = await files();
  await new Run().start(['init', ...argv]).exit;
  const corrupt = new Run().start(argv, {
    startShard: async () => {
      throw new JournalCorruptError('batch-bad', 1, 200, 'batch 3 is damaged');
    },
  });
  expect(await corrupt.exit).toBe(3);
  expect(corrupt.errors).toEqual([expect.stringContaining('journal segment 1 at byte 200')]);

  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => blocker.close(resolve)));
  const address = blocker.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const taken = new Run().start([...argv, '--admin-port', String(port)]);
  expect(await taken.exit).toBe(1);
  expect(taken.errors).toEqual([expect.stringContaining('EADDRINUSE')]);
  expect(taken.stops).toBe(1);
});

test('SIGHUP reads the inventory and the credentials again; a wrong one changes nothing', async () => {
  const { argv, inventory, dataDir } = await files();
  const run = new Run().start([...argv, '--admin-port', '0', '--init']);
  await run.ready();
  await writeFile(inventory, `${INVENTORY}defaults: {}\n`);
  run.signal('SIGHUP');
  await vi.waitFor(() => expect(run.reloaded).toEqual(['lab-1']));
  await writeFile(inventory, 'deployment: [\n');
  await writeFile(join(dataDir, 'credentials.json'), '[');
  run.signal('SIGHUP');
  await vi.waitFor(() => {
    expect(run.logs.join()).toContain('the one from before stays');
    expect(run.logs.join()).toContain('the ones from before stay');
  });
  // What is not of this gateway would stay in its journal, and keep it from starting with what is.
  for (const [text, why] of [
    [INVENTORY.replace('lab-1', 'lab-2'), "belongs to deployment 'lab-1', the inventory is of 'lab-2'"],
    [INVENTORY.replace('shard: 0', 'shard: 7'), 'the inventory has gateways for shard 7'],
    [`${INVENTORY}target: production\n`, 'the inventory says production'],
  ] as const) {
    await writeFile(inventory, text);
    run.signal('SIGHUP');
    await vi.waitFor(() => expect(run.logs.join()).toContain(why));
  }
  const twins = ['kim', 'sam'].map((name) => ({ name, role: 'move', sha256: 'a'.repeat(64) }));
  await writeFile(join(dataDir, 'credentials.json'), JSON.stringify(twins));
  run.signal('SIGHUP');
  await vi.waitFor(() => expect(run.logs.join()).toMatch(/'kim'\) and entry 2 \('sam'\) have one and the same token/));
  expect(run.reloaded.length).toBe(1);
  run.signal('SIGTERM');
  expect(await run.exit).toBe(0);
  expect(run.errors).toEqual([]);
  const token = await readFile(join(dataDir, 'admin.token'), 'utf8');
  expect(run.logs.join()).not.toContain(token);
});

test('two SIGHUPs in a row: the later inventory has the last word, and is not taken while the first still is', async () => {
  const { argv, inventory } = await files();
  const taken: string[] = [];
  const first = Promise.withResolvers<void>();
  const startShard: StartShard = async () => ({
    host: fakeHost(),
    feeds: {},
    reload: async ({ gateways }) => {
      taken.push(`${gateways.length} begins`);
      if (taken.length === 1) await first.promise;
      taken.push(`${gateways.length} is taken`);
      return [];
    },
    stop: async () => undefined,
  });
  const run = new Run().start([...argv, '--admin-port', '0', '--init'], { startShard });
  await run.ready();
  run.signal('SIGHUP');
  await vi.waitFor(() => expect(taken).toEqual(['1 begins']));
  await writeFile(inventory, INVENTORY.replace('7443" }', '7443" }, { shard: 1, admin: "https://127.0.0.1:7444" }'));
  run.signal('SIGHUP');
  first.resolve();
  await vi.waitFor(() => expect(taken).toEqual(['1 begins', '1 is taken', '2 begins', '2 is taken']));
  run.signal('SIGTERM');
  expect(await run.exit).toBe(0);
});
