/** The proof worker of a rehearsal: a real process that compares and accounts for what the gateways ship. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { endServing, startServing } from './product.ts';
import type { Folders } from './project.ts';

const READY_LIMIT_MS = 60_000;
const GRACE_MS = 10_000;
/** Longer than any simulated platform takes, and short enough that what it swallows is missed within the rehearsal. */
const SETTLE = '10s';

export class WorkerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(
    { inventory, project, logs }: Folders,
    env: NodeJS.ProcessEnv,
    signal: AbortSignal,
  ): Promise<WorkerProcess> {
    const args = ['--inventory', inventory, '--project', project, '--settle', SETTLE];
    const logFile = join(logs, 'worker.log');
    const { child } = await startServing(
      { script: 'proof/main.ts', args, cwd: project, env, logFile, signal },
      READY_LIMIT_MS,
    );
    return new WorkerProcess(child);
  }

  async end(): Promise<void> {
    await endServing(this.#child, GRACE_MS);
  }
}
