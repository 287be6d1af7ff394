/** Endpoints that are not as most: senders that listen and are called, a TCP connection for each message, MSH-13. */
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, bytes, type Estate, idOf, type Line, order, Peer, startEstate, until, verdictOf } from './peers.ts';

let estate: Estate;
/** Its source listens, and so does legacy where it sends its output. */
let called: Line;
/** Platforms and destination want a connection for each message. */
let single: Line;
let numbered: Line;
const source = new Peer();
const fromLegacy = new Peer();

beforeAll(async () => {
  // Nobody listens on these when the gateway starts: it keeps calling.
  for (const peer of [source, fromLegacy]) {
    await peer.up();
    await peer.down();
  }
  const at = (peer: Peer): object => ({ connect: 'dial', host: '127.0.0.1', port: peer.port });
  const one = { messagesPerConnection: 'one' };
  estate = await startEstate({
    called: { feed: at(source), legs: { legacy: at(fromLegacy) } },
    single: { platform: one, destination: one },
    numbered: {},
  });
  called = estate.line('called');
  single = estate.line('single');
  numbered = estate.line('numbered');
});
afterAll(async () => {
  await estate?.close();
  await source.down();
  await fromLegacy.down();
});

/** Sends a frame on the newest socket that the gateway has opened to this sender, and takes the answer. */
async function through(peer: Peer, payload: Uint8Array): Promise<Buffer> {
  const socket = await until(() => {
    const open = [...peer.sockets].findLast(({ writable }) => writable);
    if (open === undefined) throw new Error('the gateway has not called');
    return open;
  });
  const before = peer.arrived.length;
  socket.write(Buffer.concat([bytes('\x0b'), payload, bytes('\x1c\r')]));
  await until(() => expect(peer.arrived.length).toBeGreaterThan(before));
  return peer.arrived[before]?.payload ?? Buffer.alloc(0);
}

test('a source that listens is called until it is there; its messages pass, and its answers come on the same socket', async () => {
  called.legacy.answerAll();
  await source.up();
  const got = await through(source, order('A1'));
  expect(got.equals(answer('A1'))).toBe(true);
  expect(called.legacy.arrived[0]?.payload.equals(order('A1'))).toBe(true);
});

test('a called source that drops its socket is called again, and its resend is one message', async () => {
  called.legacy.script = () => undefined;
  for (const socket of source.sockets) socket.write(Buffer.concat([bytes('\x0b'), order('B1'), bytes('\x1c\r')]));
  await until(() => expect(called.legacy.ids.at(-1)).toBe('B1'));
  for (const socket of source.sockets) socket.resetAndDestroy();
  called.legacy.arrived.at(-1)?.reply(answer('B1', 'AA', 'own'));
  await until(async () => expect((await called.status()).counters.accepted).toBe(2));
  expect((await through(source, order('B1'))).equals(answer('B1', 'AA', 'own'))).toBe(true);
  expect(called.legacy.ids.filter((id) => id === 'B1')).toHaveLength(1);
  expect(await called.listed('answeredAgain')).toEqual([['B1', 'resent']]);
});

test('a called source that half-closes after its message still gets the answer, and is called again', async () => {
  called.legacy.answerAll();
  await until(() => expect(source.sockets.size).toBe(1));
  const before = source.arrived.length;
  for (const socket of source.sockets) socket.end(Buffer.concat([bytes('\x0b'), order('C1'), bytes('\x1c\r')]));
  await until(() => expect(source.arrived.slice(before).map(({ payload }) => verdictOf(payload))).toEqual(['AA|C1']));
  expect(verdictOf(await through(source, order('C2')))).toBe('AA|C2');
});

test('a platform that listens where it sends its output: the output reaches the destination, the answer it', async () => {
  called.destination.answerAll();
  await fromLegacy.up();
  expect(verdictOf(await through(fromLegacy, order('A1')))).toBe('AA|A1');
  expect(called.destination.ids).toEqual(['A1']);
  await called.move('parallel');
  expect((await called.status()).counters.delivered).toBe(1);
});

test('a called source that accepts and says nothing costs a call now and then, not a flood', async () => {
  let calls = 0;
  await source.down();
  const mute = createServer((socket) => {
    calls++;
    socket.destroy();
  });
  mute.listen(source.port, '127.0.0.1');
  await until(() => expect(calls).toBeGreaterThan(2));
  const before = calls;
  await new Promise((done) => setTimeout(done, 2000));
  expect(calls - before).toBeLessThan(12);
  await new Promise((done) => mute.close(done));
  await source.up();
  expect(verdictOf(await through(source, order('D1')))).toBe('AA|D1');
});

