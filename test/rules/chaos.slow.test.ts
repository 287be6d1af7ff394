/**
 * Chaos on the real gateway: killed (-9) again and again under load, with switches and rollbacks in between, while both
 * ends count. `CUTOVER_CHAOS_KILLS=100 npm test -- --slow chaos` is the long form.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const KILLS = Number(process.env.CUTOVER_CHAOS_KILLS ?? '5');
const MESSAGES_BETWEEN = 20;

let estate: Estate;
let line: Line;

beforeEach(async () => {
  estate = await startEstate({ line: { connection: { outputs: 'zero-or-one', settle: '100ms' } } });
  line = estate.line('line');
});
afterEach(() => estate?.close());

test('killed under load with swaps in between: nothing lost, nothing out of order, every double is listed', async () => {
  for (const peer of [line.legacy, line.new, line.destination]) peer.answerAll();
  await line.move('parallel');
  let isOver = false;
  const answered: string[] = [];
  /** A stop-and-wait sender that repeats a message until it is answered positively. */
  const drive = async (): Promise<void> => {
    let client: Awaited<ReturnType<typeof line.source>> | null = null;
    while (!isOver) {
      const id = `M${answered.length}`;
      try {
        client ??= await line.source();
        if (verdictOf(await client.exchange(order(id))) === `AA|${id}`) answered.push(id);
      } catch {
        client = null;
        await new Promise((done) => setImmediate(done));
      }
    }
  };
  const sender = drive();
  for (let kill = 0; kill < KILLS; kill++) {
    const before = answered.length;
    await until(() => expect(answered.length).toBeGreaterThan(before + MESSAGES_BETWEEN));
    await estate.crash();
    const { phase } = await line.status();
    const back = { reason: 'chaos' };
    // A swap that a kill or a deadline stops has never been: what counts is that no message notices.
    await (phase === 'parallel' ? line.move('switched') : line.move('parallel', back)).catch(() => undefined);
  }
  isOver = true;
  await sender;

  // Each message went to the platform that was primary; a double stands next to its first, on one side or the other.
  const arrivals = [...line.legacy.arrived, ...line.new.arrived].map(({ payload }) => payload.toString('latin1'));
  for (const id of answered) expect(arrivals.some((text) => text.includes(`|${id}|`))).toBe(true);
  const numberOf = (id: string): number => Number(id.slice(1));
  for (const { ids } of [line.legacy, line.new]) {
    const isAscending = ids.every((id, index) => index === 0 || numberOf(id) >= numberOf(ids[index - 1] ?? id));
    expect(isAscending).toBe(true);
  }
  const doubles = [line.legacy, line.new].flatMap(({ ids }) => ids.filter((id, index) => id === ids[index - 1]));
  const listed = (await line.list('maybeSent')).map(({ id }) => id.msh10);
  expect(listed).toEqual(expect.arrayContaining(doubles));
});
