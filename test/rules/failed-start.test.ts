/** A start that ends at a port which somebody else has: what was on its way to peers by then is listed, and the reason is said. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { answer, type Estate, idOf, order, startEstate, until, verdictOf } from './peers.ts';

const NAMES = Array.from({ length: 12 }, (_, index) => `line-${index}`);
const ANSWERED_AFTER_MS = 30;

let estate: Estate;
beforeEach(async () => {
  estate = await startEstate(Object.fromEntries(NAMES.map((name) => [name, {}])));
});
afterEach(() => estate?.close());

test('rule 2: a copy that such a start has sent is listed where it goes out again', async () => {
  const lines = NAMES.map((name) => estate.line(name));
  for (const line of lines) {
    line.legacy.answerAll();
    line.new.script = ({ payload, reply }) => setTimeout(() => reply(answer(idOf(payload))), ANSWERED_AFTER_MS);
    await line.new.down();
    await line.move('parallel');
    const source = await line.source();
    expect(verdictOf(await source.exchange(order('A1')))).toBe('AA|A1');
    source.socket.destroy();
  }
  await estate.end('SIGTERM');
  for (const line of lines) await line.new.up();
  const last = lines.at(-1)?.legs.new ?? 0;
  const stranger = createServer().listen(last, '127.0.0.1');
  await once(stranger, 'listening');

  await expect(estate.start()).rejects.toThrow(new RegExp(`exit 1: .*:${last} .*another program`, 's'));
  await new Promise((done) => stranger.close(done));
  await estate.start();
  for (const line of lines) {
    await until(async () => expect(await line.status()).toMatchObject({ shadowLag: 0, state: 'steady' }));
    const listed = (await line.list('maybeSent')).map(({ id }) => id.msh10);
    expect(listed).toEqual(line.new.ids.length > 1 ? ['A1'] : []);
  }
});
