/**
 * Rule 14: a data directory that comes back from a backup starts fenced, under an identity of its own, above every epoch known
 * elsewhere; what was owed when the backup was made is listed, and nothing moves before a person has released it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { Ledger } from '../../adapters/ledger.ts';
import { startPostgres } from '../../adapters/postgres-harness.ts';
import { linkEpoch } from '../../core/epoch-history.ts';
import type { LedgerDraft } from '../../core/ledger-entry.ts';
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
  return restoreUntil(null, known, more);
}

/** With `killedAt` until a file or folder of that name moves in the data directory. */
async function restoreUntil(killedAt: string | null, known: object, more: readonly string[]): Promise<Ended> {
  const file = join(estate.folder, 'Pulumi.test.yaml');
  const config = { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': known };
  await writeFile(file, JSON.stringify({ config }));
  const where = ['--inventory', estate.inventoryFile, '--data-dir', estate.dataDir, '--known', file];
  const env = { ...process.env, ...estate.env };
  const child = spawn(process.execPath, [MAIN, 'init', '--restore', ...where, ...more], { env });
  const watcher =
    killedAt === null
      ? null
      : watch(estate.dataDir, (_, name) => {
          if (name?.startsWith(killedAt) === true) child.kill('SIGKILL');
        });
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString();
  });
  const [code] = await once(child, 'close');
  watcher?.close();
  return { code: Number(code), out: out === '' ? {} : JSON.parse(out), error };
}

/** The whole folder as it was, in the place of what has been since. */
async function putBack(): Promise<void> {
  await rm(estate.dataDir, { recursive: true });
  await cp(backup, estate.dataDir, { recursive: true });
}

/** As the worker does with what its retention no longer allows. */
function forgetIn(url: string, msh10: string): Promise<void> {
  return query(url, 'update cutover.records set payload = null where msh10 = $1', [msh10]);
}

async function query(url: string, text: string, values: readonly string[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text, [...values]);
  await client.end();
}

