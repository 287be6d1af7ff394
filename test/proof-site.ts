/**
 * For tests of proof across processes: a real gateway that ships to a real PostgreSQL, real workers, and a source, two
 * platforms and a destination over sockets that lose, change, double and refuse what they are told to.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { freePorts } from '../adapters/test-ports.ts';
import { eachFrame, frame } from './mllp-frames.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';

export const CONNECTION = 'north-orders';

export type Platform = 'legacy' | 'new';

export type Received = { readonly id: string; readonly sha256: string; readonly atMs: number };

/** Changed by a test as it goes. */
export type Behaviour = {
  /** What a platform makes of a message; empty: it takes it, and sends nothing on. */
  outputs: (platform: Platform, id: string, message: string) => readonly string[];
  /** MSA-1 of the destination's answer. */
  verdict: (id: string) => string;
};

/** A platform that was not written here: told where its output goes, it says where its input is to go. */
export type ForeignPlatform = (leg: number) => Promise<{ readonly port: number; stop(): Promise<unknown> }>;

export type SiteOptions = {
  readonly correlate?: readonly string[];
  /** Stands in the place of the simulated one. */
  readonly newPlatform?: ForeignPlatform;
  /** `stacks/rules/test.yaml` of the project. */
  readonly rules?: object;
};

export type ProofSite = {
  readonly project: TestProject;
  readonly database: TestPostgres;
  readonly admin: GatewayClient;
  readonly behaviour: Behaviour;
  /** What reaches the gateway. */
  readonly env: Readonly<Record<string, string>>;
  /** What the destination has taken, as its own record says. */
  readonly received: Received[];
  /** Through one socket, one after the other; resolves with the answers' codes. */
  send(messages: readonly string[]): Promise<readonly string[]>;
  startWorker(args?: readonly string[]): Promise<ChildProcess>;
  route(phase: 'parallel' | 'switched', reason?: string): Promise<void>;
  stop(): Promise<void>;
};

export async function startProofSite(options: SiteOptions = {}): Promise<ProofSite> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return await start(options, cleanups, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  { correlate, newPlatform, rules }: SiteOptions,
  cleanups: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<ProofSite> {
  const database = await startPostgres();
  cleanups.push(() => database.remove());
  const folder = await mkdtemp(join(tmpdir(), 'cutover-proof-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const received: Received[] = [];
  const behaviour: Behaviour = { outputs: (_platform, _id, message) => [message], verdict: () => 'AA' };
  const [adminPort = 0, feedPort = 0, legacyLeg = 0, newLeg = 0] = await freePorts(4);
  const sockets = new Set<Socket>();
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
  });
  const listen = async (onMessage: (message: string) => string): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      eachFrame(socket, (message) => void socket.write(frame(onMessage(message))));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return address.port;
  };
  const platform = (name: Platform, leg: number): Promise<number> => {
    let previous: Promise<unknown> = Promise.resolve();
    return listen((message) => {
      for (const output of behaviour.outputs(name, idOf(message), message)) {
        previous = previous.then(() => exchange(leg, [output], sockets)).catch(() => undefined);
      }
      return answerTo(message, 'AA');
    });
  };
  const peer = (port: number) => ({ host: '127.0.0.1', port });
  const newPort = async (): Promise<number> => {
    if (newPlatform === undefined) return platform('new', newLeg);
    const foreign = await newPlatform(newLeg);
    cleanups.push(() => foreign.stop());
    return foreign.port;
  };
  const destination = await listen((message) => {
    const code = behaviour.verdict(idOf(message));
    if (code === 'AA') received.push({ id: idOf(message), sha256: sha256Of(message), atMs: Date.now() });
    return answerTo(message, code);
  });
  const inventory = {
    deployment: 'lab-proof-1',
    gateways: [{ shard: 0, admin: `https://127.0.0.1:${adminPort}` }],
    connections: [
      {
        name: CONNECTION,
        direction: 'orders',
        practice: 'north',
        wave: 'pilot',
        feed: {
          port: feedPort,
          ackTimeout: '10s',
          platforms: { legacy: peer(await platform('legacy', legacyLeg)), new: peer(await newPort()) },
        },
        legs: { legacy: { port: legacyLeg }, new: { port: newLeg } },
        destination: peer(destination),
        ...(correlate === undefined ? {} : { correlate }),
      },
    ],
  };
  const data = join(folder, 'gateway');
  const env: Record<string, string> = { CUTOVER_ADMIN_CA: join(data, 'admin.crt'), DATABASE_URL: database.url };
  const project = await createTestProject(env);
  cleanups.push(() => project.remove());
  await project.writeInventory(inventory);
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
  if (rules !== undefined) {
    await mkdir(join(project.folder, 'stacks/rules'), { recursive: true });
    await writeFile(join(project.folder, 'stacks/rules/test.yaml'), JSON.stringify(rules));
  }
  const file = join(project.folder, 'stacks/test/inventory.yaml');
  const gateway = await serve(
    'gateway/main.ts',
    ['--init', '--inventory', file, '--data-dir', data, '--admin-port', String(adminPort)],
    { DATABASE_URL: database.url },
  );
  cleanups.push(() => end(gateway));
  env.CUTOVER_ADMIN_TOKEN = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
  const admin = new GatewayClient({ admin: `https://127.0.0.1:${adminPort}`, shard: 0, env });
  cleanups.push(() => admin.close());
  return {
    project: { ...project, cutover: (args, extra = {}) => project.cutover(args, { ...env, ...extra }) },
    database,
    admin,
    behaviour,
    env,
    received,
    send: (messages) => exchange(feedPort, messages, sockets),
    startWorker: async (args = []) => {
      const all = ['--inventory', file, '--project', project.folder, '--settle', '3s', ...args];
      const worker = await serve('proof/main.ts', all, { DATABASE_URL: database.url });
      cleanups.push(() => end(worker));
      return worker;
    },
    route: async (phase, reason) => {
      const status = await admin.connection(CONNECTION);
      if (!status.ok) throw new Error(status.error.message);
      const expectedEpoch = status.value.epoch;
      const moved = await admin.move(CONNECTION, {
        requestId: `test-${expectedEpoch}`,
        phase,
        expectedEpoch,
        ...(reason === undefined ? {} : { reason }),
      });
      if (!moved.ok) throw new Error(moved.error.message);
    },
    stop,
  };
}

