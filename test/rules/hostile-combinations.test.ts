/** Odd habits of peers in the middle of a change-over: a sender that is half gone, what comes late, numbers, batches. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  answer,
  bytes,
  Client,
  type Estate,
  frame,
  idOf,
  type Line,
  order,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

const REASON = { reason: 'test' };
let estate: Estate;

beforeAll(async () => {
  const connection = { correlate: ['ORC-2'], capture: { wait: '50ms' } };
  estate = await startEstate({
    half: { connection },
    late: { connection },
    numbered: { connection },
    batched: { connection: { ...connection, changeOver: 'at-offset', orderWait: '1s' } },
  });
});
afterAll(() => estate?.close());

/** Both platforms answer and make an output of each message; the destination answers. */
async function flowing(name: string): Promise<Line> {
  const line = estate.line(name);
  line.destination.answerAll();
  for (const platform of ['legacy', 'new'] as const) {
    const leg = await line.leg(platform);
    line[platform].script = ({ payload, reply }) => {
      reply(answer(idOf(payload)));
      if (/\rORC\|/.test(payload.toString('latin1'))) leg.send(payload);
    };
  }
  return line;
}

const isSettled = (line: Line): Promise<void> =>
  until(async () =>
    expect(await line.status()).toMatchObject({ state: 'steady', inFlight: 0, shadowLag: 0, owedOutputs: 0 }),
  );

test('a sender half-closes behind half a frame while the swap drains its last message: that is answered, the half is nobody’s', async () => {
  const line = await flowing('half');
  await line.move('parallel');
  const { script } = line.legacy;
  line.legacy.script = () => undefined;
  const sender = await Client.open(line.feedPort, true);
  sender.socket.end(Buffer.concat([frame(order('A1')), frame(order('A2')).subarray(0, 40)]));
  const inFlight = await line.legacy.take();
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  // Another one comes with the other half only, and one with all of it.
  const rest = await line.source();
  rest.socket.end(frame(order('A2')).subarray(40));
  const again = await line.source();
  again.send(order('A2'));
  line.legacy.script = script;
  script(inFlight);
  expect(verdictOf(await sender.answer())).toBe('AA|A1');
  await sender.closed;
  expect(await swap).toMatchObject({ status: 200, body: { phase: 'switched', epoch: 3 } });
  expect(verdictOf(await again.answer())).toBe('AA|A2');
  await isSettled(line);
  await until(() => expect(line.destination.ids).toEqual(['A1', 'A2']));
  expect(line.new.ids).toEqual(['A1', 'A2']);
  expect(await line.list('maybeSent')).toEqual([]);
  expect((await line.status()).counters).toMatchObject({ received: 2, accepted: 2 });
});

test('acknowledgements that come later, and what the source says to them, while a rollback holds the feed: each goes its way once', async () => {
  const line = await flowing('late');
  const about = (id: string, own: string, code = 'AA'): Buffer =>
    bytes(`MSH|^~\\&|PEER||EMR||20260101120005||ACK^O01|${own}|P|2.5.1\rMSA|${code}|${id}\r`);
  await line.move('parallel');
  await line.move('switched');
  const source = await line.source();
  const { script } = line.new;
  line.new.script = (arrived) => {
    script({ ...arrived, reply: () => arrived.reply(answer(idOf(arrived.payload), 'CA')) });
  };
  expect(verdictOf(await source.exchange(order('B1')))).toBe('CA|B1');
  await until(() => expect(line.destination.ids).toContain('B1'));
  await isSettled(line);
  // One is in flight, so that the rollback waits.
  line.new.script = () => undefined;
  const other = await line.source();
  other.send(order('B2'));
  await until(() => expect(line.new.ids).toContain('B2'));
  const [first, second] = line.new.arrived.filter(({ payload }) => idOf(payload).startsWith('B'));
  const back = line.put('parallel', REASON);
  await until(async () => expect((await line.status()).state).toBe('draining'));
  first?.reply(about('B1', 'X1', 'AE'));
  expect(await source.answer()).toEqual(about('B1', 'X1', 'AE'));
  source.send(about('X1', 'Y1', 'CA'));
  if (second === undefined) throw new Error('B2 has not arrived');
  script({ ...second, reply: () => second.reply(answer('B2', 'CA')) });
  expect(verdictOf(await other.answer())).toBe('CA|B2');
  expect(await back).toMatchObject({ status: 200, body: { phase: 'parallel', epoch: 4 } });
  second.reply(about('B2', 'X2'));
  expect(await other.answer()).toEqual(about('B2', 'X2'));
  other.send(about('X2', 'Y2', 'CA'));
  await until(() => expect(line.new.ids.filter((id) => id.startsWith('Y')).sort()).toEqual(['Y1', 'Y2']));
  expect(line.legacy.ids.filter((id) => id.startsWith('Y'))).toEqual([]);
  expect(await line.list('stray')).toEqual([]);
  expect((await line.status()).counters.received).toBe(2);
  await until(() => expect(line.destination.ids).toEqual(['B1', 'B2']));
});

