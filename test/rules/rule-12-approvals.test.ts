/**
 * Rule 12: the gateway itself refuses every approval that is forged, borrowed, stale or one's own, tells why, and keeps a
 * record of it. Real signatures, a real gateway process, its own clock, and nothing between them but the admin API.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { epochRecordSchema } from '../../core/admin-api.ts';
import { ed25519Key, type TestKey } from '../../core/ssh/test-keys.ts';
import {
  documentOf as documentFor,
  inHours,
  type Presented,
  present as presentAt,
  type Refusals,
  type Reply,
  refusalsOf,
  signedBy,
  startProduction,
} from './approvals.ts';
import { type Estate, type Line, until } from './peers.ts';

const HOUR_MS = 3_600_000;
const SECRET = 'token-of-the-lead';
const keys = { ann: ed25519Key(), bob: ed25519Key(), carl: ed25519Key(), eve: ed25519Key() };
const signerLines = [
  `ann@lab namespaces="cutover-approval,cutover-signoff" ${keys.ann.line} role=engineering`,
  `bob@lab namespaces="cutover-approval,cutover-signoff" ${keys.bob.line} role=lab-operations`,
  `carl@lab ${keys.carl.line} role=lab-operations`,
];

let estate: Estate;
let revoked: string;
let shared: Line;

beforeAll(async () => {
  const keyed = { connection: { weightKey: ['PID-3.1'] } };
  const started = await startProduction({ shared: keyed, moved: keyed, nobody: keyed }, signerLines, { bob: SECRET });
  ({ estate, revoked } = started);
  // Whatever is added afterwards is another file: the gateway has read its signers.
  await writeFile(started.signers, `${signerLines.join('\n')}\neve@lab ${keys.eve.line} role=engineering\n`);
  shared = estate.line('shared');
  await shared.move('parallel');
});
afterAll(() => estate?.close());
afterEach(() => void vi.useRealTimers());

const documentOf = (over: object = {}): string => documentFor(shared.name, over);
const signed = (over: object = {}, by: readonly TestKey[] = [keys.ann, keys.bob], namespace?: string): Presented =>
  signedBy(by, documentOf(over), namespace);
const present = (approval: object | null, over: object = {}, token?: string): Promise<Reply> =>
  presentAt(shared, estate, approval, over, token);
const refusals = (): Promise<Refusals> => refusalsOf(estate);

/** [what, what is presented, beside it, the reason]. */
function forgeries(): [string, object | null, object, string][] {
  const weight = (newWeight: number) => ({ phase: 'parallel', newWeight });
  const good = signed();
  const edited = { ...good, document: documentOf({ notAfter: inHours(400) }) };
  return [
    ['a valid token and no approval', null, {}, 'missing'],
    ['newWeight 1 without one', null, weight(1), 'missing'],
    ['newWeight 99 without one', null, weight(99), 'missing'],
    ['a weight above what was approved', good, weight(51), 'weight-above-maximum'],
    ['an approval for weights only', signed({ target: 'parallel' }), {}, 'wrong-target'],
    [
      'a copy of another connection’s',
      signed({ connections: [{ name: 'other', fromEpoch: 2 }] }),
      {},
      'connection-not-named',
    ],
    ['staging’s', signed({ deployment: 'lab-staging-1' }), {}, 'wrong-deployment'],
    ['an old one, of a closed window', signed({ notBefore: inHours(-9), notAfter: inHours(-1) }), {}, 'expired'],
    ['one for tomorrow', signed({ notBefore: inHours(20), notAfter: inHours(24) }), {}, 'not-yet-valid'],
    ['edited after it was signed', edited, {}, 'signatures-missing'],
    [
      'signed for an epoch that has passed',
      signed({ connections: [{ name: shared.name, fromEpoch: 1 }] }),
      {},
      'epoch-moved',
    ],
    ['signed for an epoch to come', signed({ connections: [{ name: shared.name, fromEpoch: 3 }] }), {}, 'epoch-moved'],
    ['a key that was added to the signers later', signed({}, [keys.eve, keys.bob]), {}, 'signatures-missing'],
    ['signed as a file, not as an approval', signed({}, [keys.ann, keys.bob], 'file'), {}, 'signatures-missing'],
    ['signed as a sign-off', signed({}, [keys.ann, keys.bob], 'cutover-signoff'), {}, 'signatures-missing'],
    ['one person twice', signed({}, [keys.ann, keys.ann]), {}, 'signatures-missing'],
    ['two people of one role', signed({}, [keys.bob, keys.carl]), {}, 'signatures-missing'],
    ['nobody', signed({}, []), {}, 'signatures-missing'],
    ['not canonical', { ...good, document: `${good.document} ` }, {}, 'document-not-canonical'],
    [
      'a repeated key',
      { ...good, document: good.document.replace('{', '{"attempts":99,') },
      {},
      'document-not-canonical',
    ],
    ['no JSON', { ...good, document: '{' }, {}, 'document-malformed'],
    ['a member of its own', signed({ everything: true }), {}, 'document-malformed'],
    ['huge', signed({ deployment: 'x'.repeat(300_000) }), {}, 'document-too-large'],
    [
      'a signature that is none',
      { ...good, signatures: ['-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----'] },
      {},
      'signatures-missing',
    ],
  ];
}

