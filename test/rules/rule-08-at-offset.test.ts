/** Rule 8, change-over at an offset: nothing is held, outputs are judged by their input until the earlier ones have settled. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decisionSchema } from '../../core/admin-api.ts';
import {
  type Arrived,
  answer,
  type Client,
  type Estate,
  idOf,
  type Line,
  order,
  startEstate,
  until,
  verdictOf,
} from './peers.ts';

const ENOUGH = 22;
const REASON = { reason: 'test' };
let estate: Estate;

beforeAll(async () => {
  const connection = { correlate: ['ORC-2'], changeOver: 'at-offset', capture: { wait: '100ms' } };
  estate = await startEstate({
    weak: { connection },
    ordered: { connection },
    given: { connection: { ...connection, orderWait: '1s' } },
    killed: { connection },
    quick: { connection },
    closed: { connection },
    proven: { connection },
  });
});
afterAll(() => estate?.close());

type Night = { line: Line; source: Client; fromLegacy: Client; fromNew: Client };

/** In parallel, with enough seen of both platforms; from then on the outputs are the test's. */
async function measured(name: string): Promise<Night> {
  const line = estate.line(name);
  const [source, fromLegacy, fromNew] = await Promise.all([line.source(), line.leg('legacy'), line.leg('new')]);
  line.destination.answerAll();
  for (const [peer, leg] of [
    [line.legacy, fromLegacy],
    [line.new, fromNew],
  ] as const) {
    peer.script = ({ payload, reply }) => {
      reply(answer(idOf(payload)));
      leg.send(payload);
    };
  }
  await line.move('parallel');
  for (let count = 1; count <= ENOUGH; count++) await source.exchange(order(`P${count}`));
  for (const leg of [fromLegacy, fromNew]) for (let count = 1; count <= ENOUGH; count++) await leg.answer();
  line.legacy.answerAll();
  line.new.answerAll();
  expect((await line.status()).correlation?.grade).toBe('exact');
  return { line, source, fromLegacy, fromNew };
}

const isSteady = (line: Line): Promise<void> => until(async () => expect((await line.status()).state).toBe('steady'));
const newIds = (line: Line): string[] => line.destination.ids.filter((id) => !id.startsWith('P'));

test('rule 8: at-offset is refused with its reason until the correlation is measured; towards legacy it quiesces instead', async () => {
  const line = estate.line('weak');
  await line.move('parallel');
  const { status, body } = await line.put('switched');
  expect([status, body.code]).toEqual([409, 'correlation-too-weak']);
  expect(body.message).toContain('0 of 20 outputs of legacy seen');
  expect((await line.status()).correlation).toEqual({ grade: 'none', reason: '0 of 20 outputs of legacy seen' });
  expect((await line.status()).epoch).toBe(2);
});

test('rules 2 and 8: an earlier input still owes its output: the source is answered at once, and the new owner waits for its turn', async () => {
  const { line, source, fromLegacy, fromNew } = await measured('ordered');
  await source.exchange(order('A1'));
  await line.move('switched');
  expect(verdictOf(await source.exchange(order('A2')))).toBe('AA|A2');
  expect(line.new.ids.at(-1)).toBe('A2');
  expect((await line.status()).state).toBe('settling');

  await fromNew.exchange(order('A1'));
  fromNew.send(order('A2'));
  await until(async () => expect((await line.status()).counters.outputs).toBe(2 * ENOUGH + 1));
  expect(newIds(line)).toEqual([]);

  expect(verdictOf(await fromLegacy.exchange(order('A1')))).toBe('AA|A1');
  expect(verdictOf(await fromNew.answer())).toBe('AA|A2');
  expect(newIds(line)).toEqual(['A1', 'A2']);
  expect(verdictOf(await fromLegacy.exchange(order('A2')))).toBe('AA|A2');
  expect(newIds(line)).toEqual(['A1', 'A2']);
  await isSteady(line);
  expect((await line.status()).counters.captured).toBe(ENOUGH + 2);
});

test('rule 8: past orderWait a person decides about the earlier input, traffic goes on, and what comes late is parked', async () => {
  const { line, source, fromLegacy, fromNew } = await measured('given');
  await source.exchange(order('B1'));
  await line.move('switched');
  await source.exchange(order('B2'));
  expect(verdictOf(await fromNew.exchange(order('B2')))).toBe('AA|B2');
  expect(newIds(line)).toEqual(['B2']);
  const { body } = await estate.call('GET', 'decisions');
  const open = decisionSchema.array().parse(body.decisions);
  expect(open.map(({ cause, input }) => [cause, input?.msh10])).toEqual([['order-wait', 'B1']]);
  expect(verdictOf(await fromLegacy.exchange(order('B1')))).toBe('AA|B1');
  expect(newIds(line)).toEqual(['B2']);
  expect(await line.listed('parked')).toEqual([['B1', 'out-of-order']]);
  await isSteady(line);
});

