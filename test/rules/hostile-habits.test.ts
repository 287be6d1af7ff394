/** Habits of peers that are odd in time rather than in bytes: each has the outcome that docs/interfaces.md names, for itself alone. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, bytes, Client, type Estate, frame, idOf, order, startEstate, until, verdictOf } from './peers.ts';

let estate: Estate;

beforeAll(async () => {
  const names = ['first', 'second', 'reset', 'pipeline', 'early', 'delimiters', 'half', 'closing'];
  estate = await startEstate(Object.fromEntries(names.map((name) => [name, {}])));
});
afterAll(() => estate?.close());

test('an answer to what another connection waits for is credited to nobody, and harms neither', async () => {
  const [first, second] = [estate.line('first'), estate.line('second')];
  const [one, two] = [await first.source(), await second.source()];
  for (const [line, source] of [
    [first, one],
    [second, two],
  ] as const) {
    line.legacy.answerAll();
    expect(verdictOf(await source.exchange(order('LEARNED')))).toBe('AA|LEARNED');
    line.legacy.script = () => undefined;
  }
  const taken = [first.legacy.arrived.length, second.legacy.arrived.length] as const;
  one.send(order('ONE'));
  two.send(order('TWO'));
  await until(() => {
    expect([first.legacy.arrived.length, second.legacy.arrived.length]).toEqual([taken[0] + 1, taken[1] + 1]);
  });
  first.legacy.arrived.at(-1)?.reply(answer('TWO', 'AE'));
  await until(async () => expect((await first.listed('stray')).map(([, cause]) => cause)).toEqual(['unasked']));
  expect([one.inbox.payloads.length, two.inbox.payloads.length]).toEqual([1, 1]);
  second.legacy.arrived.at(-1)?.reply(answer('TWO'));
  first.legacy.arrived.at(-1)?.reply(answer('ONE'));
  await until(() => expect([one, two].map(({ inbox }) => inbox.payloads.length)).toEqual([2, 2]));
  expect([one, two].map(({ inbox }) => verdictOf(inbox.payloads.at(-1) ?? bytes('')))).toEqual(['AA|ONE', 'AA|TWO']);
});

test('a platform that answers and resets at once: its answer counts, and the next message goes over a new connection', async () => {
  const line = estate.line('reset');
  line.legacy.script = ({ payload, socket }) => {
    socket.write(frame(answer(idOf(payload))), () => socket.resetAndDestroy());
  };
  const source = await line.source();
  for (const [index, id] of ['R1', 'R2', 'R3'].entries()) {
    source.send(order(id));
    await until(() => expect(source.isClosed || source.inbox.payloads.length === index + 1).toBe(true));
  }
  await until(async () => {
    const { accepted, unanswered } = (await line.status()).counters;
    expect(accepted + unanswered).toBeGreaterThanOrEqual(1);
    // A reset may destroy what was on its way: then it is listed, and its sender is closed without an answer.
    expect(await line.list('maybeSent')).toHaveLength(unanswered);
    expect(source.inbox.payloads).toHaveLength(accepted);
  });
});

test('a sender that half-closes behind 50 frames gets 50 answers, in order, and then the end', async () => {
  const line = estate.line('pipeline');
  line.legacy.answerAll();
  const source = await Client.open(line.feedPort, true);
  const ids = Array.from({ length: 50 }, (_, index) => `P${index}`);
  source.socket.end(Buffer.concat(ids.map((id) => frame(order(id)))));
  await source.closed;
  expect(source.inbox.payloads.map(verdictOf)).toEqual(ids.map((id) => `AA|${id}`));
  expect(line.legacy.ids).toEqual(ids);
});

test('a platform that answers before it has read the whole message: that is its answer, and the next one arrives whole', async () => {
  const line = estate.line('early');
  await line.legacy.down();
  const got: Buffer[] = [];
  const sockets: Socket[] = [];
  let isFirst = true;
  const server = createServer((socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      got.push(chunk);
      if (!isFirst) return;
      isFirst = false;
      socket.write(frame(answer('BIG')));
    });
  }).listen(line.legacy.port, '127.0.0.1');
  await once(server, 'listening');
  const [big, small] = [order('BIG', `|${'x'.repeat(8 * 1024 * 1024)}`), order('SMALL')];
  const source = await line.source();
  expect(verdictOf(await source.exchange(big))).toBe('AA|BIG');
  source.send(small);
  const whole = Buffer.concat([frame(big), frame(small)]);
  await until(() => expect(got.reduce((sum, { length }) => sum + length, 0)).toBe(whole.length));
  expect(Buffer.concat(got).equals(whole)).toBe(true);
  for (const socket of sockets) socket.destroy();
  server.close();
  await source.closed;
  expect(await line.listed('maybeSent')).toEqual([['SMALL', 'primary-disconnected']]);
});

test.each([
  ['two encoding characters', (id: string) => `MSH|^~|EMR|N|LIS|LAB|20260101||ORM^O01|${id}|P|2.5.1\r`],
  ['one encoding character', (id: string) => `MSH|^|EMR|N|LIS|LAB|20260101||ORM^O01|${id}|P|2.5.1\r`],
  ['another character set', (id: string) => `MSH|^~\\&|E|N|L|L|20260101||ORM^O01|${id}|P|2.5.1||||||UNICODE UTF-8\r`],
  [
    'and another one after it',
    (id: string) => `MSH|^~\\&|E|N|L|L|20260101||ORM^O01|${id}|P|2.5.1||||||8859/1\rNTE|1||\xe4\r`,
  ],
  ['other delimiters', (id: string) => `MSH#*~\\&#E#N#L#L#20260101##ORM*O01#${id}#P#2.5.1\r`],
])('a message with %s on the same socket passes byte-identical, and gets its own answer', async (what, make) => {
  const line = estate.line('delimiters');
  const id = `D${what.length}`;
  const own = bytes(`MSH|^~\\&|P||E||1||ACK|A|P|2.5.1\rMSA|AA|${id}\r`);
  line.legacy.script = ({ reply }) => reply(own);
  const source = await line.source();
  expect(verdictOf(await source.exchange(order(`B${id}`)))).toBe(`AA|${id}`);
  const message = bytes(make(id));
  expect((await source.exchange(message)).equals(own)).toBe(true);
  expect(line.legacy.arrived.at(-1)?.payload.equals(message)).toBe(true);
});

test('a sender that comes a hundred times with half a frame leaves nothing behind', async () => {
  const line = estate.line('half');
  line.legacy.answerAll();
  const whole = frame(order('HALF'));
  for (let index = 0; index < 100; index++) {
    const client = await Client.open(line.feedPort);
    client.socket.write(whole.subarray(0, whole.length / 2));
    if (index % 2 === 0) client.socket.resetAndDestroy();
    else client.socket.end();
  }
  expect(verdictOf(await (await line.source()).exchange(order('WHOLE')))).toBe('AA|WHOLE');
  expect(line.legacy.ids).toEqual(['WHOLE']);
  await until(async () => expect(await estate.text('/metrics')).toMatch(/^cutover_frame_bytes 0$/m));
  expect((await line.status()).counters).toMatchObject({ received: 1, accepted: 1, refused: 0, maybeSent: 0 });
});

test('a destination that accepts and closes at once: its output is listed, and delivered once it stays', async () => {
  const line = estate.line('closing');
  await line.destination.down();
  const server = createServer((socket) => socket.destroy()).listen(line.destination.port, '127.0.0.1');
  await once(server, 'listening');
  const leg = await line.leg('legacy');
  leg.send(order('C1'));
  await leg.closed;
  expect(leg.inbox.payloads).toEqual([]);
  expect(await line.listed('maybeSent')).toEqual([['C1', 'destination-disconnected']]);
  await new Promise((done) => server.close(done));
  line.destination.answerAll();
  await line.destination.up();
  expect(verdictOf(await (await line.leg('legacy')).exchange(order('C1')))).toBe('AA|C1');
  expect(line.destination.ids).toEqual(['C1']);
});
