/** Who is told of real moves: after the verb, without a word in its result, whatever the receiver does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';

let estate: Estate;
let server: Server;
/** Titles, as they come. */
const told: string[] = [];
const waiting: (() => void)[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      told.push(body);
      for (const wake of waiting.splice(0)) wake();
      if (request.url !== '/never') response.writeHead(200).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  estate = await startEstate(3, {
    env: { BRIDGE: `http://127.0.0.1:${port}/services/secret`, DEAF: `http://127.0.0.1:${port}/never` },
  });
});
afterAll(async () => {
  await estate.stop();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const BRIDGE = '  - { name: bridge, kind: slack, url: BRIDGE }\n';

async function writeReceivers(text: string): Promise<void> {
  await writeFile(join(estate.project.folder, 'stacks/test/notify.yaml'), `receivers:\n${text}`);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((wake) => waiting.push(wake));
}

it('notify tries every receiver and says which cannot be told', async () => {
  await writeReceivers(`${BRIDGE}  - { name: people, kind: teams, url: NOWHERE }\n`);
  const run = await estate.project.cutover(['notify', '--json']);
  expect(run.exitCode, run.stderr).toBe(1);
  expect(JSON.parse(run.stdout)).toMatchObject({
    done: [{ name: 'bridge' }],
    failed: [{ name: 'people', message: 'NOWHERE is not set' }],
  });
  expect(told.splice(0).join()).toContain('This is a test');
});

it('a verb tells what has moved, by whom, and no reason that somebody typed', async () => {
  await writeReceivers(BRIDGE);
  const run = await estate.project.cutover(['sync', '--all', '--yes', '--json', '--reason', 'John Doe 1970']);
  expect(run.exitCode, run.stderr).toBe(0);
  expect(told).toEqual([]);
  const moved = await estate.project.cutover(['parallel', '--all', '--yes', '--json', '--reason', 'John Doe 1970']);
  expect(moved.exitCode, moved.stderr).toBe(0);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('parallel: 3 connections are parallel');
  expect(told[0]).toContain('ada');
  expect(told.splice(0)[0]).not.toContain('John Doe');
});

it('a receiver that never answers costs neither the result nor the exit code, and is said', async () => {
  await writeReceivers('  - { name: deaf, kind: slack, url: DEAF }\n');
  const run = await estate.project.cutover(['cancel', '--all', '--yes', '--json', '--reason', 'x']);
  expect(run.exitCode, run.stderr).toBe(0);
  expect(JSON.parse(run.stdout).changed).toHaveLength(3);
  expect(run.stderr).toContain("'deaf' of notify.yaml was not told: no answer within 5 s. The cancel is done");
  told.splice(0);
});

it('a notify.yaml that does not hold stops no verb', async () => {
  await writeReceivers('  - { name: x, kind: pigeon }\n');
  const run = await estate.project.cutover(['parallel', '--all', '--yes', '--json']);
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.stderr).toContain('nobody was told (the parallel is not concerned)');
  expect(run.stderr).toContain('notify.yaml:2');
});

it('the war room tells when a gateway is gone', async () => {
  await writeReceivers(BRIDGE);
  const child = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', estate.project.folder, '--port', '0', '--notify'],
    { env: { ...process.env, ...estate.env, DATABASE_URL: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(createInterface({ input: child.stdout }), 'line');
    await estate.killGateway();
    await until(() => told.length > 0);
    expect(told[0]).toContain('3 connections need somebody now');
    await estate.restartGateway();
    await until(() => told.length > 1);
    expect(told[1]).toContain('Well again');
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});
