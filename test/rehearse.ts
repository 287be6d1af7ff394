/** For tests: a rehearsal as a person starts it, in a folder of its own, with nothing of this machine's deployment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { REPOSITORY, type VerbRun } from './verbs-harness.ts';

export type Rehearsing = {
  /** A session of its own, so that whatever it leaves can be found, and ended (`killTree`). */
  readonly pid: number | undefined;
  readonly ended: Promise<VerbRun>;
};

export function startRehearsal(folder: string, args: readonly string[]): Rehearsing {
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(REPOSITORY, 'scripts/cutover.ts'), 'rehearse', ...args], {
    cwd: folder,
    env: { ...env, XDG_STATE_HOME: join(folder, 'state') },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    chunks.stderr += chunk.toString();
  });
  const ended = once(child, 'close').then(([code]) => ({ exitCode: typeof code === 'number' ? code : -1, ...chunks }));
  return { pid: child.pid, ended };
}
