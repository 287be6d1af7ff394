/**
 * kill -9 at every step of every verb's Plan: of the verb, of a gateway, of the provider at each point of its talk with a gateway, of
 * the engine; with two real gateways, the real engine and messages. Each run has a pair of connections of its own, one on each
 * gateway: where a gateway is killed beside something else, the other's connection feels that alone. After each, a message of
 * each arrives exactly once, from its one owner. Then the same command, over all of them, finishes.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processRunning } from '../adapters/process-harness.ts';
import { errorDocumentSchema, moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import type { Phase } from '../core/platform.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { type Parties, startParties } from './verbs-parties.ts';

const LIMIT_MS = 1_800_000;
const POLL = { timeout: 120_000, interval: 50 };
/** One on each gateway. */
const PAIR = 2;
/** As many as the runs of one verb, and some for what has to be run again. */
const PAIRS = 22;

let estate: Estate;
const parties = new Map<string, Parties>();
/** Of each connection; every one of them must have arrived once. */
const sent = new Map<string, string[]>();

beforeAll(async () => {
  estate = await startEstate(PAIRS * PAIR, {
    shards: 2,
    change: async ({ name, feed, legs }) => {
      const own = await startParties(
        { legacy: Object(legs).legacy.port, new: Object(legs).new.port },
        { legacy: (message) => message, new: markedAsNew },
      );
      parties.set(name, own);
      sent.set(name, []);
      const at = (port: number): object => ({ host: '127.0.0.1', port });
      const platforms = { legacy: at(own.ports.legacy), new: at(own.ports.new) };
      return { feed: { ...Object(feed), platforms }, destination: at(own.ports.destination), correlate: ['ORC-2'] };
    },
  });
  await finish(['sync'], estate.names);
}, LIMIT_MS);

afterAll(async () => {
  await estate?.stop();
  await Promise.all([...parties.values()].map((one) => one.stop()));
}, LIMIT_MS);

type Case = {
  readonly verb: string;
  readonly from: Phase;
  readonly to: Phase;
  readonly more: readonly string[];
  /** Where its provider is killed: one that only finds routes there asks, and moves nothing. */
  readonly moments: readonly ProviderMoment[];
};
type ProviderMoment = { readonly method: 'GET' | 'PUT'; readonly moment: 'create' | 'bodySent' | 'headers' };

const LOOKED: ProviderMoment = { method: 'GET', moment: 'headers' };
const ASKS: readonly ProviderMoment[] = [LOOKED];
const MOVES: readonly ProviderMoment[] = [
  LOOKED,
  { method: 'PUT', moment: 'create' },
  { method: 'PUT', moment: 'bodySent' },
  { method: 'PUT', moment: 'headers' },
];

/** In an order in which each begins where the one before it has ended. */
const CASES: readonly Case[] = [
  { verb: 'parallel', from: 'legacy', to: 'parallel', more: [], moments: MOVES },
  { verb: 'switch', from: 'parallel', to: 'switched', more: [], moments: MOVES },
  { verb: 'rollback', from: 'switched', to: 'parallel', more: ['--reason', 'drill'], moments: ASKS },
  { verb: 'cancel', from: 'parallel', to: 'legacy', more: ['--reason', 'drill'], moments: MOVES },
  { verb: 'sync', from: 'parallel', to: 'parallel', more: [], moments: ASKS },
  { verb: 'decommission', from: 'switched', to: 'decommissioned', more: [], moments: MOVES },
];

test.each(CASES)(
  '$verb: verb, gateway, provider and engine killed at every step: one owner each, and again finishes',
  async (one) => {
    await bring(estate.names, one.from);
    await Promise.all(estate.names.map((name, index) => leaveRecordsBehind(name, one, index)));
    const pairs = freshPairs();
    for (const kills of killsOf(one, await stepsOf(one, pairs.next()))) {
      const missed = await runWith(one, pairs.next(), kills, expectOneOwner);
      if (missed !== null) expect(await runWith(one, pairs.next(), missed, expectOneOwner)).toBeNull();
    }
    await finishAll(one, pairs.taken());
  },
  LIMIT_MS,
);

test(
  'through all of it: every message arrived once',
  async () => {
    for (const [name, ids] of sent) {
      const arrived = (parties.get(name)?.delivered ?? []).map((id) => id.replace(NEW, ''));
      expect(arrived, name).toEqual(ids);
    }
    expect([...sent.values()].flat().length).toBeGreaterThan(CASES.length * PAIR * 10);
  },
  LIMIT_MS,
);

type Pair = readonly string[];

function freshPairs(): { next(): Pair; taken(): readonly string[] } {
  let count = 0;
  return {
    next: () => {
      const pair = estate.names.slice(count * PAIR, (count + 1) * PAIR);
      count++;
      expect(pair).toHaveLength(PAIR);
      return pair;
    },
    taken: () => estate.names.slice(0, count * PAIR),
  };
}

