/**
 * `drill` on two real gateways under traffic: a drain is rehearsed without a move, and a cycle makes the way there and back.
 * A feed without messages proves nothing, and a platform that does not answer fails its own drain only.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadEvidence } from '../adapters/evidence-files.ts';
import { drillDocumentSchema } from '../core/drill-document.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { type Parties, type Sender, startParties, startSender } from './verbs-parties.ts';

const LIMIT_MS = 300_000;
/** On shard 0, on shard 1, and on shard 0 again: the last one gets no messages. */
const [BUSY_0, BUSY_1, IDLE] = ['practice-001-orders', 'practice-002-orders', 'practice-003-orders'] as const;

let estate: Estate;
const parties = new Map<string, Parties>();
const feedPorts = new Map<string, number>();
const senders: Sender[] = [];

beforeAll(async () => {
  estate = await startEstate(3, {
    shards: 2,
    change: async ({ name, legs, feed }) => {
      const { legacy, new: next } = Object(legs);
      const own = await startParties({ legacy: legacy.port, new: next.port });
      parties.set(name, own);
      feedPorts.set(name, Object(feed).port);
      const at = (port: number): object => ({ host: '127.0.0.1', port });
      const platforms = { legacy: at(own.ports.legacy), new: at(own.ports.new) };
      return { feed: { ...Object(feed), platforms }, destination: at(own.ports.destination), correlate: ['MSH-10'] };
    },
  });
  expect((await estate.project.cutover(['sync', '--all', '--yes', '--json'])).exitCode).toBe(0);
  expect((await estate.project.cutover(['parallel', '--all', '--yes', '--json'])).exitCode).toBe(0);
  for (const name of [BUSY_0, BUSY_1]) {
    const own = parties.get(name);
    if (own !== undefined) senders.push(startSender(own, feedPorts.get(name) ?? 0, name));
  }
}, LIMIT_MS);

afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.stop()));
  await estate?.stop();
  await Promise.all([...parties.values()].map((one) => one.stop()));
}, LIMIT_MS);

test(
  'drains under traffic on both gateways: passed, timed, and no route has moved',
  async () => {
    const before = await routes();
    const { exitCode, document } = await drill('--connection', `${BUSY_0},${BUSY_1}`, '--wait', '60s');
    expect(document).toMatchObject({ ok: true, exitCode: 0, kind: 'drain', cycle: [], ledger: 'not configured' });
    expect(exitCode).toBe(0);
    expect(document.connections.map(({ name, shard, verdict }) => [name, shard, verdict])).toEqual([
      [BUSY_0, 0, 'passed'],
      [BUSY_1, 1, 'passed'],
    ]);
    for (const { drainMs, pauseMs, boundMs, messagesSeen } of document.connections) {
      expect(boundMs).toBe(5_000);
      expect(messagesSeen).toBeGreaterThan(0);
      expect(drainMs ?? Number.NaN).toBeLessThanOrEqual(pauseMs ?? 0);
    }
    expect(await routes()).toEqual(before);
    const kept = await loadEvidence(join(estate.project.folder, 'stacks/test/evidence'), document.evidence ?? '');
    expect(kept).toMatchObject({
      ok: true,
      value: { kind: 'drain-rehearsal', connections: [BUSY_0, BUSY_1], body: { pauseMs: document.pauseMs } },
    });
  },
  LIMIT_MS,
);

test(
  'a feed without a message is idle, which is red: exit 3, and says what to do',
  async () => {
    const { exitCode, document } = await drill('--connection', `${BUSY_0},${IDLE}`, '--wait', '3s');
    expect(exitCode).toBe(3);
    const [, idle] = document.connections;
    expect(idle).toMatchObject({ name: IDLE, verdict: 'idle', reason: expect.stringMatching(/no message came/) });
    expect(document.nextSteps.join()).toMatch(/--wait/);
  },
  LIMIT_MS,
);

test(
  'a drill that is killed leaves nothing held, and messages go on',
  async () => {
    const started = estate.project.start(['drill', '--connection', IDLE, '--wait', '60s', '--json']);
    await started.until(/each feed is watched/);
    started.kill('SIGKILL');
    await started.ended;
    const count = parties.get(BUSY_0)?.delivered.length ?? 0;
    await expect.poll(() => parties.get(BUSY_0)?.delivered.length, { timeout: 60_000 }).toBeGreaterThan(count + 2);
    await expect.poll(async () => (await estate.routes()).get(IDLE)?.state, { timeout: 60_000 }).toBe('steady');
  },
  LIMIT_MS,
);

test(
  'a cycle on named test connections: switched and back under traffic, both timed, ends where it began',
  async () => {
    const before = await routes();
    const cycle = ['--connection', `${BUSY_0},${BUSY_1}`, '--really', '--yes', '--wait', '60s'];
    const { exitCode, document } = await drill(...cycle);
    expect({ exitCode, reasons: document.connections.map(({ reason }) => reason) }).toEqual({
      exitCode: 0,
      reasons: [null, null],
    });
    expect(document.cycle).toMatchObject([
      { verb: 'switch', exitCode: 0, changed: 2 },
      { verb: 'rollback', exitCode: 0, changed: 2 },
    ]);
    for (const { movedMs, wallMs } of document.cycle) expect(movedMs).toBeLessThanOrEqual(wallMs);
    const after = await routes();
    for (const name of [BUSY_0, BUSY_1]) {
      expect(after.get(name)).toMatchObject({ phase: 'parallel', epoch: (before.get(name)?.epoch ?? 0) + 2 });
    }
    expect(after.get(IDLE)).toEqual(before.get(IDLE));
  },
  LIMIT_MS,
);

test(
  'a drill that is interrupted keeps no evidence: the gate goes by the newest, and this one has failed at nothing',
  async () => {
    const verb = estate.project.start(['drill', '--connection', IDLE, '--wait', '250s', '--json']);
    await verb.until(/each feed is watched/);
    verb.kill('SIGINT');
    const { exitCode, stdout } = await verb.ended;
    expect(exitCode).toBe(130);
    const document = drillDocumentSchema.parse(JSON.parse(stdout));
    expect(document.evidence).toBeNull();
    expect(document.warnings.join()).toContain('interrupted: no evidence was kept');
  },
  LIMIT_MS,
);

test.each([
  { args: ['--all', '--really', '--yes'], message: /name them with --connection/ },
  { args: ['--connection', BUSY_0, '--really'], message: /needs --yes/ },
  { args: ['--all', '--wait', 'soon'], message: /must be a duration/ },
])('$args: exit 2, and nothing is held', async ({ args, message }) => {
  const { exitCode, stderr } = await estate.project.cutover(['drill', ...args]);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) });
});

async function drill(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await estate.project.cutover(['drill', ...args, '--json']);
  const document = drillDocumentSchema.safeParse(JSON.parse(stdout));
  if (!document.success) throw new Error(`drill ended with ${exitCode}: ${stdout}${stderr}`);
  return { exitCode, document: document.data };
}

async function routes() {
  const statuses = await estate.routes();
  return new Map([...statuses].map(([name, { phase, epoch, control }]) => [name, { phase, epoch, control }]));
}
