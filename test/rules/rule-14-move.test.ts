/**
 * Rule 14, feeds between shards: two real gateways, a sender that goes on through it all, and kills between and inside the steps.
 * A feed has one owner or none, never two; what is repeated finishes; whoever was there before refuses it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { Client, Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const MAIN = resolve(import.meta.dirname, '../../gateway/main.ts');
const EXIT_REFUSED = 3;

let former: Estate;
let heir: Estate;
let line: Line;
let file: string;
const senders: Sender[] = [];

beforeEach(async () => {
  const connection = { correlate: ['MSH-10'], capture: { wait: '50ms' } };
  former = await startEstate({ line: { connection }, other: {} });
  heir = new Estate(join(former.folder, 'heir'));
  await mkdir(heir.folder);
  heir.args = [];
  line = former.line('line');
  file = join(former.folder, 'line.move');
  for (const { peers } of Object.values(former.lines)) for (const peer of peers) peer.answerAll();
  await writeInventories({});
  await heir.init('--shard', '1');
});
afterEach(async () => {
  for (const sender of senders.splice(0)) await sender.stop();
  await heir?.end('SIGKILL');
  await former?.close();
});

const inventorySchema = z.looseObject({
  connections: z.array(z.looseObject({ name: z.string(), feed: z.looseObject({}) })),
});

/** One inventory for both gateways; `over` goes into the moving feed. */
async function writeInventories(over: object): Promise<void> {
  const inventory = inventorySchema.parse(JSON.parse(await readFile(former.inventoryFile, 'utf8')));
  const gateways = [0, 1].map((shard) => ({ shard, admin: `https://127.0.0.1:${7443 + shard}` }));
  const connections = inventory.connections.map((one) =>
    one.name === 'line' ? { ...one, feed: { ...one.feed, ...over } } : one,
  );
  const text = JSON.stringify({ ...inventory, gateways, connections });
  for (const { inventoryFile } of [former, heir]) await writeFile(inventoryFile, text);
}

const reportSchema = z.looseObject({
  movedOut: z.boolean().optional(),
  movedIn: z.boolean().optional(),
  move: z.string().nullable().default(null),
  blockers: z.array(z.object({ feed: z.string(), reason: z.string(), remedy: z.string() })).default([]),
  connections: z.array(z.looseObject({ name: z.string(), epoch: z.int() })).default([]),
});
type Ended = { readonly code: number | null; readonly report: z.output<typeof reportSchema>; readonly error: string };

/** Runs it; with `killedAt` until a change in that folder, no further. */
async function run(args: readonly string[], killedAt: string | null = null): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args]);
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString();
  });
  const watcher = killedAt === null ? null : watch(killedAt, () => child.kill('SIGKILL'));
  const [code] = await once(child, 'close');
  watcher?.close();
  return { code, report: reportSchema.parse(out === '' ? {} : JSON.parse(out)), error };
}

function moveOut(more: readonly string[] = ['--yes'], killedAt: string | null = null, dataDir = former.dataDir) {
  const where = ['--inventory', former.inventoryFile, '--data-dir', dataDir, '--file', file];
  return run(['move-out', '--feed', 'line', '--to', '1', ...where, ...more], killedAt);
}

function moveIn(more: readonly string[] = ['--yes'], killedAt: string | null = null) {
  const where = ['--inventory', heir.inventoryFile, '--data-dir', heir.dataDir, '--file', file];
  return run(['move-in', ...where, ...more], killedAt);
}

/** A sender as in the field: one message at a time, again and again until it has its positive answer. */
class Sender {
  readonly accepted: string[] = [];
  readonly #port: number;
  readonly #queue: string[] = [];
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(port: number) {
    this.#port = port;
    this.#running = this.#run();
    senders.push(this);
  }