function epochDraft(epoch: number): LedgerDraft {
  const at = new Date(1_800_000_000_000).toISOString();
  const who = { by: 'lead', origin: 'verb', requestId: 'r', reason: null, changeId: null, approval: null } as const;
  const route = { connection: 'line', epoch, phase: 'switched', newWeight: 0, verb: 'switch' } as const;
  const body = linkEpoch(null, { ...route, ...who, forced: false, at });
  const run = { operator: 'lead', host: 'h', run: 'r', verb: 'switch', stack: 'test', reason: null, changeId: null };
  return { deployment: 'lab-rules-1', kind: 'epoch', at, ...run, body: { ...body } };
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

test('rule 14: a restore that is killed at any step serves nobody, and is finished by running it again', async () => {
  await line.move('parallel');
  await exchange('A1', ['legacy', 'new']);
  await estate.end('SIGTERM');
  await cp(estate.dataDir, backup, { recursive: true });
  const known = { line: { phase: 'parallel', newWeight: 0, epoch: 5 } };
  const steps = ['restore.json', 'journal.repaired', 'journal.before-restore', 'journal', 'identity.json'];
  for (const step of steps) {
    await putBack();
    await restoreUntil(step, known, ['--yes']);
    const isFinished = !(await readdir(estate.dataDir)).includes('restore.json');
    const isBegun = (await readdir(backup)).length !== (await readdir(estate.dataDir)).length;
    if (isBegun && !isFinished) await expect(estate.start()).rejects.toThrow('a restore of');
    const finished = await restore(known, '--yes');
    expect(finished.error).toBe('');
    expect([finished.code, finished.out.restored]).toEqual([0, true]);
  }
  await estate.start();
  const status = await line.status();
  // One restore may be the second: the first was finished before its kill.
  expect([status.state, status.phase]).toEqual(['fenced', 'parallel']);
  expect([6, 7]).toContain(status.epoch);
  expect((await estate.call('POST', 'connections/line/release')).status).toBe(200);
  await exchange('A2', ['legacy', 'new']);
});

/** A gateway that ships, and that goes on after it was backed up with one message in it. */
async function startOverBackup(databaseUrl: string): Promise<void> {
  await estate.end('SIGTERM');
  estate.env = { DATABASE_URL: databaseUrl };
  await estate.start();
  await exchange('A1', ['legacy']);
  await estate.end('SIGTERM');
  await cp(estate.dataDir, backup, { recursive: true });
  await estate.start();
}

const isShipped = (): Promise<void> =>
  until(async () => expect(await estate.text('/metrics')).toMatch(/^cutover_shipping_lag_records\{?.* 0$/m));

test('rule 14: what the database has of the time after the backup is restored with it; the rest is listed, and the ledger counts', async () => {
  const database = await startPostgres();
  try {
    await startOverBackup(database.url);
    await line.move('parallel');
    for (const id of ['A2', 'A3']) await exchange(id, ['legacy', 'new']);
    await isShipped();
    await estate.end('SIGKILL');
    await putBack();
    const whole = await restore({}, '--yes');
    expect(whole.error).toBe('');
    expect(whole.out).toMatchObject({ database: { listed: 0 }, connections: [{ epoch: 3, phase: 'parallel' }] });
    await estate.start();
    await estate.call('POST', 'connections/line/release');
    // Its answer was given after the backup.
    const source = await line.source();
    expect(verdictOf(await source.exchange(order('A3')))).toBe('AA|A3');
    expect(line.legacy.ids.filter((id) => id === 'A3')).toHaveLength(1);
    expect((await line.list('answeredAgain')).map(({ id }) => id.msh10)).toEqual(['A3']);
    await estate.end('SIGKILL');

    // The bytes of the last message are gone there, and the ledger knows more than the stack file.
    await putBack();
    await forgetIn(database.url, 'A3');
    const ledger = await Ledger.open({ url: database.url, deployment: 'lab-rules-1' });
    await ledger.append([epochDraft(7)]);
    await ledger.close();
    const known = { line: { phase: 'parallel', newWeight: 0, epoch: 2 } };
    const above = { epochKnown: 7, epoch: 8, phase: 'switched' };
    expect((await restore(known)).out).toMatchObject({ connections: [{ name: 'line', ...above }] });
    // All of them know it by the name that it had.
    const inventory = await readFile(estate.inventoryFile, 'utf8');
    await writeFile(estate.inventoryFile, inventory.replace('"name":"line"', '"name":"heir","previousNames":["line"]'));
    const partly = await restore(known, '--yes');
    expect(partly.out).toMatchObject({ connections: [{ name: 'heir', ...above }] });
    await estate.start();
    const { body } = await estate.call('GET', 'connections/heir/lists/maybeSent');
    const listed = z.array(z.object({ id: z.object({ msh10: z.string() }), cause: z.string() })).parse(body.entries);
    const doubted = listed.filter(({ cause }) => cause === 'after-backup').map(({ id }) => id.msh10);
    expect(doubted).toContain('A3');
    expect(doubted).not.toContain('A2');

    await estate.end('SIGKILL');
    await putBack();
    await database.down();
    const blind = await restore({}, '--yes');
    expect([blind.code, blind.error]).toEqual([3, expect.stringContaining('unset DATABASE_URL')]);
  } finally {
    await database.remove();
  }
});

test('rule 14: restored from one backup twice, it has what was shipped after the first time as well', async () => {
  const database = await startPostgres();
  const startReleased = async (): Promise<void> => {
    await estate.start();
    await estate.call('POST', 'connections/line/release');
  };
  try {
    await startOverBackup(database.url);
    await exchange('A2', ['legacy']);
    await isShipped();
    await estate.end('SIGKILL');
    const later = join(estate.folder, 'later');
    await cp(estate.dataDir, later, { recursive: true });

    await putBack();
    expect((await restore({}, '--yes')).error).toBe('');
    await startReleased();
    await line.move('parallel');
    await exchange('A3', ['legacy', 'new']);
    await isShipped();
    await estate.end('SIGKILL');
    await putBack();
    const again = await restore({}, '--yes');
    expect(again.error).toBe('');
    expect(again.out).toMatchObject({ database: { listed: 0 }, connections: [{ epoch: 4, phase: 'parallel' }] });
    await startReleased();
    const source = await line.source();
    expect(verdictOf(await source.exchange(order('A3')))).toBe('AA|A3');
    expect(line.legacy.ids.filter((id) => id === 'A3')).toHaveLength(1);
    await isShipped();
    await estate.end('SIGKILL');

    // One that was restored without the database has gone another way than the later backup.
    estate.env = {};
    await putBack();
    expect((await restore({}, '--yes')).error).toBe('');
    estate.env = { DATABASE_URL: database.url };
    await startReleased();
    for (const id of ['B2', 'B3']) await exchange(id, ['legacy']);
    await isShipped();
    await estate.end('SIGKILL');
    await rm(estate.dataDir, { recursive: true });
    await cp(later, estate.dataDir, { recursive: true });
    const astray = await restore({}, '--yes');
    expect([astray.code, astray.error]).toEqual([3, expect.stringContaining('has served since')]);

    // Another lab's database, and one that is behind the backup, do not look as if nothing had come.
    const url = new URL(database.url);
    await query(database.url, 'create database other_lab');
    url.pathname = '/other_lab';
    estate.env = { DATABASE_URL: url.href };
    const foreign = await restore({});
    expect(foreign.out).toMatchObject({ database: { shippedUpTo: 0 } });
    expect(String(foreign.out.next)).toMatch(/knows nothing of this journal .* that of this lab/);
    await query(database.url, 'update cutover.journals set shipped_up_to = 1');
    estate.env = { DATABASE_URL: database.url };
    expect(String((await restore({})).out.next)).toMatch(
      /up to record 1, the backup up to \d+: it was not shipped any/,
    );
  } finally {
    await database.remove();
  }
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
