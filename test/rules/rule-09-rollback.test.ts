/** Rule 9: a rollback works with the new platform dead: owed outputs are re-owned in order, doubts go to a person. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { decisionSchema, type OpenDecision } from '../../core/admin-api.ts';
import {
  type Arrived,
  answer,
  type Client,
  type Estate,
  idOf,
  type Line,
  order,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

const LINES = 24;
const FORCED = { force: true, reason: 'new is dead' };

let estate: Estate;
let line: Line;
let source: Client;
let fromLegacy: Client;
let next = 0;

beforeAll(async () => {
  const capture = { wait: '50ms' };
  const correlated = { connection: { correlate: ['ORC-2'], capture } };
  const lines = Array.from({ length: LINES }, (_, index) => [`line${index}`, correlated]);
  const uncorrelated = { connection: { capture } };
  const retrying = (retryFor: string): object => ({ ...correlated, destination: { onReject: { retryFor } } });
  estate = await startEstate({
    ...Object.fromEntries(lines),
    unsure1: uncorrelated,
    unsure2: uncorrelated,
    unsure3: uncorrelated,
    unsure4: uncorrelated,
    kept: correlated,
    patient: retrying('20s'),
    hasty: retrying('600ms'),
  });
});
beforeEach(async () => {
  await prepare(estate.line(`line${next++}`));
});
afterAll(() => estate?.close());

/** A switched line: legacy answers its shadow and sends its output; new and what it sends are the test's. */
async function prepare(chosen: Line): Promise<void> {
  line = chosen;
  source = await line.source();
  fromLegacy = await line.leg('legacy');
  line.destination.answerAll();
  line.new.answerAll();
  line.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    fromLegacy.send(payload);
  };
  await line.move('parallel');
  await line.move('switched');
}

const captured = (count: number): Promise<void> =>
  until(async () => expect((await line.status()).counters.captured).toBe(count));
const settled = (): Promise<void> => until(async () => expect((await line.status()).state).toBe('steady'));
const decisions = async (): Promise<OpenDecision[]> => {
  const { body } = await estate.call('GET', 'decisions');
  return decisionSchema
    .array()
    .parse(body.decisions)
    .filter(({ connection }) => connection === line.name);
};

test('rule 9: new answered at storage and died: the captures are delivered in order, before newer traffic; tombstones hold', async () => {
  for (const id of ['A1', 'A2', 'A3']) await source.exchange(order(id));
  await captured(3);
  expect(line.destination.ids).toEqual([]);
  await line.new.down();
  const { epoch, control } = await line.move('parallel', FORCED);
  expect([epoch, control]).toEqual([4, 'legacy']);
  expect(verdictOf(await source.exchange(order('A4')))).toBe('AA|A4');
  await until(() => expect(line.destination.ids).toEqual(['A1', 'A2', 'A3', 'A4']));

  const risen = await line.leg('new');
  for (const id of ['A1', 'A2', 'A3']) expect(verdictOf(await risen.exchange(order(id)))).toBe(`AA|${id}`);
  expect(line.destination.ids).toEqual(['A1', 'A2', 'A3', 'A4']);
  await settled();
});

test('rule 9: legacy is behind: live input waits behind the backlog of its shadow, and the order is kept', async () => {
  line.legacy.script = () => undefined;
  for (const id of ['B1', 'B2', 'B3']) await source.exchange(order(id));
  const first = await line.legacy.take();
  await line.new.down();
  await line.move('parallel', FORCED);
  source.send(order('B4'));
  expect(line.legacy.ids).toEqual(['B1']);
  line.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    fromLegacy.send(payload);
  };
  line.legacy.script(first);
  expect(verdictOf(await source.answer())).toBe('AA|B4');
  expect(line.legacy.ids).toEqual(['B1', 'B2', 'B3', 'B4']);
  await until(() => expect(line.destination.ids).toEqual(['B1', 'B2', 'B3', 'B4']));
});

