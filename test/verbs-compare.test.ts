/** `compare` with everything real: a gateway with traffic, PostgreSQL, the worker, platforms of which one drifts. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { Ledger } from '../adapters/ledger.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { freePorts } from '../adapters/test-ports.ts';
import { compareDocumentSchema, compareModeDocumentSchema } from '../core/compare-document.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';
import { type Parties, startParties } from './verbs-parties.ts';

const LIMIT_MS = 180_000;
const HOOK_LIMIT_MS = 600_000;
const NAME = 'northside-orders';
const children: ChildProcess[] = [];

let folder: string;
let database: TestPostgres;
let parties: Parties;
let admin: GatewayClient;
let project: TestProject;
let feedPort: number;
let token: string;
let inventory: object;
let worker: ChildProcess;
let startWorker: () => Promise<ChildProcess>;

/** The new platform writes MSH-7 its own way and adds a segment; it cuts the order's text of the message M13. */
function newMapping(message: string): string {
  const own = message.replace('|20260101120000||ORM', '|20260101120000.250+0000||ORM');
  const drifted = own.includes('|M13|') ? own.replace('CBC^Blood count', 'CBC^Blood') : own;
  return `${drifted}ZRP|1|MAPPED\r`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verbs-compare-'));
  database = await startPostgres();
  const [adminPort = 0, feed = 0, legacyLeg = 0, newLeg = 0] = await freePorts(4);
  feedPort = feed;
  parties = await startParties({ legacy: legacyLeg, new: newLeg }, { legacy: (it) => it, new: newMapping });
  const data = join(folder, 'gateway');
  const env = { CUTOVER_ADMIN_CA: join(data, 'admin.crt'), DATABASE_URL: database.url };
  project = await createTestProject(env);
  const peer = (port: number): object => ({ host: '127.0.0.1', port });
  inventory = {
    deployment: 'lab-compare-1',
    gateways: [{ shard: 0, admin: `https://127.0.0.1:${adminPort}` }],
    connections: [
      {
        name: NAME,
        direction: 'orders',
        practice: 'northside',
        wave: 'pilot',
        feed: {
          port: feed,
          ackTimeout: '20s',
          platforms: { legacy: peer(parties.ports.legacy), new: peer(parties.ports.new) },
        },
        legs: { legacy: { port: legacyLeg }, new: { port: newLeg } },
        destination: peer(parties.ports.destination),
        correlate: ['MSH-10'],
        contract: 'lab-orders',
      },
    ],
  };
  await project.writeInventory(inventory);
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
  await cp(join(REPOSITORY, 'stacks/contracts'), join(project.folder, 'stacks/contracts'), { recursive: true });
  await cp(join(REPOSITORY, 'stacks/rules'), join(project.folder, 'stacks/rules'), { recursive: true });
  await cp(join(REPOSITORY, 'rehearsal/rules/platforms.yaml'), join(project.folder, 'stacks/rules/platforms.yaml'));
  const file = join(project.folder, 'stacks/test/inventory.yaml');
  await start(env, 'gateway', '--init', '--inventory', file, '--data-dir', data, '--admin-port', String(adminPort));
  token = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
  const own = { ...env, CUTOVER_ADMIN_TOKEN: token };
  admin = new GatewayClient({ admin: `https://127.0.0.1:${adminPort}`, shard: 0, env: own });
  startWorker = () => start(own, 'worker', '--inventory', file, '--project', project.folder, '--settle', '2s');
  worker = await startWorker();
}, HOOK_LIMIT_MS);

afterAll(async () => {
  await admin?.close();
  for (const child of children) await end(child);
  await parties?.stop();
  await project?.remove();
  await database?.remove();
  await rm(folder, { recursive: true, force: true });
}, HOOK_LIMIT_MS);

test(
  'in phase legacy nothing is compared, and that is red',
  async () => {
    await sendAll(1, 3);
    const { document, exitCode } = await compare();
    expect(exitCode).toBe(3);
    expect(document.connections[0]?.reasons).toContain('phase legacy: no second platform runs beside the control');
  },
  LIMIT_MS,
);