async function serve(
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(REPOSITORY, entry), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => {
    errors.push(chunk.toString());
    if (errors.length > 100) errors.shift();
  });
  const line = once(createInterface(child.stdout), 'line').then(([first]) => String(first));
  const over = once(child, 'exit').then(([code]): never => {
    throw new Error(`${entry} ended with ${code}: ${errors.join('')}`);
  });
  over.catch(() => undefined);
  await Promise.race([line, over]);
  return child;
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = await exited;
  return typeof code === 'number' ? code : null;
}

async function exchange(port: number, messages: readonly string[], sockets: Set<Socket>): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  const codes: string[] = [];
  try {
    await once(socket, 'connect');
    for (const message of messages) {
      const answered = Promise.withResolvers<string>();
      for (const event of ['data', 'close', 'error']) socket.removeAllListeners(event);
      eachFrame(socket, answered.resolve);
      socket.once('close', () => answered.reject(new Error(`port ${port} closed without an answer`)));
      socket.on('error', answered.reject);
      socket.write(frame(message));
      codes.push(/\rMSA\|([A-Z]{2})/.exec(await answered.promise)?.[1] ?? 'none');
    }
    return codes;
  } finally {
    socket.destroy();
    sockets.delete(socket);
  }
}

export function order(id: string, number = id): string {
  return [
    `MSH|^~\\&|EMR|NORTH|LIS|LAB|20260101120000||ORM^O01|${id}|P|2.5.1`,
    'PID|1||4711^^^NORTH||DOE^JANE',
    `ORC|NW|${number}`,
    `OBR|1|${number}||CBC^Blood count`,
    '',
  ].join('\r');
}

function answerTo(message: string, code: string): string {
  return `MSH|^~\\&|LIS|LAB|EMR|NORTH|20260101120000||ACK|A${idOf(message)}|P|2.5.1\rMSA|${code}|${idOf(message)}\r`;
}

function idOf(message: string): string {
  return message.split('\r')[0]?.split('|')[9] ?? '';
}

function sha256Of(message: string): string {
  return createHash('sha256').update(message, 'latin1').digest('hex');
}