test('rule 12: every forgery is refused by the gateway, with its reason, nothing changes, and each is recorded', async () => {
  const before = await shared.status();
  const recorded = (await refusals()).total;
  for (const [what, approval, over, reason] of forgeries()) {
    const { status, body } = await present(approval, over);
    expect([what, status, body.reason]).toEqual([what, 403, reason]);
    expect(body.code).toBe(reason === 'missing' ? 'approval-missing' : 'approval-invalid');
  }
  expect(await shared.status()).toMatchObject({
    epoch: before.epoch,
    phase: before.phase,
    newWeight: 0,
    control: 'legacy',
  });
  const all = await refusals();
  expect(all.total - recorded).toBe(forgeries().length);
  expect(all.reasons[0]).toBe('signatures-missing');
  expect(await metricOf('missing')).toBe(3);
  expect(estate.log).toContain('"event":"move-refused"');
  for (const text of [estate.log, all.text]) expect(text).not.toContain('BEGIN SSH');
});

test('rule 12: who signed cannot move, and a clock that someone sets back elsewhere opens no window', async () => {
  expect(await present(signed(), {}, SECRET)).toMatchObject({ status: 403, body: { reason: 'own-approval' } });
  const old = signed({ notBefore: inHours(-48), notAfter: inHours(-44) });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 46 * HOUR_MS });
  expect(await present(old, { notAfter: new Date(Date.now() + 60 * HOUR_MS).toISOString() })).toMatchObject({
    status: 403,
    body: { reason: 'expired' },
  });
});

test('rule 12: what was refused is known after a crash too', async () => {
  const before = await refusals();
  await estate.crash();
  expect(await refusals()).toEqual(before);
});

test('rule 12: a valid one moves, is named in the epoch history, serves a second try after a rollback, and no third', async () => {
  const approval = signed();
  const digest = `sha256:${createHash('sha256').update(approval.document).digest('hex')}`;
  expect(await present(approval, { phase: 'parallel', newWeight: 50 })).toMatchObject({
    status: 200,
    body: { epoch: 3 },
  });
  expect(await present(approval, { expectedEpoch: 3 })).toMatchObject({
    status: 200,
    body: { epoch: 4, control: 'new' },
  });
  const back = { phase: 'parallel', reason: 'second try' };
  expect(await present(null, { ...back, expectedEpoch: 4 })).toMatchObject({
    status: 200,
    body: { control: 'legacy' },
  });
  expect(await present(approval, { expectedEpoch: 5 })).toMatchObject({ status: 200, body: { epoch: 6 } });
  expect(await present(null, { ...back, expectedEpoch: 6 })).toMatchObject({ status: 200 });
  expect(await present(approval, { expectedEpoch: 7 })).toMatchObject({
    status: 403,
    body: { reason: 'attempts-used' },
  });
  const { body } = await estate.call('GET', `connections/${shared.name}/epochs`);
  const history = epochRecordSchema.array().parse(body.epochs);
  expect(history.map(({ approval: named }) => named)).toEqual([null, null, digest, digest, null, digest, null]);
});

