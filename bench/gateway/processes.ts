/** Processes of the bench: started with their messages over IPC, measured from outside, ended by their id. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** `USER_HZ` of every Linux that Node runs on. */
const TICK_MS = 10;
const END_LIMIT_MS = 20_000;

const running = new Set<ChildProcess>();

/** For the end, also after a failure: no process of the bench outlives it. */
export async function stopEverything(): Promise<void> {
  await Promise.all([...running].map((child) => endProcess(child, 'SIGKILL')));
}

/** The same where nothing can be waited for any more. */
export function killEverything(): void {
  for (const child of running) child.kill('SIGKILL');
}

export function started(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Starts a file of this folder; `ask` sends one message and resolves with the next reply that `isReply` accepts. */
export class Helper {
  readonly #child: ChildProcess;

  constructor(file: string) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.#child = started(fork(path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  onMessage<Reply>(handle: (reply: Reply) => void): void {
    this.#child.on('message', (reply) => handle(reply as Reply));
  }

  ask<Reply>(message: object, isReply: (reply: Reply) => boolean = () => true): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const heard = (reply: unknown): void => {
        if (!isReply(reply as Reply)) return;
        this.#child.off('message', heard);
        this.#child.off('exit', gone);
        resolve(reply as Reply);
      };
      const gone = (code: number | null): void => reject(new Error(`a process of the bench ended with ${code}`));
      this.#child.on('message', heard);
      this.#child.once('exit', gone);
      this.#child.send(message);
    });
  }

  async stop(): Promise<void> {
    await endProcess(this.#child);
  }
}

export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS);
  await ended;
  clearTimeout(timer);
}

/** User and system time of a process and its threads so far. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}
