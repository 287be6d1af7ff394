/** Rule 15: what the frames of all senders together may take is bounded; who is past it waits, and is told in the end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytes, Client, type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const MEBIBYTE = 1024 * 1024;
const BUDGET_MIB = 4;
const SENDERS = 12;
const HEAD_BYTES = 3 * MEBIBYTE;

let estate: Estate;
let line: Line;
let neighbour: Line;

beforeAll(async () => {
  estate = await startEstate({ line: {}, neighbour: {} }, true);
  estate.args = ['--init', '--frame-budget', String(BUDGET_MIB)];
  await estate.start();
  line = estate.line('line');
  neighbour = estate.line('neighbour');
  line.legacy.answerAll();
  neighbour.legacy.answerAll();
});
afterAll(() => estate?.close());

async function frameBytes(): Promise<number> {
  const text = await estate.text('/metrics');
  return Number(/^cutover_frame_bytes (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

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
