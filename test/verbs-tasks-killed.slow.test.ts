/**
 * kill -9 in the middle of the verbs that move nothing for good: `hold`, `release`, `drill` and its cycle, `resolve`; of the
 * verb and of its gateway, under traffic. Nothing stays held, every connection goes on, and the same command again finishes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Estate, startEstate } from './verbs-estate.ts';
import { type Parties, type Sender, startParties, startSender } from './verbs-parties.ts';

const LIMIT_MS = 600_000;
const SLOW_ANSWER_MS = 1000;
const POLL = { timeout: 120_000, interval: 50 };
const NAME = 'practice-001-orders';
const DRILL = ['drill', '--connection', NAME, '--wait', '60s', '--json'];

let estate: Estate;
let parties: Parties;
let sender: Sender;

beforeAll(async () => {
  estate = await startEstate(1, {
    change: async ({ feed, legs }) => {
      const { legacy, new: next } = Object(legs);
      parties = await startParties({ legacy: legacy.port, new: next.port });
      const at = (port: number): object => ({ host: '127.0.0.1', port });
      const platforms = { legacy: at(parties.ports.legacy), new: at(parties.ports.new) };
      return {
        feed: { ...Object(feed), platforms },
        destination: at(parties.ports.destination),
        correlate: ['MSH-10'],
      };
    },
  });
  for (const verb of ['sync', 'parallel']) {
    const run = await estate.project.cutover([verb, '--all', '--yes', '--json']);
    expect({ verb, ...run }).toMatchObject({ exitCode: 0 });
  }
  sender = startSender(parties, Object(estate.inventory.connections[0]?.feed).port, NAME);
}, LIMIT_MS);

afterAll(async () => {
  await sender?.stop();
  await estate?.stop();
  await parties?.stop();
}, LIMIT_MS);

const HOLD = ['hold', '--connection', NAME, '--for', '5s', '--reason', 'destination restarts', '--json'];

test.each(['the verb', 'its gateway'])(
  'hold, %s killed while it is held: messages go on, and again holds',
  async (victim) => {
    const started = estate.project.start(HOLD);
    await expect.poll(state, POLL).toBe('held');
    if (victim === 'the verb') started.kill('SIGKILL');
    else await restart();
    await started.ended;
    await expectFlow();
    expect((await estate.project.cutover(HOLD)).exitCode).toBe(0);
    await expectFlow();
  },
  LIMIT_MS,
);

test(
  'release, its gateway killed: it says that it cannot be reached, and again releases',
  async () => {
    const release = ['release', '--connection', NAME, '--json'];
    await estate.project.cutover(HOLD);
    await estate.killGateway();
    const { exitCode, stdout } = await estate.project.cutover(release);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/cannot be reached/);
    await estate.restartGateway();
    const killed = estate.project.start(release);
    killed.kill('SIGKILL');
    await killed.ended;
    expect((await estate.project.cutover(release)).exitCode).toBe(0);
    await expectFlow();
  },
  LIMIT_MS,
);

test.each([
  { victim: 'the verb', at: /each feed is watched/ },
  { victim: 'its gateway', at: /each feed is watched/ },
  { victim: 'its gateway', at: 'the hold' },
])(
  'drill, $victim killed at $at: nothing has moved, nothing stays held, and again passes',
  async ({ victim, at }) => {
    const before = await route();
    // A hold ends with the last answer: without a slow one it may be over between two looks.
    if (typeof at === 'string') parties.answerAfter(SLOW_ANSWER_MS);
    const started = estate.project.start(DRILL);
    if (typeof at === 'string') await expect.poll(state, POLL).toBe('held');
    else await started.until(at);
    parties.answerAfter(0);
    if (victim === 'the verb') started.kill('SIGKILL');
    else await restart();
    const { exitCode, stdout, stderr } = await started.ended;
    if (victim !== 'the verb') {
      expect([0, 1, 3]).toContain(exitCode);
      expect(() => JSON.parse(stdout)).not.toThrow();
      expect(stdout + stderr).not.toMatch(/\n\s+at /);
    }
    await expectFlow();
    const again = await estate.project.cutover(DRILL);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(await route()).toEqual(before);
  },
  LIMIT_MS,
);

test.each([
  { victim: 'the verb', at: /drill: switch/ },
  { victim: 'the verb', at: /drill: rollback/ },
  { victim: 'its gateway', at: /drill: rollback/ },
])(
  'a cycle, $victim killed at $at: one owner, and a rollback and the cycle again finish',
  async ({ victim, at }) => {
    const cycle = [...DRILL, '--really', '--yes'];
    const started = estate.project.start(cycle);
    await started.until(at);
    if (victim === 'the verb') started.kill('SIGKILL');
    else await restart();
    await started.ended;
    await expectFlow();
    const { phase, control } = await route();
    expect(['parallel/legacy', 'switched/new']).toContain(`${phase}/${control}`);
    const home = ['rollback', '--connection', NAME, '--reason', 'the drill was killed', '--yes', '--json'];
    expect((await estate.project.cutover(home)).exitCode).toBe(0);
    expect(await estate.project.cutover(cycle)).toMatchObject({ exitCode: 0 });
    expect(await route()).toMatchObject({ phase: 'parallel', control: 'legacy' });
  },
  LIMIT_MS,
);

test(
  'through all of it: every message that was answered arrived, in order',
  async () => {
    await sender.stop();
    await expect.poll(() => new Set(parties.delivered).size, POLL).toBe(sender.accepted.length);
    expect([...new Set(parties.delivered)]).toEqual(sender.accepted);
  },
  LIMIT_MS,
);

async function restart(): Promise<void> {
  await estate.killGateway();
  await estate.restartGateway();
}

async function state(): Promise<string> {
  const read = await estate.admin.connection(NAME);
  return read.ok ? read.value.state : read.error.code;
}

async function route() {
  const read = (await estate.routes()).get(NAME);
  if (read === undefined) throw new Error(`${NAME} is not served`);
  const { phase, control } = read;
  return { phase, control };
}

async function expectFlow(): Promise<void> {
  const count = parties.delivered.length;
  await expect.poll(() => parties.delivered.length, POLL).toBeGreaterThan(count + 2);
  await expect.poll(state, POLL).toBe('steady');
}
