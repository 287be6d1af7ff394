/** Rule 7: what comes after the answer is classified, never dropped: to its source, to the platform that asked, or on a list. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytes, type Client, type Estate, idOf, order, startEstate, until, verdictOf } from './peers.ts';

let estate: Estate;

beforeAll(async () => {
  estate = await startEstate({
    deferred: {},
    gone: {},
    unseen: {},
    dual: {},
    asked: {},
    fed: {},
    killed: {},
    first: {},
    silent: {},
    forced: { connection: { correlate: ['ORC-2'], capture: { wait: '50ms' } } },
  });
});
afterAll(() => estate?.close());

/** A frame with an MSA and an id of its own. */
const about = (id: string, own: string, type = 'ACK', code = 'AA'): Buffer =>
  bytes(`MSH|^~\\&|PEER||EMR||20260101120005||${type}|${own}|P|2.5.1\rMSA|${code}|${id}|late, and \xfcber\r`);

const strays = (name: string): Promise<string[][]> => estate.line(name).listed('stray');

test('rule 7: a commit first and the application acknowledgement later: both reach the source, the second one once', async () => {
  const line = estate.line('deferred');
  line.legacy.answerAll('CA');
  const source = await line.source();
  expect(verdictOf(await source.exchange(order('M1')))).toBe('CA|M1');
  expect(verdictOf(await source.exchange(order('M2')))).toBe('CA|M2');
  const [first] = line.legacy.arrived;
  first?.reply(about('M1', 'X1', 'ACK^O01', 'AE'));
  expect(await source.answer()).toEqual(about('M1', 'X1', 'ACK^O01', 'AE'));
  first?.reply(about('M1', 'X2', 'ACK^O01', 'AE'));
  first?.reply(about('M9', 'X3'));
  await until(async () =>
    expect(await strays('deferred')).toEqual([
      ['X2', 'unasked'],
      ['X3', 'unasked'],
    ]),
  );
  expect(source.inbox.payloads).toHaveLength(3);
  expect((await line.status()).counters).toMatchObject({ received: 2, accepted: 2, rejected: 0 });
});

test('rule 7: the source is away when the acknowledgement comes: it gets it on its next socket', async () => {
  const line = estate.line('gone');
  line.legacy.answerAll('CA');
  const source = await line.source();
  await source.exchange(order('M1'));
  source.socket.destroy();
  await source.closed;
  line.legacy.arrived[0]?.reply(about('M1', 'X1'));
  const again = await line.source();
  expect(await again.answer()).toEqual(about('M1', 'X1'));
  expect(verdictOf(await again.exchange(order('M2')))).toBe('CA|M2');
});

test('rule 7: the source hung up before its commit came: on its next socket the commit comes first, then the acknowledgement', async () => {
  const line = estate.line('unseen');
  const source = await line.source();
  source.send(order('M1'));
  const message = await line.legacy.take();
  source.socket.destroy();
  await source.closed;
  message.reply(about('M1', 'C1', 'ACK', 'CA'));
  message.reply(about('M1', 'X1'));
  await until(async () => expect((await line.status()).counters.accepted).toBe(1));
  const again = await line.source();
  again.send(order('M1'));
  expect([await again.answer(), await again.answer()]).toEqual([about('M1', 'C1', 'ACK', 'CA'), about('M1', 'X1')]);
  expect(line.legacy.ids).toEqual(['M1']);
  line.legacy.answerAll('CA');
  expect(verdictOf(await again.exchange(order('M2')))).toBe('CA|M2');
});

test('rule 7: the source is here again and has said nothing when commit and acknowledgement come: the commit comes first all the same', async () => {
  const line = estate.line('silent');
  const source = await line.source();
  source.send(order('M1'));
  const message = await line.legacy.take();
  source.socket.destroy();
  await source.closed;
  const again = await line.source();
  // The gateway has it as well, once it has answered an empty call of the same loop.
  await line.status();
  message.reply(about('M1', 'C1', 'ACK', 'CA'));
  message.reply(about('M1', 'X1'));
  await until(async () => expect((await line.status()).counters.accepted).toBe(1));
  again.send(order('M1'));
  expect([await again.answer(), await again.answer()]).toEqual([about('M1', 'C1', 'ACK', 'CA'), about('M1', 'X1')]);
  expect(line.legacy.ids).toEqual(['M1']);
  expect(await strays('silent')).toEqual([]);
});

test('rules 7 and 9: after a forced rollback both platforms still get what the destination says later of their own outputs', async () => {
  const line = estate.line('forced');
  const [source, fromLegacy, fromNew] = await Promise.all([line.source(), line.leg('legacy'), line.leg('new')]);
  line.destination.answerAll('CA');
  line.new.answerAll('CA');
  line.legacy.script = ({ payload, reply }) => {
    reply(about(idOf(payload), `C-${idOf(payload)}`, 'ACK', 'CA'));
    fromLegacy.send(payload);
  };
  await line.move('parallel');
  await line.move('switched');
  expect(verdictOf(await source.exchange(order('M1')))).toBe('CA|M1');
  expect(verdictOf(await fromNew.exchange(order('M1')))).toBe('CA|M1');
  // A capture gets the control's commit, and no acknowledgement: nothing of it was applied.
  expect(verdictOf(await fromLegacy.answer())).toBe('CA|M1');
  await line.move('parallel', { force: true, reason: 'new is slow' });
  line.destination.arrived[0]?.reply(about('M1', 'D1', 'ACK^O01', 'AE'));
  expect(await fromNew.answer()).toEqual(about('M1', 'D1', 'ACK^O01', 'AE'));
  line.new.arrived.find(({ payload }) => idOf(payload) === 'M1')?.reply(about('M1', 'N1'));
  expect(await source.answer()).toEqual(about('M1', 'N1'));
  expect(verdictOf(await source.exchange(order('M2')))).toBe('CA|M2');
  expect(verdictOf(await fromLegacy.answer())).toBe('CA|M2');
  line.destination.arrived[1]?.reply(about('M2', 'D2'));
  expect(await fromLegacy.answer()).toEqual(about('M2', 'D2'));
  expect(line.destination.ids).toEqual(['M1', 'M2']);
  expect(await strays('forced')).toEqual([]);
});

