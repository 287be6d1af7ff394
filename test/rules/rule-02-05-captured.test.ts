/** Rules 2 and 5: the leg decides; what the control produces reaches the destination once, in its order, nothing else does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Estate, idOf, type Line, order, startEstate, until, verdictOf } from './peers.ts';

let estate: Estate;

beforeAll(async () => {
  estate = await startEstate({
    steady: { connection: { capture: { wait: '50ms' } } },
    parked: {},
    many: { connection: { outputs: 'many', correlate: ['ORC-2'], capture: { wait: '50ms' } } },
    stray: { connection: { correlate: ['ORC-2'] } },
    ended: {},
  });
  for (const line of Object.values(estate.lines)) for (const peer of line.peers) peer.answerAll();
});
afterAll(() => estate?.close());

const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

async function sendAll(line: Line, platform: 'legacy' | 'new', names: readonly string[]): Promise<void> {
  const leg = await line.leg(platform);
  for (const name of names) expect(verdictOf(await leg.exchange(order(name)))).toBe(`AA|${name}`);
}

test('rule 2: every output of the control reaches the destination once, in its order', async () => {
  const line = estate.line('steady');
  await sendAll(line, 'legacy', ids('C', 50));
  expect(line.destination.ids).toEqual(ids('C', 50));
  expect((await line.status()).counters.delivered).toBe(50);
});

test('rule 5: what the candidate sends is answered, captured, counted and never delivered', async () => {
  const line = estate.line('steady');
  const before = line.destination.ids;
  await line.move('parallel');
  await Promise.all([sendAll(line, 'legacy', ids('D', 10)), sendAll(line, 'new', ids('N', 10))]);
  expect(line.destination.ids).toEqual([...before, ...ids('D', 10)]);
  expect((await line.status()).counters.captured).toBe(10);

  await line.move('switched');
  await Promise.all([sendAll(line, 'legacy', ids('E', 10)), sendAll(line, 'new', ids('F', 10))]);
  expect(line.destination.ids).toEqual([...before, ...ids('D', 10), ...ids('F', 10)]);
});

test.each([
  ['legacy', 'new', []],
  ['decommissioned', 'legacy', ['parallel', 'switched', 'decommissioned']],
] as const)('rule 5: in %s the leg of %s parks durably, answers AA, lists it', async (phase, platform, moves) => {
  const line = estate.line(phase === 'legacy' ? 'parked' : 'ended');
  for (const move of moves) await line.move(move);
  await sendAll(line, platform, ids('P', 3));
  expect(line.destination.arrived).toEqual([]);
  await estate.crash();
  expect(await line.listed('parked')).toEqual(ids('P', 3).map((id) => [id, 'no-role']));
  expect((await line.status()).counters.parked).toBe(3);
  expect(line.destination.arrived).toEqual([]);
});

test('rule 2: several outputs of one input all arrive, in order, and all of the candidate are captured', async () => {
  const line = estate.line('many');
  await line.move('parallel');
  const source = await line.source();
  for (const input of ['I0', 'I1']) {
    expect(verdictOf(await source.exchange(order(input)))).toBe(`AA|${input}`);
    const [fromLegacy, fromNew] = [await line.leg('legacy'), await line.leg('new')];
    for (const part of ['a', 'b', 'c']) {
      const output = order(`${input}${part}`).toString('latin1').replace(`NW|${input}${part}`, `NW|${input}`);
      await Promise.all([fromLegacy.exchange(output), fromNew.exchange(output)]);
    }
  }
  expect(line.destination.ids).toEqual(['I0a', 'I0b', 'I0c', 'I1a', 'I1b', 'I1c']);
  await until(async () => expect((await line.status()).counters).toMatchObject({ captured: 6, delivered: 6 }));
});

test('rule 2: an output without an input is delivered, and listed as uncorrelated where outputs are correlated', async () => {
  const line = estate.line('stray');
  await sendAll(line, 'legacy', ['ALONE']);
  expect(line.destination.ids).toEqual(['ALONE']);
  expect(await line.listed('uncorrelated')).toEqual([['ALONE', 'no-input']]);
});

test('rule 2: across a switch under traffic, all outputs of an epoch come before any of the next, none twice', async () => {
  const line = estate.line('parked');
  for (const platform of ['legacy', 'new'] as const) {
    const leg = await line.leg(platform);
    line[platform].script = ({ payload, reply }) => {
      const id = idOf(payload);
      reply(Buffer.from(`MSH|^~\\&|P||||||ACK|x|P|2.5\rMSA|AA|${id}\r`));
      leg.send(order(`${platform}-${id}`));
    };
  }
  await line.move('parallel');
  const source = await line.source();
  let isSwitching = true;
  const switched = line.move('switched').finally(() => {
    isSwitching = false;
  });
  const sent: string[] = [];
  for (let index = 0; isSwitching || index < 40; index++) {
    sent.push(`X${index}`);
    await source.exchange(order(`X${index}`));
  }
  expect(await switched).toMatchObject({ control: 'new' });
  const delivered = (): string[] => line.destination.ids.map((id) => id.split('-')[1] ?? '');
  await until(() => expect(delivered()).toEqual(sent));
  const owners = line.destination.ids.map((id) => id.split('-')[0]);
  expect(owners).toEqual([...owners].sort());
  expect(owners).toContain('new');
});
