/**
 * Connections without a feed (origin: platform): one owner at a time, what the other sends is refused and kept by it, and the
 * owner changes only once it is stopped (attested), empty and quiet (measured), or by force.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EpochRecord, epochRecordSchema, type PlatformOriginStatus } from '../../core/admin-api.ts';
import { type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const FLOW = { connection: { origin: 'platform', feed: undefined, settle: '300ms' } };

let estate: Estate;
beforeAll(async () => {
  estate = await startEstate({
    owned: FLOW,
    early: FLOW,
    stopped: FLOW,
    forced: FLOW,
    // Its switch waits for longer than this machine takes for the test.
    belied: { connection: { ...FLOW.connection, settle: '50s' } },
    crashed: FLOW,
    fed: {},
  });
});
afterAll(() => estate?.close());

const given = (name: string): Line => {
  const line = estate.line(name);
  line.destination.answerAll();
  return line;
};
const attest = (line: Line, platform: 'legacy' | 'new') =>
  estate.call('POST', `connections/${line.name}/stopped`, { platform, by: 'Dana Ruiz', evidence: 'sha256:1' });
const originOf = async (line: Line): Promise<PlatformOriginStatus> => {
  const { platformOrigin } = await line.status();
  if (platformOrigin === undefined) throw new Error(`${line.name} does not say that it has no feed`);
  return platformOrigin;
};
const epochsOf = async (line: Line): Promise<EpochRecord[]> => {
  const { body } = await estate.call('GET', `connections/${line.name}/epochs`);
  return epochRecordSchema.array().parse(body.epochs);
};

test("the owner's outputs are delivered in order with the destination's own answers, and a resend is answered again", async () => {
  const line = given('owned');
  const legacy = await line.leg('legacy');
  for (const id of ['A1', 'A2', 'A3']) expect(verdictOf(await legacy.exchange(order(id)))).toBe(`AA|${id}`);
  const again = await line.leg('legacy');
  expect(verdictOf(await again.exchange(order('A3')))).toBe('AA|A3');
  expect(line.destination.ids).toEqual(['A1', 'A2', 'A3']);
  expect(await line.status()).toMatchObject({
    feed: null,
    candidate: null,
    observed: { deliveredFrom: 'legacy' },
    counters: { outputs: 3, delivered: 3, answeredAgain: 1, captured: 0, parked: 0 },
  });
});

test('what a platform sends without owning it is refused as "try again", listed once, never delivered, and bars the switch', async () => {
  const line = given('early');
  const early = await line.leg('new');
  for (let attempt = 0; attempt < 3; attempt++) expect(verdictOf(await early.exchange(order('B1')))).toBe('AR|B1');
  expect(await line.listed('refused')).toEqual([['B1', 'new does not own this connection now']]);
  expect((await originOf(line)).new).toMatchObject({ refused: 1, stopped: null });
  await attest(line, 'legacy');
  const refused = await line.put('switched');
  expect(refused).toMatchObject({ status: 409, body: { code: 'not-stopped' } });
  expect(String(refused.body.message)).toContain('new sends and does not own it');

  // Its poller is stopped and its queue dealt with: then the switch goes, and what it sends afterwards is delivered.
  await attest(line, 'new');
  await line.move('switched');
  expect(verdictOf(await early.exchange(order('B2')))).toBe('AA|B2');
  expect(line.destination.ids).toEqual(['B2']);
});

test('a switch waits for the attested stop, for the output in flight, and for quiet; its epoch says who attested', async () => {
  const line = given('stopped');
  const legacy = await line.leg('legacy');
  await legacy.exchange(order('C1'));
  expect(await line.put('switched')).toMatchObject({ status: 409, body: { code: 'not-stopped' } });

  await attest(line, 'legacy');
  await legacy.exchange(order('C2'));
  const belied = await line.put('switched');
  expect(belied).toMatchObject({ status: 409, body: { code: 'not-stopped' } });
  expect(String(belied.body.message)).toContain('it has sent last at');

  expect((await attest(line, 'legacy')).status).toBe(200);
  const { epoch, control, drainedAt } = await line.move('switched');
  expect([epoch, control]).toEqual([2, 'new']);
  const { heardAt } = (await originOf(line)).legacy;
  expect(Date.parse(drainedAt ?? '') - Date.parse(heardAt ?? '')).toBeGreaterThanOrEqual(300);
  expect((await epochsOf(line)).at(-1)).toMatchObject({
    verb: 'switch',
    outputsFrom: 'platform',
    attested: { platform: 'legacy', by: 'Dana Ruiz', recordedBy: 'local', evidence: 'sha256:1', epoch: 1 },
  });

  expect(verdictOf(await legacy.exchange(order('C3')))).toBe('AR|C3');
  const fromNew = await line.leg('new');
  expect(verdictOf(await fromNew.exchange(order('C4')))).toBe('AA|C4');
  expect(line.destination.ids).toEqual(['C1', 'C2', 'C4']);

  // Legacy keeps C3: a rollback brings it, once the stop of both is attested.
  expect(await line.put('decommissioned')).toMatchObject({ status: 409, body: { code: 'not-stopped' } });
  await attest(line, 'legacy');
  await attest(line, 'new');
  await line.move('legacy', { reason: 'results late' });
  expect(verdictOf(await legacy.exchange(order('C3')))).toBe('AA|C3');
  expect(line.destination.ids).toEqual(['C1', 'C2', 'C4', 'C3']);
});

test('a platform that sends while the switch waits for quiet makes it abort, and nothing has changed', async () => {
  const line = given('belied');
  const legacy = await line.leg('legacy');
  await legacy.exchange(order('D1'));
  await attest(line, 'legacy');
  const asked = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  legacy.send(order('D2'));
  expect(await asked).toMatchObject({ status: 200, body: { aborted: true, epoch: 1 } });
  expect(verdictOf(await legacy.answer())).toBe('AA|D2');
  expect(line.destination.ids).toEqual(['D1', 'D2']);
});

test('a forced rollback goes at once with the new platform in the middle of an output, and owes nothing', async () => {
  const line = given('forced');
  await attest(line, 'legacy');
  await line.move('switched');
  line.destination.script = () => {};
  const fromNew = await line.leg('new');
  fromNew.send(order('E1'));
  await until(async () => expect((await line.status()).inFlight).toBe(1));
  const { epoch, control } = await line.move('legacy', { force: true, reason: 'new is dead' });
  expect([epoch, control]).toEqual([3, 'legacy']);
  expect((await epochsOf(line)).at(-1)).toMatchObject({ verb: 'rollback', forced: true });
  expect(await line.status()).toMatchObject({ state: 'steady', owedOutputs: 0, decisions: 0 });
});

test('after a crash owner, epochs and refused messages are known, and silence while it was down is no quiet', async () => {
  const line = given('crashed');
  await attest(line, 'legacy');
  await line.move('switched');
  const legacy = await line.leg('legacy');
  expect(verdictOf(await legacy.exchange(order('F1')))).toBe('AR|F1');
  await estate.crash();
  await estate.restart();
  expect(await line.status()).toMatchObject({ phase: 'switched', epoch: 2, control: 'new' });
  expect((await originOf(line)).legacy).toMatchObject({ refused: 1, stopped: null });
  const again = await line.leg('legacy');
  expect(verdictOf(await again.exchange(order('F1')))).toBe('AR|F1');
  expect((await originOf(line)).legacy.refused).toBe(1);
});

test('what has a feed is stopped for nobody, and what has none is not held', async () => {
  expect(await attest(estate.line('fed'), 'legacy')).toMatchObject({ status: 400, body: { code: 'has-feed' } });
  const held = await estate.call('POST', 'connections/owned/hold', { forMs: 100, reason: 'x' });
  expect(held).toMatchObject({ status: 400, body: { code: 'no-feed' } });
  expect(await estate.line('owned').put('parallel')).toMatchObject({ status: 400, body: { code: 'illegal-move' } });
});