test(
  'in parallel: harmless differences are accepted by their rules, and enough matched pairs are green',
  async () => {
    const moved = await admin.move(NAME, {
      requestId: 'to-parallel',
      phase: 'parallel',
      newWeight: 0,
      expectedEpoch: 1,
      deadlineMs: 60_000,
    });
    expect(moved).toMatchObject({ ok: true });
    await sendAll(4, 12);
    await expect.poll(async () => (await compare('--min-pairs', '9')).document.connections[0]?.pairs, POLL).toBe(9);
    const { document, exitCode, stdout } = await compare('--min-pairs', '9');
    expect(document.connections[0]).toMatchObject({
      name: NAME,
      reasons: [],
      verdict: 'green',
      pairs: 9,
      matched: 9,
      accepted: 9,
      grade: 'key',
      contract: { name: 'lab-orders', inspected: 9, breaches: [] },
    });
    expect(exitCode).toBe(0);
    expect(document.worker).toMatchObject({ verdict: 'green', reasons: [] });
    const used = document.rules.filter(({ state }) => state === 'in-use').map(({ name, hides }) => [name, hides]);
    expect(used.toSorted()).toEqual([
      ['own-segment', 9],
      ['time-of-sending', 9],
    ]);
    expect(stdout).not.toContain('DOE');
    expect((await compare()).document.connections[0]?.reasons).toEqual(['9 pairs are too few: 100 are wanted']);
  },
  LIMIT_MS,
);

test(
  'one drifted message is named by path and id, in JSON, table, report and evidence',
  async () => {
    await sendAll(13, 15);
    await expect.poll(async () => (await compare('--min-pairs', '9')).document.connections[0]?.pairs, POLL).toBe(12);
    const report = join(folder, 'report.html');
    const { document, exitCode } = await compare('--min-pairs', '9', '--report', report, '--freeze');
    expect(exitCode).toBe(3);
    expect(document.connections[0]).toMatchObject({ differing: 1, matched: 11, reasons: ['1 pair differs'] });
    expect(document.shapes[0]).toMatchObject({
      path: 'OBR-4.2',
      kind: 'truncated',
      code: 'CBC',
      shape: 'cut to 5 characters',
      count: 1,
      on: [NAME],
      exampleIds: [{ msh10: 'M13' }],
    });
    expect(document.shapes[0]?.rule).toBeUndefined();
    const table = await project.cutover(['compare', '--min-pairs', '9'], { CUTOVER_ADMIN_TOKEN: token });
    expect(table.stdout).toMatch(/✗ {2}northside-orders .* 1 pair differs/);
    expect(table.stdout).toMatch(
      /1 × {2}OBR-4.2 of CBC {2}truncated: cut to 5 characters {2}northside-orders {2}as in M13 \(0\/\d+\)/,
    );
    const page = await readFile(report, 'utf8');
    expect(page).toContain('OBR-4.2 of CBC');
    // The example stands side by side, its changed field marked, its values as classes; each rule says what it hides.
    expect(page).toContain('<mark>A^Aa a</mark></td><td>');
    expect(page).toContain('<mark>A^Aa</mark>');
    expect(page).toContain('<h2>Rule time-of-sending</h2>');
    const [evidence = ''] = await readdir(join(project.folder, 'stacks/test/evidence'));
    expect(document.evidence).toBe(`sha256:${evidence.replace('.json', '')}`);
    for (const text of [
      table.stdout,
      page,
      await readFile(join(project.folder, 'stacks/test/evidence', evidence), 'utf8'),
    ]) {
      expect(text).not.toMatch(/DOE|JANE|Blood/);
    }
  },
  LIMIT_MS,
);