test('rule 9: new hangs with an input: it is listed, its sender closed, and its resend goes live to legacy', async () => {
  line.new.script = () => undefined;
  source.send(order('C1'));
  await line.new.take();
  await line.move('parallel', FORCED);
  await source.closed;
  expect(source.inbox.byteCount).toBe(0);
  expect(await line.listed('maybeSent')).toEqual([['C1', 'forced-rollback']]);
  line.new.answerAll();
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('C1')))).toBe('AA|C1');
  await until(() => expect(line.destination.ids).toEqual(['C1']));
  const risen = await line.leg('new');
  await risen.exchange(order('C1'));
  expect(line.destination.ids).toEqual(['C1']);
});

test('rule 9: new is down and an input was never written: it goes to legacy on the same socket', async () => {
  await line.new.down();
  source.send(order('D1'));
  await until(async () => expect((await line.status()).inFlight).toBe(1));
  await line.move('parallel', FORCED);
  expect(verdictOf(await source.answer())).toBe('AA|D1');
  await until(() => expect(line.destination.ids).toEqual(['D1']));
  expect(line.new.ids).toEqual([]);
  expect(await line.listed('maybeSent')).toEqual([]);
});

test('rule 9: what new has delivered is not delivered again, what it still owes is', async () => {
  const fromNew = await line.leg('new');
  await source.exchange(order('E1'));
  await fromNew.exchange(order('E1'));
  await source.exchange(order('E2'));
  await captured(2);
  await line.new.down();
  await line.move('parallel', FORCED);
  await until(() => expect(line.destination.ids).toEqual(['E1', 'E2']));
  await settled();
});

test('rule 9: an output of new that is at its destination when the rollback comes is delivered once, and no capture beside it', async () => {
  line.destination.script = () => undefined;
  await source.exchange(order('F1'));
  const fromNew = (await line.leg('new')).send(order('F1'));
  const output = await line.destination.take();
  await captured(1);
  await line.move('parallel', FORCED);
  output.reply(answer('F1', 'AA', 'own'));
  expect((await fromNew.answer()).equals(answer('F1', 'AA', 'own'))).toBe(true);
  line.destination.answerAll();
  await source.exchange(order('F2'));
  await until(() => expect(line.destination.ids).toEqual(['F1', 'F2']));
});

/** New has the message and its output is at the destination when it dies; the message has no answer, so it is sent again. */
async function resentWithAnOutputOnItsWay(id: string): Promise<Arrived> {
  const fromNew = await line.leg('new');
  await source.exchange(order(`${id}0`));
  await fromNew.exchange(order(`${id}0`));
  await captured(1);
  await line.destination.take();
  await line.new.take();
  line.destination.script = () => undefined;
  line.new.script = () => undefined;
  source.send(order(id));
  await line.new.take();
  fromNew.send(order(id));
  const output = await line.destination.take();
  await line.new.down();
  await line.move('parallel', FORCED);
  await source.closed;
  expect(verdictOf(await (await line.source()).exchange(order(id)))).toBe(`AA|${id}`);
  await until(async () => expect((await line.status()).counters.outputs).toBe(4));
  return output;
}

test('rule 9: sent again after new died with its output at the destination: once it is taken, legacy makes no second one of it', async () => {
  const output = await resentWithAnOutputOnItsWay('P1');
  line.destination.answerAll();
  output.reply(answer('P1'));
  await (await line.source()).exchange(order('P2'));
  await until(() => expect(line.destination.ids).toEqual(['P10', 'P1', 'P2']));
  await settled();
  expect(await line.listed('suppressed')).toEqual([['P1', 'reowned']]);
});

test('rule 9: sent again, and the destination rejects what new had made of it: what legacy makes of it is delivered', async () => {
  const output = await resentWithAnOutputOnItsWay('Q1');
  line.destination.answerAll();
  output.reply(answer('Q1', 'AE'));
  await until(() => expect(line.destination.ids).toEqual(['Q10', 'Q1', 'Q1']));
  await settled();
  expect(await line.listed('rejected')).toEqual([['Q1', 'destination']]);
});

