/** The admin API over real HTTPS, before a fake host. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import {
  apiErrorSchema,
  connectionStatusSchema,
  infoSchema,
  leaseSchema,
  routeResponseSchema,
} from '../../core/admin-api.ts';
import { initDataDir } from '../data-dir.ts';
import { ALONE, type Family, type Figures } from '../families.ts';
import { type Credential, digestOfToken } from './credentials.ts';
import { fakeHost } from './fake-host.ts';
import type { AdminHost, Caller } from './host.ts';
import { type AdminServer, type AdminServerOptions, startAdminServer } from './server.ts';

const TOKENS = { lead: 'move-token-1', night: 'operate-token-1' };
const CREDENTIALS: Credential[] = [
  { name: 'lead', role: 'move', sha256: digestOfToken(TOKENS.lead) },
  { name: 'night', role: 'operate', sha256: digestOfToken(TOKENS.night) },
];
const MOVE = { requestId: 'request-1', phase: 'decommissioned', expectedEpoch: 3 };
const ROLLBACK = { requestId: 'request-2', phase: 'parallel', expectedEpoch: 3, reason: 'secret words' };

let dir = '';
let certificate = '';
let key = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cutover-admin-'));
  const inventory = {
    deployment: 'd',
    target: 'local' as const,
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:1' }],
  };
  await initDataDir({ dataDir: join(dir, 'data'), inventory, shard: 0, target: 'local', now: new Date() });
  certificate = await readFile(join(dir, 'data', 'admin.crt'), 'utf8');
  key = await readFile(join(dir, 'data', 'admin.key'), 'utf8');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let server: AdminServer | null = null;
let logged: string[] = [];
afterEach(async () => {
  await server?.close(0);
  server = null;
});

async function serve(
  over: Partial<AdminHost> = {},
  { nowMs = Date.now, readLimitMs = 30_000, workerFile }: Partial<AdminServerOptions> = {},
): Promise<void> {
  logged = [];
  const sink = new Writable({
    write(chunk, _, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const logger = pino(sink);
  server = await startAdminServer({
    host: fakeHost(over),
    credentials: CREDENTIALS,
    tls: { certificate, key },
    port: 0,
    logger,
    nowMs,
    readLimitMs,
    ...(workerFile && { workerFile }),
  });
}

type CallOptions = { token?: string | null; body?: unknown; raw?: string; agent?: Agent };
type Answer = { readonly status: number; readonly text: string; readonly json: unknown; readonly type: string };

function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const token = options.token === undefined ? TOKENS.lead : options.token;
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port: server?.port, method, path, ca: certificate, headers, agent: options.agent ?? false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const type = response.headers['content-type'] ?? '';
          const json: unknown = type.startsWith('application/json') ? JSON.parse(text) : null;
          resolve({ status: response.statusCode ?? 0, text, json, type });
        });
      },
    );
    request.on('error', reject);
    request.end(options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body)));
  });
}

async function errorOf(answer: Promise<Answer>): Promise<string> {
  const { status, json } = await answer;
  return `${status} ${apiErrorSchema.parse(json).code}`;
}

test('every documented GET answers in its shape', async () => {
  await serve();
  infoSchema.parse((await call('GET', '/v1/info')).json);
  connectionStatusSchema.parse((await call('GET', '/v1/connections/a')).json);
  expect((await call('GET', '/v1/connections')).json).toMatchObject({ connections: [{ name: 'a' }] });
  expect((await call('GET', '/v1/connections/a/epochs')).json).toEqual({ epochs: [] });
  expect((await call('GET', '/v1/epochs')).json).toEqual({ newest: [] });
  expect((await call('GET', '/v1/connections/a/lists/maybeSent')).json).toEqual({ entries: [], total: 0 });
  expect((await call('GET', '/v1/decisions')).json).toEqual({ decisions: [] });
  expect(await errorOf(call('GET', '/v1/connections/b'))).toBe('404 unknown-connection');
  expect(await errorOf(call('GET', '/v1/connections/b/epochs'))).toBe('404 unknown-connection');
  expect(await errorOf(call('PUT', '/v1/connections/b/route', { body: MOVE }))).toBe('404 unknown-connection');
  expect(await errorOf(call('GET', '/v1/connections/a/lists/other'))).toBe('404 not-found');
  expect(await errorOf(call('GET', '/v2/info'))).toBe('404 not-found');
  expect(await errorOf(call('GET', '/v1/connections/%ZZ'))).toBe('404 not-found');
  expect(await errorOf(call('DELETE', '/v1/info'))).toBe('405 method-not-allowed');
});

test('health and metrics need no credential, everything else does', async () => {
  await serve({ ready: () => ({ ready: false, reasons: ['the journal failed'] }) });
  expect((await call('GET', '/healthz', { token: null })).status).toBe(200);
  const ready = await call('GET', '/readyz', { token: null });
  expect(ready.status).toBe(503);
  expect(ready.json).toEqual({ ready: false, reasons: ['the journal failed'] });
  const metrics = await call('GET', '/metrics', { token: null });
  expect(metrics.text).toMatch(/^cutover_process_open_fds \d+\n/m);
  expect(metrics.text).toMatch(/\ncutover_connections 1\n$/);
  expect(metrics.type).toContain('text/plain; version=0.0.4');
  for (const token of [null, '', 'wrong', `${TOKENS.lead}x`, digestOfToken(TOKENS.lead)]) {
    expect(await errorOf(call('GET', '/v1/info', { token }))).toBe('401 unauthenticated');
    expect(await errorOf(call('PUT', '/v1/connections/a/route', { token, body: MOVE }))).toBe('401 unauthenticated');
  }
});

test('the caller of a move is its credential, and the log says who and what, never the free text', async () => {
  const callers: Caller[] = [];
  await serve({
    move: async (name, request, caller) => {
      callers.push(caller);
      return fakeHost().move(name, request, caller);
    },
  });
  const answer = await call('PUT', '/v1/connections/a/route', { token: TOKENS.night, body: ROLLBACK });
  expect(routeResponseSchema.parse(answer.json)).toMatchObject({ epoch: 4, phase: 'parallel', control: 'legacy' });
  expect(callers).toEqual([{ name: 'night', role: 'operate' }]);
  await vi.waitFor(() => expect(logged.length).toBe(1));
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({
    event: 'move',
    by: 'night',
    requestId: 'request-2',
    outcome: 'done',
    epoch: 4,
  });
  expect(logged.join('')).not.toContain('secret words');
});

test('the role operate moves towards legacy, holds and releases; it does not move towards new nor resolve', async () => {
  await serve();
  const token = TOKENS.night;
  expect(await errorOf(call('PUT', '/v1/connections/a/route', { token, body: MOVE }))).toBe('403 forbidden');
  expect((await call('PUT', '/v1/connections/a/route', { body: MOVE })).status).toBe(200);
  expect((await call('PUT', '/v1/connections/a/route', { token, body: ROLLBACK })).status).toBe(200);
  expect((await call('POST', '/v1/connections/a/hold', { token, body: { forMs: 100, reason: 'r' } })).status).toBe(200);
  expect((await call('POST', '/v1/connections/a/release', { token })).status).toBe(200);
  const resolution = { action: 'deliver', reason: 'r' };
  expect(await errorOf(call('POST', '/v1/decisions/1', { token, body: resolution }))).toBe('403 forbidden');
  expect(await errorOf(call('POST', '/v1/decisions/1', { body: resolution }))).toBe('404 unknown-decision');
});

test('a body that is no JSON, wrong or too large is refused before the host hears of it', async () => {
  let moves = 0;
  await serve({
    move: async (name, request, caller) => {
      moves += 1;
      return fakeHost().move(name, request, caller);
    },
  });
  const path = '/v1/connections/a/route';
  expect(await errorOf(call('PUT', path, { raw: '{"phase":' }))).toBe('400 invalid');
  expect(await errorOf(call('PUT', path, { body: { ...MOVE, extra: 1 } }))).toBe('400 invalid');
  expect(await errorOf(call('PUT', path, { body: { ...MOVE, expectedEpoch: 0 } }))).toBe('400 invalid');
  expect(await errorOf(call('PUT', path, { body: { ...MOVE, newWeight: 100 } }))).toBe('400 weight-out-of-range');
  expect(await errorOf(call('PUT', path, { raw: `"${'x'.repeat(600_000)}"` }))).toBe('413 too-large');
  expect(await errorOf(call('POST', '/v1/connections/a/hold', { body: { forMs: 0, reason: 'r' } }))).toBe(
    '400 invalid',
  );
  for (const reason of ['half a \ud800 character', 'a \0', '\u001b[2J']) {
    const raw = JSON.stringify({ ...MOVE, reason });
    expect([reason, await errorOf(call('PUT', path, { raw }))]).toEqual([reason, '400 invalid']);
  }
  expect(moves).toBe(0);
  expect((await call('PUT', path, { body: { ...MOVE, reason: 'two\nlines, “quoted”' } })).status).toBe(200);
});

test('what is no path is told so, and the log stays silent', async () => {
  await serve();
  for (const path of ['//', '//[', 'https://%/v1/info'])
    expect([path, await errorOf(call('GET', path))]).toEqual([path, '404 not-found']);
  expect(logged.filter((line) => line.includes('admin-failed'))).toEqual([]);
});

test('a wave of moves, and many who only keep their connection open, leave room for who looks', async () => {
  await serve();
  const idle = Array.from({ length: 300 }, () => connect({ port: server?.port ?? 0, host: '127.0.0.1' }));
  try {
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    expect((await call('GET', '/v1/info')).status).toBe(200);
  } finally {
    for (const socket of idle) socket.destroy();
  }
});

test('a refusal of the host is passed on with status, epoch and next steps', async () => {
  const error = { code: 'stale-epoch', message: 'it is at epoch 5', connection: 'a', epoch: 5, next: ['cutover sync'] };
  await serve({ move: async () => ({ ok: false, status: 409, error }) });
  const answer = await call('PUT', '/v1/connections/a/route', { body: MOVE });
  expect(answer.status).toBe(409);
  expect(answer.json).toEqual(error);
});

test('what breaks in the host is a 500 without its words, and the server goes on', async () => {
  await serve({
    connections: () => {
      throw new Error('inner detail');
    },
  });
  const answer = await call('GET', '/v1/connections');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('inner detail');
  expect((await call('GET', '/v1/info')).status).toBe(200);
});

test('the lease: taken, renewed, refused by name, given back, ended by time', async () => {
  let nowMs = 1_000_000;
  await serve({}, { nowMs: () => nowMs });
  const lease = { holder: 'one', host: 'h', operator: 'ann', verb: 'switch', ttlMs: 30_000 };
  expect(await errorOf(call('GET', '/v1/lease'))).toBe('404 no-lease');
  leaseSchema.parse((await call('PUT', '/v1/lease', { token: TOKENS.night, body: lease })).json);
  const other = await call('PUT', '/v1/lease', { body: { ...lease, holder: 'two' } });
  expect(other.status).toBe(409);
  expect(apiErrorSchema.parse(other.json).message).toContain("'cutover switch' by ann on h");
  expect(await errorOf(call('DELETE', '/v1/lease?holder=two'))).toBe('409 lease-held');
  expect(await errorOf(call('DELETE', '/v1/lease'))).toBe('400 invalid');
  expect((await call('DELETE', '/v1/lease?holder=one')).status).toBe(200);
  expect(await errorOf(call('GET', '/v1/lease'))).toBe('404 no-lease');
  await call('PUT', '/v1/lease', { body: lease });
  nowMs += 30_000;
  expect((await call('PUT', '/v1/lease', { body: { ...lease, holder: 'two' } })).status).toBe(200);
});

test('TLS, HTTP and refusals cost the traffic nothing: they are answered while its thread does something else', async () => {
  await serve();
  const code = `
    const options = { host: '127.0.0.1', port: ${server?.port}, path: '/v1/info', rejectUnauthorized: false };
    require('node:https').get(options, (response) => process.stdout.write(String(response.statusCode)));`;
  // This thread stands still until the child has its answer.
  expect(execFileSync(process.execPath, ['-e', code], { timeout: 60_000, encoding: 'utf8' })).toBe('401');
});

test('many who scrape at once get the whole text, each of them', async () => {
  const rows = Array.from({ length: 5000 }, (_, index) => ({ connection: `connection-${index}` }));
  const values = Float64Array.from(rows.keys());
  const family: Family = { name: 'cutover_epoch', help: 'Epoch', type: 'gauge', rows, columns: ALONE, values };
  await serve({ figures: async () => ({ families: [family], text: 'cutover_connections 1\n' }) });
  const answers = await Promise.all(Array.from({ length: 20 }, () => call('GET', '/metrics', { token: null })));
  for (const { text } of answers) {
    expect(text.match(/^cutover_epoch\{connection="connection-\d+"\} \d+$/gm)).toHaveLength(5000);
    expect(text).toMatch(/^cutover_epoch\{connection="connection-4999"\} 4999$/m);
    expect(text.endsWith('cutover_connections 1\n')).toBe(true);
  }
});

test('credentials that are given anew count from then on, and no other', async () => {
  await serve();
  await server?.renew({ credentials: [{ name: 'next', role: 'move', sha256: digestOfToken('another-token') }] });
  expect(await errorOf(call('GET', '/v1/info'))).toBe('401 unauthenticated');
  expect((await call('GET', '/v1/info', { token: 'another-token' })).json).toMatchObject({ you: { name: 'next' } });
});

test('a certificate that TLS cannot use is refused, and the former one stays in use', async () => {
  await serve();
  await expect(server?.renew({ tls: { certificate: 'no certificate', key } })).rejects.toThrow();
  expect((await call('GET', '/v1/info')).status).toBe(200);
});

test('a thread that breaks is told and started again on its port, with the credentials of the time', async () => {
  const worker = new URL('./worker.ts', import.meta.url);
  const code = `
    import { parentPort } from 'node:worker_threads';
    await import('${worker.href}');
    parentPort.on('message', ({ answer }) => { if (answer?.status === 404) throw new Error('broken'); });`;
  await serve({}, { workerFile: new URL(`data:text/javascript,${encodeURIComponent(code)}`) });
  const port = server?.port;
  await server?.renew({ credentials: [{ name: 'next', role: 'move', sha256: digestOfToken('another-token') }] });
  await expect(call('GET', '/v1/connections/unknown', { token: 'another-token' })).rejects.toThrow();
  await vi.waitFor(async () => expect((await call('GET', '/v1/info', { token: 'another-token' })).status).toBe(200), {
    timeout: 60_000,
    interval: 100,
  });
  expect(server?.port).toBe(port);
  expect(logged.filter((line) => line.includes('admin-thread-failed'))).toHaveLength(1);
});

test('closing lets a move in flight finish and get its answer, and does not wait for idle keep-alive sockets', async () => {
  let finish: () => void = () => undefined;
  const started = Promise.withResolvers<void>();
  await serve({
    move: async (name, request, caller) => {
      started.resolve();
      await new Promise<void>((end) => {
        finish = end;
      });
      return fakeHost().move(name, request, caller);
    },
  });
  const agent = new Agent({ keepAlive: true });
  const answer = call('PUT', '/v1/connections/a/route', { body: MOVE, agent });
  await started.promise;
  const closed = server?.close(60_000);
  finish();
  expect((await answer).status).toBe(200);
  await closed;
  agent.destroy();
});

test('who asks and does not read the answer loses the connection, and the others keep theirs', async () => {
  const asked = Promise.withResolvers<void>();
  const text = 'cutover_connections 1\n'.repeat(2_000_000);
  const figures = async (): Promise<Figures> => {
    asked.resolve();
    return { families: [], text };
  };
  await serve({ figures }, { readLimitMs: 200 });
  const silent = connectTls({ host: '127.0.0.1', port: server?.port ?? 0, ca: certificate, servername: 'localhost' });
  silent.on('error', () => undefined);
  silent.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.promise;
  try {
    const began = performance.now();
    // What is still being answered is waited for this long.
    await server?.close(120_000);
    expect(performance.now() - began).toBeLessThan(60_000);
  } finally {
    silent.destroy();
    server = null;
  }
});
