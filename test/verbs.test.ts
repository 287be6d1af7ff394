/** The verbs as a person runs them, against the real Pulumi engine and a gateway that only answers its admin API. */
import { readdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import { createTestProject, inventoryAt, type TestProject } from './verbs-harness.ts';

const LIMIT_MS = 120_000;
const NAMES = ['northside-orders', 'northside-results', 'harbor-orders'];

let gateway: FakeGateway;
let project: TestProject;

beforeEach(async () => {
  gateway = await startFakeGateway({ connections: NAMES });
  project = await createTestProject(gateway.env);
  await project.writeInventory(inventoryAt(gateway.admin, NAMES, { weightKey: ['PID-3.1'] }));
  await project.writeStack('# kept: a comment\nconfig:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
}, LIMIT_MS);

afterEach(async () => {
  await gateway.stop();
  const left = await readdir(project.scratch);
  await project.remove();
  // Neither logs and pipes of the engine nor a copy of the stack file.
  expect(left).toEqual([]);
}, LIMIT_MS);

describe('the way of a connection', () => {
  test(
    'parallel, switch, rollback, switch, decommission; the stack file tells it and keeps its comments',
    async () => {
      const first = await move('parallel', '--all');
      expect(first).toMatchObject({ ok: true, exitCode: 0, ledger: 'not configured' });
      expect(first.changed.map(({ name, epoch }) => [name, epoch])).toEqual(NAMES.map((name) => [name, 2]));
      expect(first.changed.every(({ truth }) => truth.pulumi?.epoch === 2 && truth.config?.epoch === 2)).toBe(true);
      expect(first.onWatch).toEqual(NAMES);
      const [compare, gate, change, cancel] = first.nextSteps.slice(-4);
      expect(compare).toMatch(/^cutover compare/);
      expect([gate, change, cancel]).toEqual(['cutover gate', 'cutover switch', 'cutover cancel']);

      const switched = await move('switch', '--connection', 'northside-orders,harbor-orders');
      expect(switched.changed.map(({ name }) => name)).toEqual(['northside-orders', 'harbor-orders']);
      expect(gateway.route('northside-results')).toMatchObject({ phase: 'parallel', epoch: 2 });

      const back = await move('rollback', '--connection', 'northside-orders', '--reason', 'results late');
      expect(back).toMatchObject({
        ok: true,
        changed: [{ name: 'northside-orders', epoch: 4, truth: { pulumi: { epoch: 4 } } }],
      });

      await move('switch', '--connection', 'northside-orders');
      const last = await move('decommission', '--connection', 'northside-orders');
      expect(last.changed[0]?.to).toEqual({ phase: 'decommissioned', newWeight: 0, epoch: 6 });
      expect(gateway.route('northside-orders')).toMatchObject({ phase: 'decommissioned', epoch: 6 });
      const stack = await project.readStack();
      expect(stack).toContain('# kept: a comment');
      expect(stack).toMatch(/northside-orders: \{ phase: decommissioned, epoch: 6/);
    },
    LIMIT_MS * 2,
  );

  test(
    'a connection that is there already is a success, and nothing is moved',
    async () => {
      await move('parallel', '--connection', 'northside-orders');
      const moves = gateway.moves.length;
      const again = await move('parallel', '--connection', 'northside-orders');
      expect(again).toMatchObject({
        ok: true,
        changed: [],
        alreadyThere: [{ name: 'northside-orders', route: { epoch: 2 } }],
      });
      expect(gateway.moves.slice(moves)).toEqual([]);
    },
    LIMIT_MS,
  );
});

describe('a wave', () => {
  test(
    'has its connections to the gateway open before its first swap begins, forwards and back',
    async () => {
      for (const name of NAMES) gateway.setRoute(name, { phase: 'parallel', newWeight: 0, epoch: 2 });
      await move('switch', '--all');
      await move('rollback', '--all', '--reason', 'results late');
      const [first, ...others] = gateway.handshakesAtMoves.slice(0, NAMES.length);
      const [back, ...othersBack] = gateway.handshakesAtMoves.slice(NAMES.length);
      expect(others).toEqual([first, first]);
      expect(othersBack).toEqual([back, back]);
    },
    LIMIT_MS,
  );
});

describe('what is refused or aborted', () => {
  test(
    'refused ones are left out and the others go on: exit 4',
    async () => {
      await move('parallel', '--connection', 'northside-orders');
      const { exitCode, document } = await run('switch', '--all', '--yes');
      expect(exitCode).toBe(4);
      expect(document.changed.map(({ name }) => name)).toEqual(['northside-orders']);
      expect(document.refused.map(({ name, code }) => [name, code])).toEqual([
        ['northside-results', 'illegal-move'],
        ['harbor-orders', 'illegal-move'],
      ]);
      expect(document.refused[0]?.next).toContain('cutover parallel --connection northside-results');
    },
    LIMIT_MS,
  );

  test(
    'an abort changes nothing: exit 3, with the reason, and the stack file stays true',
    async () => {
      await move('parallel', '--connection', 'northside-orders');
      gateway.abortNextMove('the shadow lags by 40 messages');
      const { exitCode, document } = await run('switch', '--connection', 'northside-orders', '--yes');
      expect(exitCode).toBe(3);
      expect(document.aborted).toEqual([
        { name: 'northside-orders', message: expect.stringContaining('the shadow lags by 40 messages') },
      ]);
      expect(await project.readStack()).toMatch(/northside-orders: \{ phase: parallel, newWeight: 0, epoch: 2/);
    },
    LIMIT_MS,
  );

  test(
    'a route moved behind its back is found, said and written by sync',
    async () => {
      await move('parallel', '--connection', 'northside-orders');
      gateway.setRoute('northside-orders', { phase: 'switched', newWeight: 0, epoch: 3 });
      const red = await status();
      const line = red.document.connections.find(({ name }) => name === 'northside-orders');
      expect(line?.truth).toMatchObject({
        agree: false,
        config: { epoch: 2 },
        pulumi: { epoch: 2 },
        gateway: { epoch: 3 },
      });
      expect(red.exitCode).toBe(3);

      const synced = await move('sync', '--all');
      expect(synced).toMatchObject({ ok: true, changed: [], synced: NAMES });
      const after = await status();
      expect(after.document.connections.map(({ truth }) => truth.agree)).toEqual([null, null, null]);
      expect(await project.readStack()).toMatch(/harbor-orders: \{ phase: legacy, epoch: 1/);
    },
    LIMIT_MS,
  );
});

describe('systems that are down', () => {
  test(
    'rollback needs no stack file: inventory and credentials are enough',
    async () => {
      gateway.setRoute('northside-orders', { phase: 'switched', newWeight: 0, epoch: 3 });
      await rm(project.stackFile);
      const args = [
        'rollback',
        '--stack',
        'test',
        '--connection',
        'northside-orders',
        '--reason',
        'drill',
        '--yes',
        '--json',
      ];
      const { exitCode, stdout } = await project.cutover(args);
      expect(exitCode).toBe(0);
      expect(moveDocumentSchema.parse(JSON.parse(stdout))).toMatchObject({
        changed: [{ name: 'northside-orders', epoch: 4 }],
      });
      expect(gateway.route('northside-orders')).toMatchObject({ phase: 'parallel', epoch: 4 });
    },
    LIMIT_MS,
  );

  test(
    'rollback goes on without backend and ledger, and the next verb brings the records up',
    async () => {
      await move('parallel', '--connection', 'northside-orders');
      await move('switch', '--connection', 'northside-orders');
      const down = { PULUMI_BACKEND_URL: 'file:///dev/null/state', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
      const args = ['rollback', '--connection', 'northside-orders', '--reason', 'drill', '--yes', '--json'];
      const { exitCode, stdout } = await project.cutover(args, down);
      const document = moveDocumentSchema.parse(JSON.parse(stdout));
      expect(document).toMatchObject({ ok: true, ledger: 'behind', changed: [{ epoch: 4 }] });
      expect(exitCode).toBe(0);
      expect(document.warnings.join('\n')).toMatch(/Pulumi state is left behind[\s\S]*ledger is left behind/);
      expect(gateway.route('northside-orders')).toMatchObject({ phase: 'parallel', epoch: 4 });

      const synced = await move('sync', '--connection', 'northside-orders');
      expect(synced.synced).toEqual(['northside-orders']);
      const after = await status();
      expect(after.document.connections[0]?.truth).toMatchObject({
        pulumi: { epoch: 4 },
        config: { epoch: 4 },
        agree: null,
      });
    },
    LIMIT_MS * 2,
  );

  test(
    'a rollback brings up the records of what was rolled back before it too, by an update that was killed',
    async () => {
      await move('parallel', '--all');
      await move('switch', '--connection', 'northside-orders,harbor-orders');
      // As a killed `pulumi up` leaves it: entry and gateway there, the state behind.
      gateway.setRoute('harbor-orders', { phase: 'parallel', newWeight: 0, epoch: 4 });
      const entry = 'harbor-orders: { phase: parallel, epoch: 4, newWeight: 0, reason: drill }';
      await project.writeStack((await project.readStack()).replace(/harbor-orders: \{.*\}/, entry));
      const back = await move('rollback', '--all', '--reason', 'drill');
      expect(back.changed.map(({ name }) => name)).toEqual(['northside-orders']);
      expect(back.alreadyThere.map(({ name }) => name)).toContain('harbor-orders');
      const { document } = await status();
      const harbor = document.connections.find(({ name }) => name === 'harbor-orders');
      expect(harbor?.truth).toMatchObject({ config: { epoch: 4 }, pulumi: { epoch: 4 }, gateway: { epoch: 4 } });
      expect(gateway.route('harbor-orders')).toMatchObject({ phase: 'parallel', epoch: 4 });
    },
    LIMIT_MS * 2,
  );

  test(
    'a forward move does not begin while the configured ledger is down: exit 1, nothing changed',
    async () => {
      const database = { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none' };
      const { exitCode, stdout, stderr } = await project.cutover(['parallel', '--all', '--yes', '--json'], database);
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'ledger-unavailable' } });
      expect(gateway.moves).toEqual([]);
      expect(`${stdout}${stderr}`).not.toContain('secret');
    },
    LIMIT_MS,
  );

  test(
    'an unreachable gateway is exit 1, and names where and what to do',
    async () => {
      await gateway.disconnect();
      const { exitCode, stdout } = await project.cutover(['parallel', '--all', '--yes', '--json']);
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining(gateway.admin),
      });
    },
    LIMIT_MS,
  );
});

describe('a decision that was resolved before', () => {
  const decision = {
    id: '0/17',
    connection: NAMES[0],
    cause: 'rejected',
    input: null,
    proposals: [],
    openedAt: '2026-01-01T00:00:00Z',
    resolved: { action: 'deliver', by: 'grace', reason: 'LIS has not got it', at: '2026-01-01T00:01:00Z' },
  };

  test(
    'the same again, as after a kill, is done already: exit 0; the other way is refused, naming who decided',
    async () => {
      gateway.answerNextWith(200, JSON.stringify({ decisions: [decision] }));
      const again = await project.cutover(['resolve', '--deliver', '0/17', '--reason', 'x', '--json']);
      expect(again.exitCode).toBe(0);
      expect(JSON.parse(again.stdout).done).toEqual([{ name: NAMES[0], message: '0/17: deliver already, by grace' }]);
      gateway.answerNextWith(200, JSON.stringify({ decisions: [decision] }));
      const other = await project.cutover(['resolve', '--discard', '0/17', '--reason', 'x', '--json']);
      expect(other.exitCode).toBe(3);
      expect(JSON.parse(other.stdout).error).toMatchObject({
        code: 'already-resolved',
        message: expect.stringMatching(/deliver, by grace at 2026/),
      });
    },
    LIMIT_MS,
  );

  test(
    'several in one command: each is closed, and one that cannot be leaves all of them open',
    async () => {
      const open = { ...decision, id: '0/18', resolved: null };
      const asked = () => gateway.requests.filter((request) => request.startsWith('POST') && request.includes('18'));
      gateway.answerNextWith(200, JSON.stringify({ decisions: [decision, open] }));
      const refused = await project.cutover(['resolve', '--discard', '0/18,0/17', '--reason', 'x', '--json']);
      expect(refused.exitCode).toBe(3);
      expect(JSON.parse(refused.stdout).error).toMatchObject({ code: 'already-resolved' });
      expect(asked()).toEqual([]);
      gateway.answerNextWith(200, JSON.stringify({ decisions: [decision, open] }));
      const both = await project.cutover(['resolve', '--deliver', '0/17,0/18', '--reason', 'x', '--json']);
      expect(asked()).toHaveLength(1);
      expect(JSON.parse(both.stdout).done).toContainEqual({
        name: NAMES[0],
        message: '0/17: deliver already, by grace',
      });
    },
    LIMIT_MS,
  );
});

describe('the command line', () => {
  test.each([
    { args: ['swich'], expected: /did you mean 'switch'/ },
    { args: ['switch', '--wieght', '3'], expected: /did you mean --weight/ },
    { args: ['switch', '--yes'], expected: /which connections/ },
    { args: ['switch', '--connection', 'northside-order', '--yes'], expected: /did you mean northside-orders/ },
    { args: ['switch', '--all'], expected: /needs --yes/ },
    { args: ['switch', '--all', '--weight', '100', '--yes'], expected: /from 0 to 99/ },
    { args: ['rollback', '--all', '--yes'], expected: /needs a reason/ },
    { args: ['status', '--stack', 'tets'], expected: /did you mean test/ },
  ])('$args is a usage error: exit 2, one document on stdout', async ({ args, expected }) => {
    const { exitCode, stdout, stderr } = await project.cutover([...args, '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      exitCode: 2,
      error: { message: expect.stringMatching(expected) },
    });
    expect(stderr).not.toContain('    at ');
  });

  test('--dry-run prints the Plan with its point of no return and changes nothing', async () => {
    const before = await project.readStack();
    const { exitCode, document } = await run('parallel', '--all', '--dry-run');
    expect(exitCode).toBe(0);
    expect(document.plan?.moves.map(({ name }) => name)).toEqual(NAMES);
    expect(document.plan?.steps.filter(({ pointOfNoReturn }) => pointOfNoReturn).map(({ kind }) => kind)).toEqual([
      'pulumi-up',
    ]);
    expect(gateway.moves).toEqual([]);
    expect(gateway.requests.some((request) => request.includes('lease'))).toBe(false);
    expect(await project.readStack()).toBe(before);
  });
});

async function run(...args: string[]) {
  const { exitCode, stdout, stderr } = await project.cutover([...args, '--json']);
  const parsed = moveDocumentSchema.safeParse(JSON.parse(stdout));
  if (!parsed.success) throw new Error(`not a move document: ${stdout}\n${stderr}`);
  return { exitCode, document: parsed.data };
}

/** A move that is expected to end well. */
async function move(...args: string[]) {
  const { exitCode, document } = await run(...args, '--yes');
  if (exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${exitCode}: ${JSON.stringify(document, null, 1)}`);
  return document;
}

async function status() {
  const { exitCode, stdout } = await project.cutover(['status', '--json']);
  return { exitCode, document: statusDocumentSchema.parse(JSON.parse(stdout)) };
}
