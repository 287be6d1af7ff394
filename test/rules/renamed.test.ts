/** A connection that gets another name (`previousNames`) is the same one: nothing that was known of it is forgotten. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, type Client, type Estate, idOf, type Line, order, startEstate, until, verdictOf } from './peers.ts';

let estate: Estate;
let former: Line;
let source: Client;

beforeAll(async () => {
  estate = await startEstate({ former: { connection: { capture: { wait: '50ms' } } } });
  former = estate.line('former');
  source = await former.source();
});
afterAll(() => estate?.close());

/** Stops the gateway, gives the connection another name, and starts it again. */
async function rename(signal: NodeJS.Signals): Promise<void> {
  await estate.end(signal);
  const text = await readFile(estate.inventoryFile, 'utf8');
  const [from, to] = text.includes('"name":"former"') ? ['former', 'heir'] : ['heir', 'former'];
  const known = `"name":"${to}","previousNames":["${from}"]`;
  await writeFile(estate.inventoryFile, text.replace(/"name":"[a-z]+"(,"previousNames":\["[a-z]+"\])?/, known));
  await estate.start();
}

async function decisions(): Promise<Record<string, unknown>[]> {
  const { body } = await estate.call('GET', 'decisions');
  return JSON.parse(JSON.stringify(body.decisions));
}

const read = async (name: string) => (await estate.call('GET', `connections/${name}`)).body;

test('renamed: an open decision is its own under the new name, and is delivered; a resend is known for one', async () => {
  for (const peer of former.peers) peer.answerAll();
  await former.move('parallel');
  await former.move('switched');
  const fromLegacy = await former.leg('legacy');
  former.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    if (idOf(payload) === 'A1') fromLegacy.send(payload);
  };
  await source.exchange(order('A1'));
  await until(async () => expect((await former.status()).counters.captured).toBe(1));
  await former.new.down();
  await former.move('parallel', { force: true, reason: 'new is dead' });
  await source.exchange(order('A2'));
  expect(former.legacy.ids).toEqual(['A1', 'A2']);

  await rename('SIGTERM');
  expect(await read('heir')).toMatchObject({ epoch: 4, decisions: 1 });
  const again = await former.source();
  expect(verdictOf(await again.exchange(order('A2')))).toBe('AA|A2');
  expect(former.legacy.ids).toEqual(['A1', 'A2']);
  const { body } = await estate.call('GET', 'connections/heir/lists/answeredAgain');
  expect(body).toMatchObject({ entries: [{ id: { msh10: 'A2' }, cause: 'resent' }] });

  const [open] = await decisions();
  expect(open).toMatchObject({ connection: 'heir', cause: 'no-correlation', resolved: null });
  const { status } = await estate.call('POST', `decisions/${open?.id}`, { action: 'deliver', reason: 'LIS lacks it' });
  expect(status).toBe(200);
  await until(() => expect(former.destination.ids).toEqual(['A1']));
  await rename('SIGKILL');
  expect(await decisions()).toMatchObject([{ connection: 'former', resolved: { action: 'deliver' } }]);
});
