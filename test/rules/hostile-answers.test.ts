/**
 * Rules 1, 7 and 15 against peers that the gateway dials, a platform at its feed and a destination, and that break MLLP or
 * HL7 in their answers: each has its outcome in docs/interfaces.md, 'What odd peers get'.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  type Peer,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

const SIDES = ['platform', 'destination'] as const;
type Side = (typeof SIDES)[number];
const START = bytes('\x0b');
const END = bytes('\x1c\r');

/** Pieces of what is written for an answer, one after the other. */
const PASSING: Readonly<Record<string, (own: Buffer) => readonly Buffer[]>> = {
  'single bytes': (own) => [...frame(own)].map((byte) => Buffer.from([byte])),
  'noise and line ends around it': (own) => [bytes('\r\n\x00noise\x1c'), frame(own), bytes('\r\n\x1c\r')],
  'answers to others in the same packet': (own) => [
    Buffer.concat([frame(answer('OTHER')), frame(own), frame(answer('NOBODY'))]),
  ],
  'an answer that breaks off, then begins anew': (own) => [START, own.subarray(0, 30), frame(own)],
  'empty frames first': (own) => [Buffer.concat([frame(''), frame(''), frame(own)])],
  'frames that are no HL7 first': (own) => [frame('hello'), frame('\x06'), frame('MSH|'), frame(own)],
  'a batch first, which answers nothing': (own) => [
    frame(`FHS|^~\\&|P\rBHS|^~\\&|P\r${own.toString('latin1')}BTS|1\rFTS|1\r`),
    frame(own),
  ],
};

type Broken = { readonly write: (own: Buffer, arrived: Arrived) => void; readonly cause: 'timeout' | 'disconnected' };

/** What is no answer: nobody knows whether the peer took the message. */
const BROKEN: Readonly<Record<string, Broken>> = {
  'an answer without its START': {
    write: (own, { socket }) => socket.write(Buffer.concat([own, END])),
    cause: 'timeout',
  },
  'an answer without its END': {
    write: (own, { socket }) => socket.write(Buffer.concat([START, own])),
    cause: 'timeout',
  },
  'an empty frame': { write: (_own, { reply }) => reply(bytes('')), cause: 'timeout' },
  'a message without an MSA': { write: (own, { reply }) => reply(order(`U-${idOf(own)}`)), cause: 'timeout' },
  'an MSA without an MSH': { write: (own, { reply }) => reply(own.subarray(own.indexOf('MSA'))), cause: 'timeout' },
  'an MSA inside a batch': {
    write: (own, { reply }) => reply(Buffer.concat([bytes('BHS|^~\\&|P\r'), own, bytes('BTS|1\r')])),
    cause: 'timeout',
  },
  'half-closing without an answer': { write: (_own, { socket }) => socket.end(), cause: 'disconnected' },
  'closing inside the answer': {
    write: (own, { socket }) => socket.end(Buffer.concat([START, own.subarray(0, 40)])),
    cause: 'disconnected',
  },
  'a reset inside the answer': {
    write: (own, { socket }) => {
      socket.write(Buffer.concat([START, own.subarray(0, 40)]));
      setImmediate(() => socket.resetAndDestroy());
    },
    cause: 'disconnected',
  },
  'an endless answer': {
    write: (_own, { socket }) => {
      socket.write(START);
      const more = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(1024 * 1024, 'e')));
      };
      socket.on('drain', more);
      more();
    },
    cause: 'disconnected',
  },
};

/** MSA-2 in forms that are not the MSH-10. */
const ODD_MSA2: Readonly<Record<string, (id: string) => string>> = {
  empty: () => '',
  constant: () => '0',
  'cut to 20 characters': (id) => id.slice(0, 20),
  'in blanks': (id) => ` ${id} `,
  'in capitals': (id) => id.toUpperCase(),
  'with a component': (id) => `${id}^1`,
  'of the message before': (id) => `${id}-before`,
};

/** MSH-15, MSH-16, what a platform that keeps to them says, and what becomes of the message. */
const CONDITIONS: readonly (readonly [string, string, readonly string[]])[] = [
  ['AL', 'AL', ['CA', 'AA']],
  ['AL', 'NE', ['CA']],
  ['NE', 'AL', ['AA']],
  ['ER', 'AL', ['AE']],
  ['AL', 'ER', ['CA', 'AE']],
  ['SU', 'SU', ['CA', 'AA']],
  ['ER', 'ER', ['CE']],
];

let estate: Estate;

beforeAll(async () => {
  const hasty = { platform: { answerTimeout: '700ms' }, destination: { answerTimeout: '700ms' } };
  const strict = { platform: { answer: 'msa2' }, destination: { answer: 'msa2' } };
  // Platform and destination of a line have a link of their own: each line serves both sides.
  estate = await startEstate({
    passing: {},
    conditions: {},
    cut: {},
    silent: hasty,
    strict,
    ...Object.fromEntries(Object.keys(ODD_MSA2).map((_, index) => [`msa${index}`, {}])),
  });
});
afterAll(() => estate?.close());

/** Who sends through this line, and who answers. */
async function parties(side: Side, name: string): Promise<{ line: Line; sender: Client; peer: Peer }> {
  const line = estate.line(name);
  const peer = side === 'platform' ? line.legacy : line.destination;
  return { line, peer, sender: await senderOf(side, line) };
}