test('rules 3 and 8: killed while settling: outputs are judged by their input after the restart too', async () => {
  const { line, source } = await measured('killed');
  await source.exchange(order('C1'));
  await line.move('switched');
  await source.exchange(order('C2'));
  await estate.crash();
  expect((await line.status()).state).toBe('settling');
  const [fromLegacy, fromNew] = await Promise.all([line.leg('legacy'), line.leg('new')]);
  fromNew.send(order('C2'));
  expect(verdictOf(await fromLegacy.exchange(order('C1')))).toBe('AA|C1');
  const fromNewAgain = await line.leg('new');
  await fromNewAgain.exchange(order('C1'));
  expect(verdictOf(await fromNew.answer())).toBe('AA|C2');
  expect(newIds(line)).toEqual(['C1', 'C2']);
  await isSteady(line);
});

test('rule 8: the way back is at an offset too, and a message in flight at the switch is answered by who got it', async () => {
  const { line, source, fromLegacy, fromNew } = await measured('quick');
  line.legacy.script = () => undefined;
  source.send(order('D1'));
  const inFlight = await line.legacy.take().then(async function skip(arrived): Promise<typeof arrived> {
    return idOf(arrived.payload) === 'D1' ? arrived : skip(await line.legacy.take());
  });
  const switched = line.move('switched');
  await until(async () => expect((await line.status()).epoch).toBe(3));
  inFlight.reply(answer('D1', 'AA', 'of legacy'));
  expect((await source.answer()).toString('latin1')).toContain('of legacy');
  await switched;
  expect(verdictOf(await fromLegacy.exchange(order('D1')))).toBe('AA|D1');
  await fromNew.exchange(order('D1'));
  line.legacy.answerAll();
  await source.exchange(order('D2'));
  await fromNew.exchange(order('D2'));
  await line.move('parallel', REASON);
  await source.exchange(order('D3'));
  await fromLegacy.exchange(order('D2'));
  await fromLegacy.exchange(order('D3'));
  await fromNew.exchange(order('D3'));
  expect(newIds(line)).toEqual(['D1', 'D2', 'D3']);
  await isSteady(line);
});

test('rule 8: the new owner has one copy to answer before its first message, also with a sender that never pauses', async () => {
  const { line, source } = await measured('closed');
  await until(async () => expect((await line.status()).shadowLag).toBe(0));
  line.new.script = () => undefined;
  for (const id of ['E1', 'E2']) await source.exchange(order(id));
  const copyOf = async (id: string): Promise<Arrived> => {
    const arrived = await line.new.take();
    return idOf(arrived.payload) === id ? arrived : copyOf(id);
  };
  const first = await copyOf('E1');
  const switched = line.move('switched');
  await until(async () => expect((await line.status()).state).toBe('holding'));
  source.send(order('E3'));
  first.reply(answer('E1'));
  // The old way, with its copy and the one before it still open at the new owner.
  expect(verdictOf(await source.answer())).toBe('AA|E3');
  expect(line.legacy.ids.at(-1)).toBe('E3');
  await until(async () => expect((await line.status()).epoch).toBe(3));
  source.send(order('E4'));
  for (const id of ['E2', 'E3', 'E4']) (await copyOf(id)).reply(answer(id));
  expect(verdictOf(await source.answer())).toBe('AA|E4');
  await switched;
  expect(line.legacy.ids).not.toContain('E4');
});

test('rules 8 and 11: what the former owner still delivers of an earlier input proves nothing of the new epoch', async () => {
  const { line, source, fromLegacy, fromNew } = await measured('proven');
  await source.exchange(order('F1'));
  await line.move('switched');
  expect(verdictOf(await fromLegacy.exchange(order('F1')))).toBe('AA|F1');
  expect(newIds(line)).toEqual(['F1']);
  expect((await line.status()).observed).toBe(null);

  expect(verdictOf(await fromNew.exchange(order('F1')))).toBe('AA|F1');
  await source.exchange(order('F2'));
  expect(verdictOf(await fromNew.exchange(order('F2')))).toBe('AA|F2');
  expect((await line.status()).observed).toMatchObject({ epoch: 3, deliveredFrom: 'new' });
});
