/** Rule 8: a swap is all or nothing, bounded, fenced. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { answer, type Client, type Estate, idOf, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const HOLD_LIMIT_MS = 1000;
const ACK_TIMEOUT_MS = 2 * HOLD_LIMIT_MS;
const LINES = 16;

let estate: Estate;
let line: Line;
let source: Client;
let next = 0;

beforeAll(async () => {
  const option = { feed: { ackTimeout: `${ACK_TIMEOUT_MS}ms` }, connection: { correlate: ['ORC-2'] } };
  const lines = Array.from({ length: LINES }, (_, index) => [`line${index}`, option]);
  estate = await startEstate(Object.fromEntries(lines));
});
beforeEach(async () => {
  line = estate.line(`line${next++}`);
  source = await line.source();
  line.new.answerAll();
  line.destination.answerAll();
});
afterAll(() => estate?.close());

/** An input on its way: the control owes its output, so that no swap can drain. */
async function oweAnOutput(id: string): Promise<void> {
  line.legacy.answerAll();
  expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
}

test('rule 8: what cannot drain aborts by itself within half of the ackTimeout, and was never: epoch, route, then all are answered', async () => {
  await line.move('parallel');
  await oweAnOutput('A1');
  const before = await line.status();
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  const heldSinceMs = Date.now();
  source.send(order('A2'));
  const { status, body } = await swap;
  expect([status, body.aborted, body.epoch, body.control]).toEqual([200, true, before.epoch, 'legacy']);
  expect(body.reason).toContain('1 output of legacy is owed');
  expect(verdictOf(await source.answer())).toBe('AA|A2');
  expect(Date.now() - heldSinceMs).toBeLessThan(ACK_TIMEOUT_MS * 3);
  expect(Number(body.pauseMs)).toBeLessThan(ACK_TIMEOUT_MS);
  const after = await line.status();
  expect([after.phase, after.epoch, after.control, after.primary]).toEqual([
    'parallel',
    before.epoch,
    'legacy',
    'legacy',
  ]);
  expect(line.legacy.ids).toEqual(['A1', 'A2']);
  const { body: history } = await estate.call('GET', `connections/${line.name}/epochs`);
  expect(history.epochs).toHaveLength(before.epoch);
});

test('rule 8: while it holds nothing is admitted, and what was held goes to the new primary once', async () => {
  await line.move('parallel');
  await oweAnOutput('B1');
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  const other = await line.source();
  source.send(order('B2'));
  other.send(order('B3'));
  const candidate = (await line.leg('new')).send(order('B1'));
  await (await line.leg('legacy')).exchange(order('B1'));
  await candidate.answer();
  const { body } = await swap;
  expect(body).toMatchObject({ phase: 'switched', control: 'new', epoch: 3 });
  expect(verdictOf(await source.answer())).toBe('AA|B2');
  expect(verdictOf(await other.answer())).toBe('AA|B3');
  expect(line.new.ids).toEqual(['B1', 'B2', 'B3']);
});

test('rule 8: a candidate that is down is refused before any hold', async () => {
  await line.move('parallel');
  await line.new.down();
  line.legacy.answerAll();
  const swap = line.put('switched', { deadlineMs: 800 });
  const states = new Set<string>();
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  swap.then(end, end);
  while (!isOver) states.add((await line.status()).state);
  const { body } = await swap;
  expect(body).toMatchObject({ aborted: true, epoch: 2, heldMessages: 0 });
  expect(body.reason).toContain('new does not accept connections');
  expect([...states].filter((state) => state !== 'catching-up' && state !== 'steady')).toEqual([]);
  expect(verdictOf(await source.exchange(order('C1')))).toBe('AA|C1');
});

test('rule 8: an epoch that is not the present one is refused by name with the present one', async () => {
  await line.move('parallel');
  for (const expectedEpoch of [1, 3, 99]) {
    const { status, body } = await line.put('switched', { expectedEpoch });
    expect([status, body.code, body.epoch]).toEqual([409, 'stale-epoch', 2]);
  }
  expect((await line.status()).phase).toBe('parallel');
});