function senderOf(side: Side, line: Line): Promise<Client> {
  return side === 'platform' ? line.source() : line.leg('legacy');
}

const inPieces = async ({ socket }: Arrived, pieces: readonly Buffer[]): Promise<void> => {
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((done) => setImmediate(done));
  }
};

describe.each(SIDES)('an odd %s', (side) => {
  test('answers whole but odd on the wire: the answer arrives byte-identical, once, and nothing else does', async () => {
    const { sender, peer } = await parties(side, 'passing');
    peer.answerAll();
    await sender.exchange(order('FIRST'));
    for (const [index, pieces] of Object.values(PASSING).entries()) {
      const id = `P${index}`;
      const own = answer(id, 'AE', `\x0b \x1c ${'\xfc'.repeat(index)}`);
      peer.script = (arrived) => void inPieces(arrived, pieces(own));
      expect((await sender.exchange(order(id))).equals(own), Object.keys(PASSING)[index]).toBe(true);
    }
    expect(sender.inbox.payloads).toHaveLength(1 + Object.keys(PASSING).length);
  });

  test('an answer split at every place: byte-identical', async () => {
    const { sender, peer } = await parties(side, 'passing');
    const length = frame(answer('S000')).length;
    for (let at = 1; at < length; at += 5) {
      const own = answer(`S${100 + at}`);
      peer.script = (arrived) => void inPieces(arrived, [frame(own).subarray(0, at), frame(own).subarray(at)]);
      expect((await sender.exchange(order(`S${100 + at}`))).equals(own)).toBe(true);
    }
  });

  test.each(
    Object.entries(BROKEN).map(([what, broken], index) => ({ what, index, ...broken })),
  )('$what: its sender is closed without an answer, the message is listed, its resend passes', async (broken) => {
    const { line, sender, peer } = await parties(side, broken.cause === 'timeout' ? 'silent' : 'cut');
    const id = `${side}${broken.index}`;
    peer.script = (arrived) => broken.write(answer(id), arrived);
    sender.send(order(id));
    await sender.closed;
    expect(sender.inbox.byteCount).toBe(0);
    const cause = `${side === 'platform' ? 'primary' : 'destination'}-${broken.cause}`;
    expect((await line.listed('maybeSent')).filter(([msh10]) => msh10 === id)).toEqual([[id, cause]]);
    peer.answerAll();
    expect(verdictOf(await (await senderOf(side, line)).exchange(order(id)))).toBe(`AA|${id}`);
    expect(peer.ids.slice(-2)).toEqual([id, id]);
  });

  test('with `answer: msa2` no other form of MSA-2 is credited: each is a stray', async () => {
    const { line, sender, peer } = await parties(side, 'strict');
    const before = (await line.list('stray')).length;
    const id = `${side}-with-an-id-of-more-than-20-characters`;
    const forms = Object.values(ODD_MSA2).map((form) => form(id));
    peer.script = ({ reply }) => {
      for (const form of forms) reply(answer(form));
      reply(answer(id, 'AR', 'its own'));
    };
    expect((await sender.exchange(order(id))).equals(answer(id, 'AR', 'its own'))).toBe(true);
    await until(async () => expect(await line.listed('stray')).toHaveLength(before + forms.length));
    expect(sender.inbox.payloads).toHaveLength(1);
  });

  test.each(
    Object.entries(ODD_MSA2).map(([what, form], index) => ({ what, index, form })),
  )('a peer that always answers with an MSA-2 $what is learned by it: its answers are credited by their place', async ({
    index,
    form,
  }) => {
    const { sender, peer } = await parties(side, `msa${index}`);
    for (const id of ['a-first-id-of-more-than-20-characters', 'another-id-of-more-than-20-characters']) {
      const own = answer(form(id), 'AA', id);
      peer.script = ({ reply }) => reply(own);
      expect((await sender.exchange(order(id))).equals(own)).toBe(true);
    }
  });

  test('accept and application conditions (MSH-15, MSH-16): what the peer says to them comes back, each word of it', async () => {
    const { line, sender, peer } = await parties(side, 'conditions');
    for (const [accept, application, codes] of CONDITIONS) {
      const id = `${side}-${accept}-${application}`;
      const message = withConditions(id, accept, application);
      peer.script = ({ reply }) => {
        for (const code of codes) reply(answer(id, code));
      };
      const [first, ...later] = codes;
      expect(verdictOf(await sender.exchange(message))).toBe(`${first}|${id}`);
      for (const code of later) expect(verdictOf(await sender.answer())).toBe(`${code}|${id}`);
      expect(peer.arrived.at(-1)?.payload.equals(message)).toBe(true);
    }
    expect(await line.listed('maybeSent')).toEqual([]);
  });

  test('a message that asks for no answer at all (NE, NE) and gets none is unanswered: nobody knows that it was taken', async () => {
    const { line, sender, peer } = await parties(side, 'silent');
    peer.script = () => undefined;
    const id = `${side}-none`;
    sender.send(withConditions(id, 'NE', 'NE'));
    await sender.closed;
    const cause = `${side === 'platform' ? 'primary' : 'destination'}-timeout`;
    expect(await line.listed('maybeSent')).toContainEqual([id, cause]);
  });
});

function withConditions(id: string, accept: string, application: string): Buffer {
  return bytes(order(id).toString('latin1').replace('|P|2.5.1\r', `|P|2.5.1|||${accept}|${application}\r`));
}
