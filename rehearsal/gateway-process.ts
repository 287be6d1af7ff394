/** The gateway of a rehearsal: a real process that can be killed and started again on the same data directory. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readySchema } from '../core/admin-api.ts';
import { endServing, startServing } from './product.ts';
import type { Folders } from './project.ts';

const READY_LIMIT_MS = 60_000;
const GRACE_MS = 15_000;

export class GatewayProcess {
  readonly #folders: Folders;
  readonly #adminPort: number;
  readonly #signal: AbortSignal;
  #child: ChildProcess | null = null;

  constructor(folders: Folders, adminPort: number, signal: AbortSignal) {
    this.#folders = folders;
    this.#adminPort = adminPort;
    this.#signal = signal;
  }

  /** Answers with the number of connections that it serves. */
  async start(): Promise<number> {
    const { inventory, gatewayData, project, logs } = this.#folders;
    const args = [
      '--inventory',
      inventory,
      '--data-dir',
      gatewayData,
      '--init',
      '--admin-port',
      String(this.#adminPort),
    ];
    const { child, firstLine } = await startServing(
      {
        script: 'gateway/main.ts',
        args,
        cwd: project,
        env: process.env,
        logFile: join(logs, 'gateway.log'),
        signal: this.#signal,
      },
      READY_LIMIT_MS,
    );
    this.#child = child;
    const ready = readySchema.safeParse(parsed(firstLine));
    if (!ready.success) throw new Error('the gateway printed something else than its ready line');
    return ready.data.connections;
  }

  /** kill -9: no farewell to anyone, nothing synced. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async end(): Promise<void> {
    if (this.#child !== null) await endServing(this.#child, GRACE_MS);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
