/** Listeners and peers over real sockets: who gets in, who is closed and counted, and what a renewal leaves open. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { ListenerSecurity, PeerSecurity } from '../../core/endpoint-security.ts';
import { parseInventory } from '../../core/inventory.ts';
import { TlsStore } from '../tls.ts';
import { issue, newAuthority, type Pem, PemFolder } from '../tls-harness.ts';
import { dial } from './dialling.ts';
import { Listening, type TurnedAway } from './listening.ts';

const OPEN: ListenerSecurity = { tls: null, sourceAllow: null };
const MUTUAL: ListenerSecurity = {
  tls: { cert: 'gateway.crt', key: 'gateway.key', clientCa: 'ca.pem', minVersion: '1.2' },
  sourceAllow: null,
};
const WAIT = { timeout: 20_000 };

let folder: PemFolder;
let lab: Pem;
let stranger: Pem;
let store: TlsStore;
beforeAll(async () => {
  folder = await PemFolder.create();
  [lab, stranger] = await Promise.all([newAuthority('lab'), newAuthority('stranger')]);
  await folder.write('ca.pem', lab.cert);
  await folder.put('gateway', await issue(lab, 'gateway.lab'));
  store = new TlsStore(folder.path);
  expect(await store.add(inventoryNaming(), 0)).toEqual([]);
});
afterAll(() => folder.remove());

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Every protection that the tests use, so that its files are loaded. */
function inventoryNaming() {
  const own = { cert: 'gateway.crt', key: 'gateway.key' };
  const feed = (name: string, port: number, tls: object) => ({
    name,
    port,
    tls,
    platforms: {
      legacy: { host: `${name}.legacy`, port: 1, tls: { ...own, ca: 'ca.pem' } },
      new: { host: `${name}.new`, port: 1, tls: { ca: 'ca.pem' } },
    },
  });
  const text = JSON.stringify({
    deployment: 'lab',
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:7443' }],
    feeds: [feed('mutual', 1, { ...own, ca: 'ca.pem' }), feed('newest', 2, { ...own, minVersion: '1.3' })],
    connections: [],
  });
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

type Listens = { port: number; accepted: Socket[]; turnedAway: TurnedAway[]; listening: Listening };

async function listen(security: ListenerSecurity): Promise<Listens> {
  const accepted: Socket[] = [];
  const turnedAway: TurnedAway[] = [];
  const listening = new Listening({ kind: 'feed', feed: 'orders' }, security, store, {
    accepted: (_endpoint, socket) => {
      accepted.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => socket.write(chunk));
    },
    turnedAway: (_endpoint, what) => turnedAway.push(what),
    failed: (_endpoint, error) => expect.unreachable(error.message),
  });
  closing.push(() => {
    listening.stop();
    for (const socket of accepted) socket.destroy();
  });
  return { port: await listening.listen('127.0.0.1', 0), accepted, turnedAway, listening };
}

function client(port: number, own: Pem | null, options: { maxVersion?: 'TLSv1.2' } = {}): TLSSocket {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'gateway.lab', ca: lab.cert, ...own, ...options });
  socket.on('error', () => undefined);
  closing.push(() => socket.destroy());
  return socket;
}

