/**
 * Rule 5 with a weight: the leg and the output's own key decide, by the hash that the design names, so that raising a weight moves
 * keys one way only; what has no key is the control's; order holds per key, also while weights go up and down under load.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, bytes, type Client, type Estate, idOf, type Line, startEstate, until, verdictOf } from './peers.ts';

const CAPTURE = { wait: '50ms' };
let estate: Estate;

beforeAll(async () => {
  const weightKey = ['PID-3.1'];
  estate = await startEstate({
    hashed: { connection: { weightKey, capture: CAPTURE } },
    batch: { connection: { weightKey, capture: CAPTURE } },
    load: { connection: { weightKey, correlate: ['ORC-2'], capture: CAPTURE } },
  });
});
afterAll(() => estate?.close());

const orderOf = (id: string, key: string, from = 'EMR'): Buffer =>
  bytes(`MSH|^~\\&|${from}|N|LIS|LAB|20260101||ORM^O01|${id}|P|2.5.1\rPID|1||${key}^^^MR~OTHER^^^SS\rORC|NW|${id}\r`);

/** As the design says: the first 32 bits of SHA-256 of the key's bytes, mod 100. */
const shareOf = (key: string): number => createHash('sha256').update(key, 'latin1').digest().readUInt32BE(0) % 100;

/** Whose output of this key reaches the destination, where both platforms send one. */
async function ownersOf(line: Line, legs: Record<'legacy' | 'new', Client>, keys: readonly string[], round: string) {
  const owners = new Map<string, string>();
  for (const [index, key] of keys.entries()) {
    const before = line.destination.arrived.length;
    for (const platform of ['legacy', 'new'] as const) {
      const id = `${round}${index}${platform}`;
      expect(verdictOf(await legs[platform].exchange(orderOf(id, key, platform)))).toBe(`AA|${id}`);
    }
    const delivered = line.destination.arrived.slice(before);
    owners.set(key, delivered.map(({ payload }) => payload.toString('latin1').split('|')[2]).join());
  }
  return owners;
}

test('rule 5: the owner of a key is who the hash says, at every weight; none is delivered twice or by nobody', async () => {
  const line = estate.line('hashed');
  line.destination.answerAll();
  const legs = { legacy: await line.leg('legacy'), new: await line.leg('new') };
  // Two bytes a letter, ISO-8859-1, spaces that count, an escape that is not undone.
  const keys = [...Array.from({ length: 16 }, (_, at) => `P${at}`), '\xe5\xbc\xa0', 'M\xfcller', ' P1', 'P\\T\\1'];
  await line.move('parallel');
  for (const newWeight of [1, 37, 74, 99, 37, 0]) {
    await line.move('parallel', { newWeight, reason: 'test' });
    const owners = await ownersOf(line, legs, keys, `W${newWeight}-${(await line.status()).epoch}-`);
    const expected = keys.map((key): [string, string] => [key, shareOf(key) < newWeight ? 'new' : 'legacy']);
    expect([...owners]).toEqual(expected);
  }
  // Each weight of the test tells some of these keys apart.
  const shares = keys.map(shareOf);
  for (const [from, to] of [
    [1, 37],
    [37, 74],
    [74, 99],
  ] as const)
    expect(shares.some((share) => share >= from && share < to)).toBe(true);
});

test('rule 5: a batch, and what lacks its key, is the control’s at every weight', async () => {
  const line = estate.line('batch');
  line.destination.answerAll();
  const legs = { legacy: await line.leg('legacy'), new: await line.leg('new') };
  await line.move('parallel');
  await line.move('parallel', { newWeight: 99, reason: 'test' });
  const inside = orderOf('B1', 'P0').toString('latin1');
  const batch = (from: string): Buffer =>
    bytes(`FHS|^~\\&|${from}\rBHS|^~\\&|${from}\r${inside}${inside}BTS|2\rFTS|1\r`);
  const bare = (from: string): Buffer => bytes(`MSH|^~\\&|${from}|N|LIS|LAB|20260101||ORM^O01|K1|P|2.5.1\rPID|1\r`);
  const empty = (from: string): Buffer => orderOf('K2', '', from);
  for (const make of [batch, bare, empty]) {
    const before = line.destination.arrived.length;
    for (const platform of ['new', 'legacy'] as const) {
      expect(verdictOf(await legs[platform].exchange(make(platform)))).toMatch(/^AA\|/);
    }
    const delivered = line.destination.arrived.slice(before).map(({ payload }) => payload);
    expect(delivered).toEqual([make('legacy')]);
  }
});

/** A platform that answers at storage and makes its outputs later, one after the other; gives what waits until all are answered. */
function sendsLater(line: Line, platform: 'legacy' | 'new', leg: Client, upToMs: number): () => Promise<void> {
  let last = Promise.resolve();
  line[platform].script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    last = last.then(async () => {
      await new Promise((done) => setTimeout(done, Math.random() * upToMs));
      await leg.exchange(payload);
    });
    // Whoever waits for all gets the failure; one that comes before must not end the run of the tests.
    last.catch(() => undefined);
  };
  return () => last;
}

test('rules 2 and 5: weights go up and down under load: nothing is lost or doubled, and the order holds per key', async () => {
  const line = estate.line('load');
  line.destination.answerAll();
  const source = await line.source();
  const answered = [
    sendsLater(line, 'legacy', await line.leg('legacy'), 2),
    sendsLater(line, 'new', await line.leg('new'), 5),
  ];
  await line.move('parallel');
  const keys = 13;
  let sent = 0;
  let isOver = false;
  const load = (async () => {
    for (; !isOver; sent++) await source.exchange(orderOf(`L${sent}`, `P${sent % keys}`));
  })();
  const reach = async (phase: string, newWeight: number): Promise<void> => {
    await until(async () => {
      const { status, body } = await line.put(phase, { newWeight, reason: 'test' });
      // A swap may give up under load; it is as if it had never been.
      if (status !== 200 || body.aborted === true) throw new Error(JSON.stringify(body));
    });
    const at = sent;
    await until(() => expect(sent).toBeGreaterThan(at + 2 * keys));
  };
  for (const newWeight of [60, 0, 99, 30, 0]) await reach('parallel', newWeight);
  await reach('parallel', 45);
  await reach('switched', 0);
  await reach('parallel', 0);
  isOver = true;
  await load;
  await until(() => expect(new Set(line.destination.ids).size).toBe(sent));
  await until(async () => expect(await line.status()).toMatchObject({ owedOutputs: 0, shadowLag: 0, decisions: 0 }));
  for (const everyOutput of answered) await everyOutput();
  expect(line.destination.ids).toHaveLength(sent);
  const numbers = line.destination.ids.map((id) => Number(id.slice(1)));
  for (let key = 0; key < keys; key++) {
    const own = numbers.filter((number) => number % keys === key);
    expect(own).toEqual(own.toSorted((a, b) => a - b));
  }
  expect(await line.listed('maybeSent')).toEqual([]);
});
