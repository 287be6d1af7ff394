/** Rule 6: a retry is recognised conservatively; whatever is not certainly a retry passes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  answer,
  bytes,
  type Client,
  type Estate,
  frame,
  idOf,
  type Line,
  order,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

const LINES = 25;

let estate: Estate;
let line: Line;
let source: Client;
let next = 0;

beforeAll(async () => {
  const lines = Array.from({ length: LINES }, (_, index) => [`line${index}`, {}]);
  estate = await startEstate({ ...Object.fromEntries(lines), brief: { feed: { retry: { within: '1ms' } } } });
});
beforeEach(async () => {
  line = estate.line(`line${next++}`);
  source = await line.source();
});
afterAll(() => estate?.close());

test('rule 6: a resend while the first is in flight joins its wait: one message for the platform, the answer on both sockets', async () => {
  source.send(order('J1'));
  const input = await line.legacy.take();
  const second = await line.source();
  second.send(order('J1'));
  second.socket.end();
  await until(async () => expect((await line.status()).inFlight).toBe(1));
  const third = (await line.source()).send(order('J1'));
  input.reply(answer('J1'));
  expect(verdictOf(await source.answer())).toBe('AA|J1');
  expect(verdictOf(await third.answer())).toBe('AA|J1');
  expect(line.legacy.ids).toEqual(['J1']);
});

test('rule 6: positively answered, unread as far as one can know: the recorded answer again, listed, not forwarded', async () => {
  source.send(order('K1'));
  (await line.legacy.take()).reply(answer('K1', 'AA', 'first'));
  expect((await source.answer()).equals(answer('K1', 'AA', 'first'))).toBe(true);
  source.socket.destroy();
  const again = await line.source();
  expect((await again.exchange(order('K1'))).equals(answer('K1', 'AA', 'first'))).toBe(true);
  expect(await line.listed('answeredAgain')).toEqual([['K1', 'resent']]);
  await estate.restart();
  const later = await line.source();
  expect((await later.exchange(order('K1'))).equals(answer('K1', 'AA', 'first'))).toBe(true);
  expect(line.legacy.ids).toEqual(['K1']);
  expect((await line.status()).counters.answeredAgain).toBe(2);
});

test('rule 6: MSH-7 may change in a resend; anything else makes it another message, forwarded', async () => {
  line.legacy.answerAll();
  await source.exchange(order('L1'));
  const again = await line.source();
  const retimed = order('L1').toString('latin1').replace('20260101120000', '20260101120030');
  await again.exchange(retimed);
  expect(line.legacy.ids).toEqual(['L1']);
  expect(verdictOf(await again.exchange(order('L1', '|CORRECTED')))).toBe('AA|L1');
  expect(line.legacy.ids).toEqual(['L1', 'L1']);
  expect(estate.log).toContain('reused-id');
});

test.each(['AE', 'AR', 'XX'])('rule 6: answered %s: its resend is forwarded as another attempt', async (code) => {
  line.legacy.answerAll(code);
  await source.exchange(order('N1'));
  source.socket.destroy();
  line.legacy.answerAll('AA');
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('N1')))).toBe('AA|N1');
  expect(line.legacy.ids).toEqual(['N1', 'N1']);
  expect(await line.listed('answeredAgain')).toEqual([]);
});

test('rule 6: an unanswered message closes its sender without an answer; the resend is forwarded', async () => {
  source.send(order('U1'));
  (await line.legacy.take()).socket.resetAndDestroy();
  await source.closed;
  expect(source.inbox.byteCount).toBe(0);
  expect(await line.listed('maybeSent')).toEqual([['U1', 'primary-disconnected']]);
  line.legacy.answerAll();
  expect(verdictOf(await (await line.source()).exchange(order('U1')))).toBe('AA|U1');
  expect(line.legacy.ids).toEqual(['U1', 'U1']);
});

test('rule 6: an impatient sender that repeats on the same socket before the answer: one message, one answer', async () => {
  source.send(order('I1'));
  const input = await line.legacy.take();
  source.send(order('I1')).send(order('I1')).send(order('I2'));
  await until(async () => expect((await line.status()).inFlight).toBe(1));
  input.reply(answer('I1'));
  expect(verdictOf(await source.answer())).toBe('AA|I1');
  (await line.legacy.take()).reply(answer('I2'));
  expect(verdictOf(await source.answer())).toBe('AA|I2');
  expect(line.legacy.ids).toEqual(['I1', 'I2']);
});

test('rule 6: a sender that has read the answer and sends the same again means it', async () => {
  line.legacy.answerAll();
  await source.exchange(order('T1'));
  await source.exchange(order('T1'));
  expect(line.legacy.ids).toEqual(['T1', 'T1']);
  const fresh = await line.source();
  await fresh.exchange(order('T2'));
  await fresh.exchange(order('T1'));
  expect(line.legacy.ids).toEqual(['T1', 'T1', 'T2', 'T1']);
});

test('rule 6: not yet written: the gateway keeps connecting, the sender waits, a resend joins', async () => {
  await line.legacy.down();
  source.send(order('W1'));
  await until(async () => expect((await line.status()).inFlight).toBe(1));
  const second = (await line.source()).send(order('W1'));
  source.socket.destroy();
  line.legacy.answerAll();
  await line.legacy.up();
  expect(verdictOf(await second.answer())).toBe('AA|W1');
  expect(line.legacy.ids).toEqual(['W1']);
  expect(await line.listed('maybeSent')).toEqual([]);
});

test('rule 6: a held message is joined by its resend and forwarded once after the hold', async () => {
  line.legacy.answerAll();
  await estate.call('POST', `connections/${line.name}/hold`, { forMs: 8000, reason: 'test' });
  source.send(order('H1'));
  const second = (await line.source()).send(order('H1'));
  expect(line.legacy.ids).toEqual([]);
  await estate.call('POST', `connections/${line.name}/release`, {});
  expect(verdictOf(await second.answer())).toBe('AA|H1');
  expect(line.legacy.ids).toEqual(['H1']);
});

test('rule 6: past retry.within the same bytes are a new message', async () => {
  line = estate.line('brief');
  line.legacy.answerAll();
  await (await line.source()).exchange(order('E1'));
  const sentAtMs = Date.now();
  await until(() => expect(Date.now()).toBeGreaterThan(sentAtMs + 20));
  await (await line.source()).exchange(order('E1'));
  expect(line.legacy.ids).toEqual(['E1', 'E1']);
});

test('rule 6: the memory outlives a switch: a resend gets the recorded answer of the former primary, the new one gets it once', async () => {
  line.legacy.answerAll();
  line.new.answerAll();
  line.destination.answerAll();
  await line.move('parallel');
  await source.exchange(order('M1'));
  const [control, candidate] = [await line.leg('legacy'), await line.leg('new')];
  candidate.send(order('M1'));
  await control.exchange(order('M1'));
  await candidate.answer();
  await line.move('switched');
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('M1')))).toBe('AA|M1');
  expect([line.legacy.ids, line.new.ids]).toEqual([['M1'], ['M1']]);
});

test('rule 6: a platform at a leg is a sender too: joined, answered again, forwarded after a negative answer', async () => {
  const leg = await line.leg('legacy');
  leg.send(order('P1'));
  const output = await line.destination.take();
  const second = (await line.leg('legacy')).send(order('P1'));
  await until(async () => expect((await line.status()).inFlight).toBe(1));
  output.reply(answer('P1', 'AA', 'kept'));
  expect((await leg.answer()).equals(answer('P1', 'AA', 'kept'))).toBe(true);
  expect(verdictOf(await second.answer())).toBe('AA|P1');
  expect((await (await line.leg('legacy')).exchange(order('P1'))).equals(answer('P1', 'AA', 'kept'))).toBe(true);
  expect(line.destination.ids).toEqual(['P1']);
  line.destination.answerAll('AE');
  await leg.exchange(order('P2'));
  await (await line.leg('legacy')).exchange(order('P2'));
  expect(line.destination.ids).toEqual(['P1', 'P2', 'P2']);
});

test('rule 6: messages without an id are told apart by their bytes', async () => {
  const opaque = (text: string): Buffer => bytes(`no header ${text}`);
  const reply = bytes('MSH|^~\\&|P||||||ACK|x|P|2.5\rMSA|AA|\r');
  line.legacy.script = ({ socket }) => void socket.write(frame(reply));
  for (const text of ['a', 'b', 'a']) expect((await source.exchange(opaque(text))).equals(reply)).toBe(true);
  expect(line.legacy.arrived.map(({ payload }) => payload.toString())).toEqual(
    ['a', 'b', 'a'].map((text) => opaque(text).toString()),
  );
});

test.each([
  'source',
  'platform',
] as const)('rule 6: a frame that comes late on the socket that its sender (a %s) has left for another: answered as it was there, also behind newer messages', async (side) => {
  const [open, receiver] =
    side === 'source' ? [() => line.source(), line.legacy] : [() => line.leg('legacy'), line.destination];
  receiver.script = ({ payload, reply }) => reply(answer(idOf(payload), 'AA', `own of ${idOf(payload)}`));
  const left = await open();
  const held = frame(order('Z2'));
  expect(verdictOf(await left.exchange(order('Z1')))).toBe('AA|Z1');
  left.socket.write(held.subarray(0, 50));
  const present = await open();
  for (const id of ['Z2', 'Z3', 'Z4']) expect(verdictOf(await present.exchange(order(id)))).toBe(`AA|${id}`);
  left.socket.write(held.subarray(50));
  expect((await left.answer()).equals(answer('Z2', 'AA', 'own of Z2'))).toBe(true);
  expect(receiver.ids).toEqual(['Z1', 'Z2', 'Z3', 'Z4']);
  expect((await line.listed('answeredAgain')).map(([id]) => id)).toEqual(['Z2']);
  // What the sender meant last is still known, and its present socket is none that it has left.
  present.socket.destroy();
  expect(verdictOf(await (await open()).exchange(order('Z4')))).toBe('AA|Z4');
  expect(receiver.ids).toEqual(['Z1', 'Z2', 'Z3', 'Z4']);
});

test('rule 6: sockets that a sender uses in turns are none that it has left: what comes again on one is meant', async () => {
  line.legacy.answerAll();
  const other = await line.source();
  for (const [on, id] of [
    [source, 'Y1'],
    [other, 'Y2'],
    [source, 'Y3'],
    [other, 'Y4'],
    [source, 'Y2'],
    [other, 'Y3'],
  ] as const)
    expect(verdictOf(await on.exchange(order(id)))).toBe(`AA|${id}`);
  expect(line.legacy.ids).toEqual(['Y1', 'Y2', 'Y3', 'Y4', 'Y2', 'Y3']);
});

test('rule 6: of two messages that wait on two sockets, the resend of the first is no other message either: it joins', async () => {
  source.send(order('V1'));
  const input = await line.legacy.take();
  const second = (await line.source()).send(order('V2'));
  await until(async () => expect((await line.status()).counters.received).toBe(1));
  const again = (await line.source()).send(order('V1'));
  source.socket.destroy();
  line.legacy.answerAll();
  input.reply(answer('V1'));
  expect(verdictOf(await again.answer())).toBe('AA|V1');
  expect(verdictOf(await second.answer())).toBe('AA|V2');
  expect(line.legacy.ids).toEqual(['V1', 'V2']);
});

test('rule 6: answered while another one waited beside it: unread, it is answered again; read, the same again is meant', async () => {
  source.send(order('W1'));
  const input = await line.legacy.take();
  const second = (await line.source()).send(order('W2'));
  await until(async () => expect((await line.status()).counters.received).toBe(1));
  line.legacy.answerAll();
  input.reply(answer('W1', 'AA', 'first'));
  await source.answer();
  expect(verdictOf(await second.answer())).toBe('AA|W2');
  expect((await (await line.source()).exchange(order('W1'))).equals(answer('W1', 'AA', 'first'))).toBe(true);
  expect(await line.listed('answeredAgain')).toEqual([['W1', 'resent']]);
  expect(line.legacy.ids).toEqual(['W1', 'W2']);
  const newest = await line.source();
  await newest.exchange(order('W1'));
  expect(verdictOf(await newest.exchange(order('W3')))).toBe('AA|W3');
  expect(verdictOf(await newest.exchange(order('W1')))).toBe('AA|W1');
  expect(line.legacy.ids).toEqual(['W1', 'W2', 'W3', 'W1']);
});
