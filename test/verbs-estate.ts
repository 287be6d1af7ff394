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
import { freePorts } from '../adapters/test-ports.ts';
import type { ConnectionStatus } from '../core/admin-api.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';

export type Estate = {
  readonly project: TestProject;
  /** Of shard 0. */
  readonly admin: GatewayClient;
  /** Of the shard that serves this connection. */
  adminOf(name: string): GatewayClient;
  readonly adminPort: number;
  readonly names: readonly string[];
  /** What verbs need to reach the gateways; given to this project's verbs already. */
  readonly env: Readonly<Record<string, string>>;
  readonly inventory: EstateInventory;
  /** By name, of all gateways; throws where one does not answer. */
  routes(): Promise<ReadonlyMap<string, ConnectionStatus>>;
  gatewayPid(shard?: number): number;
  dataDir(shard: number): string;
  /** kill -9. */
  killGateway(shard?: number): Promise<void>;
  /** Starts it again on the same data directory, after it was killed. */
  restartGateway(shard?: number): Promise<void>;
  stop(): Promise<void>;
};

export type EstateInventory = {
  readonly deployment: string;
  readonly gateways: readonly object[];
  readonly connections: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
};
type EstateConnection = EstateInventory['connections'][number];

export type EstateOptions = {
  /** Added to the environment of the verbs. */
  readonly env?: Readonly<Record<string, string>>;
  /** An allowed_signers file: the gateways are of target production and are started with it. */
  readonly signers?: string;
  /** The gateways ship to it, and the verbs read it. */
  readonly databaseUrl?: string;
  /** Gateways; connection i is on shard i mod shards. */
  readonly shards?: number;
  /** Members that replace those of the plain connection, whose ports are chosen already. */
  readonly change?: (connection: EstateConnection) => object | Promise<object>;
};

export const STACK_HEAD = 'config:\n  lab-cutover:layer: routes\n';

type Running = { readonly shard: number; readonly data: string; readonly adminPort: number; child: ChildProcess };

export async function startEstate(count: number, options: EstateOptions = {}): Promise<Estate> {
  const { shards = 1, change = () => ({}) } = options;
  const folder = await mkdtemp(join(tmpdir(), 'cutover-estate-'));
  const peer = await startPeer();
  const ports = await freePorts(shards + count * 3);
  const adminPorts = ports.slice(0, shards);
  const inventory = await inventoryOf(count, adminPorts, ports.slice(shards), peer.port, change);
  const database = options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl };
  const env: Record<string, string> = { ...options.env, ...database };
  const project = await createTestProject(env);
  const { signers = null } = options;
  await project.writeInventory(signers === null ? inventory : { ...inventory, target: 'production' });
  await project.writeStack(`${STACK_HEAD}  lab-cutover:routes: {}\n`);
  const file = join(project.folder, 'stacks/test/inventory.yaml');
  const running: Running[] = [];
  for (const [shard, adminPort] of adminPorts.entries()) {
    const data = join(folder, `gateway-${shard}`);
    // Before it starts, so that this process trusts it however soon it is asked.
    env[`CUTOVER_ADMIN_CA_${shard}`] = join(data, 'admin.crt');
    const isProduction = signers !== null;
    if (shard > 0 || isProduction) await initGateway(file, data, shard, isProduction ? 'production' : 'local');
    const more = isProduction ? ['--signers', signers] : shard === 0 ? ['--init'] : [];
    running.push({ shard, data, adminPort, child: await startGateway(file, data, adminPort, more, database) });
    env[`CUTOVER_ADMIN_TOKEN_${shard}`] = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
  }
  const admins = running.map(
    ({ shard, adminPort }) => new GatewayClient({ admin: `https://127.0.0.1:${adminPort}`, shard, env }),
  );
  const [admin] = admins;
  if (admin === undefined) throw new Error('an estate has a gateway');
  const names = inventory.connections.map(({ name }) => name);
  const of = (shard: number): Running => {
    const found = running[shard];
    if (found === undefined) throw new Error(`the estate has no shard ${shard}`);
    return found;
  };
  return {
    project: {
      ...project,
      cutover: (args, extra = {}) => project.cutover(args, { ...env, ...extra }),
      start: (args, extra = {}) => project.start(args, { ...env, ...extra }),
    },
    admin,
    adminOf: (name) => admins[names.indexOf(name) % shards] ?? admin,
    adminPort: of(0).adminPort,
    names,
    env,
    inventory,
    routes: async () => {
      const read = await Promise.all(admins.map((one) => one.connections()));
      const statuses = read.flatMap((answer) => {
        if (!answer.ok) throw new Error(answer.error.message);
        return answer.value.map((status) => [status.name, status] as const);
      });
      return new Map(statuses);
    },
    gatewayPid: (shard = 0) => of(shard).child.pid ?? 0,
    dataDir: (shard) => of(shard).data,
    killGateway: async (shard = 0) => {
      of(shard).child.kill('SIGKILL');
      await ended(of(shard).child);
    },
    restartGateway: async (shard = 0) => {
      const one = of(shard);
      await ended(one.child);
      const more = signers === null ? [] : ['--signers', signers];
      one.child = await startGateway(file, one.data, one.adminPort, more, database);
    },
    stop: async () => {
      await Promise.all(admins.map((one) => one.close()));
      for (const { child } of running) child.kill('SIGTERM');
      await Promise.all(running.map(({ child }) => ended(child)));
      await peer.stop();
      await project.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function inventoryOf(
  count: number,
  adminPorts: readonly number[],
  ports: readonly number[],
  peerPort: number,
  change: NonNullable<EstateOptions['change']>,
): Promise<EstateInventory> {
  const peer = { host: '127.0.0.1', port: peerPort };
  const plain = Array.from({ length: count }, (_, index) => {
    const [feed = 0, legacy = 0, next = 0] = ports.slice(index * 3, index * 3 + 3);
    return {
      name: `practice-${String(index + 1).padStart(3, '0')}-orders`,
      direction: 'orders',
      practice: `practice-${index + 1}`,
      wave: index % 10 === 0 ? 'pilot' : `wave-${1 + (index % 3)}`,
      feed: {
        port: feed,
        shard: index % adminPorts.length,
        ackTimeout: '10s',
        platforms: { legacy: peer, new: peer },
      },
      legs: { legacy: { port: legacy }, new: { port: next } },
      destination: peer,
    };
  });
  return {
    deployment: 'lab-estate-1',
    gateways: adminPorts.map((port, shard) => ({ shard, admin: `https://127.0.0.1:${port}` })),
    connections: await Promise.all(plain.map(async (connection) => ({ ...connection, ...(await change(connection)) }))),
  };
}

/** Only shard 0 of target local can be born by `--init`. */
async function initGateway(inventory: string, data: string, shard: number, target: string): Promise<void> {
  const args = ['init', '--inventory', inventory, '--data-dir', data, '--shard', String(shard), '--target', target];
  const child = spawn(process.execPath, [join(REPOSITORY, 'gateway/main.ts'), ...args], { stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`gateway init of shard ${shard} ended with ${code}`);
}

async function startGateway(
  inventory: string,
  data: string,
  adminPort: number,
  more: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const args = ['--inventory', inventory, '--data-dir', data, '--admin-port', String(adminPort), ...more];
  const child = spawn(process.execPath, [join(REPOSITORY, 'gateway/main.ts'), ...args], {
    env: { ...process.env, ...env },
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