test('a sender with sequence numbers across a swap, with a resend that was held: no gap is told of, and none is made', async () => {
  const line = await flowing('numbered');
  const numbered = (count: number): Buffer =>
    bytes(order(`C${count}`).toString('latin1').replace('|P|2.5.1', `|P|2.5.1|${count}`));
  await line.move('parallel');
  const source = await line.source();
  expect(verdictOf(await source.exchange(numbered(1)))).toBe('AA|C1');
  const { script } = line.legacy;
  line.legacy.script = () => undefined;
  source.send(numbered(2));
  await until(() => expect(line.legacy.ids).toEqual(['C1', 'C2']));
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  // It has given up waiting, and both sends again and goes on, on two sockets.
  const [again, onward] = [await line.source(), await line.source()];
  again.send(numbered(2));
  onward.send(numbered(3));
  const inFlight = line.legacy.arrived[1];
  if (inFlight === undefined) throw new Error('C2 has not arrived');
  line.legacy.script = script;
  script(inFlight);
  expect(await swap).toMatchObject({ status: 200, body: { phase: 'switched' } });
  expect(verdictOf(await again.answer())).toBe('AA|C2');
  expect(verdictOf(await onward.answer())).toBe('AA|C3');
  expect(verdictOf(await onward.exchange(numbered(4)))).toBe('AA|C4');
  await isSettled(line);
  await until(() => expect(line.destination.ids).toEqual(['C1', 'C2', 'C3', 'C4']));
  expect((await line.status()).counters.sequenceGaps).toBe(0);
  expect((await onward.exchange(numbered(9))).length).toBeGreaterThan(0);
  await until(async () => expect((await line.status()).counters.sequenceGaps).toBe(1));
});

test('a batch while a change-over at an offset settles: it passes whole, and what is taken out of it goes out once, from the new owner', async () => {
  const line = await flowing('batched');
  await line.move('parallel');
  const source = await line.source();
  for (let count = 1; count <= 22; count++) await source.exchange(order(`P${count}`));
  await isSettled(line);
  expect((await line.status()).correlation?.grade).toBe('exact');
  const delivered = line.destination.ids.length;
  const batch = bytes(
    `FHS|^~\\&|EMR\rBHS|^~\\&|EMR\r${['Da', 'Db'].map((id) => order(id).toString('latin1')).join('')}BTS|2\r`,
  );
  for (const peer of [line.legacy, line.new])
    peer.script = ({ payload, reply }) => reply(answer(idOf(payload) || 'BATCH'));
  expect(verdictOf(await source.exchange(order('D1')))).toBe('AA|D1');
  await line.move('switched');
  expect(verdictOf(await source.exchange(batch))).toMatch(/^AA/);
  expect((await line.status()).state).toBe('settling');
  expect(line.new.arrived.at(-1)?.payload).toEqual(batch);
  const [fromLegacy, fromNew] = await Promise.all([line.leg('legacy'), line.leg('new')]);
  for (const leg of [fromLegacy, fromNew]) expect(verdictOf(await leg.exchange(order('D1')))).toBe('AA|D1');
  await until(async () => expect((await line.status()).state).toBe('steady'));
  // Each platform takes it apart, and sends what was in it message by message.
  for (const leg of [fromLegacy, fromNew]) for (const id of ['Da', 'Db']) await leg.exchange(order(id));
  expect(line.destination.ids.slice(delivered)).toEqual(['D1', 'Da', 'Db']);
  expect(await line.listed('parked')).toEqual([]);
});