test('rule 9: sent again, and the destination hangs up on what new had made of it: what legacy makes of it is delivered, and the id listed', async () => {
  const output = await resentWithAnOutputOnItsWay('R1');
  line.destination.answerAll();
  output.socket.resetAndDestroy();
  await until(() => expect(line.destination.ids).toEqual(['R10', 'R1', 'R1']));
  await settled();
  expect(await line.listed('maybeSent')).toContainEqual(['R1', 'destination-disconnected']);
});

test('rule 9: an output of new that waits behind another at the destination when the rollback comes is not overtaken by a later capture', async () => {
  line.destination.script = () => undefined;
  for (const id of ['O1', 'O2', 'O3']) await source.exchange(order(id));
  await captured(3);
  (await line.leg('new')).send(order('O1'));
  const first = await line.destination.take();
  (await line.leg('new')).send(order('O2'));
  await until(async () => expect((await line.status()).counters.outputs).toBe(5));
  await line.move('parallel', FORCED);
  line.destination.answerAll();
  first.reply(answer('O1'));
  await until(() => expect(line.destination.ids).toEqual(['O1', 'O2', 'O3']));
  await settled();
});

test('rule 9: killed while re-owning with the destination down: after the restart all of it arrives, in order, once', async () => {
  for (const id of ['G1', 'G2', 'G3']) await source.exchange(order(id));
  await captured(3);
  await line.destination.down();
  await line.new.down();
  await line.move('parallel', FORCED);
  await estate.crash();
  await line.destination.up();
  await until(() => expect(line.destination.ids).toEqual(['G1', 'G2', 'G3']));
  await settled();
});

test.each([
  ['before', 'J'],
  ['after', 'K'],
] as const)('rule 9: legacy rejects its copy %s the rollback, so that nothing will come of it: a person is asked, also past a crash', async (when, id) => {
  await source.exchange(order(`${id}1`));
  await captured(1);
  line.legacy.script = () => undefined;
  const before = line.legacy.arrived.length;
  await source.exchange(order(`${id}2`));
  await until(() => expect(line.legacy.arrived).toHaveLength(before + 1));
  const reject = (): void => line.legacy.arrived.at(-1)?.reply(answer(`${id}2`, 'AE'));
  if (when === 'before') {
    reject();
    await until(async () => expect((await line.status()).counters.shadowRejected).toBe(1));
  }
  await line.new.down();
  await line.move('parallel', FORCED);
  if (when === 'after') {
    await until(async () => expect((await line.status()).state).toBe('reowning'));
    reject();
  }
  await until(async () => expect(await decisions()).toHaveLength(1));
  const expected = [{ cause: 'copy-rejected', resolved: null, proposals: [], input: { msh10: `${id}2` } }];
  expect(await decisions()).toMatchObject(expected);
  await settled();
  expect(line.destination.ids).toEqual([`${id}1`]);
  await estate.crash();
  expect(await decisions()).toMatchObject(expected);
  expect((await line.status()).state).toBe('steady');
  const [{ id: decision } = { id: '' }] = await decisions();
  const refused = await estate.call('POST', `decisions/${decision}`, { action: 'deliver', reason: 'try it' });
  expect([refused.status, refused.body.code]).toEqual([409, 'nothing-to-deliver']);
  expect(await decisions()).toMatchObject(expected);
});

test('rule 9: a decision that several people close at the same time is delivered once', async () => {
  await prepare(estate.line('unsure3'));
  await source.exchange(order('U1'));
  await captured(1);
  await line.new.down();
  await line.move('parallel', FORCED);
  const [open] = await decisions();
  const close = () => estate.call('POST', `decisions/${open?.id}`, { action: 'deliver', reason: 'LIS lacks it' });
  const replies = await Promise.all(Array.from({ length: 8 }, close));
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
  for (const { body } of replies) expect(['operation-in-flight', 'unknown-decision', undefined]).toContain(body.code);
  await source.exchange(order('U2'));
  await until(() => expect(line.destination.ids).toContain('U2'));
  await settled();
  expect(line.destination.ids.toSorted()).toEqual(['U1', 'U2']);
});

