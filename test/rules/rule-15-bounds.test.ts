/** Rule 15: everything is bounded; what one socket does has no effect on another. Memory is judged by generous ratios. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { answer, bytes, type Estate, frame, idOf, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const MEBIBYTE = 1024 * 1024;
const FRAME_LIMIT = 32 * MEBIBYTE;
const CHUNK = Buffer.alloc(MEBIBYTE, 'x');

let estate: Estate;
let line: Line;
/** Another feed, which must feel nothing. */
let neighbour: Line;
let sent = 0;

beforeAll(async () => {
  estate = await startEstate({
    line: {},
    neighbour: {},
    'long-ids': { connection: { correlate: ['ORC-2'] } },
    chatty: {},
  });
  line = estate.line('line');
  neighbour = estate.line('neighbour');
  neighbour.legacy.answerAll();
});
beforeEach(() => {
  line.legacy.answerAll();
});
afterAll(() => estate?.close());

/** Runs the disturbance while the neighbour exchanges messages; every one of them must be answered. */
async function beside(disturb: () => Promise<void>): Promise<void> {
  const source = await neighbour.source();
  let isOver = false;
  const disturbing = disturb().finally(() => {
    isOver = true;
  });
  let count = 0;
  while (!isOver || count < 5) {
    const id = `N${sent++}`;
    expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
    count++;
  }
  await disturbing;
  source.socket.destroy();
}

/** Writes as fast as the other side takes it, until that much is out or the socket is gone. */
async function pour(socket: Socket, byteCount: number, chunk: Buffer): Promise<void> {
  for (let written = 0; written < byteCount && socket.writable; written += chunk.length) {
    await new Promise<void>((done) => {
      socket.write(chunk, () => done());
    });
  }
}

test('rule 15: a frame over the limit is refused with AR by its own id, its socket is closed, nothing of it goes on', async () => {
  await beside(async () => {
    const source = await line.source();
    source.socket.write(Buffer.concat([bytes('\x0b'), order('TOOLARGE')]));
    await pour(source.socket, FRAME_LIMIT + MEBIBYTE, CHUNK);
    expect(verdictOf(await source.answer())).toBe('AR|TOOLARGE');
    await source.closed;
  });
  expect(line.legacy.ids).toEqual([]);
  expect((await line.status()).counters.refused).toBe(1);
});

test('rule 15: an endless frame and endless garbage end with their socket, in bounded memory', async () => {
  const base = await estate.residentMiB();
  await beside(async () => {
    for (const head of ['\x0b', '']) {
      const source = await line.source();
      source.socket.write(bytes(head));
      await pour(source.socket, 8 * FRAME_LIMIT, CHUNK);
      source.socket.destroy();
      await source.closed;
    }
  });
  expect(await estate.residentMiB()).toBeLessThan(base + (6 * FRAME_LIMIT) / MEBIBYTE);
  expect(line.legacy.ids).toEqual([]);
});

test('rule 15: a frame that drips in tiny pieces costs its size, not its pieces', async () => {
  const base = await estate.residentMiB();
  const pieces = 60_000;
  await beside(async () => {
    const source = await line.source();
    source.socket.write(Buffer.concat([bytes('\x0b'), order('DRIP')]));
    for (let piece = 0; piece < pieces; piece++) {
      if (!source.socket.write('x')) await new Promise((done) => source.socket.once('drain', done));
      if (piece % 20 === 0) await new Promise((done) => setImmediate(done));
    }
    source.socket.write(bytes('\x1c\r'));
    expect(verdictOf(await source.answer())).toBe('AA|DRIP');
  });
  expect(line.legacy.arrived.at(-1)?.payload.length).toBe(order('DRIP').length + pieces);
  expect(await estate.residentMiB()).toBeLessThan(base + 100);
});

test('rule 15: a source that sends and never reads is no longer heard until it reads, and then gets every answer', async () => {
  const large = Buffer.alloc(MEBIBYTE / 4, 'y');
  line.legacy.script = ({ payload, reply }) => reply(Buffer.concat([answer(idOf(payload)), large]));
  const before = line.legacy.arrived.length;
  const messages = 150;
  const taken = (): number => line.legacy.arrived.length - before;
  await beside(async () => {
    const source = await line.source();
    source.socket.pause();
    for (let index = 0; index < messages; index++) source.send(order(`SLOW${index}`, `|${'z'.repeat(64 * 1024)}`));
    let last = -1;
    let looks = 0;
    await until(async () => {
      const isStill = taken() === last && (await line.status()).inFlight === 0;
      looks = isStill ? looks + 1 : 0;
      last = taken();
      expect(looks).toBeGreaterThan(20);
    });
    // What two sockets' buffers in the kernel hold, and the limit, is less than half of the answers.
    expect(taken()).toBeLessThan(messages / 2);
    source.socket.resume();
    await until(() => expect(source.inbox.payloads).toHaveLength(messages));
    source.socket.destroy();
  });
});

test('rule 15: a platform that does not read, or not answer, keeps only its own feed waiting', async () => {
  line.legacy.script = ({ socket }) => socket.pause();
  await beside(async () => {
    const source = await line.source();
    for (let index = 0; index < 50; index++) source.send(order(`STUCK${index}`, `|${'z'.repeat(100_000)}`));
    await until(async () => expect((await line.status()).inFlight).toBe(1));
    source.socket.destroy();
  });
  for (const socket of line.legacy.sockets) socket.resetAndDestroy();
});