test(
  'rules are proposed, tried on drifts, keys measured; values are shown only with a reason, and recorded',
  async () => {
    const mode = async (...args: string[]) => {
      const run = await project.cutover(['compare', ...args, '--json'], { CUTOVER_ADMIN_TOKEN: token });
      return { ...run, document: compareModeDocumentSchema.parse(JSON.parse(run.stdout)) };
    };
    const { document: proposed } = await mode('--suggest');
    expect(proposed.suggestions).toMatchObject([
      { path: 'OBR-4', rule: null, remark: 'protected, and not the same: correct the mapping' },
    ]);
    const { document: tested, exitCode } = await mode('--self-test');
    expect(tested.selfTest?.filter(({ hidden }) => hidden > 0)).toEqual([]);
    expect(tested.selfTest?.find(({ drift }) => drift === 'changed patient id')).toMatchObject({
      tried: 15,
      found: 15,
    });
    expect(exitCode).toBe(0);
    const { document: keys } = await mode('--suggest-correlation');
    expect(keys.correlation?.[0]?.keys.find(({ paths }) => paths.join() === 'MSH-10')).toMatchObject({
      unique: 1,
      new: 1,
    });

    const [example] = (await compare('--min-pairs', '9')).document.shapes[0]?.exampleIds ?? [];
    if (example === undefined) throw new Error('the difference has an example');
    const asked = ['--show-values', example.at, '--connection', NAME];
    const refused = await project.cutover(['compare', ...asked], { CUTOVER_ADMIN_TOKEN: token });
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    const shown = await project.cutover(['compare', ...asked, '--reason', 'INC7'], { CUTOVER_ADMIN_TOKEN: token });
    expect(shown.stdout).toContain('- OBR|1|M13||CBC^Blood count\n+ OBR|1|M13||CBC^Blood\n');
    expect(shown.stdout).toContain(
      'OBR-4 of CBC: CBC^Blood count against CBC^Blood (truncated cut to 5 characters: 1 time)\n',
    );
    const withValues = join(folder, 'values.html');
    await project.cutover(['compare', ...asked, '--reason', 'INC7', '--report', withValues], {
      CUTOVER_ADMIN_TOKEN: token,
    });
    const values = await readFile(withValues, 'utf8');
    expect(values).toContain('<mark>CBC^Blood count</mark>');
    expect(values).toContain('INC7');
    const ledger = await Ledger.open({ url: database.url, deployment: 'lab-compare-1' });
    const entries = await ledger.entries();
    await ledger.close();
    expect(entries.at(-1)).toMatchObject({
      kind: 'decision',
      operator: 'ada',
      reason: 'INC7',
      body: { valuesShown: { connection: NAME, at: example.at } },
    });
  },
  LIMIT_MS,
);

test(
  'old messages that show more than was seen are told',
  async () => {
    const old = join(folder, 'old', NAME);
    await mkdir(old, { recursive: true });
    const message = 'MSH|^~\\&|E|N|L|M|2025||ORM^O01|1|P|2.3\rPID|1||7||DOE\rORC|NW|A\rOBR|1|A||GLU\rDG1|1||E11\r';
    await writeFile(join(old, 'january.hl7'), message);
    const { document } = await compare('--min-pairs', '9', '--history', join(folder, 'old'));
    expect(document.connections[0]?.coverage.unseen).toEqual(
      expect.arrayContaining(['field DG1-3', 'order GLU', 'segment DG1']),
    );
    expect(document.connections[0]?.reasons).toContainEqual(expect.stringMatching(/^covers .* of what history shows/));
    const table = await project.cutover(['compare', '--history', join(folder, 'old')], { CUTOVER_ADMIN_TOKEN: token });
    expect(table.stdout).toMatch(/not seen yet on northside-orders: .*(field DG1-3|order GLU|segment DG1)/);
  },
  LIMIT_MS,
);

test(
  'a changed rule voids what was compared under the former one, and the worker compares it again by itself',
  async () => {
    const file = join(project.folder, 'stacks/rules/platforms.yaml');
    const counted = async () => {
      const [line] = (await compare('--min-pairs', '9')).document.connections;
      return { verdict: line?.verdict, pairs: line?.pairs, differing: line?.differing };
    };
    await rm(file);
    await expect.poll(counted, POLL).toEqual({ verdict: 'red', pairs: 12, differing: 12 });
    await cp(join(REPOSITORY, 'rehearsal/rules/platforms.yaml'), file);
    await expect.poll(counted, POLL).toEqual({ verdict: 'red', pairs: 12, differing: 1 });
  },
  LIMIT_MS,
);