type Step = { readonly kind: string; readonly said: RegExp };

/** What is killed in one run. */
type Kills = {
  readonly verb?: Step;
  /** `frozen`: back before the verb goes on, as it is where nothing asks it in between. */
  readonly gateway?: Step & { readonly shard: number; readonly frozen: boolean };
  readonly beneath?: ProviderMoment | 'pulumi up';
};

/** Each of the verb, a gateway, the provider and the engine, at each of their steps, in as few runs as keep them apart. */
function killsOf({ moments }: Case, steps: readonly Step[]): readonly Kills[] {
  const turn = steps.findIndex(({ kind }) => kind === 'pulumi-up' || kind === 'gateway-moves');
  const [early, late] = [steps.slice(0, turn), steps.slice(turn)];
  const beneath: readonly (ProviderMoment | 'pulumi up')[] = [...moments, 'pulumi up'];
  const gatewayAt = (step: Step | undefined, index: number, frozen: boolean): Pick<Kills, 'gateway'> =>
    step === undefined ? {} : { gateway: { ...step, shard: index % PAIR, frozen } };
  return [
    ...early.map((verb) => ({ verb })),
    ...late.map((verb, index) => ({ verb, ...gatewayAt(early[index], index, true) })),
    // Where it matters most, by itself.
    ...late.map((step, index) => {
      const under = beneath[index - 1];
      return { ...gatewayAt(step, index, false), ...(under === undefined ? {} : { beneath: under }) };
    }),
    ...beneath.slice(late.length - 1).map((under) => ({ beneath: under })),
  ];
}

type Judge = (one: Case, pair: Pair, when: string) => Promise<void>;

/** Gives back what it did not come to, because the verb had ended before. */
async function runWith(one: Case, pair: Pair, kills: Kills, judge: Judge): Promise<Kills | null> {
  const { verb, gateway, beneath } = kills;
  const provider = beneath === undefined || beneath === 'pulumi up' ? null : beneath;
  const note = join(estate.project.folder, `struck-${one.verb}-${pair[0]}`);
  const started = estate.project.start(commandOf(one, pair), provider === null ? {} : preloaded(provider, note));
  const comesTo = ({ said }: Step): Promise<boolean> =>
    started.until(said).then(
      () => true,
      () => false,
    );
  const gatewayDies = async (): Promise<boolean> => {
    if (gateway === undefined) return true;
    if (!(await comesTo(gateway))) return false;
    if (gateway.frozen) started.kill('SIGSTOP');
    await estate.killGateway(gateway.shard);
    await estate.restartGateway(gateway.shard);
    started.kill('SIGCONT');
    return true;
  };
  const verbDies = async (): Promise<boolean> => {
    if (verb === undefined) return true;
    if (!(await comesTo(verb))) return false;
    started.kill('SIGKILL');
    return true;
  };
  const engineDies = async (): Promise<void> => {
    const own = `PULUMI_HOME=${estate.project.folder}/pulumi-home`;
    await processRunning('provider.ts', own);
    process.kill(await processRunning('pulumi up', own), 'SIGKILL');
  };
  const [hasGatewayDied, hasVerbDied] = await Promise.all([
    gatewayDies(),
    verbDies(),
    beneath === 'pulumi up' ? engineDies() : null,
  ]);
  if (verb === undefined || !hasVerbDied) await expectOrderlyEnd(one, started.ended);
  else await started.ended;
  if (provider !== null) await access(note);
  await judge(one, pair, `${one.verb}, with ${JSON.stringify(kills)} killed`);
  if (hasGatewayDied && hasVerbDied) return null;
  return { ...(hasVerbDied || verb === undefined ? {} : { verb }), ...(hasGatewayDied ? {} : { gateway }) };
}

function preloaded({ method, moment }: ProviderMoment, note: string): Readonly<Record<string, string>> {
  const preload = `--import ${join(import.meta.dirname, 'kill-provider.ts')}`;
  return { NODE_OPTIONS: preload, CUTOVER_TEST_KILL: `${note}|${method}|${moment}` };
}

