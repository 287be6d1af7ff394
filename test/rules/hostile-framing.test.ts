/** Rules 1, 3 and 15 against senders that break MLLP: each has its outcome in docs/interfaces.md, 'What odd peers get'. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  answer,
  bytes,
  Client,
  type Estate,
  frame,
  type Line,
  order,
  type Peer,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

/** Who sends: a source at its feed, or a platform at its leg. */
const SIDES = ['source', 'platform'] as const;
/** Each is used once for a source and once for a platform, which share no peer. */
const LINES = 18;

let estate: Estate;
let line: Line;
let sender: Client;
/** Who gets what the sender sends. */
let receiver: Peer;
let port = 0;
let next = 0;

beforeAll(async () => {
  const lines = Array.from({ length: LINES }, (_, index) => index);
  const framing = { framing: { start: 2, end: [3, 3] } };
  estate = await startEstate({
    ...Object.fromEntries(lines.map((_, index) => [`line${index}`, {}])),
    framed: { feed: framing, leg: framing },
  });
});
afterAll(() => estate?.close());

function portOf(side: (typeof SIDES)[number], { feedPort, legs }: Line): number {
  return side === 'source' ? feedPort : legs.legacy;
}

const open = (): Promise<Client> => Client.open(port);

async function answers(count: number): Promise<string[]> {
  const got: string[] = [];
  for (let index = 0; index < count; index++) got.push(verdictOf(await sender.answer()));
  return got;
}

