/** `compare --replay`: old messages through a platform that is not in the live path, over real sockets. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../adapters/test-ports.ts';
import { compareModeDocumentSchema } from '../core/compare-document.ts';
import { eachFrame, frame } from './mllp-frames.ts';
import { CONNECTION, order } from './proof-site.ts';
import { createTestProject, type TestProject } from './verbs-harness.ts';

const IDS = ['A', 'B', 'C', 'D', 'E'];

let project: TestProject;
let folder: string;
let platform: Server;
let [platformPort, capturePort, livePort]: number[] = [];
/** What the platform makes of a message; empty: nothing. */
let mapping: (message: string) => string = (message) => message;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-replay-'));
  for (const name of ['inputs', 'outputs']) await mkdir(join(folder, name));
  [platformPort, capturePort, livePort] = await freePorts(3);
  platform = createServer((socket) => {
    socket.on('error', () => undefined);
    eachFrame(socket, (message) => {
      const id = message.split('|')[9] ?? '';
      socket.write(frame(`MSH|^~\\&|P|Q|E|N|2026||ACK|K|P|2.5\rMSA|AA|${id}\r`));
      const output = mapping(message);
      if (output === '') return;
      const out = connect(capturePort ?? 0, '127.0.0.1', () => out.write(frame(output)));
      out.on('error', () => undefined);
      eachFrame(out, () => out.destroy());
    });
  }).listen(platformPort, '127.0.0.1');
  await once(platform, 'listening');
  project = await createTestProject({});
  const peer = { host: '127.0.0.1', port: livePort };
  await project.writeInventory({
    deployment: 'lab-replay-1',
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:1' }],
    connections: [
      {
        name: CONNECTION,
        direction: 'orders',
        practice: 'north',
        wave: 'pilot',
        feed: { port: 21_001, platforms: { legacy: peer, new: { ...peer, port: 9 } } },
        legs: { legacy: { port: 22_001 }, new: { port: 23_001 } },
        destination: peer,
      },
    ],
  });
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
  await writeFile(join(folder, 'inputs', 'all.hl7'), IDS.map((id) => order(id)).join(''));
  // Legacy numbered its outputs itself, and they were kept in another order.
  const outputs = IDS.toReversed().map((id) => order(`L${id}`, id));
  await Promise.all(outputs.map((output, n) => writeFile(join(folder, 'outputs', `${n}.hl7`), output)));
});
afterAll(async () => {
  await project?.remove();
  platform?.close();
  await rm(folder, { recursive: true, force: true });
});

async function replay(...args: string[]) {
  const own = ['compare', '--replay', folder, '--connection', CONNECTION, '--capture', String(capturePort)];
  const run = await project.cutover([
    ...own,
    '--to',
    `127.0.0.1:${platformPort}`,
    '--within',
    '500ms',
    '--json',
    ...args,
  ]);
  return { exitCode: run.exitCode, document: compareModeDocumentSchema.parse(JSON.parse(run.stdout)), run };
}

test('given the outputs of legacy, then those of the platform are held against them, and what differs, lacks or was never recorded is named', async () => {
  mapping = (message) => {
    if (message.includes('|C|P|')) return '';
    const own = message.replace(/\|([A-E])\|P\|/, '|L$1|P|');
    return own.includes('|LB|') ? own.replace('CBC^', 'CBX^') : own;
  };
  const { exitCode, document } = await replay();
  expect(exitCode).toBe(3);
  expect(document.replay).toMatchObject({ messages: 5, answered: 5, outputs: 4, compared: 4, matched: 3 });
  const named = document.replay?.differences.map(({ path, kind, exampleIds }) => [path, kind, exampleIds[0]?.msh10]);
  expect(named).toEqual([
    ['message', 'missing-candidate', 'LC'],
    ['OBR-4.1', 'value', 'LB'],
  ]);
  mapping = (message) => message.replace(/\|([A-E])\|P\|/, '|L$1|P|');
  expect((await replay()).exitCode).toBe(0);
});

test('given the same platform twice, then what it changes from run to run is proposed as a rule', async () => {
  let runs = 0;
  mapping = (message) => message.replace(/20260101120000/, () => `202601011200${String(10 + (runs++ % 40))}`);
  const { exitCode, document } = await replay('--twice');
  expect(exitCode).toBe(3);
  expect(document.replay).toMatchObject({ compared: 5, matched: 0 });
  expect(document.suggestions).toMatchObject([{ path: 'MSH-7', pairs: 5, rule: { kind: 'date', withinSeconds: 60 } }]);
  mapping = (message) => message;
  expect((await replay('--twice')).exitCode).toBe(0);
});

test.each([
  ['an address of the live path', () => `127.0.0.1:${livePort}`, `legacy of feed ${CONNECTION}`],
  ['another name of it', () => `LocalHost:${livePort}`, `legacy of feed ${CONNECTION}`],
  ["the gateway's own feed", () => 'localhost:21001', `the feed ${CONNECTION}`],
  ['a leg of the gateway', () => '127.0.0.1:23001', `the leg of new of ${CONNECTION}`],
])('given %s, then nothing is sent there', async (_, to, of) => {
  const run = await project.cutover([
    ...['compare', '--replay', folder, '--connection', CONNECTION, '--capture', String(capturePort)],
    ...['--to', to()],
  ]);
  expect(run.exitCode).toBe(3);
  expect(run.stderr).toContain(`${to()} is ${of}`);
});