test('rule 15: thousands of idle sockets cost little, and the next one is served', async () => {
  const base = await estate.residentMiB();
  const count = 3000;
  const idle: Socket[] = [];
  await beside(async () => {
    for (let index = 0; index < count; index++) {
      const socket = connect(line.feedPort, '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise((done) => socket.once('connect', done));
      // Half of them stop inside a frame.
      if (index % 2 === 0) socket.write(bytes('\x0bMSH|^~\\&|'));
      idle.push(socket);
    }
    const source = await line.source();
    expect(verdictOf(await source.exchange(order('AMONGIDLE')))).toBe('AA|AMONGIDLE');
  });
  expect(await estate.residentMiB()).toBeLessThan(base + 150);
  for (const socket of idle) socket.resetAndDestroy();
});

test('rule 15: a storm of connections that come and go leaves nothing behind', async () => {
  const descriptors = async (): Promise<number> => (await readdir(`/proc/${estate.pid}/fd`)).length;
  const before = await descriptors();
  await beside(async () => {
    for (let wave = 0; wave < 20; wave++) {
      const storm = Array.from({ length: 100 }, (_, index) => {
        const port = index % 2 === 0 ? line.feedPort : line.legs.legacy;
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        return new Promise<void>((done) => {
          socket.once('close', () => done());
          socket.once('connect', () => {
            if (index % 3 === 0) socket.write(bytes('\x0bMSH|half'));
            if (index % 3 === 1) socket.destroy();
            else socket.resetAndDestroy();
          });
        });
      });
      await Promise.all(storm);
    }
  });
  await until(async () => expect(await descriptors()).toBeLessThan(before + 20));
});

test('rule 15: an admin request that never ends, or is too large, keeps nobody waiting', async () => {
  const path = 'connections/line/hold';
  const large = estate.call('POST', path, { forMs: 1, reason: 'x'.repeat(4 * MEBIBYTE) });
  // It is closed on while it still writes: whether it sees why is up to its own system.
  expect(await large.then(({ status }) => status).catch(() => 'closed')).toSatisfy(
    (outcome) => outcome === 413 || outcome === 'closed',
  );
  expect((await line.status()).state).toBe('steady');
  const stuck = connect(estate.adminPort, '127.0.0.1');
  stuck.write('\x16\x03\x01');
  await beside(async () => {
    expect((await estate.call('GET', 'info')).status).toBe(200);
  });
  stuck.destroy();
});

test('rule 15: ids and keys of many kilobytes pass and are echoed whole, and none is kept or listed', async () => {
  const longIds = estate.line('long-ids');
  longIds.legacy.script = ({ payload, reply }) => reply(answer(idOf(payload)));
  longIds.new.script = longIds.legacy.script;
  longIds.destination.script = ({ payload, reply }) => reply(answer(idOf(payload), 'AE'));
  await longIds.move('parallel');
  const [source, fromLegacy, fromNew] = await Promise.all([
    longIds.source(),
    longIds.leg('legacy'),
    longIds.leg('new'),
  ]);
  const idAt = (at: number): string => `${at}-${'I'.repeat(64 * 1024)}`;
  const count = 3;
  for (let at = 0; at < count; at++) {
    const id = idAt(at);
    expect(idOf(await source.exchange(order(id))) === `P-${id}`).toBe(true);
    const back = await fromLegacy.exchange(order(id));
    expect(back.equals(answer(id, 'AE'))).toBe(true);
    // Its own id, whole, in what the control was answered.
    const ofNew = order(id).toString('latin1').replace(id, `n${id}`);
    expect(verdictOf(await fromNew.exchange(ofNew)) === `AE|n${id}`).toBe(true);
  }
  const rejected = await longIds.listed('rejected');
  expect(rejected.map(([id]) => id?.length)).toEqual([0, 0, 0]);
  expect(estate.log).not.toContain('III');
});

test('rule 15: a source that reads nothing of what comes back later holds no more than that: the rest is listed', async () => {
  const chatty = estate.line('chatty');
  chatty.legacy.answerAll('CA');
  const source = await chatty.source();
  await source.exchange(order('C1'));
  source.socket.pause();
  const [message] = chatty.legacy.arrived;
  const response = frame(
    `MSH|^~\\&|PEER||EMR||20260101||ORR^O02|R1|P|2.5\rMSA|AA|C1\rOBX|1|ED|${'x'.repeat(MEBIBYTE)}\r`,
  );
  const count = 100;
  for (let at = 0; at < count; at++) {
    if (message?.socket.write(response) === false) await once(message.socket, 'drain');
  }
  const listed = await until(async () => {
    const { body } = await estate.call('GET', 'connections/chatty/lists/stray');
    expect(body.total).toBe(count - 63);
    return chatty.listed('stray');
  });
  expect(listed[0]).toEqual(['R1', 'source-gone']);
  // It gets what was kept for it, and is heard as before.
  source.socket.resume();
  await until(() => expect(source.inbox.payloads).toHaveLength(1 + 63));
  chatty.legacy.answerAll();
  expect(verdictOf(await (await chatty.source()).exchange(order('C2')))).toBe('AA|C2');
});
