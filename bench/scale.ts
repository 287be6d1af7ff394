/**
 * `npm run bench:scale -- 250 1000 5000`: what grows with the number of connections, on one real gateway and the real Pulumi engine:
 * the assignment of listeners, the gateway's start and memory, what a verb asks of it, a first `up` and a preview of the routes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { freePort } from '../adapters/test-ports.ts';
import { legsOf, loadBalancersFor } from '../core/edge/load-balancers.ts';
import { parseInventory } from '../core/inventory.ts';
import { createStandInProject, type StandInProject } from '../infra/testing/stand-in-stack.ts';

const ROOT = resolve(import.meta.dirname, '..');
const FIRST_PORT = 10_000;
/** An address of its own, so that thousands of ports are free whatever else runs here. */
const LISTEN_HOST = '127.0.0.77';
const STACK = 'production';
/** Nobody listens there: nothing is sent. */
const PEER = { host: '127.0.0.1', port: 9 };
const ROUNDS = 5;
/** Of one stack: the engine hands its whole config to the program in one variable, which may be 128 KiB long on Linux. */
const ROUTES_LIMIT = 1500;

type Figures = Readonly<Record<string, number>>;

for (const count of process.argv.slice(2).map(Number)) {
  if (!Number.isInteger(count) || count < 1) throw new Error('name one or more numbers of connections: 250 1000 5000');
  process.stdout.write(`${JSON.stringify(await measure(count))}\n`);
}

async function measure(connections: number): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-scale-'));
  let gateway: ChildProcess | null = null;
  try {
    const file = join(folder, 'inventory.yaml');
    const port = await freePort();
    const text = JSON.stringify(inventoryOf(connections, port));
    await writeFile(file, text);
    const assigned = assignment(text);
    const dataDir = join(folder, 'data');
    const startedMs = performance.now();
    gateway = await startGateway(file, dataDir, port);
    const startMs = performance.now() - startedMs;
    const memoryMiB = await residentMiB(gateway);
    const env = {
      CUTOVER_ADMIN_TOKEN: (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim(),
      CUTOVER_ADMIN_CA: join(dataDir, 'admin.crt'),
    };
    const asked = await askAll(port, env);
    const pulumi = connections <= ROUTES_LIMIT ? await routes(text, connections, env) : {};
    return { connections, ...assigned, startMs: round(startMs), memoryMiB: round(memoryMiB), ...asked, ...pulumi };
  } finally {
    if (gateway !== null) await end(gateway);
    await rm(folder, { recursive: true, force: true });
  }
}

function assignment(text: string): Figures {
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems.slice(0, 3)));
  const listening = [...parsed.value.feeds, ...legsOf(parsed.value)];
  const startedMs = performance.now();
  const { length } = loadBalancersFor(listening);
  return { listeners: listening.length, loadBalancers: length, assignmentMs: round(performance.now() - startedMs) };
}

async function askAll(port: number, env: Readonly<Record<string, string>>): Promise<Figures> {
  const client = new GatewayClient({ admin: `https://127.0.0.1:${port}`, shard: 0, env });
  const times: number[] = [];
  for (let index = 0; index < ROUNDS; index++) {
    const startedMs = performance.now();
    const answer = await client.connections();
    if (!answer.ok) throw new Error(answer.error.message);
    times.push(performance.now() - startedMs);
  }
  await client.close();
  return { fanOutMs: round(times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0) };
}

async function routes(inventory: string, connections: number, env: Readonly<Record<string, string>>): Promise<Figures> {
  const project = await createStandInProject(env);
  try {
    await writeFile(join(project.folder, 'stacks/production/inventory.yaml'), inventory);
    await project.run(STACK, ['stack', 'init']);
    return await timedRuns(project, connections);
  } finally {
    await project.remove();
  }
}

async function timedRuns(project: StandInProject, connections: number): Promise<Figures> {
  const names = Array.from({ length: connections }, (_, index) => nameOf(index));
  const entries = names.map((name) => `    ${name}: {phase: legacy, epoch: 1}\n`).join('');
  const header = 'config:\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n';
  await writeFile(join(project.folder, `stacks/Pulumi.${STACK}.yaml`), `${header}${entries}`);
  const timed = async (args: readonly string[]): Promise<number> => {
    const startedMs = performance.now();
    const { exitCode, output } = await project.run(STACK, args);
    if (exitCode !== 0) throw new Error(output.slice(-2000));
    return Math.round((performance.now() - startedMs) / 100) / 10;
  };
  const firstUpSeconds = await timed(['up', '--yes', '--skip-preview', '--parallel', '64']);
  const previewSeconds = await timed(['preview', '--parallel', '64']);
  return { firstUpSeconds, previewSeconds };
}

async function startGateway(inventory: string, dataDir: string, port: number): Promise<ChildProcess> {
  const args = [
    '--init',
    '--inventory',
    inventory,
    '--data-dir',
    dataDir,
    '--admin-port',
    String(port),
    '--listen-host',
    LISTEN_HOST,
  ];
  const child = spawn(process.execPath, [join(ROOT, 'gateway/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CUTOVER_LOG_LEVEL: 'error' },
  });
  await once(createInterface(child.stdout), 'line');
  return child;
}

async function residentMiB({ pid }: ChildProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? Number.NaN) / 1024;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function inventoryOf(connections: number, adminPort: number): object {
  return {
    deployment: 'lab-scale-1',
    gateways: [{ shard: 0, admin: `https://127.0.0.1:${adminPort}` }],
    connections: Array.from({ length: connections }, (_, index) => ({
      name: nameOf(index),
      direction: 'orders',
      practice: `practice-${index}`,
      wave: 'pilot',
      feed: { port: FIRST_PORT + 3 * index, ackTimeout: '10s', platforms: { legacy: PEER, new: PEER } },
      legs: { legacy: { port: FIRST_PORT + 3 * index + 1 }, new: { port: FIRST_PORT + 3 * index + 2 } },
      destination: PEER,
    })),
  };
}

function nameOf(index: number): string {
  return `practice-${index}-orders`;
}

function round(figure: number): number {
  return Math.round(figure * 10) / 10;
}
