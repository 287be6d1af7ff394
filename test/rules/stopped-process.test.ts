/** Rule 6: a gateway that did not run for longer than a peer may take (a frozen machine) has not waited that long for it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const ANSWER_TIMEOUT_MS = 1500;
const STOPPED_MS = 3000;

let estate: Estate;
let line: Line;

beforeAll(async () => {
  const answerTimeout = `${ANSWER_TIMEOUT_MS}ms`;
  estate = await startEstate({ line: { platform: { answerTimeout }, destination: { answerTimeout } } });
  line = estate.line('line');
});
afterAll(() => estate?.close());

test('rule 6: what a platform and a destination have answered while the gateway was stopped are answers, and nothing is in doubt', async () => {
  const source = await line.source();
  const leg = await line.leg('legacy');
  source.send(order('A1'));
  leg.send(order('A1'));
  const input = await line.legacy.take();
  const output = await line.destination.take();
  process.kill(estate.pid, 'SIGSTOP');
  try {
    input.reply(answer('A1'));
    output.reply(answer('A1'));
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
  } finally {
    process.kill(estate.pid, 'SIGCONT');
  }
  expect(verdictOf(await source.answer())).toBe('AA|A1');
  expect(verdictOf(await leg.answer())).toBe('AA|A1');
  expect(await line.list('maybeSent')).toEqual([]);
  await until(async () => expect((await line.status()).counters).toMatchObject({ accepted: 1, delivered: 1 }));
});