/** Also where an error comes first. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  const [chunk]: unknown[] = await answer;
  return String(chunk);
}

test('sourceAllow: an allowed address speaks, another is closed at once and counted', async () => {
  const allowed = await listen({ ...OPEN, sourceAllow: ['127.0.0.0/24', 'fd00::/8'] });
  const inside = connect({ host: '127.0.0.1', port: allowed.port });
  closing.push(() => inside.destroy());
  expect(await echo(inside, 'hello')).toBe('hello');

  const refused = await listen({ ...OPEN, sourceAllow: ['127.0.0.2', '10.0.0.0/8'] });
  const outside = connect({ host: '127.0.0.1', port: refused.port });
  outside.on('error', () => undefined);
  await closed(outside);
  expect(refused.accepted).toEqual([]);
  expect(refused.turnedAway).toEqual([{ cause: 'source-not-allowed', from: '127.0.0.1' }]);
  const other = connect({ host: '127.0.0.1', port: refused.port, localAddress: '127.0.0.2' });
  closing.push(() => other.destroy());
  expect(await echo(other, 'hello')).toBe('hello');
});

test('mutual TLS: only a client with a certificate of the authority gets in; others are counted', async () => {
  const { port, accepted, turnedAway } = await listen(MUTUAL);
  expect(await echo(client(port, await issue(lab, 'emr')), 'hello')).toBe('hello');
  for (const own of [null, await issue(stranger, 'emr')]) {
    const before = turnedAway.length;
    await closed(client(port, own));
    await vi.waitFor(() => expect(turnedAway.length).toBe(before + 1), WAIT);
  }
  const plain = connect({ host: '127.0.0.1', port });
  plain.on('error', () => undefined);
  plain.write('\x0bMSH|^~\\&|plain\x1c\r');
  plain.resume();
  await closed(plain);
  await vi.waitFor(() => expect(turnedAway.length).toBe(3), WAIT);
  expect(turnedAway.every(({ cause }) => cause === 'tls-failed')).toBe(true);
  expect(JSON.stringify(turnedAway)).not.toContain('MSH');
  expect(accepted).toHaveLength(1);
});

test('minVersion 1.3 refuses a client that speaks 1.2 at most', async () => {
  const tls = { cert: 'gateway.crt', key: 'gateway.key', clientCa: null, minVersion: '1.3' } as const;
  const { port, accepted } = await listen({ tls, sourceAllow: null });
  await closed(client(port, null, { maxVersion: 'TLSv1.2' }));
  expect(accepted).toEqual([]);
  expect(await echo(client(port, null), 'hello')).toBe('hello');
});

test('a renewal: who is connected stays, who comes next sees the new certificate', async () => {
  const { port, listening } = await listen(MUTUAL);
  const own = await issue(lab, 'emr');
  const before = client(port, own);
  expect(await echo(before, 'one')).toBe('one');
  const first = before.getPeerCertificate().fingerprint256;
  await folder.put('gateway', await issue(lab, 'gateway.lab'));
  expect((await store.refresh()).problems).toEqual([]);
  listening.renew(store);
  const after = client(port, own);
  expect(await echo(after, 'two')).toBe('two');
  expect(after.getPeerCertificate().fingerprint256).not.toBe(first);
  expect(await echo(before, 'three')).toBe('three');
});

async function peer(pem: Pem | null, handler: (socket: Socket) => void): Promise<number> {
  const options = { requestCert: true, rejectUnauthorized: true, ca: lab.cert };
  const server: Server = pem === null ? createServer(handler) : createTlsServer({ ...pem, ...options }, handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

const TO_LIS: PeerSecurity = {
  tls: { own: { cert: 'gateway.crt', key: 'gateway.key' }, ca: 'ca.pem', serverName: 'lis.lab', minVersion: '1.2' },
  sourceAddress: null,
};

test('dialling: the gateway proves itself, checks the name of the peer, and speaks only then', async () => {
  const names: string[] = [];
  const answering = (socket: Socket): void => {
    if ('getPeerCertificate' in socket) names.push(String((socket as TLSSocket).getPeerCertificate().subject.CN));
    socket.on('error', () => undefined);
    socket.pipe(socket);
  };
  const good = await peer(await issue(lab, 'lis.lab'), answering);
  const ready = vi.fn();
  const socket = dial({ host: '127.0.0.1', port: good }, TO_LIS, store, { ready, bytes: () => undefined });
  closing.push(() => socket.destroy());
  await vi.waitFor(() => expect(ready).toHaveBeenCalledOnce(), WAIT);
  expect(await echo(socket, 'hello')).toBe('hello');
  expect(names).toEqual(['gateway.lab']);

  const never = vi.fn();
  for (const pem of [await issue(lab, 'other.lab'), await issue(stranger, 'lis.lab')]) {
    const wrong = dial({ host: '127.0.0.1', port: await peer(pem, answering) }, TO_LIS, store, {
      ready: never,
      bytes: () => undefined,
    });
    const [error]: unknown[] = await once(wrong, 'error').catch((thrown: unknown) => [thrown]);
    expect(error).toBeInstanceOf(Error);
  }
  const plain = dial({ host: '127.0.0.1', port: await peer(null, answering) }, TO_LIS, store, {
    ready: never,
    bytes: () => undefined,
  });
  plain.on('error', () => undefined);
  await closed(plain);
  expect(never).not.toHaveBeenCalled();
});

test('sourceAddress: the peer sees the address that it was promised', async () => {
  const seen: (string | undefined)[] = [];
  const port = await peer(null, (socket) => {
    seen.push(socket.remoteAddress);
    socket.destroy();
  });
  const socket = dial({ host: '127.0.0.1', port }, { tls: null, sourceAddress: '127.0.0.3' }, store, {
    ready: () => undefined,
    bytes: () => undefined,
  });
  socket.on('error', () => undefined);
  await closed(socket);
  expect(seen).toEqual(['127.0.0.3']);
});
