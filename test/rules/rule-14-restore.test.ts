/**
 * Rule 14: a data directory that comes back from a backup starts fenced, under an identity of its own, above every epoch known
 * elsewhere; what was owed when the backup was made is listed, and nothing moves before a person has released it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const MAIN = resolve(import.meta.dirname, '../../gateway/main.ts');
let estate: Estate;
let line: Line;
let backup: string;

beforeEach(async () => {
  estate = await startEstate({ line: { connection: { correlate: ['MSH-10'], capture: { wait: '50ms' } } } });
  line = estate.line('line');
  for (const peer of line.peers) peer.answerAll();
  backup = join(estate.folder, 'backup');
});
afterEach(() => estate?.close());

type Ended = { readonly code: number; readonly out: Record<string, unknown>; readonly error: string };

async function restore(known: object, ...more: readonly string[]): Promise<Ended> {
  const file = join(estate.folder, 'Pulumi.test.yaml');
  const config = { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': known };
  await writeFile(file, JSON.stringify({ config }));
  const where = ['--inventory', estate.inventoryFile, '--data-dir', estate.dataDir, '--known', file];
  const child = spawn(process.execPath, [MAIN, 'init', '--restore', ...where, ...more]);
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { code: Number(code), out: out === '' ? {} : JSON.parse(out), error };
}

/** The whole folder as it was, in the place of what has been since. */
async function putBack(): Promise<void> {
  await rm(estate.dataDir, { recursive: true });
  await cp(backup, estate.dataDir, { recursive: true });
}

/** One message through legacy, with the outputs of both platforms, so that nothing is owed. */
async function exchange(id: string, platforms: readonly ('legacy' | 'new')[]): Promise<void> {
  const source = await line.source();
  expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  for (const platform of platforms) {
    await until(() => expect(line[platform].ids).toContain(id));
    const leg = await line.leg(platform);
    expect(verdictOf(await leg.exchange(order(id)))).toBe(`AA|${id}`);
    leg.socket.destroy();
  }
  source.socket.destroy();
}

test('rule 14: restored from before a switch, it begins above that switch, on its route, fenced until it is released', async () => {
  await line.move('parallel');
  await exchange('A1', ['legacy', 'new']);
  const former = (await estate.call('GET', 'info')).body.incarnation;
  await estate.end('SIGTERM');
  await cp(estate.dataDir, backup, { recursive: true });
  await estate.start();
  await until(async () => expect((await line.move('switched')).epoch).toBe(3));
  await exchange('A2', ['legacy', 'new']);
  await estate.end('SIGKILL');
  await putBack();

  const known = { line: { phase: 'switched', newWeight: 0, epoch: 3 } };
  const looked = await restore(known);
  expect(looked.code).toBe(3);
  expect(looked.out).toMatchObject({ restored: false, connections: [{ epochInBackup: 2, epochKnown: 3, epoch: 4 }] });
  const done = await restore(known, '--yes');
  expect(done.error).toBe('');
  expect(done.code).toBe(0);
  await estate.start();

  const fenced = await line.status();
  expect([fenced.state, fenced.epoch, fenced.phase, fenced.control]).toEqual(['fenced', 4, 'switched', 'new']);
  const { body } = await estate.call('GET', 'info');
  expect(body.incarnation).not.toBe(former);
  expect(body.incarnation).toBe(done.out.incarnation);
  const source = await line.source();
  expect(verdictOf(await source.exchange(order('A3')))).toBe('AR|A3');
  const leg = await line.leg('new');
  expect(verdictOf(await leg.exchange(order('A2b')))).toBe('AR|A2b');
  const refused = await line.put('parallel', { reason: 'too soon' });
  expect([refused.status, refused.body.code]).toEqual([409, 'fenced']);
  await estate.crash();
  expect((await line.status()).state).toBe('fenced');

  expect((await estate.call('POST', 'connections/line/release')).status).toBe(200);
  expect((await line.status()).state).toBe('steady');
  await exchange('A4', ['new']);
  expect(line.destination.ids).toContain('A4');
  expect(line.new.ids).toContain('A4');
  // Who has seen only the epochs of before moves nothing.
  expect((await line.put('parallel', { reason: 'stale', expectedEpoch: 3 })).body.code).toBe('stale-epoch');
  await estate.crash();
  const after = await line.status();
  expect([after.state, after.epoch]).toEqual(['steady', 4]);
  expect((await line.move('parallel', { reason: 'back' })).epoch).toBe(5);
});

test('rule 14: copies that were owed at the backup are listed, and go out only after the release', async () => {
  await line.new.down();
  await line.move('parallel');
  const source = await line.source();
  for (const id of ['B1', 'B2', 'B3']) expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  await estate.end('SIGKILL');
  await cp(estate.dataDir, backup, { recursive: true });
  await putBack();
  expect((await restore({}, '--yes')).code).toBe(0);
  await line.new.up();
  await estate.start();
  const listed = (await line.listed('maybeSent')).filter(([, cause]) => cause === 'restored').map(([id]) => id);
  expect(listed).toEqual(['B1', 'B2', 'B3']);
  expect(line.new.ids).toEqual([]);
  await estate.call('POST', 'connections/line/release');
  await until(() => expect(line.new.ids).toEqual(['B1', 'B2', 'B3']));
});

test('rule 14: a restore that was interrupted serves nobody, and is finished by running it again', async () => {
  await line.move('parallel');
  await estate.end('SIGKILL');
  await writeFile(
    join(estate.dataDir, 'restore.json'),
    JSON.stringify({ incarnation: 'chosen-before-the-cut', nowMs: 1_700_000_000_000 }),
  );
  await expect(estate.start()).rejects.toThrow('a restore of');
  expect((await restore({}, '--yes')).out.incarnation).toBe('chosen-before-the-cut');
  await estate.start();
  expect((await line.status()).state).toBe('fenced');
});

test('rule 14: a repair that has lost records behind the checkpoint starts fenced as well', async () => {
  const source = await line.source();
  for (const id of ['C1', 'C2', 'C3']) expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  await estate.end('SIGKILL');
  const journal = join(estate.dataDir, 'journal');
  const [segment = ''] = (await readdir(journal)).filter((name) => name.endsWith('.journal'));
  const bytes = await readFile(join(journal, segment));
  const at = bytes.indexOf('ORC|NW|C2');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(join(journal, segment), bytes);
  await expect(estate.start()).rejects.toThrow('gateway repair');
  const repairing = spawn(process.execPath, [MAIN, 'repair', '--data-dir', estate.dataDir, '--yes'], {
    stdio: 'ignore',
  });
  expect((await once(repairing, 'close'))[0]).toBe(0);
  await estate.start();
  expect((await line.status()).state).toBe('fenced');
  await estate.call('POST', 'connections/line/release');
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('C4')))).toBe('AA|C4');
});

test('a restore without a backup, or without what is known elsewhere, is refused and says what to do', async () => {
  await estate.end('SIGTERM');
  await rm(estate.dataDir, { recursive: true });
  const absent = await restore({}, '--yes');
  expect(absent.code).toBe(3);
  expect(absent.error).toContain('put the whole data directory back from its backup first');
});