test('rules 2 and 9: a decision that is at its destination when the gateway is killed is delivered again, and listed', async () => {
  await prepare(estate.line('unsure4'));
  await source.exchange(order('X1'));
  await captured(1);
  await line.new.down();
  await line.move('parallel', FORCED);
  line.destination.script = () => undefined;
  const [open] = await decisions();
  await estate.call('POST', `decisions/${open?.id}`, { action: 'deliver', reason: 'LIS lacks it' });
  await line.destination.take();
  line.destination.answerAll();
  await estate.crash();
  await until(() => expect(line.destination.ids).toEqual(['X1', 'X1']));
  expect(await line.listed('maybeSent')).toContainEqual(['X1', 'crash']);
  expect((await line.list('maybeSent')).map(({ id }) => id)).toContainEqual(open?.proposals[0]);
});

test('rules 2 and 9: a taken-over output that is at its destination when the gateway is stopped is delivered again, and listed', async () => {
  await source.exchange(order('Y1'));
  await captured(1);
  line.destination.script = () => undefined;
  await line.new.down();
  await line.move('parallel', FORCED);
  await line.destination.take();
  await estate.end('SIGTERM');
  line.destination.answerAll();
  await estate.start();
  await until(() => expect(line.destination.ids).toEqual(['Y1', 'Y1']));
  expect(await line.listed('maybeSent')).toContainEqual(['Y1', 'stop']);
});

test('rule 9: forced, it waits for no move that is under way: that one is given up, or is made already', async () => {
  line.new.script = () => undefined;
  source.send(order('V1'));
  await line.new.take();
  const graceful = line.put('parallel', { reason: 'drill', deadlineMs: 50_000 });
  await until(async () => expect((await line.status()).state).toBe('draining'));
  expect(await line.move('parallel', FORCED)).toMatchObject({ epoch: 4, control: 'legacy' });
  const { body } = await graceful;
  expect(body).toMatchObject({ aborted: true, reason: 'a forced rollback came in between' });
  await line.new.down();
  expect(verdictOf(await (await line.source()).exchange(order('V1')))).toBe('AA|V1');
  await until(() => expect(line.destination.ids).toEqual(['V1']));
});

test('rule 9: forced, it comes right behind a switch whose new owner does not answer what was held', async () => {
  await line.move('parallel', { reason: 'drill' });
  line.legacy.script = () => undefined;
  source.send(order('W1'));
  const input = await line.legacy.take();
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  const waiting = (await line.source()).send(order('W2'));
  line.new.script = ({ payload, reply }) => {
    if (idOf(payload) === 'W1') reply(answer('W1'));
  };
  input.reply(answer('W1'));
  await fromLegacy.exchange(order('W1'));
  await until(async () => expect((await line.status()).epoch).toBe(5));
  expect(await line.move('parallel', FORCED)).toMatchObject({ epoch: 6, control: 'legacy' });
  expect((await swap).body).toMatchObject({ epoch: 5, control: 'new' });
  await waiting.closed;
  await line.new.down();
});

test('rule 9: a rollback that is not forced also works with new alive, and nothing is lost or doubled', async () => {
  const fromNew = await line.leg('new');
  for (const id of ['H1', 'H2']) {
    await source.exchange(order(id));
    await fromNew.exchange(order(id));
  }
  await captured(2);
  await line.move('parallel', { reason: 'drill' });
  await source.exchange(order('H3'));
  await until(() => expect(line.destination.ids).toEqual(['H1', 'H2', 'H3']));
});

