/** The gateway of a rehearsal: a real process that can be killed and started again on the same data directory. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readySchema } from '../core/admin-api.ts';
import { endServing, type Run, runToEnd, startServing } from './product.ts';
import { type Folders, gatewayFolder } from './project.ts';

const READY_LIMIT_MS = 60_000;
const GRACE_MS = 15_000;

export class GatewayProcess {
  readonly #folders: Folders;
  readonly #shard: number;
  readonly #adminPort: number;
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal;
  #child: ChildProcess | null = null;

  constructor(
    folders: Folders,
    place: { readonly shard: number; readonly adminPort: number; readonly env: NodeJS.ProcessEnv },
    signal: AbortSignal,
  ) {
    this.#env = place.env;
    this.#folders = folders;
    this.#shard = place.shard;
    this.#adminPort = place.adminPort;
    this.#signal = signal;
  }

  /** Null: it does not run. */
  get pid(): number | null {
    const child = this.#child;
    return child === null || child.exitCode !== null || child.signalCode !== null ? null : (child.pid ?? null);
  }

  /** Its data directory is born. */
  async init(): Promise<void> {
    const finished = await runToEnd(this.#run(['init', ...this.#place(), '--shard', String(this.#shard)]));
    this.#signal.throwIfAborted();
    if (finished.exitCode === 0) return;
    throw new Error(
      `gateway init of shard ${this.#shard} ended with ${finished.exitCode}: ${finished.tail.join('\n')}`,
    );
  }

  /** Answers with the number of connections that it serves. */
  async start(): Promise<number> {
    const run = this.#run([...this.#place(), '--admin-port', String(this.#adminPort)]);
    const { child, firstLine } = await startServing(run, READY_LIMIT_MS);
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

  #place(): string[] {
    return ['--inventory', this.#folders.inventory, '--data-dir', gatewayFolder(this.#folders, this.#shard)];
  }

  #run(args: readonly string[]): Run {
    const { project, logs } = this.#folders;
    const logFile = join(logs, `gateway-${this.#shard}.log`);
    return { script: 'gateway/main.ts', args, cwd: project, env: this.#env, logFile, signal: this.#signal };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
