import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../../adapters/gateway-admin.fake.ts';
import { canonicalJson, digestOf } from '../../core/canonical-json.ts';
import { ed25519Key, type TestKey } from '../../core/ssh/test-keys.ts';
import { Gateways } from './gateways.ts';
import { bringAbout, checkRoute, deleteRoute, type RouteContext, readRoute } from './route.ts';
import type { RouteInputs } from './route-properties.ts';
import { StartTogether } from './start-together.ts';
import type { VerbRequest } from './verb-request.ts';

const NAME = 'northside-orders';
const VERB: VerbRequest = {
  origin: 'verb',
  deadlineMs: 5_000,
  requestIds: { [NAME]: 'request-of-the-verb' },
  force: true,
  together: 1,
};

describe('a route', () => {
  let gateway: FakeGateway;
  let approvals: string;
  const open: Gateways[] = [];

  beforeEach(async () => {
    gateway = await startFakeGateway({ connections: [NAME] });
    approvals = await mkdtemp(join(tmpdir(), 'approvals-'));
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateways) => gateways.close()));
    await gateway.stop();
    await rm(approvals, { recursive: true, force: true });
  });

  const opened = (): Gateways => {
    const gateways = new Gateways(gateway.env);
    open.push(gateways);
    return gateways;
  };
  /** Of one run of the engine. */
  const context = (change: Partial<RouteContext> = {}): RouteContext => ({
    gateways: opened(),
    request: null,
    approvals,
    together: new StartTogether(1),
    isCancelled: () => false,
    ...change,
  });
  const inputs = (change: Partial<RouteInputs> = {}): RouteInputs => ({
    name: NAME,
    admin: gateway.admin,
    shard: 0,
    deployment: 'lab-test-1',
    phase: 'parallel',
    newWeight: 0,
    epoch: 2,
    unclassifiedEffects: [],
    hasWeightKey: true,
    ...change,
  });

  describe('check', () => {
    it('asks nobody where the route is the same, whatever explains it', async () => {
      const olds = inputs({ reason: 'then' });
      const { reason: _reason, ...news } = inputs();
      expect(await checkRoute(context(), olds, news)).toMatchObject({ ok: true, value: { problems: [] } });
      expect(gateway.requests).toEqual([]);
    });

    it.each([
      ['phase', { phase: 'switched' }, 'is not a legal move'],
      ['epoch', { epoch: 1 }, 'does not follow'],
      ['epoch', { epoch: 5 }, 'a change must name epoch 2'],
      ['epoch', { phase: 'legacy' }, 'already has this route, at epoch 1'],
      ['phase', { unclassifiedEffects: ['database'] }, 'effects-unclassified'],
    ] as const)('finds fault with %s of %o', async (property, change, text) => {
      const checked = await checkRoute(context(), null, inputs(change));
      expect(checked).toMatchObject({ ok: true, value: { problems: [{ property }] } });
      expect(JSON.stringify(checked)).toContain(text);
    });

    it('wants a reason for a move towards legacy, and a weight key for a weight', async () => {
      gateway.setRoute(NAME, { phase: 'switched', newWeight: 0, epoch: 3 });
      const back = await checkRoute(context(), null, inputs({ epoch: 4 }));
      expect(back).toMatchObject({ value: { problems: [{ property: 'reason' }] } });
      gateway.setRoute(NAME, { phase: 'parallel', newWeight: 0, epoch: 4 });
      const share = await checkRoute(context(), null, inputs({ epoch: 5, newWeight: 10, hasWeightKey: false }));
      expect(share).toMatchObject({ value: { problems: [{ property: 'newWeight' }] } });
    });

    it('refuses inputs that do not fit, a token among them', async () => {
      const withToken = await checkRoute(context(), null, { ...inputs(), token: 'secret' });
      expect(withToken).toMatchObject({ ok: false });
      expect(JSON.stringify(withToken)).not.toContain('secret');
    });

    it('refuses a gateway of another deployment or shard by name', async () => {
      const other = await checkRoute(context(), null, inputs({ deployment: 'lab-prod-1' }));
      expect(other).toMatchObject({ ok: false });
      expect(JSON.stringify(other)).toContain('expects deployment lab-prod-1');
      expect(await checkRoute(context(), null, inputs({ shard: 3 }))).toMatchObject({ ok: false });
    });

    it('wants a signed approval for a move towards new in target production', async () => {
      Object.assign(gateway.info, { target: 'production' });
      gateway.setRoute(NAME, { phase: 'parallel', newWeight: 0, epoch: 2 });
      const checked = await checkRoute(context(), null, inputs({ phase: 'switched', epoch: 3 }));
      expect(checked).toMatchObject({ value: { problems: [{ property: 'approval' }] } });
    });
  });

  describe('check of an approval, by the signers that this machine has', () => {
    const keys = { ann: ed25519Key(), bob: ed25519Key() };
    const hour = 3_600_000;
    const given = async (by: readonly TestKey[], over: object = {}): Promise<unknown> => {
      Object.assign(gateway.info, { target: 'production' });
      gateway.setRoute(NAME, { phase: 'parallel', newWeight: 0, epoch: 2 });
      const stack = await mkdtemp(join(approvals, 'stack-'));
      const lines = [`ann ${keys.ann.line} role=engineering`, `bob ${keys.bob.line} role=lab-operations`];
      await writeFile(join(stack, 'signers'), `${lines.join('\n')}\n`);
      const folder = join(stack, 'approvals');
      await mkdir(folder);
      const text = canonicalJson({
        deployment: 'lab-test-1',
        connections: [{ name: NAME, fromEpoch: 2 }],
        target: 'switched',
        evidence: `sha256:${'e'.repeat(64)}`,
        notBefore: new Date(Date.now() - hour).toISOString(),
        notAfter: new Date(Date.now() + hour).toISOString(),
        ...over,
      });
      const approval = digestOf(JSON.parse(text));
      const stem = approval.slice('sha256:'.length);
      await writeFile(join(folder, `${stem}.json`), text);
      for (const [index, key] of by.entries())
        await writeFile(join(folder, `${stem}.${index}.sig`), key.sign(text, 'cutover-approval'));
      const wanted = inputs({ phase: 'switched', epoch: 3, approval });
      return checkRoute(context({ approvals: folder }), null, wanted);
    };

    it('finds nothing to say against one that two people have signed', async () => {
      expect(await given([keys.ann, keys.bob])).toMatchObject({ ok: true, value: { problems: [] } });
    });

    it.each([
      ['one signature of two', () => given([keys.ann]), 'it needs valid signatures of engineering and lab-operations'],
      ['a stranger’s', () => given([keys.ann, ed25519Key()]), 'is not among the gateway'],
      ['another epoch', () => given([keys.ann, keys.bob], { connections: [{ name: NAME, fromEpoch: 9 }] }), 'epoch 9'],
      [
        'a window that is over',
        () => given([keys.ann, keys.bob], { notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-01-02T00:00:00Z' }),
        'was valid until',
      ],
      [
        'another connection',
        () => given([keys.ann, keys.bob], { connections: [{ name: 'other', fromEpoch: 2 }] }),
        'does not name this connection',
      ],
    ])('says in the preview what the gateway would say: %s', async (_what, check, text) => {
      const checked = await check();
      expect(checked).toMatchObject({ ok: true, value: { problems: [{ property: 'approval' }] } });
      expect(JSON.stringify(checked)).toContain(text);
      expect(gateway.moves).toEqual([]);
    });
  });

  describe('create and update', () => {
    it('adopt what is there, without a move', async () => {
      gateway.setRoute(NAME, { phase: 'switched', newWeight: 0, epoch: 7 });
      const adopted = await bringAbout(context(), inputs({ phase: 'switched', epoch: 7 }), null);
      expect(adopted).toMatchObject({ ok: true, value: { phase: 'switched', epoch: 7, control: 'new' } });
      expect(gateway.moves).toEqual([]);
    });

    it('look at the gateway once for all that are judged at that time', async () => {
      const run = context();
      await checkRoute(run, null, inputs());
      const outcomes = await Promise.all([1, 2, 3].map(() => checkRoute(run, null, inputs())));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: true, value: { problems: [] } });
      expect(gateway.requests.filter((line) => line.includes('/connections'))).toEqual(['GET /v1/connections']);
    });

    it('find the route there where someone has made this move since it was looked at', async () => {
      const run = context();
      await checkRoute(run, null, inputs());
      gateway.setRoute(NAME, { phase: 'parallel', newWeight: 0, epoch: 2 });
      expect(await bringAbout(run, inputs(), null)).toMatchObject({ ok: true, value: { epoch: 2 } });
      gateway.setRoute(NAME, { phase: 'legacy', newWeight: 0, epoch: 3 });
      const refused = await bringAbout(run, inputs(), null);
      expect(refused).toMatchObject({ ok: false, message: expect.stringMatching(/stale-epoch/) });
    });

    it('send the ids of the verb, and force only towards legacy', async () => {
      expect(await bringAbout(context({ request: VERB }), inputs(), null)).toMatchObject({ ok: true });
      gateway.setRoute(NAME, { phase: 'switched', newWeight: 0, epoch: 3 });
      const back = inputs({ epoch: 4, reason: 'new is slow' });
      const request = { ...VERB, requestIds: { [NAME]: 'request-for-the-way-back' } };
      expect(await bringAbout(context({ request }), back, null)).toMatchObject({ ok: true });
      expect(gateway.moves).toMatchObject([
        { requestId: 'request-of-the-verb', origin: 'verb', force: false },
        { requestId: 'request-for-the-way-back', force: true, reason: 'new is slow' },
      ]);
    });

    it('refuse a move that the verb did not plan, and any new move once interrupted', async () => {
      const unplanned = await bringAbout(context({ request: { ...VERB, requestIds: {} } }), inputs(), null);
      expect(unplanned).toMatchObject({ ok: false });
      expect(await bringAbout(context({ isCancelled: () => true }), inputs(), null)).toMatchObject({ ok: false });
      expect(gateway.moves).toEqual([]);
    });

    it('say what the gateway refused, naming the connection once', async () => {
      const run = context();
      const error = { code: 'stale-epoch', message: `${NAME}: it is at epoch 2`, next: ['cutover sync'] };
      const known = await run.gateways.identify(inputs());
      expect(known).toMatchObject({ ok: true });
      gateway.answerNextWith(409, JSON.stringify(error));
      expect(await bringAbout(run, inputs(), null)).toMatchObject({
        ok: false,
        message: `${NAME}: it is at epoch 2 [stale-epoch]; next: cutover sync`,
      });
    });

    it('refuse an aborted swap with its reason', async () => {
      gateway.abortNextMove('the shadow did not catch up');
      const aborted = await bringAbout(context(), inputs(), null);
      expect(aborted).toMatchObject({ ok: false });
      expect(JSON.stringify(aborted)).toContain('the shadow did not catch up');
    });

    it('make no move at a gateway with another data directory, but find a reached route there', async () => {
      const known = { incarnation: 'another' };
      expect(await bringAbout(context(), inputs(), known)).toMatchObject({ ok: false });
      expect(gateway.moves).toEqual([]);
      expect(await bringAbout(context(), inputs({ phase: 'legacy', epoch: 1 }), known)).toMatchObject({ ok: true });
    });

    it('send the approval that the entry names, or refuse it by name', async () => {
      const document = { deployment: 'lab-test-1', attempts: 2 };
      const approval = digestOf(document);
      const stem = approval.slice('sha256:'.length);
      const missing = await bringAbout(context(), inputs({ approval }), null);
      expect(JSON.stringify(missing)).toContain(`${stem}.json`);

      await writeFile(join(approvals, `${stem}.json`), JSON.stringify(document, null, 2));
      expect(JSON.stringify(await bringAbout(context(), inputs({ approval }), null))).toContain('has no signature');
      await writeFile(join(approvals, `${stem}.lab-ops.sig`), 'signature');
      expect(await bringAbout(context(), inputs({ approval }), null)).toMatchObject({ ok: true });
      expect(gateway.moves).toMatchObject([
        { approval: { document: canonicalJson(document), signatures: ['signature'] } },
      ]);
    });

    it('refuse an approval that was changed after it was named', async () => {
      const approval = digestOf({ attempts: 2 });
      await mkdir(approvals, { recursive: true });
      await writeFile(join(approvals, `${approval.slice('sha256:'.length)}.json`), '{"attempts":9}');
      const changed = await bringAbout(context(), inputs({ approval }), null);
      expect(JSON.stringify(changed)).toContain('is not the document that');
    });
  });

  describe('read', () => {
    it('shows the route that the gateway has, and drops what explained another', async () => {
      gateway.setRoute(NAME, { phase: 'parallel', newWeight: 30, epoch: 5 });
      const read = await readRoute(context(), inputs({ reason: 'then' }));
      expect(read).toMatchObject({
        ok: true,
        value: { inputs: { newWeight: 30, epoch: 5 }, outputs: { newWeight: 30, epoch: 5, control: 'legacy' } },
      });
      expect(JSON.stringify(read)).not.toContain('then');
    });

    it('says that a connection is gone only where the right gateway says so', async () => {
      const run = context();
      gateway.forget(NAME);
      expect(await readRoute(run, inputs())).toEqual({ ok: true, value: null });
      await gateway.disconnect();
      expect(await readRoute(run, inputs())).toMatchObject({ ok: false, isUnknown: true });
    });
  });

  it.each([
    ['legacy', false],
    ['parallel', false],
    ['switched', false],
    ['decommissioned', true],
  ] as const)('delete in %s: %s', async (phase, allowed) => {
    gateway.setRoute(NAME, { phase, newWeight: 0, epoch: 6 });
    expect(await deleteRoute(context(), inputs())).toMatchObject({ ok: allowed });
  });
});