test.each([
  'deliver',
  'discard',
] as const)('rule 9: without correlation a person decides: listed with its proposal, traffic goes on, %s closes it for good', async (action) => {
  await prepare(estate.line(action === 'deliver' ? 'unsure1' : 'unsure2'));
  await source.exchange(order('I1'));
  await captured(1);
  await line.new.down();
  await line.move('parallel', FORCED);
  const [open, ...others] = await decisions();
  expect(others).toEqual([]);
  expect(open).toMatchObject({ cause: 'no-correlation', resolved: null, input: { msh10: 'I1' } });
  expect(open?.proposals).toMatchObject([{ msh10: 'I1' }]);
  expect(verdictOf(await source.exchange(order('I2')))).toBe('AA|I2');
  await until(() => expect(line.destination.ids).toEqual(['I2']));

  await estate.crash();
  expect(await decisions()).toEqual([open]);
  const { status, body } = await estate.call('POST', `decisions/${open?.id}`, { action, reason: 'seen at the LIS' });
  expect(status).toBe(200);
  expect(body.resolved).toMatchObject({ action, by: 'local', reason: 'seen at the LIS' });
  const expected = action === 'deliver' ? ['I2', 'I1'] : ['I2'];
  await until(() => expect(line.destination.ids).toEqual(expected));
  expect((await estate.call('POST', `decisions/${open?.id}`, { action, reason: 'again' })).status).toBe(404);
  await estate.restart();
  expect(await decisions()).toMatchObject([{ resolved: { action } }]);
  await until(async () => expect((await line.status()).state).toBe('steady'));
  expect(line.destination.ids).toEqual(expected);
});

/** New has answered two inputs and is gone; the destination rejects the output of the first, so often. */
async function takeOverRejected(chosen: Line, times: number): Promise<void> {
  await prepare(chosen);
  for (const id of ['L1', 'L2']) await source.exchange(order(id));
  await captured(2);
  line.destination.script = ({ payload, reply }) => {
    const id = idOf(payload);
    const isRejected = id === 'L1' && line.destination.ids.filter((one) => one === id).length <= times;
    reply(answer(id, isRejected ? 'AR' : 'AA'));
  };
  await line.new.down();
  await line.move('parallel', FORCED);
}

test('rule 9: the destination rejects what was taken over: it is kept, a person is asked, also past a crash, and may have it tried again', async () => {
  await takeOverRejected(estate.line('kept'), 2);
  await until(() => expect(line.destination.ids).toEqual(['L1', 'L2']));
  await until(async () => expect(await decisions()).toHaveLength(1));
  const [asked] = await decisions();
  expect(asked).toMatchObject({ cause: 'destination-rejected', resolved: null, input: { msh10: 'L1' } });
  expect(asked?.proposals).toMatchObject([{ msh10: 'L1' }]);
  expect(await line.listed('rejected')).toEqual([['L1', 'reowned']]);
  await settled();

  await estate.crash();
  expect(await decisions()).toEqual([asked]);
  const deliver = (id = ''): Promise<unknown> =>
    estate.call('POST', `decisions/${id}`, { action: 'deliver', reason: 'the LIS knows the patient now' });
  await deliver(asked?.id);
  await until(async () => expect(await decisions()).toHaveLength(2));
  const again = (await decisions()).find(({ resolved }) => resolved === null);
  expect(again).toMatchObject({ cause: 'destination-rejected', input: { msh10: 'L1' }, proposals: asked?.proposals });
  await deliver(again?.id);
  await until(async () =>
    expect((await line.status()).counters).toMatchObject({ delivered: 2, destinationRejected: 2 }),
  );
  expect(line.destination.ids).toEqual(['L1', 'L2', 'L1', 'L1']);
  expect((await decisions()).filter(({ resolved }) => resolved === null)).toEqual([]);
});

test('rule 9: where the inventory says so, what was taken over and is rejected is tried again in its place, so that the order holds', async () => {
  await takeOverRejected(estate.line('patient'), 2);
  await until(() => expect(line.destination.ids).toEqual(['L1', 'L1', 'L1', 'L2']));
  await settled();
  expect(await decisions()).toEqual([]);
  expect((await line.status()).counters).toMatchObject({ delivered: 2, destinationRejected: 0 });
});

test('rule 9: tried again for as long as the inventory says, then a person is asked and newer outputs go on', async () => {
  await takeOverRejected(estate.line('hasty'), 9);
  await until(async () => expect(await decisions()).toHaveLength(1));
  expect(await decisions()).toMatchObject([{ cause: 'destination-rejected', input: { msh10: 'L1' } }]);
  await until(() => expect(line.destination.ids).toEqual(['L1', 'L1', 'L2']));
});
