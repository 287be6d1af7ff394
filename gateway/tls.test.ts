/** PEM files as the inventory names them: what is wrong with them is said, and a change on disk is taken up or refused. */

import { createPrivateKey } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ListenerTls } from '../core/endpoint-security.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { TlsStore } from './tls.ts';
import { issue, newAuthority, type Pem, PemFolder } from './tls-harness.ts';

let folder: PemFolder;
let authority: Pem;
beforeAll(async () => {
  folder = await PemFolder.create();
  authority = await newAuthority('lab');
  await folder.write('ca.pem', authority.cert);
  await folder.put('gateway', await issue(authority, 'gateway'));
  await folder.put('other', await issue(authority, 'other'));
});
afterAll(() => folder.remove());

const listenerTls = (over: Partial<ListenerTls> = {}): ListenerTls => ({
  cert: 'gateway.crt',
  key: 'gateway.key',
  clientCa: null,
  minVersion: '1.2',
  ...over,
});

function inventory(feedTls: ListenerTls | null, destinationCa: string | null = null): Inventory {
  const tls = feedTls === null ? undefined : { ...feedTls, ca: feedTls.clientCa ?? undefined, clientCa: undefined };
  const text = JSON.stringify({
    deployment: 'lab',
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:7443' }],
    connections: [
      {
        name: 'north',
        direction: 'orders',
        practice: 'north',
        wave: 'pilot',
        feed: { port: 21001, tls, platforms: { legacy: { host: 'a', port: 1 }, new: { host: 'b', port: 1 } } },
        legs: { legacy: { port: 22001 }, new: { port: 23001 } },
        destination: { host: 'lis', port: 1, tls: destinationCa === null ? undefined : { ca: destinationCa } },
      },
    ],
  });
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

test('files are found from the folder of the inventory and serve listeners and peers', async () => {
  const store = new TlsStore(folder.path);
  expect(await store.add(inventory(listenerTls({ clientCa: 'ca.pem' }), 'ca.pem'), 0)).toEqual([]);
  expect(store.listener(listenerTls({ clientCa: 'ca.pem' })).ca).toBe(authority.cert);
  expect(store.peer({ own: null, ca: 'ca.pem', serverName: null, minVersion: '1.2' })).toBeDefined();
  expect(store.expiries().map(({ endpoint }) => endpoint)).toEqual(['feed north']);
  expect(await new TlsStore('/nowhere').add(inventory(listenerTls()), 1)).toEqual([]);
});

test.each([
  ['a missing key', listenerTls({ key: 'absent.key' }), 'absent.key cannot be read (ENOENT)'],
  ['the key of another certificate', listenerTls({ key: 'other.key' }), 'other.key is not the key of'],
  ['a key in place of a certificate', listenerTls({ cert: 'gateway.key' }), 'gateway.key holds no certificate'],
  ['a certificate in place of a key', listenerTls({ key: 'gateway.crt' }), 'gateway.crt holds no private key'],
  ['authorities without one', listenerTls({ clientCa: 'gateway.key' }), 'gateway.key holds no certificate'],
  ['a locked key', listenerTls({ key: 'locked.key' }), 'locked with a passphrase'],
])('%s is said with endpoint, file and remedy, and nothing is taken', async (_, tls, message) => {
  const pem = (await issue(authority, 'locked')).key;
  const locked = createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
  await folder.write('locked.key', locked.toString());
  const store = new TlsStore(folder.path);
  const [problem, ...others] = await store.add(inventory(tls), 0);
  expect(others).toEqual([]);
  expect(problem?.endpoint).toBe('feed north');
  expect(problem?.message).toContain(message);
  expect(problem?.remedy).not.toBe('');
  expect(JSON.stringify(problem)).not.toContain('-----');
  expect(store.expiries()).toEqual([]);
  expect(() => store.listener(tls)).toThrow('have not been loaded');
});

test('renewed files are taken up once; a half-done renewal is said and the former pair stays', async () => {
  await folder.put('renewed', await issue(authority, 'gateway'));
  const tls = listenerTls({ cert: 'renewed.crt', key: 'renewed.key' });
  const store = new TlsStore(folder.path);
  expect(await store.add(inventory(tls), 0)).toEqual([]);
  const first = store.listener(tls).cert;
  expect(await store.refresh()).toEqual({ renewed: [], problems: [] });

  const next = await issue(authority, 'gateway');
  await folder.write('renewed.crt', `${next.cert}\n`);
  const halfway = await store.refresh();
  expect(halfway.renewed).toEqual([]);
  expect(halfway.problems[0]?.message).toContain('is not the key of');
  expect(store.listener(tls).cert).toBe(first);

  await folder.write('renewed.key', `${next.key}\n`);
  expect(await store.refresh()).toEqual({ renewed: ['feed north'], problems: [] });
  expect(store.listener(tls).cert).toBe(`${next.cert}\n`);
  expect(await store.refresh()).toEqual({ renewed: [], problems: [] });

  await rm(join(folder.path, 'renewed.key'));
  expect((await store.refresh()).problems[0]?.message).toContain('cannot be read (ENOENT)');
  expect(store.listener(tls).cert).toBe(`${next.cert}\n`);
});
