/**
 * For tests and benches of the verbs at size: a real gateway process with N connections, a project beside it, and what
 * is true at the gateway. No traffic: platforms and destination are one port that accepts and says nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import type { ConnectionStatus } from '../core/admin-api.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';

export type Estate = {
  readonly project: TestProject;
  readonly admin: GatewayClient;
  readonly adminPort: number;
  readonly names: readonly string[];
  /** What verbs need to reach the gateway; given to this project's verbs already. */
  readonly env: Readonly<Record<string, string>>;
  readonly inventory: EstateInventory;
  /** By name; throws where the gateway does not answer. */
  routes(): Promise<ReadonlyMap<string, ConnectionStatus>>;
  gatewayPid(): number;
  /** Starts it again on the same data directory, after it was killed. */
  restartGateway(): Promise<void>;
  stop(): Promise<void>;
};

export type EstateInventory = {
  readonly deployment: string;
  readonly gateways: readonly object[];
  readonly connections: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
};

export const STACK_HEAD = 'config:\n  lab-cutover:layer: routes\n';

export async function startEstate(
  count: number,
  more: Readonly<Record<string, string>> = {},
  change: (connection: EstateInventory['connections'][number]) => object = () => ({}),
): Promise<Estate> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-estate-'));
  const peer = await startPeer();
  const [adminPort = 0, ...ports] = await freePorts(1 + count * 3);
  const data = join(folder, 'gateway');
  const inventory = inventoryOf(count, adminPort, ports, peer.port, change);
  const env: Record<string, string> = { CUTOVER_ADMIN_CA: join(data, 'admin.crt'), ...more };
  const project = await createTestProject(env);
  await project.writeInventory(inventory);
  await project.writeStack(`${STACK_HEAD}  lab-cutover:routes: {}\n`);
  const start = (): Promise<ChildProcess> =>
    startGateway(join(project.folder, 'stacks/test/inventory.yaml'), data, adminPort);
  let gateway = await start();
  env.CUTOVER_ADMIN_TOKEN = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
  const admin = new GatewayClient({ admin: `https://127.0.0.1:${adminPort}`, shard: 0, env });
  return {
    project: {
      ...project,
      cutover: (args, extra = {}) => project.cutover(args, { ...env, ...extra }),
      start: (args, extra = {}) => project.start(args, { ...env, ...extra }),
    },
    admin,
    adminPort,
    names: inventory.connections.map(({ name }) => name),
    env,
    inventory,
    routes: async () => {
      const read = await admin.connections();
      if (!read.ok) throw new Error(read.error.message);
      return new Map(read.value.map((status) => [status.name, status]));
    },
    gatewayPid: () => gateway.pid ?? 0,
    restartGateway: async () => {
      await ended(gateway);
      gateway = await start();
    },
    stop: async () => {
      await admin.close();
      gateway.kill('SIGTERM');
      await ended(gateway);
      await peer.stop();
      await project.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function inventoryOf(
  count: number,
  adminPort: number,
  ports: readonly number[],
  peerPort: number,
  change: (connection: EstateInventory['connections'][number]) => object,
): EstateInventory {
  const peer = { host: '127.0.0.1', port: peerPort };
  const connections = Array.from({ length: count }, (_, index) => {
    const [feed = 0, legacy = 0, next = 0] = ports.slice(index * 3, index * 3 + 3);
    const connection = {
      name: `practice-${String(index + 1).padStart(3, '0')}-orders`,
      direction: 'orders',
      practice: `practice-${index + 1}`,
      wave: index % 10 === 0 ? 'pilot' : `wave-${1 + (index % 3)}`,
      feed: { port: feed, ackTimeout: '10s', platforms: { legacy: peer, new: peer } },
      legs: { legacy: { port: legacy }, new: { port: next } },
      destination: peer,
    };
    return { ...connection, ...change(connection) };
  });
  return {
    deployment: 'lab-estate-1',
    gateways: [{ shard: 0, admin: `https://127.0.0.1:${adminPort}` }],
    connections,
  };
}

async function startGateway(inventory: string, data: string, adminPort: number): Promise<ChildProcess> {
  const args = ['--init', '--inventory', inventory, '--data-dir', data, '--admin-port', String(adminPort)];
  const child = spawn(process.execPath, [join(REPOSITORY, 'gateway/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => {
    errors.push(chunk.toString());
    if (errors.length > 100) errors.shift();
  });
  const line = once(createInterface(child.stdout), 'line').then(([first]) => String(first));
  const over = once(child, 'exit').then(([code]): never => {
    throw new Error(`the gateway ended with ${code}: ${errors.join('')}`);
  });
  over.catch(() => undefined);
  const ready: unknown = JSON.parse(await Promise.race([line, over]));
  if (typeof ready !== 'object' || ready === null || !('ready' in ready)) throw new Error('the gateway is not ready');
  return child;
}

async function startPeer(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Below the range from which the system takes ports for outgoing connections, so that none is lost in between. */
const LOWEST = 10_000;
const WIDTH = 22_000;

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * WIDTH);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