test('rule 7: the source acknowledges the acknowledgement: that goes to the platform, and is no message', async () => {
  const line = estate.line('dual');
  line.legacy.answerAll('CA');
  const source = await line.source();
  await source.exchange(order('M1'));
  line.legacy.arrived[0]?.reply(about('M1', 'X1'));
  await source.answer();
  source.send(about('X1', 'Y1', 'ACK', 'CA'));
  await until(() => expect(line.legacy.ids).toEqual(['M1', 'Y1']));
  expect(line.legacy.arrived[1]?.payload).toEqual(about('X1', 'Y1', 'ACK', 'CA'));
  expect((await line.status()).counters.received).toBe(1);
});

test('rule 7: a response of the destination goes to the platform that has asked, also after a switch', async () => {
  const line = estate.line('asked');
  line.legacy.answerAll();
  line.new.answerAll();
  line.destination.answerAll();
  const [source, fromLegacy, fromNew] = await Promise.all([line.source(), line.leg('legacy'), line.leg('new')]);
  await line.move('parallel');
  await source.exchange(order('Q1'));
  expect(verdictOf(await fromLegacy.exchange(order('Q1')))).toBe('AA|Q1');
  await fromNew.exchange(order('Q1-of-new'));
  await line.move('switched');
  line.destination.arrived[0]?.reply(about('Q1', 'R1', 'ORR^O02'));
  expect(await fromLegacy.answer()).toEqual(about('Q1', 'R1', 'ORR^O02'));
  line.destination.arrived[0]?.reply(about('Q1', 'R2', 'RSP^K22'));
  expect(await fromLegacy.answer()).toEqual(about('Q1', 'R2', 'RSP^K22'));
  expect(fromNew.inbox.payloads).toHaveLength(1);
  expect(await strays('asked')).toEqual([]);
});

test('rule 7: a response that comes as a message of a source goes to the platform that has asked; its answer comes back', async () => {
  const line = estate.line('fed');
  line.legacy.answerAll();
  line.new.answerAll();
  line.destination.answerAll();
  const [source, fromLegacy, fromNew]: Client[] = await Promise.all([
    line.source(),
    line.leg('legacy'),
    line.leg('new'),
  ]);
  await line.move('parallel');
  await source?.exchange(order('Q1'));
  await fromLegacy?.exchange(order('Q1'));
  await fromNew?.exchange(order('N1'));
  await line.move('switched');
  expect(verdictOf((await source?.exchange(about('Q1', 'R1', 'ORR^O02'))) ?? Buffer.alloc(0))).toBe('AA|R1');
  expect(line.legacy.ids).toEqual(['Q1', 'R1']);
  expect(verdictOf((await source?.exchange(order('Q2'))) ?? Buffer.alloc(0))).toBe('AA|Q2');
  expect(line.new.ids).toEqual(['Q1', 'Q2']);
});

test('rules 3 and 7: killed between commit and acknowledgement: the source still gets it', async () => {
  const line = estate.line('killed');
  line.legacy.answerAll('CA');
  const source = await line.source();
  await source.exchange(order('M1'));
  await estate.crash();
  const again = await line.source();
  await again.exchange(order('M2'));
  line.legacy.arrived.find(({ payload }) => idOf(payload) === 'M2')?.reply(about('M1', 'X1'));
  expect(await again.answer()).toEqual(about('M1', 'X1'));
});

test('rules 3 and 7: killed, and the acknowledgement of an earlier message is the first that is heard: it answers no other', async () => {
  const line = estate.line('first');
  line.legacy.answerAll('CA');
  line.destination.answerAll('CA');
  const source = await line.source();
  await source.exchange(order('M1'));
  await (await line.leg('legacy')).exchange(order('O1'));
  await estate.crash();
  for (const peer of [line.legacy, line.destination]) {
    const earlier = peer === line.legacy ? 'M1' : 'O1';
    peer.script = ({ payload, reply }) => {
      reply(about(earlier, `X-${earlier}`, 'ACK^O01', 'AE'));
      reply(about(idOf(payload), `C-${idOf(payload)}`, 'ACK', 'CA'));
    };
  }
  const again = await line.source();
  again.send(order('M2'));
  const got = [await again.answer(), await again.answer()].map((payload) => `${idOf(payload)} ${verdictOf(payload)}`);
  expect(got.sort()).toEqual(['C-M2 CA|M2', 'X-M1 AE|M1']);
  const fromLegacy = await line.leg('legacy');
  fromLegacy.send(order('O2'));
  const back = [await fromLegacy.answer(), await fromLegacy.answer()].map((one) => `${idOf(one)} ${verdictOf(one)}`);
  expect(back.sort()).toEqual(['C-O2 CA|O2', 'X-O1 AE|O1']);
  expect((await line.status()).counters).toMatchObject({
    received: 2,
    accepted: 2,
    delivered: 2,
    destinationRejected: 0,
  });
});