test(
  'in production a rule that rests on another person’s word accepts nothing until just that person has signed it as it stands',
  async () => {
    const lines: string[] = [];
    for (const person of ['ann', 'bob']) {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'role=engineering', '-f', join(folder, person)]);
      lines.push(`${person}@lab ${(await readFile(join(folder, `${person}.pub`), 'utf8')).trim()}`);
    }
    await writeFile(join(project.folder, 'stacks/test/signers'), `${lines.join('\n')}\n`);
    const rule = {
      name: 'shorter-text',
      kind: 'table',
      path: 'OBR-4.2',
      codes: ['CBC'],
      reason: 'the catalogue was shortened',
      owner: 'ann',
      approver: 'bob',
      expires: '2099-12-31',
      table: { 'Blood count': 'Blood' },
    };
    const file = join(project.folder, 'stacks/rules/intent.yaml');
    const write = (over: object): Promise<void> => writeFile(file, JSON.stringify({ rules: [{ ...rule, ...over }] }));
    await write({});
    await project.writeInventory({ ...inventory, target: 'production' });
    await end(worker);
    worker = await startWorker();
    const standing = async () => {
      const { document } = await compare('--min-pairs', '9');
      const said = document.warnings.filter((one) => one.startsWith('rule shorter-text')).join();
      return [document.connections[0]?.differing, said];
    };
    const sign = async (person: string) => {
      const asked = ['compare', '--sign-rule', rule.name, '--key', join(folder, person), '--json'];
      const { exitCode, stdout } = await project.cutover(asked, { CUTOVER_ADMIN_TOKEN: token });
      return { ...compareModeDocumentSchema.parse(JSON.parse(stdout)), exitCode };
    };
    const nothing = 'rule shorter-text accepts nothing: ';
    await expect.poll(standing, POLL).toEqual([1, `${nothing}bob has not signed it`]);
    expect(await sign('ann')).toMatchObject({
      exitCode: 3,
      warnings: ['rule shorter-text accepts nothing still: ann@lab signed it, and its approver is bob'],
    });
    expect(await sign('bob')).toMatchObject({
      exitCode: 0,
      warnings: [],
      signed: expect.stringContaining('shorter-text@'),
    });
    await expect.poll(standing, POLL).toEqual([0, '']);
    await write({ reason: 'another story' });
    await expect.poll(standing, POLL).toEqual([1, `${nothing}bob has not signed it`]);
  },
  LIMIT_MS,
);

test(
  'without a database nothing is known, and that is refused',
  async () => {
    const { exitCode, stdout } = await project.cutover(['compare', '--json'], { DATABASE_URL: '' });
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'not-configured' } });
  },
  LIMIT_MS,
);

const run = promisify(execFile);
const POLL = { timeout: 120_000, interval: 500 };

async function sendAll(from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) expect(await parties.send(feedPort, `M${n}`)).toBe('AA');
}

async function compare(...args: string[]) {
  const run = await project.cutover(['compare', ...args, '--json'], { CUTOVER_ADMIN_TOKEN: token });
  const parsed = compareDocumentSchema.safeParse(JSON.parse(run.stdout));
  if (!parsed.success) throw new Error(`${run.stdout}\n${run.stderr}\n${parsed.error.message}`);
  return { ...run, document: parsed.data };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function start(env: Readonly<Record<string, string>>, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'scripts/cutover.ts'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const ready = once(createInterface(child.stdout), 'line').then(() => undefined);
  const ended = once(child, 'exit').then(([code]): never => {
    throw new Error(`${args[0]} ended with ${code}: ${errors.join('')}`);
  });
  await Promise.race([ready, ended]);
  ended.catch(() => undefined);
  return child;
}
