/**
 * kill -9 at every step of every verb's Plan: of the verb, of a gateway, of what the verb starts; with two real gateways and
 * the real engine. Afterwards every connection has one known owner, and the same command again finishes.
 */
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorDocumentSchema, moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import type { Phase } from '../core/platform.ts';
import { type Estate, startEstate } from './verbs-estate.ts';

const LIMIT_MS = 900_000;
/** What is decommissioned, a step at a time, cannot come back: it has a connection for each kill. */
const CONNECTIONS = 20;

let estate: Estate;

beforeAll(async () => {
  estate = await startEstate(CONNECTIONS, { shards: 2 });
  await finish(['sync', '--all']);
}, LIMIT_MS);

afterAll(async () => {
  await estate.stop();
}, LIMIT_MS);

type Case = { readonly verb: string; readonly from: Phase; readonly to: Phase; readonly more: readonly string[] };

const CASES: readonly Case[] = [
  { verb: 'parallel', from: 'legacy', to: 'parallel', more: [] },
  { verb: 'switch', from: 'parallel', to: 'switched', more: [] },
  { verb: 'rollback', from: 'switched', to: 'parallel', more: ['--reason', 'drill'] },
  { verb: 'cancel', from: 'parallel', to: 'legacy', more: ['--reason', 'drill'] },
];
/** One on each gateway. */
const PAIR = 2;
const FIRST_RETIRED = 2;
const STEPS_OF_DECOMMISSION = 9;

test.each(CASES)(
  '$verb, killed at every step: one owner each, and again finishes',
  async ({ verb, from, to, more }) => {
    const names = estate.names.slice(0, PAIR);
    const command = [verb, '--connection', names.join(','), ...more];
    for (const step of await stepsOf(command, names, from)) {
      await bring(names, from);
      const started = estate.project.start([...command, '--yes', '--json']);
      await started.until(step);
      started.kill('SIGKILL');
      await started.ended;
      await expectOneOwner(names, [from, to]);
      await finish(command);
      await expectOneOwner(names, [to]);
    }
    await expectAgreement(names, to);
  },
  LIMIT_MS,
);

test(
  'sync, killed at every step: no route has moved, and again finishes',
  async () => {
    const names = estate.names.slice(0, PAIR);
    const command = ['sync', '--connection', names.join(',')];
    await finish(command);
    // Brought there behind the records' back each time: so there is something to bring up.
    const places: readonly Phase[] = ['switched', 'parallel'];
    const steps = await stepsOf(command, names, 'switched');
    for (const [index, step] of steps.entries()) {
      const place = places[index % places.length] ?? 'parallel';
      await bring(names, place);
      const started = estate.project.start([...command, '--json']);
      await started.until(step);
      started.kill('SIGKILL');
      await started.ended;
      await expectOneOwner(names, [place]);
      await finish(command);
      await expectOneOwner(names, [place]);
    }
    await expectAgreement(names, places[(steps.length - 1) % places.length] ?? 'parallel');
  },
  LIMIT_MS,
);

test.each(CASES)(
  '$verb, a gateway killed at every step: one owner each, and again finishes',
  async ({ verb, from, to, more }) => {
    const names = estate.names.slice(0, PAIR);
    const command = [verb, '--connection', names.join(','), ...more];
    for (const step of await stepsOf(command, names, from)) {
      await bring(names, from);
      await whileGatewayDies([...command, '--yes'], step, 1);
      await expectOneOwner(names, [from, to]);
      await finish(command);
      await expectOneOwner(names, [to]);
    }
    await expectAgreement(names, to);
  },
  LIMIT_MS,
);

test(
  'sync, a gateway killed at every step: no route has moved, and again finishes',
  async () => {
    const names = estate.names.slice(0, PAIR);
    const command = ['sync', '--connection', names.join(',')];
    const places: readonly Phase[] = ['switched', 'parallel'];
    const steps = await stepsOf(command, names, 'switched');
    for (const [index, step] of steps.entries()) {
      const place = places[index % places.length] ?? 'parallel';
      await bring(names, place);
      await whileGatewayDies(command, step, 1);
      await expectOneOwner(names, [place]);
      await finish(command);
      await expectOneOwner(names, [place]);
    }
    await expectAgreement(names, places[(steps.length - 1) % places.length] ?? 'parallel');
  },
  LIMIT_MS,
);

test.each(['the verb', 'its gateway'])(
  'decommission, %s killed at every step: never half, and again finishes',
  async (victim) => {
    const first = victim === 'the verb' ? FIRST_RETIRED : FIRST_RETIRED + STEPS_OF_DECOMMISSION;
    for (const [index, name] of estate.names.slice(first, first + STEPS_OF_DECOMMISSION).entries()) {
      await bring([name], 'switched');
      const command = ['decommission', '--connection', name];
      const step = new RegExp(`\\[${index + 1}/\\d+\\] `);
      if (victim === 'the verb') {
        const started = estate.project.start([...command, '--yes', '--json']);
        await started.until(step);
        started.kill('SIGKILL');
        await started.ended;
      } else await whileGatewayDies([...command, '--yes'], step, shardOf(name));
      await expectOneOwner([name], ['switched', 'decommissioned']);
      await finish(command);
      await expectAgreement([name], 'decommissioned');
    }
  },
  LIMIT_MS,
);