test('rule 8: the same request id gets the same answer, in flight it joins, also after a clean and an unclean restart', async () => {
  await line.move('parallel');
  await oweAnOutput('E1');
  const request = { requestId: 'the-same-request', expectedEpoch: 2 };
  const first = line.put('switched', request);
  await until(async () => expect((await line.status()).state).toBe('draining'));
  const joined = line.put('switched', request);
  const candidate = (await line.leg('new')).send(order('E1'));
  await (await line.leg('legacy')).exchange(order('E1'));
  await candidate.answer();
  const { body } = await first;
  expect(body).toMatchObject({ epoch: 3, phase: 'switched' });
  expect((await joined).body).toEqual(body);
  await line.move('parallel', { reason: 'drill' });
  expect((await line.put('switched', request)).body).toEqual(body);
  await estate.restart();
  expect((await line.put('switched', request)).body).toEqual(body);
  await estate.crash();
  expect((await line.put('switched', request)).body).toEqual(body);
  expect(await line.status()).toMatchObject({ epoch: 4, phase: 'parallel' });
});

test('rule 8: a request id that was used for another move is refused by name, also after a crash, and moves nothing', async () => {
  const { body } = await line.put('parallel', { requestId: 'used-id' });
  expect(body.epoch).toBe(2);
  for (const isAnew of [false, true]) {
    if (isAnew) await estate.crash();
    for (const other of ['legacy', 'switched']) {
      const refused = await line.put(other, { requestId: 'used-id', reason: 'test' });
      expect([refused.status, refused.body.code]).toEqual([400, 'invalid']);
      expect(refused.body.message).toContain('was used for another move');
    }
    expect((await line.put('parallel', { requestId: 'used-id', expectedEpoch: 1 })).body).toEqual(body);
  }
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel' });
});

test('rule 8: a sender is held only once two copies are behind at most: more is caught up with under traffic', async () => {
  await line.move('parallel');
  line.legacy.answerAll();
  line.new.script = () => undefined;
  for (const id of ['L1', 'L2', 'L3', 'L4']) expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  const swap = line.put('switched');
  const reply = async (id: string): Promise<void> => {
    const copy = await line.new.take();
    expect(idOf(copy.payload)).toBe(id);
    copy.reply(answer(id));
  };
  await reply('L1');
  await until(async () => expect(await line.status()).toMatchObject({ shadowLag: 3, state: 'catching-up' }));
  expect(verdictOf(await source.exchange(order('L5')))).toBe('AA|L5');
  await reply('L2');
  await reply('L3');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  await reply('L4');
  await reply('L5');
  // Their outputs are owed, and never come: it gives up.
  expect((await swap).body).toMatchObject({ aborted: true, epoch: 2 });
});

test('rule 8: an aborted request stays aborted for its id, and a new id may try again', async () => {
  await line.move('parallel');
  await line.new.down();
  const request = { requestId: 'aborted-request', expectedEpoch: 2, deadlineMs: 100 };
  const { body } = await line.put('switched', request);
  expect(body.aborted).toBe(true);
  await line.new.up();
  await estate.crash();
  expect((await line.put('switched', request)).body).toEqual(body);
  expect(await line.move('switched')).toMatchObject({ epoch: 3 });
});

test('rule 8: a second move of the same connection is refused while one is under way; a late one unstarted', async () => {
  await line.move('parallel');
  await oweAnOutput('G1');
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  const { status, body } = await line.put('legacy', { reason: 'second' });
  expect([status, body.code]).toEqual([409, 'operation-in-flight']);
  expect((await swap).body.aborted).toBe(true);
  const late = { requestId: 'late-request', phase: 'legacy', expectedEpoch: 2, notAfter: '2020-01-01T00:00:00Z' };
  const refused = await estate.call('PUT', `connections/${line.name}/route`, late);
  expect([refused.status, refused.body.code]).toEqual([409, 'too-late']);
});

test('rule 8: killed in the middle of a drain it was never; killed after the epoch it is', async () => {
  await line.move('parallel');
  await oweAnOutput('H1');
  const swap = line.put('switched').catch(() => null);
  await until(async () => expect((await line.status()).state).toBe('draining'));
  source.send(order('H2'));
  await estate.crash();
  await swap;
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel', state: 'steady' });
  expect(line.legacy.ids).toEqual(['H1']);
  expect(source.inbox.payloads).toHaveLength(1);
  const candidate = (await line.leg('new')).send(order('H1'));
  await (await line.leg('legacy')).exchange(order('H1'));
  await candidate.answer();
  await line.move('switched');
  await estate.crash();
  expect(await line.status()).toMatchObject({ epoch: 3, phase: 'switched', primary: 'new' });
});

