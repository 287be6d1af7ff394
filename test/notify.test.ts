/** Who is told of real moves: after the verb, without a word in its result, whatever the receiver does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { generate } from 'selfsigned';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Estate, STACK_HEAD, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';
import { runPulumi } from './verbs-pulumi.ts';

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

it('a red gate is told, once, with what is red; and a verb that only looks tells nothing else', async () => {
  await writeReceivers(BRIDGE);
  for (const expected of [1, 0]) {
    const run = await estate.project.cutover(['gate', '--wave', 'pilot', '--json']);
    expect(run.exitCode, run.stderr).toBe(3);
    expect(told).toHaveLength(expected);
    if (expected === 1) expect(told.splice(0)[0]).toMatch(/gate: no go for 1 connection.*raid/s);
  }
  expect((await estate.project.cutover(['gate', '--all', '--json'])).exitCode).toBe(3);
  expect(told.splice(0)).toEqual([expect.stringContaining('gate: no go for 3 connections')]);
});

it('a letter goes to a mail server that wants TLS and a password, whose certificate an authority of the house has signed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-mail-'));
  const certificate = join(folder, 'mail.crt');
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { algorithm: 'sha256' });
  await writeFile(certificate, cert);
  const letters: string[] = [];
  const mail = new SMTPServer({
    key,
    cert,
    // Also a client that would send its password in the clear is refused.
    allowInsecureAuth: false,
    onAuth: ({ username, password }, _session, done) =>
      username === 'cutover' && password === 'right' ? done(null, { user: username }) : done(new Error('no')),
    onData: (stream, { user, secure }, done) => {
      stream.resume();
      stream.on('end', () => {
        letters.push(`${user} ${secure ? 'over TLS' : 'in the clear'}`);
        done();
      });
    },
  });
  mail.on('error', () => undefined);
  const listening = mail.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  await writeReceivers(
    `  - { name: people, kind: email, host: localhost, port: ${port}, tls: starttls, user: MAIL_USER, password: MAIL_PASSWORD, from: cutover@lab.example, to: [ada@lab.example] }\n`,
  );
  const env = { MAIL_USER: 'cutover', MAIL_PASSWORD: 'right', NODE_EXTRA_CA_CERTS: certificate };
  const notify = async (more: Readonly<Record<string, string>>): Promise<unknown> => {
    const run = await estate.project.cutover(['notify', '--json'], more);
    expect(run.stdout + run.stderr).not.toMatch(/right|wrong/);
    return JSON.parse(run.stdout);
  };
  try {
    expect(await notify(env)).toMatchObject({ ok: true, done: [{ name: 'people' }] });
    expect(letters).toEqual(['cutover over TLS']);
    const refused = await notify({ ...env, MAIL_PASSWORD: 'wrong' });
    expect(refused).toMatchObject({ ok: false, failed: [{ message: expect.stringContaining('EAUTH, 535') }] });
    const unknown = await notify({ ...env, NODE_EXTRA_CA_CERTS: '' });
    expect(unknown).toMatchObject({ ok: false, failed: [{ message: expect.stringContaining('ESOCKET') }] });
    expect(letters).toHaveLength(1);
  } finally {
    await new Promise<void>((done) => mail.close(() => done()));
    await rm(folder, { recursive: true, force: true });
  }
});

async function startRoom() {
  const child = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', estate.project.folder, '--port', '0', '--notify'],
    { env: { ...process.env, ...estate.env, DATABASE_URL: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

it('the war room tells of a bare `pulumi up`, once, and leaves the moves of verbs to the verbs', async () => {
  await writeReceivers(BRIDGE);
  const child = await startRoom();
  try {
    const back = await estate.project.cutover(['cancel', '--all', '--yes', '--json', '--reason', 'x']);
    expect(back.exitCode, back.stderr).toBe(0);
    expect(told.splice(0)).toEqual([expect.stringContaining('cancel: 3 connections are legacy')]);
    const routes = await estate.routes();
    const entries = estate.names.map(
      (name) => `    ${name}: { phase: parallel, epoch: ${(routes.get(name)?.epoch ?? 0) + 1} }\n`,
    );
    await estate.project.writeStack(`${STACK_HEAD}  lab-cutover:routes:\n${entries.join('')}`);
    const up = await runPulumi(estate.project.folder, estate.env, ['up', '--yes']);
    expect(up.exitCode, up.output).toBe(0);
    await until(() => told.length > 0);
    expect(told).toEqual([expect.stringMatching(/pulumi up: 3 connections are parallel.*local.*cutover sync/s)]);
    told.splice(0);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

it('the war room tells when a gateway is gone', async () => {
  await writeReceivers(BRIDGE);
  const child = await startRoom();
  try {
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
