/** Rule 7: an answer is credited once, to its own message, on the socket on which that was written. */
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  answer,
  bytes,
  type Client,
  type Estate,
  frame,
  type Line,
  order,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

const LINES = 9;

let estate: Estate;
let line: Line;
let source: Client;

let next = 0;

beforeAll(async () => {
  const option = { platform: { answerTimeout: '300ms' }, destination: { answerTimeout: '300ms' } };
  const lines = Array.from({ length: LINES }, (_, index) => [`line${index}`, option]);
  estate = await startEstate({
    ...Object.fromEntries(lines),
    strict: { platform: { answer: 'msa2', answerTimeout: '300ms' } },
    prefix: { platform: { answer: 'msa2-prefix20' } },
    position: { platform: { answer: 'position' } },
  });
});
beforeEach(async () => {
  line = estate.line(`line${next++}`);
  source = await line.source();
});
afterAll(() => estate?.close());

test('rule 7: no answer in time closes the platform, then the sender, without an answer; a late one reaches nobody', async () => {
  source.send(order('A1'));
  const late = await line.legacy.take();
  const platformClosed = once(late.socket, 'close');
  late.socket.on('end', () => late.reply(answer('A1', 'AA', 'too late')));
  await source.closed;
  await platformClosed;
  expect(source.inbox.byteCount).toBe(0);
  expect(await line.listed('maybeSent')).toEqual([['A1', 'primary-timeout']]);

  const again = (await line.source()).send(order('A1'));
  const second = await line.legacy.take();
  expect(second.socket).not.toBe(late.socket);
  second.reply(answer('A1', 'AE', 'the second attempt'));
  expect((await again.answer()).equals(answer('A1', 'AE', 'the second attempt'))).toBe(true);
});

test('rule 7: an answer that names another message is credited to none, where msa2 is configured from the first', async () => {
  const strict = estate.line('strict');
  const sender = (await strict.source()).send(order('S1'));
  const input = await strict.legacy.take();
  input.reply(answer('S0'));
  input.reply(answer(''));
  input.reply(answer('S1', 'AR', 'its own'));
  expect((await sender.answer()).equals(answer('S1', 'AR', 'its own'))).toBe(true);
  expect(sender.inbox.payloads).toHaveLength(1);
  const shown = (): number => estate.log.split('"uncredited-answer","endpoint":"strict/legacy"').length - 1;
  await until(() => expect(shown()).toBe(2));
});

test('rule 7: the mode is learned from the first answer, and enforced from then on', async () => {
  source.send(order('L1'));
  (await line.legacy.take()).reply(answer('L1'));
  await source.answer();
  source.send(order('L2'));
  const input = await line.legacy.take();
  input.reply(answer('L1', 'AA', 'of the one before'));
  await source.closed;
  expect(source.inbox.payloads).toHaveLength(1);
  expect(await line.listed('maybeSent')).toEqual([['L2', 'primary-timeout']]);
});

test('rule 7: MSA-2 cut to 20 characters is learned, or configured; a constant one is credited by position', async () => {
  const long = 'ID-OF-MORE-THAN-TWENTY-CHARACTERS';
  for (const at of [line.name, 'prefix']) {
    const cut = estate.line(at);
    const sender = await cut.source();
    for (const suffix of ['1', '2']) {
      sender.send(order(`${suffix}${long}`));
      (await cut.legacy.take()).reply(answer(`${suffix}${long}`.slice(0, 20)));
      expect(verdictOf(await sender.answer())).toBe(`AA|${suffix}${long}`.slice(0, 23));
    }
  }
  const constant = estate.line('position');
  const sender = await constant.source();
  for (const id of ['C1', 'C2']) {
    sender.send(order(id));
    (await constant.legacy.take()).reply(answer('0', 'AA', id));
    expect((await sender.answer()).equals(answer('0', 'AA', id))).toBe(true);
  }
});

test('rule 7: what answers a message without an id teaches nothing: the next one’s answer is still told by its id', async () => {
  source.send(bytes('MSH|^~\\&|EMR|N|LIS|LAB|20260101||ORM^O01||P|2.5.1\rPID|1\r'));
  (await line.legacy.take()).reply(answer('', 'AA', 'of none'));
  expect((await source.answer()).equals(answer('', 'AA', 'of none'))).toBe(true);
  for (const id of ['N1', 'N2']) {
    source.send(order(id));
    const message = await line.legacy.take();
    if (id === 'N2') message.reply(answer('N1', 'AE', 'of another'));
    message.reply(answer(id, 'AA', `own of ${id}`));
    expect((await source.answer()).equals(answer(id, 'AA', `own of ${id}`))).toBe(true);
  }
  await until(async () => expect(await line.listed('stray')).toEqual([['P-N1', 'unasked']]));
});

test('rule 7: an answer twice, answers to nothing and frames that are no answers change nothing for the messages', async () => {
  line.legacy.script = ({ payload, reply }) => {
    const own = answer(payload.toString('latin1').split('|')[9] ?? '');
    reply(order('UNASKED'));
    reply(bytes(''));
    reply(bytes('\x06'));
    reply(own);
    reply(own);
    reply(answer('NOBODY'));
  };
  for (const id of ['D1', 'D2', 'D3']) expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  expect(source.inbox.payloads).toHaveLength(3);
  expect(line.legacy.ids).toEqual(['D1', 'D2', 'D3']);
  expect(estate.log).toContain('unsolicited-frame');
});

test('rule 7: several answers in one packet, and one in single bytes', async () => {
  source.send(order('P1'));
  const input = await line.legacy.take();
  input.socket.write(Buffer.concat([frame(answer('P0')), bytes('garbage'), frame(answer('P1'))]));
  await source.answer();
  source.send(order('P2'));
  const next = await line.legacy.take();
  for (const byte of frame(answer('P2'))) next.socket.write(Buffer.from([byte]));
  expect(verdictOf(await source.answer())).toBe('AA|P2');
});

test('rule 7: a destination that answers on a former socket is not heard; its platform is closed and repeats', async () => {
  const leg = (await line.leg('legacy')).send(order('O1'));
  const first = await line.destination.take();
  await leg.closed;
  expect(leg.inbox.byteCount).toBe(0);
  const again = (await line.leg('legacy')).send(order('O1'));
  const second = await line.destination.take();
  if (!first.socket.destroyed) first.reply(answer('O1', 'AA', 'former'));
  second.reply(answer('O1', 'AE', 'present'));
  expect((await again.answer()).equals(answer('O1', 'AE', 'present'))).toBe(true);
  expect(await line.listed('maybeSent')).toEqual([['O1', 'destination-timeout']]);
});

test('rule 7: a platform that answers each message and closes loses none; the next goes over a new socket', async () => {
  line.legacy.script = ({ payload, socket }) => {
    socket.end(frame(answer(payload.toString('latin1').split('|')[9] ?? '')));
  };
  for (const id of ['E1', 'E2', 'E3']) {
    expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
    await until(() => expect(line.legacy.sockets.size).toBe(0));
  }
  expect(line.legacy.ids).toEqual(['E1', 'E2', 'E3']);
  expect(await line.listed('maybeSent')).toEqual([]);
});