/** A document that says what came of it, whatever was killed beneath it. */
async function expectOrderlyEnd(
  { verb }: Case,
  ended: Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>,
): Promise<void> {
  const { exitCode, stdout, stderr } = await ended;
  expect([0, 1, 3, 4], `${verb}: ${stdout}${stderr}`).toContain(exitCode);
  const document: unknown = JSON.parse(stdout);
  expect(moveDocumentSchema.safeParse(document).success || errorDocumentSchema.safeParse(document).success).toBe(true);
  expect(stdout + stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
}

/** First those that are there already, whose records only are behind; then all. */
async function finishAll(one: Case, names: readonly string[]): Promise<void> {
  const routes = await estate.routes();
  const there = names.filter((name) => routes.get(name)?.phase === one.to);
  expect(there.length).toBeGreaterThan(0);
  await finish([one.verb, ...one.more], there);
  await finish([one.verb, ...one.more], names);
  await expectOneOwner({ ...one, from: one.to }, names, `${one.verb}, again`);
  const { stdout } = await estate.project.cutover(['status', '--connection', names.join(','), '--json']);
  for (const { truth } of statusDocumentSchema.parse(JSON.parse(stdout)).connections) {
    expect(truth).toMatchObject({ config: truth.gateway, pulumi: truth.gateway, gateway: { phase: one.to } });
  }
}

async function finish(command: readonly string[], names: readonly string[]): Promise<void> {
  const yes = command[0] === 'sync' ? [] : ['--yes'];
  const run = await estate.project.cutover([...command, '--connection', names.join(','), ...yes, '--json']);
  expect(run).toMatchObject({ exitCode: 0 });
}

function commandOf({ verb, more }: Case, names: readonly string[]): string[] {
  const yes = verb === 'sync' ? [] : ['--yes'];
  return [verb, '--connection', names.join(','), ...more, ...yes, '--json'];
}

/** What a verb says as it begins each step of its Plan. */
async function stepsOf(one: Case, names: readonly string[]): Promise<Step[]> {
  const { stdout } = await estate.project.cutover([...commandOf(one, names), '--dry-run']);
  const steps = moveDocumentSchema.parse(JSON.parse(stdout)).plan?.steps ?? [];
  expect(steps.length).toBeGreaterThanOrEqual(5);
  return steps.map(({ kind }, index) => ({ kind, said: new RegExp(`\\[${index + 1}/\\d+\\] ${kind}`) }));
}

const ONWARDS: Readonly<Record<Phase, readonly Phase[]>> = {
  legacy: ['parallel', 'legacy'],
  parallel: ['parallel'],
  switched: ['parallel', 'switched'],
  decommissioned: [],
};

/** To this phase, at the gateways alone. */
async function bring(names: readonly string[], phase: Phase): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      for (const next of ONWARDS[phase]) if ((await routeOf(name)).phase !== phase) await moveAtGateway(name, next);
    }),
  );
  const routes = await estate.routes();
  expect([...new Set(names.map((name) => routes.get(name)?.phase))]).toEqual([phase]);
}

/** There and back at the gateway alone: every other case begins with records that are behind, `sync` always does. */
async function leaveRecordsBehind(name: string, { verb, from }: Case, index: number): Promise<void> {
  if (verb !== 'sync' && index % (2 * PAIR) < PAIR) return;
  await moveAtGateway(name, from === 'parallel' ? 'legacy' : 'parallel');
  await moveAtGateway(name, from);
}

async function moveAtGateway(name: string, phase: Phase): Promise<void> {
  const { epoch } = await routeOf(name);
  const moved = await estate.adminOf(name).move(name, {
    requestId: `bring-${name}-${epoch}`,
    phase,
    newWeight: 0,
    expectedEpoch: epoch,
    reason: 'the next case',
  });
  if (!moved.ok || moved.value.aborted === true) throw new Error(`${name}: ${JSON.stringify(moved)}`);
}

async function routeOf(name: string) {
  const read = await estate.adminOf(name).connection(name);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

/** As the gateway says it, and as a message finds it. */
async function expectOneOwner({ from, to }: Case, names: readonly string[], when: string): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const before = await routeOf(name);
      const owner = await ownerByMessage(name);
      const { phase, control, epoch } = await routeOf(name);
      expect([from, to], `${when}: ${name}`).toContain(phase);
      expect(control, `${when}: ${name}`).toBe(phase === 'switched' || phase === 'decommissioned' ? 'new' : 'legacy');
      // An orphan of what was killed may still move it.
      if (epoch === before.epoch) expect(owner, `${when}: ${name}`).toBe(control);
    }),
  );
}

/** Sends one message through, waits until nothing of it is under way, and says whose output arrived. */
async function ownerByMessage(name: string): Promise<'legacy' | 'new'> {
  const own = parties.get(name);
  const ids = sent.get(name);
  if (own === undefined || ids === undefined) throw new Error(`${name} has no parties`);
  const id = `${name}-${ids.length}`;
  ids.push(id);
  const feed = estate.inventory.connections.find((item) => item.name === name)?.feed;
  expect(await own.send(Object(feed).port, id)).toBe('AA');
  await expect.poll(() => own.delivered.length, { ...POLL, message: name }).toBe(ids.length);
  await expect
    .poll(() => routeOf(name), POLL)
    .toMatchObject({ state: 'steady', inFlight: 0, shadowLag: 0, owedOutputs: 0 });
  const arrived = own.delivered.at(-1) ?? '';
  expect(arrived.replace(NEW, '')).toBe(id);
  return arrived.endsWith(NEW) ? 'new' : 'legacy';
}

const NEW = '.new';

/** What the new platform sends on is told apart by its MSH-10. */
function markedAsNew(message: string): string {
  return message.replace(/(\|ORM\^O01\|[^|]+)/, `$1${NEW}`);
}
