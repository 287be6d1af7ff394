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

type Forgery = { readonly approval: object | null; readonly over?: object; readonly reason: string };
const weight = (newWeight: number) => ({ phase: 'parallel', newWeight });
const at = (fromEpoch: number): object => ({ connections: [{ name: shared.name, fromEpoch }] });

/** By what it is; made when it is tried. */
const FORGERIES: Readonly<Record<string, () => Forgery>> = {
  'a valid token and no approval': () => ({ approval: null, reason: 'missing' }),
  'newWeight 1 without one': () => ({ approval: null, over: weight(1), reason: 'missing' }),
  'newWeight 99 without one': () => ({ approval: null, over: weight(99), reason: 'missing' }),
  'a weight above what was approved': () => ({ approval: signed(), over: weight(51), reason: 'weight-above-maximum' }),
  'an approval for weights only': () => ({ approval: signed({ target: 'parallel' }), reason: 'wrong-target' }),
  'a copy of another connection’s': () => ({
    approval: signed({ connections: [{ name: 'other', fromEpoch: 2 }] }),
    reason: 'connection-not-named',
  }),
  'staging’s': () => ({ approval: signed({ deployment: 'lab-staging-1' }), reason: 'wrong-deployment' }),
  'an old one, of a closed window': () => ({
    approval: signed({ notBefore: inHours(-9), notAfter: inHours(-1) }),
    reason: 'expired',
  }),
  'one for tomorrow': () => ({
    approval: signed({ notBefore: inHours(20), notAfter: inHours(24) }),
    reason: 'not-yet-valid',
  }),
  'edited after it was signed': () => ({
    approval: { ...signed(), document: documentOf({ notAfter: inHours(400) }) },
    reason: 'signatures-missing',
  }),
  'signed for an epoch that has passed': () => ({ approval: signed(at(1)), reason: 'epoch-moved' }),
  'signed for an epoch to come': () => ({ approval: signed(at(3)), reason: 'epoch-moved' }),
  'a key that was added to the signers later': () => ({
    approval: signed({}, [keys.eve, keys.bob]),
    reason: 'signatures-missing',
  }),
  'signed as a file, not as an approval': () => ({
    approval: signed({}, [keys.ann, keys.bob], 'file'),
    reason: 'signatures-missing',
  }),
  'signed as a sign-off': () => ({
    approval: signed({}, [keys.ann, keys.bob], 'cutover-signoff'),
    reason: 'signatures-missing',
  }),
  'one person twice': () => ({ approval: signed({}, [keys.ann, keys.ann]), reason: 'signatures-missing' }),
  'two people of one role': () => ({ approval: signed({}, [keys.bob, keys.carl]), reason: 'signatures-missing' }),
  nobody: () => ({ approval: signed({}, []), reason: 'signatures-missing' }),
  'not canonical': () => ({
    approval: { ...signed(), document: `${documentOf()} ` },
    reason: 'document-not-canonical',
  }),
  'a repeated key': () => ({
    approval: { ...signed(), document: documentOf().replace('{', '{"attempts":99,') },
    reason: 'document-not-canonical',
  }),
  'no JSON': () => ({ approval: { ...signed(), document: '{' }, reason: 'document-malformed' }),
  'a member of its own': () => ({ approval: signed({ everything: true }), reason: 'document-malformed' }),
  huge: () => ({ approval: signed({ deployment: 'x'.repeat(300_000) }), reason: 'document-too-large' }),
  'a signature that is none': () => ({
    approval: {
      ...signed(),
      signatures: ['-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----'],
    },
    reason: 'signatures-missing',
  }),
};

/** By the gateway itself, with its reason; nothing moves, and the newest of its records is this one. */
async function expectRefused(
  { approval, over = {}, reason }: Forgery,
  token?: string,
): Promise<Readonly<Record<string, unknown>>> {
  const [before, recorded] = [await shared.status(), await refusals()];
  const requestId = `forged-${Math.random()}`;
  const { status, body } = await present(approval, { ...over, requestId }, token);
  expect([status, body.reason]).toEqual([403, reason]);
  expect(body.code).toBe(reason === 'missing' ? 'approval-missing' : 'approval-invalid');
  const { epoch, phase, newWeight, control } = before;
  expect(await shared.status()).toMatchObject({ epoch, phase, newWeight, control });
  const after = await refusals();
  expect(after.total).toBe(recorded.total + 1);
  expect(after.entries[0]).toMatchObject({
    connection: shared.name,
    requestId,
    reason,
    by: token === SECRET ? 'bob' : 'local',
  });
  return body;
}

test.each(Object.entries(FORGERIES))('rule 12: refused by the gateway, and recorded: %s', async (_what, forgery) => {
  await expectRefused(forgery());
});

test('rule 12: what was refused is counted by reason and logged, without what was presented', async () => {
  expect((await refusals()).total).toBe(Object.keys(FORGERIES).length);
  expect(await metricOf('missing')).toBe(3);
  expect(estate.log).toContain('"event":"move-refused"');
  for (const text of [estate.log, JSON.stringify(await refusals())]) expect(text).not.toContain('BEGIN SSH');
});

test('rule 12: refused by the gateway, and recorded: one’s own approval', async () => {
  await expectRefused({ approval: signed(), reason: 'own-approval' }, SECRET);
});

test('rule 12: refused by the gateway, and recorded: a clock that was set back where the move is asked for', async () => {
  const approval = signed({ notBefore: inHours(-48), notAfter: inHours(-44) });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 46 * HOUR_MS });
  const notAfter = new Date(Date.now() + 60 * HOUR_MS).toISOString();
  await expectRefused({ approval, over: { notAfter }, reason: 'expired' });
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

test('rule 12: refused by the gateway, and recorded: a key that was revoked while it runs', async () => {
  const connections = [{ name: shared.name, fromEpoch: 7 }];
  const fresh = signed({ connections });
  await writeFile(revoked, `${keys.bob.line} bob@lab left\n`);
  process.kill(estate.pid, 'SIGHUP');
  await until(() => expect(estate.log).toContain('"event":"revoked-keys"'));
  const over = { expectedEpoch: 7 };
  const body = await expectRefused({ approval: fresh, over, reason: 'signatures-missing' });
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
  const moveUntil = (limitMs: number) => {
    const notAfter = new Date(Date.now() + limitMs).toISOString();
    const approval = signed({ connections, notAfter }, [keys.ann, keys.carl]);
    const body = { requestId: `late-${limitMs}`, phase: 'switched', expectedEpoch: 2, deadlineMs: 60_000, approval };
    return estate.call('PUT', `connections/${line.name}/route`, body);
  };
  let answered = await moveUntil(2_500);
  // On a busy machine the window may be over before it is asked for.
  for (let limitMs = 5_000; answered.status === 403 && limitMs <= 40_000; limitMs *= 2)
    answered = await moveUntil(limitMs);
  expect([answered.status, answered.body.aborted]).toEqual([200, true]);
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel' });
});

async function metricOf(reason: string): Promise<number> {
  const text = await estate.text('/metrics');
  return Number(new RegExp(`cutover_moves_refused_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1]);
}