test('one message per TCP connection: each goes over its own, closed by the gateway after the answer; the next is a new one', async () => {
  const sockets = new Set<unknown>();
  single.legacy.script = ({ payload, socket, reply }) => {
    expect(sockets.has(socket)).toBe(false);
    sockets.add(socket);
    reply(answer(idOf(payload)));
  };
  const from = await single.source();
  for (const id of ['E1', 'E2', 'E3']) expect(verdictOf(await from.exchange(order(id)))).toBe(`AA|${id}`);
  expect(sockets.size).toBe(3);
  await until(() => expect(single.legacy.sockets.size).toBe(0));

  const legacy = await single.leg('legacy');
  const atDestination = new Set<unknown>();
  single.destination.script = ({ payload, socket, reply }) => {
    atDestination.add(socket);
    reply(answer(idOf(payload)));
  };
  for (const id of ['E1', 'E2', 'E3']) expect(verdictOf(await legacy.exchange(order(id)))).toBe(`AA|${id}`);
  expect([atDestination.size, single.destination.ids]).toEqual([3, ['E1', 'E2', 'E3']]);
  await until(() => expect(single.destination.sockets.size).toBe(0));
});

test('one message per TCP connection: a swap finds its platform, and legacy the way back', async () => {
  for (const peer of [single.legacy, single.new, single.destination]) peer.answerAll();
  const legacy = await single.leg('legacy');
  const next = await single.leg('new');
  single.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    legacy.send(payload);
  };
  single.new.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    next.send(payload);
  };
  const from = await single.source();
  await single.move('parallel');
  expect(verdictOf(await from.exchange(order('G1')))).toBe('AA|G1');
  await single.move('switched');
  expect(verdictOf(await from.exchange(order('G2')))).toBe('AA|G2');
  await until(() => expect(single.destination.ids.slice(-2)).toEqual(['G1', 'G2']));
});

test('one message per TCP connection: a commit acknowledgement leaves it open for the one that follows, until the next message', async () => {
  single.new.script = ({ payload, reply }) => reply(answer(idOf(payload), 'CA'));
  const from = await single.source();
  expect(verdictOf(await from.exchange(order('F1')))).toBe('CA|F1');
  const first = single.new.arrived.at(-1);
  first?.reply(answer('F1', 'AE', 'later'));
  expect((await from.answer()).equals(answer('F1', 'AE', 'later'))).toBe(true);
  expect(verdictOf(await from.exchange(order('F2')))).toBe('CA|F2');
  expect(single.new.arrived.at(-1)?.socket).not.toBe(first?.socket);
  single.new.answerAll();
});

test('MSH-13: a number that is skipped is counted and logged, without content; resends, restarts and absent numbers are none', async () => {
  numbered.legacy.answerAll();
  const withNumber = (id: string, number: string): Buffer =>
    bytes(order(id).toString('latin1').replace('|P|2.5.1', `|P|2.5.1|${number}`));
  const from = await numbered.source();
  for (const [id, number] of [
    ['H1', '7'],
    ['H2', '8'],
    ['H3', ''],
    ['H4', '9'],
    ['H5', '1'],
    ['H6', '2'],
  ] as const)
    await from.exchange(withNumber(id, number));
  expect((await numbered.status()).counters.sequenceGaps).toBe(0);
  await from.exchange(withNumber('H7', '5'));
  const again = await numbered.source();
  await again.exchange(withNumber('H7', '5'));
  expect((await numbered.status()).counters.sequenceGaps).toBe(1);
  const [line = ''] = estate.log.split('\n').filter((text) => text.includes('sequence-gap'));
  expect(JSON.parse(line)).toMatchObject({ event: 'sequence-gap', feed: 'numbered', missing: 2 });
  expect(await estate.text('/metrics')).toContain(
    'cutover_messages_total{connection="numbered",counter="sequenceGaps"} 1',
  );

  await estate.crash();
  expect((await numbered.status()).counters.sequenceGaps).toBe(1);
  await (await numbered.source()).exchange(withNumber('H8', '7'));
  expect((await numbered.status()).counters.sequenceGaps).toBe(2);
});