  push(...ids: readonly string[]): void {
    this.#queue.push(...ids);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    let client: Client | null = null;
    while (!this.#isStopped) {
      const [id] = this.#queue;
      if (id === undefined) {
        await turn();
        continue;
      }
      client ??= await Client.open(this.#port).catch(() => null);
      const verdict = client === null ? null : await client.exchange(order(id)).then(verdictOf, () => null);
      if (verdict === `AA|${id}`) {
        this.#queue.shift();
        this.accepted.push(id);
        continue;
      }
      client?.socket.destroy();
      client = null;
      await turn();
    }
    client?.socket.destroy();
  }
}

const turn = (): Promise<void> => new Promise((done) => setTimeout(done, 25));

/** Each platform makes one output of each input, on its own leg, and sends it until it is answered. */
function makeOutputs(): void {
  for (const platform of ['legacy', 'new'] as const) {
    const outputs = new Sender(line.legs[platform]);
    const peer = line[platform];
    const answerOnly = peer.script;
    const seen = new Set<string>();
    peer.script = (arrived) => {
      answerOnly(arrived);
      const id = /\|ORM\^O01\|([^|]+)\|/.exec(arrived.payload.toString('latin1'))?.[1] ?? '';
      if (!seen.has(id)) outputs.push(id);
      seen.add(id);
    };
  }
}

test('rule 14: a feed goes to another shard under traffic, with kills between and inside the steps, and nothing is lost or doubled', async () => {
  makeOutputs();
  await line.move('parallel');
  const source = new Sender(line.feedPort);
  const ids = Array.from({ length: 60 }, (_, index) => `M${index}`);
  source.push(...ids.slice(0, 20));
  await until(() => expect(source.accepted.length).toBeGreaterThan(5));
  await former.crash();
  await until(() => expect(source.accepted.length).toBe(20));
  await until(async () => expect(await line.status()).toMatchObject({ owedOutputs: 0, shadowLag: 0, inFlight: 0 }));
  await until(() => expect(new Set(line.destination.ids)).toEqual(new Set(ids.slice(0, 20))));
  const beforeMove = await line.list('maybeSent');
  await former.end('SIGTERM');
  source.push(...ids.slice(20));

  const looked = await moveOut([]);
  expect(looked.report.blockers).toEqual([]);
  expect([looked.code, looked.report.movedOut]).toEqual([EXIT_REFUSED, false]);
  // Killed at what is seen of each step: the state is kept, the journal says so, the file is there.
  const backup = join(former.folder, 'backup');
  await cp(former.dataDir, backup, { recursive: true });
  for (const place of [former.dataDir, join(former.dataDir, 'journal'), former.folder]) {
    await rm(file, { force: true });
    await moveOut(['--yes'], place);
    // Whoever has the file finds a shard that has given the feed up.
    if (existsSync(file)) expect((await moveOut([])).report.movedOut).toBe(true);
    await rm(former.dataDir, { recursive: true });
    await cp(backup, former.dataDir, { recursive: true });
  }
  await rm(file, { force: true });
  await moveOut(['--yes'], join(former.dataDir, 'journal'));
  const moved = await moveOut();
  expect(moved.error).toBe('');
  expect([moved.code, moved.report.movedOut]).toEqual([0, true]);

  // With the inventory of before the shard serves its other feeds, and refuses this one, whatever it is told.
  await former.start();
  expect((await line.status()).state).toBe('fenced');
  expect((await former.call('POST', 'connections/line/release')).body.code).toBe('fenced');
  expect((await line.put('switched')).body).toMatchObject({ code: 'fenced' });
  const refused = await line.source();
  expect(verdictOf(await refused.exchange(order('M20')))).toBe('AR|M20');
  refused.socket.destroy();
  const neighbour = await former.line('other').source();
  expect(verdictOf(await neighbour.exchange(order('N1')))).toBe('AA|N1');
  await former.end('SIGKILL');

  // The other shard does not begin without what is to come.
  await writeInventories({ shard: 1, movedFrom: 0 });
  await heir.start();
  expect(await heir.call('GET', 'connections/line')).toMatchObject({ body: { state: 'fenced' } });
  await heir.end('SIGTERM');
  await moveIn(['--yes'], join(heir.dataDir, 'journal'));
  const arrived = await moveIn();
  expect(arrived.error).toBe('');
  expect(arrived.report).toMatchObject({ movedIn: true, connections: [{ name: 'line', epoch: 3, fenced: false }] });
  await former.start();
  await heir.start();
  await heir.crash();

  await until(() => expect(source.accepted).toEqual(ids));
  await until(() => expect(new Set(line.destination.ids)).toEqual(new Set(ids)));
  const status = (await heir.call('GET', 'connections/line')).body;
  expect(status).toMatchObject({ state: 'steady', phase: 'parallel', epoch: 3 });
  const { body } = await heir.call('GET', 'connections/line/lists/maybeSent');
  const listed = z.array(z.object({ id: z.object({ msh10: z.string() }) })).parse(body.entries);
  const named = new Set(listed.map(({ id }) => id.msh10));
  for (const { id } of beforeMove) expect(named).toContain(id.msh10);
  const doubled = line.destination.ids.filter((id, index, all) => all.indexOf(id) !== index);
  expect(doubled.filter((id) => !named.has(id))).toEqual([]);
  const { epochs } = (await heir.call('GET', 'connections/line/epochs')).body;
  expect(
    z
      .array(z.looseObject({ verb: z.string() }))
      .parse(epochs)
      .map(({ verb }) => verb),
  ).toEqual(['init', 'parallel', 'move-shard']);
});

test('rule 14: who has the last answer gets it again from the new shard, and the file comes only once', async () => {
  makeOutputs();
  const source = await line.source();
  expect(verdictOf(await source.exchange(order('A1')))).toBe('AA|A1');
  await until(() => expect(line.destination.ids).toEqual(['A1']));
  await until(async () => expect((await line.status()).owedOutputs).toBe(0));
  await former.end('SIGTERM');
  await writeInventories({ shard: 1, movedFrom: 0 });
  expect((await moveOut()).code).toBe(0);
  expect((await moveIn([])).report.movedIn).toBe(false);
  expect((await moveIn()).code).toBe(0);
  expect((await moveIn()).report).toMatchObject({ movedIn: true, connections: [{ epoch: 2 }] });
  await heir.start();
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('A1')))).toBe('AA|A1');
  expect(line.legacy.ids).toEqual(['A1']);
  const { body } = await heir.call('GET', 'connections/line/lists/answeredAgain');
  expect(body.total).toBe(1);
  // A forward move is judged by the epoch that it has now.
  const put = { requestId: 'r1', phase: 'parallel', expectedEpoch: 1 };
  expect((await heir.call('PUT', 'connections/line/route', put)).body.code).toBe('stale-epoch');

  // It goes back: what brought it here brings it nowhere any more.
  await heir.end('SIGTERM');
  const back = await run([
    ...['move-out', '--feed', 'line', '--to', '0', '--inventory', heir.inventoryFile],
    ...['--data-dir', heir.dataDir, '--file', `${file}-back`, '--yes'],
  ]);
  expect(back.report).toMatchObject({ movedOut: true, blockers: [] });
  const late = await moveIn();
  expect([late.code, late.error]).toEqual([EXIT_REFUSED, expect.stringContaining('went on to shard 0 with epoch 2')]);
});

