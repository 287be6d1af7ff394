/** A whole shard over TLS on every leg, shipping as it goes: source, platforms and destination prove who they are. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { freePorts } from '../adapters/test-ports.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { initDataDir, openDataDir } from './data-dir.ts';
import { startShard } from './shard.ts';
import type { Shard } from './shard-options.ts';
import { issue, newAuthority, type Pem, PemFolder } from './tls-harness.ts';

const WAIT = { timeout: 60_000 };
const START_BLOCK = '\x0b';
const END_BLOCK = '\x1c\r';
const OWN = { cert: 'gateway.crt', key: 'gateway.key', ca: 'ca.pem' };

let folder: PemFolder;
let lab: Pem;
let party: Pem;
let database: TestPostgres;
beforeAll(async () => {
  folder = await PemFolder.create();
  lab = await newAuthority('lab');
  party = await issue(lab, 'party.lab');
  await folder.write('ca.pem', lab.cert);
  await folder.put('gateway', await issue(lab, 'gateway.lab'));
  database = await startPostgres();
});
afterAll(async () => {
  await database.remove();
  await folder.remove();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function answerTo(message: string): string {
  const id = message.split('|')[9] ?? '';
  return `MSH|^~\\&|B|B|A|A|20260101||ACK|A${id}|P|2.5.1\rMSA|AA|${id}\r`;
}

function eachMessage(socket: Socket, handle: (message: string) => void): void {
  let pending = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1');
    for (let end = pending.indexOf(END_BLOCK); end >= 0; end = pending.indexOf(END_BLOCK)) {
      const message = pending.slice(pending.indexOf(START_BLOCK) + 1, end);
      pending = pending.slice(end + END_BLOCK.length);
      handle(message);
    }
  });
}

/** Answers positively over mutual TLS and hands every message on. */
async function tlsParty(handle: (message: string) => void): Promise<number> {
  const options = { ...party, ca: lab.cert, requestCert: true, rejectUnauthorized: true };
  const server: Server = createTlsServer(options, (socket) => {
    cleanups.push(() => void socket.destroy());
    eachMessage(socket, (message) => {
      handle(message);
      socket.write(`${START_BLOCK}${answerTo(message)}${END_BLOCK}`, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

function exchange(port: number, message: string): Promise<string> {
  const options = { host: '127.0.0.1', port, servername: 'gateway.lab', ca: lab.cert, ...party };
  const socket = connectTls(options);
  cleanups.push(() => void socket.destroy());
  return new Promise((resolve, reject) => {
    eachMessage(socket, (answer) => {
      resolve(answer);
      socket.end();
    });
    socket.once('close', () => reject(new Error('closed without an answer')));
    socket.once('secureConnect', () => socket.write(`${START_BLOCK}${message}${END_BLOCK}`, 'latin1'));
  });
}

type Ports = { legacy: number; new: number; destination: number; legacyLeg: number; newLeg: number };

function inventory(ports: Ports, more: { feedTls?: object; second?: boolean; dialledFeed?: object } = {}): Inventory {
  const peer = (port: number) => ({ host: '127.0.0.1', port, tls: { ...OWN, serverName: 'party.lab' } });
  const connection = {
    name: 'north',
    direction: 'orders',
    practice: 'north',
    wave: 'pilot',
    feed: {
      port: 0,
      tls: more.feedTls ?? OWN,
      sourceAllow: ['127.0.0.0/8'],
      platforms: { legacy: peer(ports.legacy), new: peer(ports.new) },
      ...more.dialledFeed,
    },
    legs: { legacy: { port: ports.legacyLeg, tls: OWN }, new: { port: ports.newLeg, tls: OWN } },
    destination: peer(ports.destination),
  };
  const feed = { port: 0, tls: { cert: 'gone.crt', key: 'gone.key' }, platforms: connection.feed.platforms };
  const extra = more.second === true ? [{ name: 'late', ...feed }] : [];
  const text = JSON.stringify({
    deployment: 'lab',
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:7443' }],
    feeds: extra,
    connections: [connection],
  });
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

async function start(given: Inventory, logs: string[] = []): Promise<Shard> {
  const dir = await mkdtemp(join(tmpdir(), 'cutover-shard-'));
  const dataDir = join(dir, 'data');
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  await initDataDir({ dataDir, inventory: given, shard: 0, target: 'local', now: new Date() });
  const opened = await openDataDir({ dataDir, inventory: given });
  if (!opened.ok) throw new Error(opened.refusal.message);
  cleanups.push(() => opened.value.lock.release());
  const shard = await startShard({
    inventory: given,
    keys: [],
    inventoryFolder: folder.path,
    identity: opened.value.identity,
    dataDir: opened.value.path,
    signers: null,
    databaseUrl: database.url,
    listenHost: null,
    logger: pino({}, { write: (line: string) => void logs.push(line) }),
    now: Date.now,
  });
  cleanups.push(() => shard.stop(2000));
  return shard;
}

test('a message passes source → platform → destination over mutual TLS, and its records are shipped', async () => {
  const delivered: string[] = [];
  const [legacyLeg = 0, newLeg = 0] = await freePorts(2);
  const destination = await tlsParty((message) => void delivered.push(message));
  const outputs: Promise<string>[] = [];
  const legacy = await tlsParty((message) => void outputs.push(exchange(legacyLeg, message)));
  const ports = { legacy, new: await tlsParty(() => undefined), destination, legacyLeg, newLeg };
  const logs: string[] = [];
  const shard = await start(inventory(ports), logs);

  const message = 'MSH|^~\\&|A|A|B|B|20260101||ORM^O01|M-1|P|2.5.1\rPID|1||4711^^^SECRET\r';
  expect(await exchange(shard.feeds.north ?? 0, message)).toBe(answerTo(message));
  await vi.waitFor(() => expect(delivered).toEqual([message]), WAIT);
  expect(await outputs[0]).toBe(answerTo(message));

  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  cleanups.push(() => client.end());
  await vi.waitFor(async () => {
    const { rows } = await client.query(
      'select type, payload from cutover.records where msh10 = $1 order by "offset"',
      ['M-1'],
    );
    expect(rows.map(({ type, payload }) => [type, String(payload)])).toEqual([
      ['input', message],
      ['output', message],
    ]);
  }, WAIT);
  await vi.waitFor(async () => {
    expect((await shard.host.figures()).text).toMatch(/^cutover_shipping_lag_records 0$/m);
  }, WAIT);
  expect((await shard.host.figures()).text).toMatch(
    /^cutover_certificate_expires_timestamp_seconds\{endpoint="feed north"\} \d/m,
  );
  expect(logs.join()).not.toContain('SECRET');

  const problems = await shard.reload(inventory(ports, { second: true }));
  // Both are read at once: either may be told first.
  expect(problems[0]?.message).toMatch(/gone\.(crt|key) cannot be read/);
  expect(Object.keys(shard.feeds)).toEqual(['north']);
  const again = message.replace('M-1', 'M-2');
  expect(await exchange(shard.feeds.north ?? 0, again)).toBe(answerTo(again));
  await vi.waitFor(() => expect(outputs).toHaveLength(2), WAIT);
  expect(await outputs[1]).toBe(answerTo(again));
});

test('a source that listens is called over mutual TLS; one that shows another name gets nothing', async () => {
  const answers: string[] = [];
  const sent = 'MSH|^~\\&|A|A|B|B|20260101||ORM^O01|D-1|P|2.5.1\rPID|1\r';
  const listening = async (pem: Pem): Promise<number> => {
    const options = { ...pem, ca: lab.cert, requestCert: true, rejectUnauthorized: true };
    const server = createTlsServer(options, (socket) => {
      cleanups.push(() => void socket.destroy());
      eachMessage(socket, (answer) => void answers.push(answer));
      socket.write(`${START_BLOCK}${sent}${END_BLOCK}`, 'latin1');
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => void server.close());
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };
  const legacy = await tlsParty(() => undefined);
  const calling = async (port: number): Promise<Inventory> => {
    const [legacyLeg = 0, newLeg = 0] = await freePorts(2);
    const ports = { legacy, new: legacy, destination: legacy, legacyLeg, newLeg };
    const tls = { ...OWN, serverName: 'party.lab' };
    const dialledFeed = { connect: 'dial', host: '127.0.0.1', port, tls, sourceAllow: undefined };
    return inventory(ports, { dialledFeed });
  };
  const shard = await start(await calling(await listening(party)));
  expect(shard.feeds).toEqual({});
  await vi.waitFor(() => expect(answers).toEqual([answerTo(sent)]), WAIT);
  const logs: string[] = [];
  await start(await calling(await listening(await issue(lab, 'other.lab'))), logs);
  await vi.waitFor(() => expect(logs.join()).toContain('ERR_TLS_CERT_ALTNAME_INVALID'), WAIT);
  expect(answers).toEqual([answerTo(sent)]);
});

test('a gateway whose key file is missing does not start, and says endpoint, file and remedy', async () => {
  const ports = { legacy: 1, new: 2, destination: 3, legacyLeg: 4, newLeg: 5 };
  const given = inventory(ports, { feedTls: { cert: 'gateway.crt', key: 'nowhere.key' } });
  await expect(start(given)).rejects.toThrow(
    `TLS of feed north: ${join(folder.path, 'nowhere.key')} cannot be read (ENOENT) → put the file there`,
  );
});
