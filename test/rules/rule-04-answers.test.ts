/** Rule 4: answers are the peer's own. The candidate gets the control's, re-addressed, or one that is marked as synthetic. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, bytes, type Estate, idOf, order, startEstate, verdictOf } from './peers.ts';

let estate: Estate;

beforeAll(async () => {
  const correlate = ['ORC-2'];
  estate = await startEstate({
    source: {},
    control: {},
    paired: { connection: { correlate, capture: { wait: '10s' } } },
    lonely: { connection: { correlate, capture: { wait: '50ms' } } },
    guess: { connection: { outputs: 'zero-or-one', capture: { wait: '3600s' } } },
    restart: { connection: { correlate, capture: { wait: '10s' } } },
  });
});
afterAll(() => estate?.close());

/** The same order with another id, as platforms that make their own make it. */
const regenerated = (id: string, own: string): Buffer =>
  bytes(order(id).toString('latin1').replace(`ORM^O01|${id}`, `ORM^O01|${own}`));

const ODD_ANSWERS: Readonly<Record<string, (id: string) => string>> = {
  'a negative application answer': (id) => `MSH|^~\\&|P||||||ACK|x|P|2.5\rMSA|AE|${id}|no such patient\rERR|||207\r`,
  'a rejection': (id) => `MSH|^~\\&|P||||||ACK|x|P|2.5\rMSA|AR|${id}\r`,
  'a commit answer': (id) => `MSH|^~\\&|P||||||ACK|x|P|2.5\rMSA|CA|${id}\r`,
  'a code of no standard': (id) => `MSH|^~\\&|P||||||ACK|x|P|2.5\rMSA|OK|${id}\r`,
  'LF, blanks and Z-segments': (id) => `MSH|^~\\&|P||||||ACK|x|P|2.5\nZZZ|1\nMSA|AA|${id}|  \n\n`,
  'odd delimiters': (id) => `MSH*:%!@*P******ACK*x*P*2.5\rMSA*AA*${id}\r`,
  'an answer with data, as ORR and RSP': (id) =>
    `MSH|^~\\&|P||||||ORR^O02|x|P|2.5\rMSA|AA|${id}\rORC|OK|1\rOBR|1|\xff\xfe\r`,
};

test.each(Object.entries(ODD_ANSWERS))("rule 4: the source gets the primary's own answer, also %s", async (_, make) => {
  const line = estate.line('source');
  const id = `S${Math.random()}`.slice(0, 12);
  const source = await line.source();
  source.send(order(id));
  (await line.legacy.take()).reply(bytes(make(id)));
  expect((await source.answer()).toString('latin1')).toBe(make(id));
});

test.each(
  Object.entries(ODD_ANSWERS),
)("rule 4: the control gets the destination's own answer, also %s", async (_, make) => {
  const line = estate.line('control');
  const id = `C${Math.random()}`.slice(0, 12);
  const leg = await line.leg('legacy');
  leg.send(order(id));
  const output = await line.destination.take();
  expect(leg.inbox.payloads).toEqual([]);
  output.reply(bytes(make(id)));
  expect((await leg.answer()).toString('latin1')).toBe(make(id));
});

test.each([
  'AA',
  'AE',
])("rule 4: the candidate waits for the control's %s and gets it under its own id, all else as it was", async (code) => {
  const line = estate.line('paired');
  for (const platform of [line.legacy, line.new]) platform.answerAll();
  if ((await line.status()).phase === 'legacy') await line.move('parallel');
  const id = `P-${code}`;
  await (await line.source()).exchange(order(id));
  const candidate = await line.leg('new');
  candidate.send(regenerated(id, `NEW-${id}`));
  const control = await line.leg('legacy');
  control.send(order(id));
  const output = await line.destination.take();
  expect(candidate.inbox.payloads).toEqual([]);
  output.reply(answer(id, code, 'own words of the destination'));
  expect((await control.answer()).equals(answer(id, code, 'own words of the destination'))).toBe(true);
  const expected = answer(id, code, 'own words of the destination').toString('latin1');
  expect((await candidate.answer()).toString('latin1')).toBe(
    expected.replace(`|${code}|${id}|`, `|${code}|NEW-${id}|`),
  );
});

test('rule 4: where the control has no answer within capture.wait, the candidate gets a generated AA', async () => {
  const line = estate.line('lonely');
  for (const platform of [line.legacy, line.new]) platform.answerAll();
  await line.move('parallel');
  await (await line.source()).exchange(order('L1'));
  const candidate = await line.leg('new');
  const own = await candidate.exchange(order('L1'));
  expect([verdictOf(own), idOf(own)]).toEqual(['AA|L1', 'CUTOVERL1']);
  expect(line.destination.arrived).toEqual([]);
});

test('rule 4: where only the order tells outputs apart and an input may have none, the candidate waits for no pair that is a guess', async () => {
  const line = estate.line('guess');
  for (const platform of [line.legacy, line.new]) platform.answerAll();
  await line.move('parallel');
  const source = await line.source();
  // Legacy makes nothing of it; so what new makes of the next one would be taken for its pair.
  for (const id of ['G1', 'G2']) await source.exchange(order(id));
  const candidate = await line.leg('new');
  for (const id of ['G1', 'G2']) expect(verdictOf(await candidate.exchange(order(id)))).toBe(`AA|${id}`);
});

test('rule 4: a negative paired answer is not remembered as a positive one by a restart', async () => {
  const line = estate.line('restart');
  for (const platform of [line.legacy, line.new]) platform.answerAll();
  line.destination.answerAll('AE');
  await line.move('parallel');
  await (await line.source()).exchange(order('R1'));
  const control = await line.leg('legacy');
  expect(verdictOf(await control.exchange(order('R1')))).toBe('AE|R1');
  const candidate = await line.leg('new');
  expect(verdictOf(await candidate.exchange(order('R1')))).toMatch(/\|R1$/);
  const second = { control: order('R2'), candidate: order('R2') };
  await (await line.source()).exchange(order('R2'));
  const sent = (await line.leg('new')).send(second.candidate);
  expect(verdictOf(await control.exchange(second.control))).toBe('AE|R2');
  expect(verdictOf(await sent.answer())).toBe('AE|R2');
  await estate.restart();
  await (await line.leg('new')).exchange(second.candidate);
  expect(await line.listed('answeredAgain')).toEqual([]);
});