const ENGINE_VICTIMS = CASES.flatMap((one) => ['pulumi up', 'provider.ts'].map((victim) => ({ ...one, victim })));

test.each(ENGINE_VICTIMS)(
  '$verb while its $victim is killed: one owner each, and again finishes',
  async ({ verb, from, to, more, victim }) => {
    const names = estate.names.slice(0, PAIR);
    const command = [verb, '--connection', names.join(','), ...more];
    await bring(names, from);
    const document = await whileEngineDies([...command, '--yes'], victim);
    expect(document.changed.length + document.failed.length + document.aborted.length).toBe(names.length);
    await expectOneOwner(names, [from, to]);
    await finish(command);
    await expectAgreement(names, to);
  },
  LIMIT_MS,
);

/** The gateway is killed when the verb comes to this step, and started again; the verb ends with a document all the same. */
async function whileGatewayDies(command: readonly string[], step: RegExp, shard: number): Promise<void> {
  const started = estate.project.start([...command, '--json']);
  await started.until(step);
  await estate.killGateway(shard);
  await estate.restartGateway(shard);
  const { exitCode, stdout } = await started.ended;
  expect([0, 1, 4]).toContain(exitCode);
  const document: unknown = JSON.parse(stdout);
  expect(moveDocumentSchema.safeParse(document).success || errorDocumentSchema.safeParse(document).success).toBe(true);
}

/** What runs `pulumi up`, or the provider beneath it, is killed as soon as the provider is there. */
async function whileEngineDies(command: readonly string[], victim: string) {
  const started = estate.project.start([...command, '--json']);
  const provider = await processOf('provider.ts');
  process.kill(victim === 'provider.ts' ? provider : await processOf(victim), 'SIGKILL');
  const { exitCode, stdout } = await started.ended;
  expect([0, 1, 4]).toContain(exitCode);
  return moveDocumentSchema.parse(JSON.parse(stdout));
}

function shardOf(name: string): number {
  return estate.names.indexOf(name) % 2;
}

/** What a verb says as it begins each step of its Plan. */
async function stepsOf(command: readonly string[], names: readonly string[], from: Phase): Promise<RegExp[]> {
  await bring(names, from);
  const { plan } = moveDocumentSchema.parse(JSON.parse((await run([...command, '--dry-run'])).stdout));
  const steps = plan?.steps ?? [];
  expect(steps.length).toBeGreaterThan(5);
  return steps.map(({ kind }, index) => new RegExp(`\\[${index + 1}/\\d+\\] ${kind}`));
}

/** To this phase at the gateway alone: so every case also begins with records that are behind. */
async function bring(names: readonly string[], phase: Phase): Promise<void> {
  const ways: Readonly<Record<Phase, readonly Phase[]>> = {
    legacy: ['parallel', 'legacy'],
    parallel: ['parallel'],
    switched: ['parallel', 'switched'],
    decommissioned: [],
  };
  for (const name of names) {
    for (const next of ways[phase]) {
      const now = (await estate.routes()).get(name);
      if (now === undefined || now.phase === phase || now.phase === next) continue;
      const moved = await estate.adminOf(name).move(name, {
        requestId: `bring-${name}-${now.epoch}`,
        phase: next,
        newWeight: 0,
        expectedEpoch: now.epoch,
        reason: 'the next case',
      });
      if (!moved.ok || moved.value.aborted === true) throw new Error(`${name}: ${JSON.stringify(moved)}`);
    }
    expect((await estate.routes()).get(name)?.phase).toBe(phase);
  }
}

async function expectOneOwner(names: readonly string[], phases: readonly Phase[]): Promise<void> {
  const routes = await estate.routes();
  for (const name of names) {
    const route = routes.get(name);
    expect(phases).toContain(route?.phase);
    const isNew = route?.phase === 'switched' || route?.phase === 'decommissioned';
    expect(route?.control).toBe(isNew ? 'new' : 'legacy');
  }
}

async function expectAgreement(names: readonly string[], phase: Phase): Promise<void> {
  const { stdout } = await run(['status', '--connection', names.join(',')]);
  for (const { truth } of statusDocumentSchema.parse(JSON.parse(stdout)).connections) {
    expect(truth).toMatchObject({ config: truth.gateway, pulumi: truth.gateway, gateway: { phase } });
  }
}

async function finish(command: readonly string[]): Promise<void> {
  const isMove = command[0] !== 'sync';
  const { exitCode, stdout, stderr } = await run([...command, ...(isMove ? ['--yes'] : [])]);
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
}

function run(args: readonly string[]) {
  return estate.project.cutover([...args, '--json']);
}

/** A process of this project's engine, found by its own environment. */
async function processOf(command: string): Promise<number> {
  return await expect
    .poll(() => findProcess(command), { timeout: 120_000, interval: 20 })
    .not.toBeNull()
    .then(() => findProcess(command))
    .then((pid) => pid ?? Promise.reject(new Error(`${command} ended at once`)));
}

async function findProcess(command: string): Promise<number | null> {
  const own = `PULUMI_HOME=${estate.project.folder}/pulumi-home`;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const line = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (!line.includes(command)) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(own)) return Number(entry);
  }
  return null;
}
