/** Rule 3: a positive answer means durable. The gateway is killed at chosen moments and started again on its directory. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { answer, type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

let estate: Estate;
let line: Line;

beforeEach(async () => {
  estate = await startEstate({ line: {} });
  line = estate.line('line');
});
afterEach(() => estate?.close());

test("rule 3: killed before the primary's answer: maybeSent, not sent again by itself, its resend is another attempt", async () => {
  const source = await line.source();
  source.send(order('A1'));
  await line.legacy.take();
  await estate.crash();
  await source.closed;
  expect(source.inbox.payloads).toEqual([]);
  expect(await line.listed('maybeSent')).toEqual([['A1', 'crash']]);
  expect(line.legacy.ids).toEqual(['A1']);

  line.legacy.answerAll();
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('A1')))).toBe('AA|A1');
  expect(verdictOf(await again.exchange(order('A2')))).toBe('AA|A2');
  expect(line.legacy.ids).toEqual(['A1', 'A1', 'A2']);
  expect(await line.listed('maybeSent')).toEqual([['A1', 'crash']]);
});

test('rule 3: what a crash left unknown is listed once, however often the gateway starts again', async () => {
  const source = await line.source();
  source.send(order('T1'));
  await line.legacy.take();
  const leg = await line.leg('legacy');
  leg.send(order('T2'));
  await line.destination.take();
  await estate.crash();
  const listed = await line.list('maybeSent');
  expect(listed.map(({ id, cause }) => [id.msh10, cause])).toEqual([
    ['T1', 'crash'],
    ['T2', 'crash'],
  ]);
  await estate.restart();
  await estate.crash();
  expect(await line.list('maybeSent')).toEqual(listed);
  expect((await line.status()).counters.maybeSent).toBe(2);
});

test('rule 3: killed after the answer, before the source has it: the resend gets the recorded answer, forwarded once', async () => {
  const source = await line.source();
  source.socket.pause();
  source.send(order('B1'));
  const input = await line.legacy.take();
  const own = answer('B1', 'AA', 'of the platform');
  input.reply(own);
  await until(async () => expect((await line.status()).counters.accepted).toBe(1));
  await estate.crash();
  const again = await line.source();
  expect((await again.exchange(order('B1'))).equals(own)).toBe(true);
  expect(line.legacy.ids).toEqual(['B1']);
  expect(await line.listed('answeredAgain')).toEqual([['B1', 'resent']]);
  expect(await line.listed('maybeSent')).toEqual([]);
});

test('rule 3: killed after an output went to its destination, before the answer: maybeSent, and only its platform repeats it', async () => {
  const leg = await line.leg('legacy');
  leg.send(order('O1'));
  await line.destination.take();
  await estate.crash();
  await leg.closed;
  expect(leg.inbox.payloads).toEqual([]);
  expect(await line.listed('maybeSent')).toEqual([['O1', 'crash']]);
  expect(line.destination.ids).toEqual(['O1']);
  line.destination.answerAll();
  const again = await line.leg('legacy');
  expect(verdictOf(await again.exchange(order('O1')))).toBe('AA|O1');
  expect(line.destination.ids).toEqual(['O1', 'O1']);
});

test('rule 3: after an unclean start the first message of a sender that nothing recognises is listed, the next are not', async () => {
  for (const peer of line.peers) peer.answerAll();
  await estate.crash();
  const source = await line.source();
  const leg = await line.leg('legacy');
  for (const id of ['F1', 'F2']) {
    await source.exchange(order(id));
    await leg.exchange(order(`L${id}`));
  }
  expect(await line.listed('maybeSent')).toEqual([
    ['F1', 'before-crash'],
    ['LF1', 'before-crash'],
  ]);
  await estate.restart();
  const [clean, cleanLeg] = [await line.source(), await line.leg('legacy')];
  await clean.exchange(order('F3'));
  await cleanLeg.exchange(order('LF3'));
  expect(await line.listed('maybeSent')).toHaveLength(2);
});

test('rule 3: a shadow copy that is owed survives the kill and is made good, in order', async () => {
  line.legacy.answerAll();
  await line.move('parallel');
  const source = await line.source();
  for (const id of ['S1', 'S2', 'S3']) await source.exchange(order(id));
  await line.new.take();
  await estate.crash();
  line.new.answerAll();
  await until(async () => expect((await line.status()).shadowLag).toBe(0));
  expect(line.new.ids.filter((id, index) => id !== line.new.ids[index - 1])).toEqual(['S1', 'S2', 'S3']);
});

test('rule 3: a clean stop waits for no copy that its platform never saw, lists none, and makes it good afterwards', async () => {
  line.legacy.answerAll();
  await line.move('parallel');
  await line.new.down();
  await (await line.source()).exchange(order('D1'));
  await estate.restart();
  expect(await line.list('maybeSent')).toEqual([]);
  line.new.answerAll();
  await line.new.up();
  await until(() => expect(line.new.ids).toEqual(['D1']));
});

test('rule 3: nothing positively answered is forgotten, nothing is lost at the destination, over kills under load', async () => {
  line.legacy.answerAll();
  line.destination.answerAll();
  let isOver = false;
  /** A stop-and-wait sender that repeats a message until it is answered. */
  const drive = async (open: () => ReturnType<typeof line.source>, prefix: string): Promise<string[]> => {
    const answered: string[] = [];
    let client: Awaited<ReturnType<typeof open>> | null = null;
    while (!isOver) {
      const id = `${prefix}${answered.length}`;
      try {
        client ??= await open();
        expect(verdictOf(await client.exchange(order(id)))).toBe(`AA|${id}`);
        answered.push(id);
      } catch {
        client = null;
        await new Promise((done) => setImmediate(done));
      }
    }
    return answered;
  };
  const senders = Promise.all([drive(() => line.source(), 'IN'), drive(() => line.leg('legacy'), 'OUT')]);
  for (let kill = 0; kill < 3; kill++) {
    const before = line.destination.arrived.length;
    await until(() => expect(line.destination.arrived.length).toBeGreaterThan(before + 50));
    await estate.crash();
  }
  isOver = true;
  const [inputs, outputs] = await senders;
  const inOrder = (ids: readonly string[]): string[] => ids.filter((id, index) => id !== ids[index - 1]);
  expect(inOrder(line.legacy.ids).slice(0, inputs.length)).toEqual(inputs);
  expect(inOrder(line.destination.ids).slice(0, outputs.length)).toEqual(outputs);

  const doubles = [...line.legacy.ids, ...line.destination.ids].filter((id, index, all) => id === all[index - 1]);
  const listed = (await line.list('maybeSent')).map(({ id }) => id.msh10);
  expect(listed).toEqual(expect.arrayContaining(doubles));
  const { accepted, delivered } = (await line.status()).counters;
  expect(accepted).toBeGreaterThanOrEqual(inputs.length);
  expect(delivered).toBeGreaterThanOrEqual(outputs.length);
});