test('rule 8: a hold by hand ends by itself within half of the ackTimeout, whatever was asked for', async () => {
  line.legacy.answerAll();
  const { status } = await estate.call('POST', `connections/${line.name}/hold`, { forMs: 3_600_000, reason: 'test' });
  expect(status).toBe(200);
  source.send(order('I1'));
  expect((await line.status()).state).toBe('held');
  expect(verdictOf(await source.answer())).toBe('AA|I1');
  expect((await line.status()).state).toBe('steady');
});

test('rule 8: a hold renewed again and again still keeps no message longer than half of the ackTimeout', async () => {
  line.legacy.answerAll();
  source.send(order('J1'));
  await source.answer();
  const hold = (): Promise<unknown> =>
    estate.call('POST', `connections/${line.name}/hold`, { forMs: HOLD_LIMIT_MS, reason: 'test' });
  await hold();
  const sentAtMs = Date.now();
  source.send(order('J2'));
  const answered = source.answer().then(() => Date.now() - sentAtMs);
  let isAnswered = false;
  const end = (): void => {
    isAnswered = true;
  };
  answered.then(end, end);
  while (!isAnswered && Date.now() - sentAtMs < 3 * ACK_TIMEOUT_MS) await hold();
  // Renewed for ever it would take until these renewals end, and a hold more.
  expect(await answered).toBeLessThan(3 * ACK_TIMEOUT_MS);
});

test('rule 8: nor does one that is asked for in turns at two connections of a feed', async () => {
  const shared = await startEstate({ one: {}, two: {} }, true);
  try {
    const [one, two] = [shared.line('one'), shared.line('two')];
    const inventory = JSON.parse(await readFile(shared.inventoryFile, 'utf8'));
    const [{ feed }] = inventory.connections;
    const feeds = [{ ...feed, name: 'both', ackTimeout: `${ACK_TIMEOUT_MS}ms` }];
    const connections = inventory.connections.map((item: object) => ({
      ...item,
      feed: 'both',
      outputs: 'zero-or-one',
    }));
    await writeFile(shared.inventoryFile, JSON.stringify({ ...inventory, feeds, connections }));
    await shared.start();
    one.legacy.answerAll();
    const sender = await one.source();
    await sender.exchange(order('S1'));
    const hold = (name: string) =>
      shared.call('POST', `connections/${name}/hold`, { forMs: HOLD_LIMIT_MS, reason: 'test' });
    await hold(one.name);
    sender.send(order('S2'));
    const sentAtMs = Date.now();
    for (let turn = 1; sender.inbox.payloads.length < 2 && Date.now() - sentAtMs < 3 * ACK_TIMEOUT_MS; turn++) {
      const { status, body } = await hold(turn % 2 === 0 ? one.name : two.name);
      if (status !== 200) expect([status, body.code]).toEqual([409, 'still-answering']);
      await new Promise((resolve) => setTimeout(resolve, HOLD_LIMIT_MS / 10));
    }
    expect(sender.inbox.payloads).toHaveLength(2);
  } finally {
    await shared.close();
  }
});

test('rule 8: an answer of the control that comes late in the drain is passed on, then the switch goes through', async () => {
  await line.move('parallel');
  line.legacy.script = () => undefined;
  source.send(order('K1'));
  const input = await line.legacy.take();
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  input.reply(answer('K1', 'AE', 'own'));
  expect((await source.answer()).equals(answer('K1', 'AE', 'own'))).toBe(true);
  expect((await swap).body).toMatchObject({ phase: 'switched', inFlightAtHold: 1, epoch: 3 });
});

test.each([
  ['AA', 'L1'],
  ['CA', 'L2'],
])('rule 8: killed with a message in flight whose output is delivered; its platform knows the resend (%s) and makes no second one: the swap waits for none', async (code, id) => {
  await line.move('parallel');
  line.legacy.script = () => undefined;
  source.send(order(id));
  await line.legacy.take();
  expect(verdictOf(await (await line.leg('legacy')).exchange(order(id)))).toBe(`AA|${id}`);
  await estate.crash();
  line.legacy.answerAll(code);
  expect(verdictOf(await (await line.source()).exchange(order(id)))).toBe(`${code}|${id}`);
  const fromNew = await line.leg('new');
  await until(() => expect(line.new.ids).toEqual([id]));
  expect(verdictOf(await fromNew.exchange(order(id)))).toBe(`AA|${id}`);
  expect((await line.put('switched')).body).toMatchObject({ phase: 'switched', epoch: 3 });
  expect(line.destination.ids).toEqual([id]);
});