test('rule 12: a key that is revoked while the gateway runs counts no more', async () => {
  const connections = [{ name: shared.name, fromEpoch: 7 }];
  const fresh = signed({ connections });
  await writeFile(revoked, `${keys.bob.line} bob@lab left\n`);
  process.kill(estate.pid, 'SIGHUP');
  await until(() => expect(estate.log).toContain('"event":"revoked-keys"'));
  const { status, body } = await present(fresh, { expectedEpoch: 7 });
  expect([status, body.reason]).toEqual([403, 'signatures-missing']);
  expect(body.message).toMatch(/its key SHA256:\S+ is revoked/);
  const others = signed({ connections }, [keys.ann, keys.carl]);
  expect(await present(others, { expectedEpoch: 7 })).toMatchObject({ status: 200, body: { epoch: 8 } });
});

test('rule 12: decommission takes a sign-off of Lab Operations, and nothing else', async () => {
  const connections = [{ name: shared.name, fromEpoch: 8 }];
  const over = { connections, target: 'decommissioned', evidenceGrade: 'A', accepted: [] };
  const last = { phase: 'decommissioned', expectedEpoch: 8 };
  const tries: [object | null, string][] = [
    [null, 'missing'],
    [signed({ connections }, [keys.ann, keys.carl]), 'wrong-target'],
    [signed(over, [keys.carl], 'cutover-approval'), 'signatures-missing'],
    [signed(over, [keys.ann], 'cutover-signoff'), 'signatures-missing'],
    [signed(over, [keys.bob], 'cutover-signoff'), 'signatures-missing'],
    [
      signed({ ...over, connections: [{ name: shared.name, fromEpoch: 7 }] }, [keys.carl], 'cutover-signoff'),
      'epoch-moved',
    ],
  ];
  for (const [document, reason] of tries) {
    expect(await present(document, last)).toMatchObject({ status: 403, body: { reason } });
  }
  const signoff = signed(over, [keys.carl], 'cutover-signoff');
  await estate.changeInventory({ defaults: { soak: '7d' } });
  const early = await present(signoff, last);
  expect(early).toMatchObject({ status: 409, body: { code: 'soak' } });
  expect(early.body.message).toMatch(/it may be decommissioned from 20\d\d-/);
  await estate.changeInventory({});
  expect(await present(signoff, last)).toMatchObject({ status: 200, body: { epoch: 9 } });
});

test('rule 12: moves towards legacy, parallel and cancel need no approval', async () => {
  const line = estate.line('nobody');
  await line.move('parallel');
  expect(await line.move('legacy', { reason: 'not now' })).toMatchObject({ phase: 'legacy' });
});

test('rule 12: a swap that has not drained when the window closes gives up', async () => {
  const line = estate.line('moved');
  await line.move('parallel');
  await line.new.down();
  const connections = [{ name: line.name, fromEpoch: 2 }];
  const notAfter = new Date(Date.now() + 2500).toISOString();
  const approval = signed({ connections, notAfter }, [keys.ann, keys.carl]);
  const body = { requestId: 'late', phase: 'switched', expectedEpoch: 2, deadlineMs: 60_000, approval };
  const { status, body: answer } = await estate.call('PUT', `connections/${line.name}/route`, body);
  expect([status, answer.aborted]).toEqual([200, true]);
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel' });
});

async function metricOf(reason: string): Promise<number> {
  const text = await estate.text('/metrics');
  return Number(new RegExp(`cutover_moves_refused_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1]);
}
