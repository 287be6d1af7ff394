/** Against a real HTTPS server that speaks as Mirth Connect and Open Integration Engine do: XML, basic authentication. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EngineApi } from '../core/reconcile/attestation.ts';
import { readEngineQueues } from './engine-queues.ts';

const PASSWORD = 'geheim: "<&"';
const env = { ENGINE_PASSWORD: PASSWORD };

let folder: string;
let server: Server;
let api: EngineApi;
/** By path; what is not there is answered with 404. */
let answers: Map<string, string>;
let asked: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-engine-'));
  const certificate = await generate([{ name: 'commonName', value: 'engine' }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
  const login = `Basic ${Buffer.from(`cutover:${PASSWORD}`).toString('base64')}`;
  server = createServer({ key: certificate.private, cert: certificate.cert }, (request, response) => {
    asked.push(request.url ?? '');
    // As the engine does: without this header, whoever asks is refused.
    if (request.headers['x-requested-with'] === undefined) return response.writeHead(400).end();
    if (request.headers.authorization !== login) return response.writeHead(401).end();
    const body = answers.get(request.url ?? '');
    if (body === undefined) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}/api`;
  api = {
    platform: 'new',
    api: 'mirth',
    url,
    user: 'cutover',
    passwordEnv: 'ENGINE_PASSWORD',
    ca: join(folder, 'ca.pem'),
  };
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
  answers = new Map([
    [STATUSES, list(channel('c1', 'northside orders', 0, [0, 0]), channel('c2', 'results', 3, [1, 2]))],
    [errorsOf('c1'), '<long>0</long>'],
    [errorsOf('c2'), '<long>4</long>'],
  ]);
});

const STATUSES = '/api/channels/statuses?includeUndeployed=true';
const errorsOf = (id: string): string => `/api/channels/${id}/messages/count?status=ERROR`;
const list = (...statuses: string[]): string => `<list>\n${statuses.join('\n')}\n</list>`;
/** As the engine's XStream writes one: counters, and its connectors within. */
function channel(id: string, name: string, queued: number, connectors: readonly number[]): string {
  const counters = (tag: string): string =>
    `<${tag} class="linked-hash-map"><entry><com.mirth.connect.donkey.model.message.Status>ERROR</com.mirth.connect.donkey.model.message.Status><long>9</long></entry></${tag}>`;
  const status = (inner: string, waiting: number, type: string): string =>
    `<dashboardStatus><channelId>${id}</channelId><name>${name}</name><state>STARTED</state><deployedRevisionDelta>0</deployedRevisionDelta>${counters('statistics')}${counters('lifetimeStatistics')}${inner}<queueEnabled>true</queueEnabled><queued>${waiting}</queued><waitForPrevious>false</waitForPrevious><tags class="linked-hash-set"/><statusType>${type}</statusType></dashboardStatus>`;
  const children = connectors.map((waiting) => status('<childStatuses/>', waiting, 'DESTINATION_CONNECTOR')).join('');
  return status(`<childStatuses>${children}</childStatuses>`, queued, 'CHANNEL');
}

test('queues and errors of all channels are added up, and nothing but counts is asked for', async () => {
  expect(await readEngineQueues(api, env)).toEqual({ ok: true, value: { queued: 3, errors: 4, channels: 2 } });
  expect(asked.sort()).toEqual([errorsOf('c1'), errorsOf('c2'), STATUSES].sort());
});

test('where a channel says less than its connectors do, they are believed; an undeployed channel has no figure', async () => {
  answers.set(
    STATUSES,
    list(
      channel('c2', 'results', 0, [5, 2]),
      '<dashboardStatus><channelId>c1</channelId><name>old</name><state>UNDEPLOYED</state><statusType>CHANNEL</statusType></dashboardStatus>',
    ),
  );
  expect(await readEngineQueues(api, env)).toMatchObject({ value: { queued: 7, errors: 4, channels: 2 } });
});

test('only the channels that are named count, and one that is not there is said', async () => {
  expect(await readEngineQueues({ ...api, channels: ['northside orders'] }, env)).toMatchObject({
    value: { queued: 0, errors: 0, channels: 1 },
  });
  expect(asked).not.toContain(errorsOf('c2'));
  expect(await readEngineQueues({ ...api, channels: ['southside'] }, env)).toMatchObject({
    ok: false,
    message: expect.stringContaining('it has no channel named southside'),
  });
});

test('an engine without channels has nothing that waits', async () => {
  for (const empty of ['<list/>', '<list></list>']) {
    answers.set(STATUSES, empty);
    expect(await readEngineQueues(api, env)).toMatchObject({ value: { queued: 0, errors: 0, channels: 0 } });
  }
});

test('whatever else it says is no count: refused by its reason, and the password stands in none', async () => {
  const tries: [string, string, RegExp][] = [
    ['cut', list(channel('c1', 'a', 0, [])).slice(0, -9), /no XML|cut/],
    ['another document', '<map/>', /is <map>, not <list>/],
    ['a page', '<!DOCTYPE html><html><body>log in</body></html>', /DOCTYPE|<html>/],
    ['an entity', '<!DOCTYPE list [<!ENTITY x "9">]><list/>', /DOCTYPE/],
    ['JSON', '{"list":null}', /no XML/],
    ['nothing', '', /cut/],
    [
      'no number',
      list(channel('c1', 'a', 0, []).replace('<queued>0</queued>', '<queued>many</queued>')),
      /no whole number/,
    ],
    ['a number below nothing', list(channel('c1', 'a', -1, [])), /no whole number/],
    ['no id', list('<dashboardStatus><name>a</name></dashboardStatus>'), /no ids/],
  ];
  for (const [what, body, message] of tries) {
    answers.set(STATUSES, body);
    const read = await readEngineQueues(api, env);
    expect([what, read.ok, read.ok ? '' : read.message]).toEqual([what, false, expect.stringMatching(message)]);
    expect(JSON.stringify(read)).not.toContain('geheim');
  }
});

test('a wrong password, an unset one, a stranger’s certificate, a route that is not there, and nobody at all', async () => {
  const reasons = async (over: Partial<EngineApi>, with_: NodeJS.ProcessEnv = env): Promise<string> => {
    const read = await readEngineQueues({ ...api, ...over }, with_);
    return read.ok ? 'read' : read.message;
  };
  expect(await reasons({}, { ENGINE_PASSWORD: 'wrong' })).toContain('it does not let cutover read (401)');
  expect(await reasons({}, {})).toContain('ENGINE_PASSWORD is not set');
  const { ca: _ca, ...publicly } = api;
  expect(await readEngineQueues(publicly, env)).toMatchObject({
    ok: false,
    message: expect.stringContaining('certificate'),
  });
  expect(await reasons({ ca: join(folder, 'none.pem') })).toContain('ENOENT');
  answers.delete(errorsOf('c1'));
  expect(await reasons({})).toContain('it answered 404 to channels/c1/messages/count');
  expect(await reasons({ url: 'http://127.0.0.1:1/api' })).toContain('ECONNREFUSED');
});
