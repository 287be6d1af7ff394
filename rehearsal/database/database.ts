/** The rehearsal's PostgreSQL: the one that DATABASE_URL names, else an embedded real one. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { freePorts } from '../ports.ts';

export type Database = {
  readonly url: string;
  readonly embedded: boolean;
  /** As in an outage: its data stay. */
  takeDown(): Promise<void>;
  bringBack(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
};

const START_LIMIT_MS = 60_000;
const readySchema = z.discriminatedUnion('ready', [
  z.object({ ready: z.literal(true), url: z.string() }),
  z.object({ ready: z.literal(false), message: z.string() }),
]);

/** Between the choice of a port and its use another program may take it. */
const MOST_ATTEMPTS = 3;
const OPEN_TO_READ = 0o755;

/** `folder`: an empty one that every user may enter. */
export async function startDatabase(folder: string, env: NodeJS.ProcessEnv): Promise<Database> {
  const own = env.DATABASE_URL;
  if (own) {
    const notOurs = (): Promise<never> =>
      Promise.reject(new Error('the PostgreSQL of DATABASE_URL is not ours to stop'));
    return { url: own, embedded: false, takeDown: notOurs, bringBack: notOurs, stop: async () => undefined };
  }
  for (let attempt = 1; ; attempt++) {
    const place = join(folder, `attempt-${attempt}`);
    mkdirSync(place);
    chmodSync(place, OPEN_TO_READ);
    const [port = 0] = await freePorts(1);
    try {
      return await startEmbedded(place, port, env);
    } catch (error) {
      if (attempt < MOST_ATTEMPTS) continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\nname a PostgreSQL of your own instead: DATABASE_URL=postgresql://… npm run rehearse`);
    }
  }
}

async function startEmbedded(folder: string, port: number, env: NodeJS.ProcessEnv): Promise<Database> {
  // Its password file goes to TMPDIR, which the user `postgres` must be able to enter.
  const child = fork(join(import.meta.dirname, 'main.ts'), ['--folder', folder, '--port', String(port)], {
    detached: true,
    env: { ...env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };
  const order = async (what: 'stop' | 'start'): Promise<void> => {
    const done = once(child, 'message', { signal: AbortSignal.timeout(START_LIMIT_MS) });
    child.send(what);
    await Promise.race([done, exited.then(() => Promise.reject(new Error(`PostgreSQL ended at '${what}'`)))]);
  };
  try {
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const [message] = await Promise.race([
      once(child, 'message', { signal: limit }),
      exited.then(([code]) => [{ ready: false, message: `PostgreSQL ended at its start (exit ${code})` }]),
    ]);
    const ready = readySchema.parse(message);
    if (!ready.ready) throw new Error(ready.message);
    return { url: ready.url, embedded: true, takeDown: () => order('stop'), bringBack: () => order('start'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
