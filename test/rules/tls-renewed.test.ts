/**
 * Certificates that are renewed in the middle of a swap: messages that are held go out over the sockets that they came on, who
 * connects anew sees the new certificate, and a renewal that cannot be read changes nothing.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Estate, frame, type Line, order, startEstate, until, verdictOf, writeInventory } from './peers.ts';

let estate: Estate;
let line: Line;

beforeAll(async () => {
  const options = { line: { connection: { correlate: ['ORC-2'], capture: { wait: '50ms' } } } };
  estate = await startEstate(options, true);
  line = estate.line('line');
  await renew('first');
  const feed = { tls: { cert: 'feed.crt', key: 'feed.key' } };
  await writeInventory(estate, { line: { ...options.line, feed } });
  await estate.start();
});
afterAll(() => estate?.close());

const fileOf = (name: string): string => join(estate.folder, name);

async function renew(name: string): Promise<void> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  await writeFile(fileOf('feed.crt'), made.cert);
  await writeFile(fileOf('feed.key'), made.private, { mode: 0o600 });
}

/** The gateway looks at its files when it is told to, and says what came of it. */
async function reload(event: string): Promise<void> {
  const count = (): number => estate.log.split(`"event":"${event}"`).length;
  const before = count();
  process.kill(estate.pid, 'SIGHUP');
  await until(() => expect(count()).toBeGreaterThan(before));
}

type Sender = { readonly socket: TLSSocket; readonly shown: unknown; heard: string };

async function sender(): Promise<Sender> {
  // Whom it is, and not whether it is to be trusted, is what the test is about.
  const socket = connect({ port: line.feedPort, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const one: Sender = { socket, shown: socket.getPeerCertificate().subject.CN, heard: '' };
  socket.on('data', (chunk: Buffer) => {
    one.heard += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  return one;
}

const answered = (one: Sender, id: string): Promise<void> =>
  until(() => expect(one.heard.split('\x1c\r').map((text) => verdictOf(Buffer.from(text)))).toContain(`AA|${id}`));

test('rule 8: certificates renewed while a swap holds: nobody loses the socket, new sockets see the new one', async () => {
  for (const peer of line.peers) peer.answerAll();
  const first = await sender();
  expect(first.shown).toBe('first');
  await line.move('parallel');
  first.socket.write(frame(order('T1')));
  await answered(first, 'T1');
  // An output is owed, so the swap holds the feed; then it comes, and the swap goes through.
  const swap = line.put('switched');
  await until(async () => expect((await line.status()).state).toBe('draining'));
  const held = await sender();
  held.socket.write(frame(order('T2')));
  await renew('second');
  await reload('tls-renewed');
  const later = await sender();
  expect([held.shown, later.shown]).toEqual(['first', 'second']);
  later.socket.write(frame(order('T3')));
  expect((await line.status()).state).toBe('draining');
  const fromNew = await line.leg('new');
  fromNew.send(order('T1'));
  await (await line.leg('legacy')).exchange(order('T1'));
  expect(await swap).toMatchObject({ status: 200, body: { phase: 'switched', epoch: 3 } });
  await Promise.all([answered(held, 'T2'), answered(later, 'T3')]);
  expect(line.new.ids.toSorted()).toEqual(['T1', 'T2', 'T3']);
  first.socket.write(frame(order('T4')));
  await answered(first, 'T4');

  await writeFile(fileOf('feed.crt'), 'no certificate');
  await reload('tls-not-renewed');
  const last = await sender();
  expect(last.shown).toBe('second');
  last.socket.write(frame(order('T5')));
  await answered(last, 'T5');
  expect(await line.listed('maybeSent')).toEqual([]);
});
