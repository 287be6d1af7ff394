/** An inventory that is read again (SIGHUP) while it cannot be served whole: what is lacking is said, and made up for. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Estate, order, startEstate, until, verdictOf, writeInventory } from './peers.ts';

let estate: Estate;
let hog: Server;

beforeAll(async () => {
  estate = await startEstate({ first: {}, second: {} }, true);
  await writeInventory(estate, { first: {} });
  await estate.start();
  hog = createServer().listen(estate.line('second').feedPort, '127.0.0.1');
  await once(hog, 'listening');
});
afterAll(async () => {
  hog?.close();
  await estate?.close();
});

async function readAgain(says: string): Promise<void> {
  const before = estate.log.split(says).length;
  process.kill(estate.pid, 'SIGHUP');
  await until(() => expect(estate.log.split(says).length).toBeGreaterThan(before));
}

test('a new feed whose port is taken is named; its legs listen, and so does the feed once the port is free', async () => {
  const second = estate.line('second');
  second.legacy.answerAll();
  second.destination.answerAll();
  await writeInventory(estate, { first: {}, second: {} });
  expect(await readFile(estate.inventoryFile, 'utf8')).toContain('"second"');
  await readAgain('inventory refused');
  expect(estate.log).toMatch(/feed second: .*EADDRINUSE.*free the port/);
  const leg = await second.leg('legacy');
  await readAgain('inventory refused');
  hog.close();
  await once(hog, 'close');
  await readAgain('inventory taken');
  expect(verdictOf(await (await second.source()).exchange(order('A1')))).toBe('AA|A1');
  expect(verdictOf(await leg.exchange(order('A1')))).toBe('AA|A1');
  // It was born when it was taken, not at the next start.
  const { body } = await estate.call('GET', 'connections/second/epochs');
  expect(body.epochs).toMatchObject([{ epoch: 1, verb: 'init' }]);
});
