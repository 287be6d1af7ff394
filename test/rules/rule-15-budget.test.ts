/** Rule 15: what all senders, all answers, and all inputs without outputs together may take is bounded. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, bytes, Client, type Estate, idOf, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const MEBIBYTE = 1024 * 1024;
const BUDGET_MIB = 4;
const SENDERS = 12;
const HEAD_BYTES = 3 * MEBIBYTE;
const ANSWER_BYTES = 6 * MEBIBYTE;
const OPEN_INPUTS = 20;
/** So many that the first piece of each takes more than the budget and a whole frame. */
const MANY = 900;
const HALF_BYTES = 80 * 1024;
const FRAME_LIMIT_MIB = 32;

let estate: Estate;
let line: Line;
let neighbour: Line;

beforeAll(async () => {
  estate = await startEstate({ line: {}, neighbour: {} }, true);
  estate.args = ['--init', '--frame-budget', String(BUDGET_MIB), '--open-inputs', String(OPEN_INPUTS)];
  await estate.start();
  line = estate.line('line');
  neighbour = estate.line('neighbour');
  line.legacy.answerAll();
  neighbour.legacy.answerAll();
});
afterAll(() => estate?.close());

async function figure(name: string): Promise<number> {
  const text = await estate.text('/metrics');
  return Number(new RegExp(`^cutover_${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

const frameBytes = (): Promise<number> => figure('frame_bytes');

test('rule 15: more unfinished frames than the budget holds: they wait, ordinary messages pass, and each whole frame is answered', async () => {
  const senders = await Promise.all(Array.from({ length: SENDERS }, () => line.source()));
  const large = (index: number): Buffer => bytes(`\x0b${order(`L${index}`).toString('latin1')}`);
  for (const [index, { socket }] of senders.entries())
    socket.write(Buffer.concat([large(index), Buffer.alloc(HEAD_BYTES, 'x')]));
  await until(async () => expect(await frameBytes()).toBeGreaterThan(BUDGET_MIB * MEBIBYTE));
  const source = await neighbour.source();
  for (const id of ['N1', 'N2', 'N3']) expect(verdictOf(await source.exchange(order(id)))).toBe(`AA|${id}`);
  // One of them is read past the budget; what the others send stays with them.
  expect(await frameBytes()).toBeLessThan((BUDGET_MIB + 3 + 2) * MEBIBYTE);
  for (const { socket } of senders) socket.write(bytes('\x1c\r'));
  const verdicts = await Promise.all(senders.map(async (sender) => verdictOf(await sender.answer())));
  expect(verdicts).toEqual(senders.map((_, index) => `AA|L${index}`));
  expect(line.legacy.arrived.every(({ payload }) => payload.length > HEAD_BYTES)).toBe(true);
  await until(async () => expect(await frameBytes()).toBe(0));
  for (const { socket } of senders) socket.destroy();
});

test('rule 15: half frames of very many senders, far past the budget: one gets on after the other, and none is refused', async () => {
  const senders = await Promise.all(Array.from({ length: MANY }, () => line.source()));
  for (const [index, { socket }] of senders.entries()) {
    const head = bytes(`\x0b${order(`M${index}`).toString('latin1')}`);
    socket.write(Buffer.concat([head, Buffer.alloc(HALF_BYTES, 'x')]));
  }
  await until(async () => expect(await frameBytes()).toBeGreaterThan((BUDGET_MIB + FRAME_LIMIT_MIB) * MEBIBYTE));
  for (const { socket } of senders) socket.write(bytes('\x1c\r'));
  const verdicts = await Promise.all(senders.map(async (sender) => verdictOf(await sender.answer())));
  expect(verdicts).toEqual(senders.map((_, index) => `AA|M${index}`));
  await until(async () => expect(await frameBytes()).toBe(0));
  for (const { socket } of senders) socket.destroy();
});

test('rule 15: frames that are never finished give their room back: AR after a while, the socket is closed', async () => {
  const senders = await Promise.all(Array.from({ length: 2 }, () => Client.open(line.legs.legacy)));
  for (const [index, { socket }] of senders.entries()) {
    const head = bytes(`\x0b${order(`S${index}`).toString('latin1')}`);
    socket.write(Buffer.concat([head, Buffer.alloc(HEAD_BYTES, 'x')]));
  }
  const refused = async (sender: Client): Promise<string> => verdictOf(await sender.answer());
  // Whoever fits keeps its room; the other is told.
  const first = await Promise.race(senders.map(refused));
  expect(first).toMatch(/^AR\|S\d$/);
  await until(async () => expect(await frameBytes()).toBeLessThanOrEqual(BUDGET_MIB * MEBIBYTE));
  expect(estate.log).toContain('frame-budget-refused');
  for (const { socket } of senders) socket.destroy();
  await until(async () => expect(await frameBytes()).toBe(0));
});

test('rule 15: more of unfinished answers than the budget holds: peers wait their turn, and each whole answer arrives as it is', async () => {
  const whole = (id: string): Buffer => Buffer.concat([answer(id), Buffer.alloc(ANSWER_BYTES, 'y')]);
  const peers = [line.legacy, neighbour.legacy, neighbour.destination];
  const before = peers.map(({ arrived }) => arrived.length);
  for (const peer of peers)
    peer.script = ({ payload, socket }) => {
      socket.write(Buffer.concat([bytes('\x0b'), whole(idOf(payload))]));
    };
  const senders = await Promise.all([line.source(), neighbour.source(), neighbour.leg('legacy')]);
  for (const [index, sender] of senders.entries()) sender.send(order(`W${index}`));
  await until(async () => expect(await figure('answer_bytes')).toBeGreaterThan(BUDGET_MIB * MEBIBYTE));
  expect(await figure('answer_bytes')).toBeLessThan((BUDGET_MIB + ANSWER_BYTES / MEBIBYTE + 2) * MEBIBYTE);
  await until(() =>
    expect(peers.map(({ arrived }, index) => arrived.length - (before[index] ?? 0))).toEqual([1, 1, 1]),
  );
  for (const peer of peers) peer.arrived.at(-1)?.socket.write(bytes('\x1c\r'));
  for (const [index, sender] of senders.entries())
    expect((await sender.answer()).equals(whole(`W${index}`))).toBe(true);
  await until(async () => expect(await figure('answer_bytes')).toBe(0));
  for (const peer of [line.legacy, neighbour.legacy, neighbour.destination]) peer.answerAll();
});

test('rule 15: more inputs without outputs than the shard may hold: the connection with the most gives up its oldest, listed; their outputs are delivered all the same, also past a crash', async () => {
  line.destination.answerAll();
  const other = await neighbour.source();
  for (const id of ['Y1', 'Y2', 'Y3']) await other.exchange(order(id));
  const source = await line.source();
  let sent = 0;
  const send = async (): Promise<string> => verdictOf(await source.exchange(order(`X${sent++}`)));
  while (sent < 2 * OPEN_INPUTS) expect(await send()).toBe(`AA|X${sent - 1}`);
  await until(async () => {
    await send();
    expect(await figure('open_inputs')).toBeLessThan(OPEN_INPUTS + 5);
  });
  const given = await line.list('uncorrelated');
  expect(new Set(given.map(({ cause }) => cause))).toEqual(new Set(['output-missing']));
  const ids = given.map(({ id }) => id.msh10).filter((id) => id.startsWith('X'));
  expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => `X${index}`));
  expect(await neighbour.listed('uncorrelated')).toEqual([]);

  await estate.crash();
  expect(await line.list('uncorrelated')).toEqual(given);
  expect(await figure('open_inputs')).toBeLessThan(OPEN_INPUTS + 5);
  expect(verdictOf(await (await line.leg('legacy')).exchange(order('X0')))).toBe('AA|X0');
  expect(line.destination.ids).toEqual(['X0']);
});