test('rule 14: what is owed keeps a feed where it is, and a shard that was not told starts with no inventory but its own', async () => {
  await line.new.down();
  await line.move('parallel');
  const source = await line.source();
  for (const id of ['B1', 'B2']) expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  expect((await moveOut()).error).toContain('stop that gateway first');
  await former.end('SIGTERM');
  const blocked = await moveOut();
  expect(blocked.code).toBe(EXIT_REFUSED);
  expect(blocked.report.blockers.map(({ reason }) => reason)).toContain('2 copies for new are not answered');
  expect(existsSync(file)).toBe(false);
  await writeInventories({ shard: 1, movedFrom: 0 });
  await expect(former.start()).rejects.toThrow('the inventory gives it to shard 1');
  expect((await moveIn()).error).toContain('move-out has written');
  await writeInventories({ shard: 0, movedFrom: undefined });
  await former.start();
  expect((await line.status()).state).toBe('steady');
});

test('rule 14: a copy from before the move refuses the feed once it is restored', async () => {
  makeOutputs();
  const source = await line.source();
  expect(verdictOf(await source.exchange(order('C1')))).toBe('AA|C1');
  await until(() => expect(line.destination.ids).toEqual(['C1']));
  await until(async () => expect((await line.status()).owedOutputs).toBe(0));
  await line.move('parallel');
  await former.end('SIGTERM');
  const backup = join(former.folder, 'backup');
  await cp(former.dataDir, backup, { recursive: true });
  await writeInventories({ shard: 1, movedFrom: 0 });
  expect((await moveOut()).code).toBe(0);
  expect((await moveIn()).code).toBe(0);
  await rm(former.dataDir, { recursive: true });
  await cp(backup, former.dataDir, { recursive: true });
  await expect(former.start()).rejects.toThrow('the inventory gives it to shard 1');
  const known = join(former.folder, 'Pulumi.test.yaml');
  const routes = { line: { phase: 'parallel', newWeight: 0, epoch: 3 } };
  await writeFile(known, JSON.stringify({ config: { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': routes } }));
  const where = ['--inventory', former.inventoryFile, '--data-dir', former.dataDir, '--known', known];
  const restored = await run(['init', '--restore', ...where, '--yes']);
  expect(restored.report.elsewhere).toEqual([{ name: 'line', shard: 1 }]);
  // Also with the inventory of before.
  await writeInventories({ shard: 0, movedFrom: undefined });
  await former.start();
  expect((await line.status()).state).toBe('fenced');
  expect((await former.call('POST', 'connections/line/release')).body.code).toBe('fenced');
});

test('rule 14: a shard that gave a feed up does not take it again because it reads the inventory of before', async () => {
  await former.end('SIGTERM');
  const before = JSON.parse(await readFile(former.inventoryFile, 'utf8'));
  await writeInventories({ shard: 1, movedFrom: 0 });
  expect((await moveOut()).code).toBe(0);
  await former.start();
  await writeFile(former.inventoryFile, JSON.stringify(before));
  process.kill(former.pid, 'SIGHUP');
  await until(() => expect(former.log).toContain('line: it is not served: the journal knows it'));
  expect((await former.call('GET', 'connections/line')).status).toBe(404);
  await expect(line.source()).rejects.toThrow('ECONNREFUSED');
  await former.restart();
  expect((await line.status()).state).toBe('fenced');
});

test('rule 14: a file that was changed or cut short is refused, and so is an old one by a shard that may have forgotten it', async () => {
  await former.end('SIGTERM');
  await writeInventories({ shard: 1, movedFrom: 0 });
  expect((await moveOut()).code).toBe(0);
  const text = await readFile(file, 'utf8');
  const changes = [{ to: 2 }, { move: 'another' }, { connections: [{ name: 'line', epoch: 7 }] }];
  const spoilt = changes.map((change) => JSON.stringify({ ...JSON.parse(text), ...change }));
  for (const [content, why] of [
    ...spoilt.map((one) => [one, 'was changed'] as const),
    [text.slice(0, -100), 'is cut short'] as const,
  ]) {
    await writeFile(file, content);
    const { code, error } = await moveIn();
    expect([code, error]).toEqual([EXIT_REFUSED, expect.stringMatching(`${why} → .*run the same move-out again`)]);
  }
  expect((await moveOut()).code).toBe(0);
  expect((await moveIn()).code).toBe(0);
  await heir.start();
  await heir.end('SIGTERM');

  // All of it is lost, and born anew.
  await rm(heir.dataDir, { recursive: true });
  await heir.init('--shard', '1');
  const late = await moveIn();
  expect([late.code, late.error]).toEqual([EXIT_REFUSED, expect.stringMatching('born after .*--known STACK-FILE')]);
  const known = join(former.folder, 'Pulumi.test.yaml');
  const routes = { line: { phase: 'parallel', newWeight: 0, epoch: 3 } };
  await writeFile(known, JSON.stringify({ config: { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': routes } }));
  const arrived = await moveIn(['--known', known, '--yes']);
  expect(arrived.report).toMatchObject({ movedIn: true, connections: [{ epoch: 4, phase: 'parallel', fenced: true }] });
  expect((await moveIn()).report).toMatchObject({ connections: [{ epoch: 4, fenced: true }] });
});
