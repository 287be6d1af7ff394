/** For tests only: a real gateway as a process of its own, born in a temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { readySchema } from '../../core/admin-api.ts';

const MAIN = resolve(import.meta.dirname, '../../gateway/main.ts');
const ERROR_TAIL_CHARACTERS = 4_000;

export type GatewayProcess = {
  readonly admin: string;
  readonly env: Readonly<Record<string, string>>;
  /** kill -9. */
  kill(): Promise<void>;
  /** On the same data directory and port, after it was killed. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** The admin API listens on a port of the gateway's choice, whatever the inventory says. */
export async function startGatewayProcess(inventory: object): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-gateway-'));
  const file = join(folder, 'inventory.yaml');
  const data = join(folder, 'data');
  await writeFile(file, JSON.stringify(inventory));
  const start = (more: readonly string[]): ChildProcess =>
    spawn(process.execPath, [MAIN, '--inventory', file, '--data-dir', data, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  let child = start(['--init', '--admin-port', '0']);
  const stop = async (): Promise<void> => {
    await endOf(child, 'SIGTERM');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { adminPort } = readySchema.parse(JSON.parse(await firstLine(child)));
    const token = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
    const env = { CUTOVER_ADMIN_TOKEN: token, CUTOVER_ADMIN_CA: join(data, 'admin.crt') };
    return {
      admin: `https://127.0.0.1:${adminPort}`,
      env,
      kill: () => endOf(child, 'SIGKILL'),
      restart: async () => {
        child = start(['--admin-port', String(adminPort)]);
        await firstLine(child);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolveLine, reject) => {
    if (child.stdout === null || child.stderr === null) throw new Error('the pipes of the process are open');
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-ERROR_TAIL_CHARACTERS);
    });
    createInterface(child.stdout).once('line', resolveLine);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${errors}`)));
  });
}

function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolveEnd) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolveEnd();
    child.once('exit', () => resolveEnd());
    child.kill(signal);
  });
}
