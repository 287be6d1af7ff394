/**
 * A destination that takes one TCP connection at a time and gets the outputs of several connections: one connection to it,
 * one unanswered message on it, each answer to the platform whose output it answers, and nobody held up by another.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { decisionSchema } from '../../core/admin-api.ts';
import {
  type Arrived,
  answer,
  bytes,
  type Client,
  type Estate,
  frame,
  idOf,
  type Line,
  order,
  Peer,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

let estate: Estate;
let a: Line;
let b: Line;
let fromA: Client;
let fromB: Client;
const lis = new Peer();
let mostSockets = 0;
let mostUnanswered = 0;

beforeAll(async () => {
  await lis.up();
  const destination = { port: lis.port, shared: true };
  const connection = { correlate: ['ORC-2'], capture: { wait: '50ms' } };
  estate = await startEstate({
    a: { destination: { ...destination, answerTimeout: '2s' }, connection },
    b: { destination, connection },
    c: { destination: { ...destination, onReject: { retryFor: '60s' } }, connection },
  });
  a = estate.line('a');
  b = estate.line('b');
});
beforeEach(async () => {
  fromA = await a.leg('legacy');
  fromB = await b.leg('legacy');
  lisSays(() => 'AA');
});
afterAll(async () => {
  await estate?.close();
  await lis.down();
});

/** The destination answers a moment later, by itself; null: not at all. */
function lisSays(code: (id: string) => string | null): void {
  let unanswered = 0;
  lis.script = ({ payload, reply }: Arrived) => {
    // In the same turn in which this came, the end of the last connection may still wait to be read.
    setImmediate(() => {
      const open = [...lis.sockets].filter(({ readableEnded }) => !readableEnded);
      mostSockets = Math.max(mostSockets, open.length);
    });
    mostUnanswered = Math.max(mostUnanswered, ++unanswered);
    const id = idOf(payload);
    const said = code(id);
    if (said === null) unanswered--;
    else
      setImmediate(() => {
        unanswered--;
        reply(answer(id, said, `own of ${id}`));
      });
  };
}

test('outputs of several connections go over one connection, one at a time; each platform gets its own answer, in its own order', async () => {
  const count = 50;
  const send = async (from: Client, name: string): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const id = `${name}${index}`;
      expect((await from.exchange(order(id))).equals(answer(id, 'AA', `own of ${id}`))).toBe(true);
    }
  };
  await Promise.all([send(fromA, 'A'), send(fromB, 'B')]);
  for (const name of ['A', 'B'])
    expect(lis.ids.filter((id) => id.startsWith(name))).toEqual(
      Array.from({ length: count }, (_, index) => `${name}${index}`),
    );
  expect([mostSockets, mostUnanswered]).toEqual([1, 1]);
});

test('an acknowledgement that comes later goes to the platform that sent the output, whichever connection spoke since', async () => {
  lisSays(() => 'CA');
  expect(verdictOf(await fromB.exchange(order('BC')))).toBe('CA|BC');
  expect(verdictOf(await fromA.exchange(order('AC')))).toBe('CA|AC');
  const [socket] = lis.sockets;
  const later = [answer('BC', 'AE', 'later'), answer('AC', 'AA', 'later')];
  for (const payload of later) socket?.write(Buffer.concat([bytes('\x0b'), payload, bytes('\x1c\r')]));
  expect((await fromB.answer()).equals(answer('BC', 'AE', 'later'))).toBe(true);
  expect((await fromA.answer()).equals(answer('AC', 'AA', 'later'))).toBe(true);
  const [asked] = [bytes(order('ODD').toString('latin1').replace('\rORC', '\rMSA|AA|NOBODY\rORC'))];
  socket?.write(Buffer.concat([bytes('\x0b'), asked ?? '', bytes('\x1c\r')]));
  await until(async () => expect(await a.listed('stray')).toEqual([['ODD', 'unasked']]));
  expect(await b.listed('stray')).toEqual([]);
});

test('later acknowledgements of one id that two connections have sent go to each in the order of its commitment', async () => {
  lisSays(() => 'CA');
  expect(verdictOf(await fromB.exchange(order('TWICE')))).toBe('CA|TWICE');
  expect(verdictOf(await fromA.exchange(order('TWICE')))).toBe('CA|TWICE');
  const [first, second] = [answer('TWICE', 'AA', 'of b'), answer('TWICE', 'AE', 'of a')];
  const socket = lis.arrived.at(-1)?.socket;
  socket?.write(frame(first));
  expect((await fromB.answer()).equals(first)).toBe(true);
  socket?.write(frame(second));
  expect((await fromA.answer()).equals(second)).toBe(true);
});

test('an output that is not answered costs its own sender its socket; the other connection goes on over a new one', async () => {
  lisSays((id) => (id === 'AX' ? null : 'AA'));
  fromA.send(order('AX'));
  await until(() => expect(lis.ids.at(-1)).toBe('AX'));
  expect(verdictOf(await fromB.exchange(order('BX')))).toBe('AA|BX');
  await fromA.closed;
  expect(await a.listed('maybeSent')).toEqual([['AX', 'destination-timeout']]);
  expect(await b.listed('maybeSent')).toEqual([]);
  lisSays(() => 'AA');
  expect(verdictOf(await (await a.leg('legacy')).exchange(order('AX')))).toBe('AA|AX');
  expect(mostSockets).toBe(1);
});

test('an output that the gateway tries again and again for one connection holds up its own, and not the other’s', async () => {
  const c = estate.line('c');
  const fromC = await c.leg('legacy');
  c.new.answerAll();
  c.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    fromC.send(payload);
  };
  await c.move('parallel');
  await c.move('switched');
  const source = await c.source();
  for (const id of ['R1', 'R2']) await source.exchange(order(id));
  await until(async () => expect((await c.status()).counters.captured).toBe(2));
  let isRejecting = true;
  lisSays((id) => (id === 'R1' && isRejecting ? 'AR' : 'AA'));
  await c.move('parallel', { force: true, reason: 'new is dead' });
  await until(() => expect(lis.ids.at(-1)).toBe('R1'));
  for (const id of ['B-1', 'B-2', 'B-3']) expect(verdictOf(await fromB.exchange(order(id)))).toBe(`AA|${id}`);
  expect(lis.ids).not.toContain('R2');
  isRejecting = false;
  await until(() => expect(lis.ids.slice(-2)).toEqual(['R1', 'R2']));
  const { body } = await estate.call('GET', 'decisions');
  expect(decisionSchema.array().parse(body.decisions)).toEqual([]);
  expect(mostSockets).toBe(1);
});