describe.each(SIDES)('an odd %s', (side) => {
  beforeEach(async () => {
    line = estate.line(`line${next++ % LINES}`);
    receiver = side === 'source' ? line.legacy : line.destination;
    receiver.answerAll();
    port = portOf(side, line);
    sender = await open();
  });

  test('one-byte fragments: taken as if they came at once, whatever the length', async () => {
    for (let length = 0; length < 20; length++) {
      const message = order(`A${length}`, `|${'a'.repeat(length)}`);
      for (const byte of frame(message)) {
        sender.socket.write(Buffer.from([byte]));
        await new Promise((done) => setImmediate(done));
      }
      expect(await answers(1)).toEqual([`AA|A${length}`]);
      expect(receiver.arrived[length]?.payload.equals(message)).toBe(true);
    }
  });

  test('several frames in one packet: one after the other, in order', async () => {
    const ids = ['B1', 'B2', 'B3', 'B4'];
    sender.socket.write(Buffer.concat(ids.map((id) => frame(order(id)))));
    expect(await answers(4)).toEqual(ids.map((id) => `AA|${id}`));
    expect(receiver.ids).toEqual(ids);
  });

  test('frames split at every place: byte-identical', async () => {
    const both = Buffer.concat([frame(order('C1')), frame(order('C2'))]);
    for (let at = 1; at < both.length; at += 7) {
      const split = Buffer.from(
        both.toString('latin1').replaceAll('C1', `c${at}`).replaceAll('C2', `d${at}`),
        'latin1',
      );
      sender.socket.write(split.subarray(0, at));
      await new Promise((done) => setImmediate(done));
      sender.socket.write(split.subarray(at));
      expect(await answers(2)).toEqual([`AA|c${at}`, `AA|d${at}`]);
    }
  });

  test('garbage between frames, and blank lines: skipped, the frames pass', async () => {
    const noise = bytes('\r\n\x00HTTP/1.1 GET /\r\n\x1c\r\x1c');
    sender.socket.write(Buffer.concat([noise, frame(order('D1')), noise, frame(order('D2')), noise]));
    expect(await answers(2)).toEqual(['AA|D1', 'AA|D2']);
    expect(receiver.ids).toEqual(['D1', 'D2']);
  });

  test('a missing start: skipped without an answer, the next frame passes', async () => {
    sender.socket.write(Buffer.concat([order('LOST'), bytes('\x1c\r'), frame(order('E1'))]));
    expect(await answers(1)).toEqual(['AA|E1']);
    expect(receiver.ids).toEqual(['E1']);
  });

  test('a missing end, then a new frame on the same socket: the first is given up, the new one passes whole', async () => {
    sender.socket.write(Buffer.concat([bytes('\x0b'), order('HALF').subarray(0, 40)]));
    sender.socket.write(frame(order('F1')));
    expect(await answers(1)).toEqual(['AA|F1']);
    expect(receiver.arrived[0]?.payload.equals(order('F1'))).toBe(true);
  });

  test('only the first half of the end: it belongs to the content until the pair is there', async () => {
    sender.socket.write(Buffer.concat([bytes('\x0b'), order('G1'), bytes('\x1c')]));
    await new Promise((done) => setImmediate(done));
    sender.socket.write(bytes('\x1cmore\x1c'));
    sender.socket.write(bytes('\r'));
    expect(await answers(1)).toEqual(['AA|G1']);
    expect(receiver.arrived[0]?.payload.equals(Buffer.concat([order('G1'), bytes('\x1c\x1cmore')]))).toBe(true);
  });

  test('empty frames: no message, no answer, the next frame passes', async () => {
    sender.socket.write(Buffer.concat([frame(''), frame(''), frame(order('H1')), frame('')]));
    expect(await answers(1)).toEqual(['AA|H1']);
    expect(receiver.ids).toEqual(['H1']);
  });

  test('thousands of empty frames before a message, and the sender has closed its half: it is answered', async () => {
    const half = await Client.open(port, true);
    half.socket.end(Buffer.concat([...Array.from({ length: 5000 }, () => frame('')), frame(order('I1'))]));
    expect(verdictOf(await half.answer())).toBe('AA|I1');
  });

  test('no MSH: passed on as it is, the answer too', async () => {
    receiver.script = ({ reply }) => reply(answer('', 'AE', 'not HL7'));
    const odd = ['hello', '\x00', 'MSH', 'MSH|', 'MSH\r', 'FHS|^~\\&|A\rBHS|^~\\&\rMSH|^~\\&|A\r'];
    for (const text of odd) expect((await sender.exchange(text)).equals(answer('', 'AE', 'not HL7'))).toBe(true);
    expect(receiver.arrived.map(({ payload }) => payload.toString('latin1'))).toEqual(odd);
  });

  test('a half-closed socket: what it has sent is answered, then it is closed', async () => {
    const half = await Client.open(port, true);
    half.socket.end(Buffer.concat([frame(order('J1')), frame(order('J2')), bytes('\x0bMSH|unfinished')]));
    expect(verdictOf(await half.answer())).toBe('AA|J1');
    expect(verdictOf(await half.answer())).toBe('AA|J2');
    await half.closed;
    expect(receiver.ids).toEqual(['J1', 'J2']);
  });

  test('one message per TCP connection: each is answered, in order', async () => {
    for (const id of ['K1', 'K2', 'K3']) {
      const once = await open();
      expect(verdictOf(await once.exchange(order(id)))).toBe(`AA|${id}`);
      once.socket.end();
      await once.closed;
    }
    expect(receiver.ids).toEqual(['K1', 'K2', 'K3']);
  });

  test('a reset inside a frame: nothing of it is passed on, nothing listed; the next socket is served', async () => {
    sender.socket.write(frame(order('L1')).subarray(0, 50));
    await new Promise((done) => setImmediate(done));
    sender.socket.resetAndDestroy();
    const again = await open();
    expect(verdictOf(await again.exchange(order('L2')))).toBe('AA|L2');
    expect(receiver.ids).toEqual(['L2']);
    expect(await line.listed('maybeSent')).toEqual([]);
  });

  test('a reset after the frame: it is delivered once, and the resend gets its answer', async () => {
    receiver.script = () => undefined;
    sender.send(order('M1'));
    const input = await receiver.take();
    sender.socket.resetAndDestroy();
    input.reply(answer('M1', 'AA', 'own'));
    await until(async () => expect((await line.status()).inFlight).toBe(0));
    const again = await open();
    expect((await again.exchange(order('M1'))).equals(answer('M1', 'AA', 'own'))).toBe(true);
    expect(receiver.ids).toEqual(['M1']);
  });

  test('a sender that does not wait for answers: one message at a time at the receiver, all answered in order', async () => {
    const ids = Array.from({ length: 150 }, (_, index) => `N${index}`);
    sender.socket.write(Buffer.concat(ids.map((id) => frame(order(id)))));
    expect(await answers(ids.length)).toEqual(ids.map((id) => `AA|${id}`));
    expect(receiver.ids).toEqual(ids);
  });

  test('several sockets of one sender at once: each gets the answers to its own messages', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open()));
    const rounds = await Promise.all(
      sockets.map(async (socket, index) => {
        const got: string[] = [];
        for (let round = 0; round < 5; round++) got.push(verdictOf(await socket.exchange(order(`P${index}-${round}`))));
        return got;
      }),
    );
    expect(rounds).toEqual(sockets.map((_, index) => [0, 1, 2, 3, 4].map((round) => `AA|P${index}-${round}`)));
  });

  test('other block characters where the inventory says so; the receiver gets the standard ones', async () => {
    const framed = estate.line('framed');
    const at = side === 'source' ? framed.legacy : framed.destination;
    at.answerAll();
    const { socket } = await Client.open(portOf(side, framed));
    const got: Buffer[] = [];
    socket.on('data', (chunk) => got.push(chunk));
    socket.write(Buffer.concat([bytes('\x02'), order('Q1', '|\x1c\x0b'), bytes('\x03\x03')]));
    const expected = Buffer.concat([bytes('\x02'), answer('Q1'), bytes('\x03\x03')]);
    await until(() => expect(Buffer.concat(got).equals(expected)).toBe(true));
    expect(at.arrived[0]?.payload.equals(order('Q1', '|\x1c\x0b'))).toBe(true);
  });

  test('a frame of nothing but start bytes, or of halves of an end: passed on as it is, and quickly', async () => {
    for (const [id, filler] of [
      ['S1', '\x0b'],
      ['S2', '\x1c'],
    ] as const) {
      const message = Buffer.concat([order(id), Buffer.alloc(4 * 1024 * 1024, filler, 'latin1'), bytes('.')]);
      expect(verdictOf(await sender.exchange(message))).toBe(`AA|${id}`);
      expect(receiver.arrived.at(-1)?.payload.equals(message)).toBe(true);
    }
  });
});
