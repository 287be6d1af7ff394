/** The product's gateway as the bench runs it: born in a folder of its own, on free ports, moved through its admin API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { freePortsIn } from '../../adapters/free-ports.ts';
import { GatewayClient } from '../../adapters/gateway-admin.ts';
import type { ChangeOverMethod } from '../../core/platform.ts';
import { endProcess, started } from './processes.ts';

const MAIN = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url));
const readySchema = z.object({ adminPort: z.int(), feeds: z.record(z.string(), z.int()) });

export type Ports = {
  /** Absent: the system gives them. It takes longer and longer to find one the more are taken. */
  readonly feed?: readonly number[];
  readonly legacy: readonly number[];
  readonly new: readonly number[];
  readonly destination: readonly number[];
};
/** What is written for the legs of one connection. */
type Legs = { readonly legacy: string; readonly new: string };

/** How long after an answer an output can still come. */
export const SETTLE_MS = 100;
/** Connections that have a leg together, where there are too many for one each. */
const SHARE_A_LEG = 50;

export class GatewayProcess {
  readonly feeds: readonly number[];
  readonly admin: GatewayClient;
  readonly readyMs: number;
  readonly adminPort: number;
  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    feeds: readonly number[],
    adminPort: number,
    admin: GatewayClient,
    readyMs: number,
  ) {
    this.#child = child;
    this.adminPort = adminPort;
    this.feeds = feeds;
    this.admin = admin;
    this.readyMs = readyMs;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  static async start(folder: string, inventory: string, databaseUrl?: string): Promise<GatewayProcess> {
    const dataDir = join(folder, 'data');
    const args = ['--inventory', inventory, '--data-dir', dataDir, '--init', '--admin-port', '0'];
    const began = performance.now();
    const env = { ...process.env, CUTOVER_LOG_LEVEL: 'error', DATABASE_URL: databaseUrl };
    const child = started(spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env }));
    const line = await firstLine(child);
    const readyMs = performance.now() - began;
    const { adminPort, feeds } = readySchema.parse(JSON.parse(line));
    const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim();
    const credentials = { CUTOVER_ADMIN_TOKEN: token, CUTOVER_ADMIN_CA: join(dataDir, 'admin.crt') };
    const admin = new GatewayClient({ admin: `https://127.0.0.1:${adminPort}`, shard: 0, env: credentials });
    const ports = Object.keys(feeds).map((_, index) => feeds[nameOf(index)] ?? 0);
    return new GatewayProcess(child, ports, adminPort, admin, readyMs);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.admin.close();
    await endProcess(this.#child, signal);
  }
}

export function nameOf(index: number): string {
  return `c${index}`;
}

/** Two for each connection, as in `ports`: first legacy's, then new's. */
export function ownLegs(ports: readonly number[]): Legs[] {
  return Array.from({ length: ports.length / 2 }, (_, index) => ({
    legacy: `{ port: ${ports[2 * index]} }`,
    new: `{ port: ${ports[2 * index + 1]} }`,
  }));
}

/** Of so many connections. */
export function sharedLegPorts(connections: number): number {
  return 2 * Math.ceil(connections / SHARE_A_LEG);
}

/** Where nothing comes on them: thousands of feeds would otherwise need more open files than a process may have. */
export function sharedLegs(connections: number, ports: readonly number[]): Legs[] {
  return Array.from({ length: connections }, (_, index) => {
    const at = 2 * Math.floor(index / SHARE_A_LEG);
    const leg = (port: number | undefined): string => `{ port: ${port}, match: { MSH-6: CLINIC-${index} } }`;
    return { legacy: leg(ports[at]), new: leg(ports[at + 1]) };
  });
}

/** Legs must be known beforehand, so free ports are looked for. */
export async function writeInventory(
  folder: string,
  ports: Ports,
  legs: readonly Legs[],
  changeOver: ChangeOverMethod = 'quiesce',
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const lines = ['deployment: bench', 'gateways: [{ shard: 0, admin: "https://127.0.0.1:7443" }]', 'connections:'];
  for (const [index, legacy] of ports.legacy.entries()) {
    const platform = (port: number): string => `{ host: 127.0.0.1, port: ${port} }`;
    lines.push(
      `  - name: ${nameOf(index)}`,
      '    direction: results',
      `    practice: practice-${index}`,
      '    wave: all',
      `    feed: { port: ${ports.feed?.[index] ?? 0}, ackTimeout: 30s, platforms: { legacy: ${platform(legacy)}, new: ${platform(ports.new[index] ?? legacy)} } }`,
      `    legs: { legacy: ${legs[index]?.legacy}, new: ${legs[index]?.new} }`,
      `    destination: { host: 127.0.0.1, port: ${ports.destination[index] ?? legacy} }`,
      '    correlate: [MSH-10]',
      '    outputs: zero-or-one',
      `    settle: ${SETTLE_MS}ms`,
      `    changeOver: ${changeOver}`,
    );
  }
  const path = join(folder, 'inventory.yaml');
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

/** Below what systems give to outgoing connections, of which there are many here. */
const PORTS = { from: 10_000, below: 32_000 };

export async function freePorts(count: number): Promise<number[]> {
  const ports = await freePortsIn(PORTS, count);
  if (ports.length < count) throw new Error(`there are no ${count} free ports`);
  return ports;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code} before it was ready`)));
  });
}
