/** Birth, opening and locking of a data directory, with a real second process for the lock. */

import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { digestOfToken } from './admin/credentials.ts';
import { type Birth, initDataDir, openDataDir } from './data-dir.ts';
import { Journal } from './journal/journal.ts';

const inventory: Birth['inventory'] = {
  deployment: 'lab-1',
  target: 'local',
  gateways: [{ shard: 0, admin: 'https://127.0.0.1:7443' }],
};
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cutover-data-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'data');
}

function birthIn(dataDir: string, more: Partial<Birth> = {}): Birth {
  return { dataDir, inventory, shard: 0, target: 'local', now: new Date(), ...more };
}

async function codeOf(
  result: Promise<{ ok: true } | { ok: false; refusal: { code: string; next: readonly string[] } }>,
) {
  const settled = await result;
  if (settled.ok) return 'ok';
  expect(settled.refusal.next.length).toBeGreaterThan(0);
  return settled.refusal.code;
}

test('a born directory has identity, token, credential, certificate and journal, and opens', async () => {
  const dataDir = await folder();
  const born = await initDataDir(birthIn(dataDir));
  expect(born.ok).toBe(true);
  const opened = await openDataDir({ dataDir, inventory });
  if (!opened.ok || !born.ok) throw new Error('must open');
  cleanups.push(async () => opened.value.lock.release());
  expect(opened.value.identity).toEqual(born.value);
  const token = await readFile(join(dataDir, 'admin.token'), 'utf8');
  expect(Buffer.from(token, 'base64url').length).toBe(32);
  expect((await stat(join(dataDir, 'admin.token'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(dataDir, 'admin.key'))).mode & 0o777).toBe(0o600);
  expect(opened.value.credentials).toEqual([{ name: 'local', role: 'move', sha256: digestOfToken(token) }]);
  const certificate = new X509Certificate(opened.value.certificate);
  expect(certificate.checkHost('localhost')).toBe('localhost');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  const events = { written() {}, durable() {}, failed() {}, segmentStarted() {} };
  const { identity, journalDir } = opened.value;
  const { journal, report } = await Journal.open({ dir: journalDir, ...identity, mustExist: true, events });
  expect(report).toEqual({ clean: true, records: 0, nextOffset: 1, cut: null });
  await journal.close();
});

test('born once: a second init, and an init over something else, are refused and change nothing', async () => {
  const dataDir = await folder();
  await initDataDir(birthIn(dataDir));
  const before = await readFile(join(dataDir, 'identity.json'), 'utf8');
  expect(await codeOf(initDataDir(birthIn(dataDir)))).toBe('data-dir-exists');
  expect(await readFile(join(dataDir, 'identity.json'), 'utf8')).toBe(before);
  const other = await folder();
  await mkdir(other);
  await writeFile(join(other, 'file'), 'x');
  expect(await codeOf(initDataDir(birthIn(other)))).toBe('data-dir-not-empty');
  expect(await readdir(other)).toEqual(['file']);
});

test('absent, damaged, and foreign directories are refused by name', async () => {
  const dataDir = await folder();
  expect(await codeOf(openDataDir({ dataDir, inventory }))).toBe('data-dir-absent');
  await initDataDir(birthIn(dataDir));
  const otherDeployment = { ...inventory, deployment: 'lab-2' };
  expect(await codeOf(openDataDir({ dataDir, inventory: otherDeployment }))).toBe('deployment-mismatch');
  const otherShard = { ...inventory, gateways: [{ shard: 1, admin: 'https://127.0.0.1:7443' }] };
  expect(await codeOf(openDataDir({ dataDir, inventory: otherShard }))).toBe('shard-mismatch');
  expect(await codeOf(initDataDir(birthIn(await folder(), { shard: 3 })))).toBe('shard-mismatch');
  const production = { ...inventory, target: 'production' as const };
  expect(await codeOf(openDataDir({ dataDir, inventory: production }))).toBe('target-mismatch');
  await rm(join(dataDir, 'journal'), { recursive: true });
  expect(await codeOf(openDataDir({ dataDir, inventory }))).toBe('data-dir-damaged');
  await writeFile(join(dataDir, 'identity.json'), '{"shard":');
  expect(await codeOf(openDataDir({ dataDir, inventory }))).toBe('data-dir-damaged');
});

test.each([
  ['credentials.json', '[]'],
  ['admin.key', 'not a key'],
  ['admin.crt', 'not a certificate'],
])('a data directory whose %s is of no use is refused by name', async (name, text) => {
  const dataDir = await folder();
  await initDataDir(birthIn(dataDir));
  await writeFile(join(dataDir, name), text);
  expect(await codeOf(openDataDir({ dataDir, inventory }))).toBe('data-dir-damaged');
});

test('two credentials with one token are refused by both names, and the token is not shown', async () => {
  const dataDir = await folder();
  await initDataDir(birthIn(dataDir));
  const token = await readFile(join(dataDir, 'admin.token'), 'utf8');
  const sha256 = digestOfToken(token);
  const others = ['kim', 'lee'].map((name) => ({ name, role: 'operate', sha256: digestOfToken(name) }));
  const entries = [{ name: 'local', role: 'move', sha256 }, ...others];
  await writeFile(
    join(dataDir, 'credentials.json'),
    JSON.stringify([...entries, { name: 'sam', role: 'operate', sha256 }]),
  );
  const opened = await openDataDir({ dataDir, inventory });
  if (opened.ok) throw new Error('must be refused');
  const { code, message, next } = opened.refusal;
  expect(code).toBe('credentials-shared');
  expect(message).toContain(`${join(dataDir, 'credentials.json')}: entry 1 ('local') and entry 4 ('sam') have`);
  expect(next.join()).toContain('a token of its own');
  for (const secret of [token, sha256]) expect(JSON.stringify(opened)).not.toContain(secret);
  await writeFile(join(dataDir, 'credentials.json'), JSON.stringify(entries));
  const reopened = await openDataDir({ dataDir, inventory });
  if (!reopened.ok) throw new Error('must open');
  cleanups.push(async () => reopened.value.lock.release());
});

test.each(['file', 'folder'])('where a %s stands in the place of the lock, it is said what to do', async (kind) => {
  const dataDir = await folder();
  await initDataDir(birthIn(dataDir));
  const lock = join(dataDir, 'lock');
  await rm(lock, { force: true });
  if (kind === 'folder') await mkdir(lock);
  else await writeFile(lock, 'something that somebody has put here '.repeat(100));
  await expect(openDataDir({ dataDir, inventory })).rejects.toThrow(/lock cannot be locked .* remove it/);
});

test('one holder at a time; the lock dies with its process, also when that is killed', async () => {
  const dataDir = await folder();
  await initDataDir(birthIn(dataDir));
  const script = `
    const { openDataDir } = await import(process.argv[1]);
    const opened = await openDataDir({ dataDir: process.argv[2], inventory: JSON.parse(process.argv[3]) });
    console.log(opened.ok);
    setInterval(() => opened, 1000);
  `;
  const module = new URL('./data-dir.ts', import.meta.url).href;
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    script,
    module,
    dataDir,
    JSON.stringify(inventory),
  ]);
  cleanups.push(async () => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  expect(String(line).trim()).toBe('true');
  const refused = await openDataDir({ dataDir, inventory });
  expect(refused).toMatchObject({ ok: false, refusal: { code: 'data-dir-in-use' } });
  if (!refused.ok) expect(refused.refusal.message).toContain(String(child.pid));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  const opened = await openDataDir({ dataDir, inventory });
  if (!opened.ok) throw new Error(opened.refusal.message);
  expect(await codeOf(openDataDir({ dataDir, inventory }))).toBe('data-dir-in-use');
  opened.value.lock.release();
  expect(await codeOf(openDataDir({ dataDir, inventory }))).toBe('ok');
});
