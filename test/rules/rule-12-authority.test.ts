/** Rule 12: the gateway is the enforcer: credentials and their roles, signed approvals, reasons. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { epochRecordSchema } from '../../core/admin-api.ts';
import { type Estate, startEstate } from './peers.ts';

const OPERATE = 'token-of-the-night-watch';

let production: Estate;
let local: Estate;

beforeAll(async () => {
  const lines = { moved: {}, shared: { connection: { weightKey: ['PID-3.1'] } } };
  const effects = [{ kind: 'email' }];
  local = await startEstate({ ...lines, effects: { connection: { effects } } }, true);
  await local.init();
  const file = join(local.dataDir, 'credentials.json');
  const sha256 = createHash('sha256').update(OPERATE).digest('hex');
  const credentials: object[] = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify([...credentials, { name: 'watch', role: 'operate', sha256 }]));
  local.args = [];
  await local.start();
  production = await startEstate(lines, true);
  await production.init('--target', 'production');
});
afterAll(() => Promise.all([local?.close(), production?.close()]));

test('rule 12: production does not start without signers', async () => {
  production.args = [];
  await expect(production.start()).rejects.toThrow(/exit 3: .*--signers/s);
});

test('rule 12: in production a move towards new without an approval is refused, weight and decommission too; towards legacy needs none', async () => {
  const signers = join(production.folder, 'signers');
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]);
  const key = Buffer.concat([text('ssh-ed25519'), text('k'.repeat(32))]).toString('base64');
  await writeFile(signers, `approver@lab namespaces="cutover-approval" ssh-ed25519 ${key}\n`);
  production.args = ['--signers', signers];
  await production.start();
  const line = production.line('shared');
  expect((await line.put('parallel')).status).toBe(200);
  const towardsNew = [
    { phase: 'switched', newWeight: 0 },
    { phase: 'parallel', newWeight: 10 },
  ];
  for (const move of towardsNew) {
    const request = { requestId: `production-${move.phase}`, expectedEpoch: 2, ...move };
    const { status, body } = await production.call('PUT', `connections/${line.name}/route`, request);
    expect([status, body.code]).toEqual([403, 'approval-missing']);
  }
  expect(await line.status()).toMatchObject({ phase: 'parallel', epoch: 2 });
  expect((await line.put('legacy')).status).toBe(200);
});

test('rule 12: the same data directory cannot be made local again', async () => {
  await production.end('SIGTERM');
  production.args = ['--init'];
  await expect(production.start()).rejects.toThrow(/exit 3/);
});

test('rule 12: a move towards legacy needs a reason, no approval', async () => {
  const line = local.line('moved');
  await line.move('parallel');
  await line.move('switched');
  for (const reason of [undefined, '', '  ']) {
    const { status, body } = await line.put('parallel', reason === undefined ? {} : { reason });
    expect([status, body.code]).toEqual([400, 'reason-missing']);
  }
  expect(await line.move('parallel', { reason: 'drill' })).toMatchObject({ control: 'legacy' });
});

test('rule 12: the role operate may read, hold, release and move towards legacy, nothing else', async () => {
  const line = local.line('shared');
  const path = `connections/${line.name}`;
  for (const phase of ['parallel', 'switched']) {
    expect(await line.put(phase, {}, OPERATE)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    await line.move(phase);
  }
  expect(await line.put('decommissioned', {}, OPERATE)).toMatchObject({ status: 403 });
  expect((await local.call('GET', path, undefined, OPERATE)).status).toBe(200);
  expect((await local.call('POST', `${path}/hold`, { forMs: 10, reason: 'test' }, OPERATE)).status).toBe(200);
  expect((await local.call('POST', `${path}/release`, {}, OPERATE)).status).toBe(200);
  const decide = { action: 'deliver', reason: 'test' };
  expect((await local.call('POST', 'decisions/0-1', decide, OPERATE)).status).toBe(403);
  expect((await line.put('parallel', { reason: 'by the watch' }, OPERATE)).status).toBe(200);
  const { body } = await local.call('GET', `${path}/epochs`);
  const history = epochRecordSchema.array().parse(body.epochs);
  expect(history.at(-1)).toMatchObject({ by: 'watch', reason: 'by the watch' });
  expect(history.at(-2)).toMatchObject({ by: 'local' });
});

test('rule 12: without a credential, or with a wrong one, nothing is told and nothing moves', async () => {
  for (const token of ['', 'wrong', `${local.token}x`, local.token.slice(1)]) {
    expect(await local.line('moved').put('legacy', { reason: 'x' }, token)).toMatchObject({ status: 401 });
    expect((await local.call('GET', 'connections', undefined, token)).body).not.toHaveProperty('connections');
  }
});

test('rule 12: unclassified side effects refuse the shadow', async () => {
  expect(await local.line('effects').put('parallel')).toMatchObject({
    status: 403,
    body: { code: 'effects-unclassified' },
  });
});

test('rule 12: a move that skips a step is refused with the legal next ones, forced or not', async () => {
  const line = local.line('effects');
  for (const phase of ['switched', 'decommissioned']) {
    const { status, body } = await line.put(phase, { force: true, reason: 'hurry' });
    expect([status, body.code, body.next]).toEqual([400, 'illegal-move', ['cutover parallel']]);
  }
});
