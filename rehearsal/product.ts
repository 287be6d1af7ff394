/** Starts the product's own programs as a user would: verbs, the engine finder, the gateway. Never imports them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { killTree } from '../adapters/process-tree.ts';

export const REPOSITORY = dirname(import.meta.dirname);

const GRACE_AFTER_INTERRUPT_MS = 15_000;
const TAIL_LINES = 15;

export type Finished = {
  readonly exitCode: number;
  readonly stdout: string;
  /** The last lines of stderr. */
  readonly tail: readonly string[];
  readonly wallMs: number;
};

export type Run = {
  readonly script: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** All of stderr goes there. */
  readonly logFile: string;
  readonly onLine?: (line: string) => void;
  readonly signal: AbortSignal;
};

/** Runs a script of the product to its end. An abort is passed on as SIGINT; what does not end by that is killed. */
export async function runToEnd(run: Run): Promise<Finished> {
  const startedAt = performance.now();
  // A session of its own: Ctrl-C comes through `signal`, in order, and killTree finds everything below it.
  const child = spawn(process.execPath, [join(REPOSITORY, run.script), ...run.args], {
    cwd: run.cwd,
    env: run.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tail = keepTail(child, run);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let killer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    child.kill('SIGINT');
    killer = setTimeout(() => killTree(child.pid), GRACE_AFTER_INTERRUPT_MS);
  };
  run.signal.addEventListener('abort', interrupt);
  try {
    if (run.signal.aborted) interrupt();
    const [exitCode] = await once(child, 'close');
    return {
      exitCode: typeof exitCode === 'number' ? exitCode : 1,
      stdout: Buffer.concat(chunks).toString('utf8'),
      tail,
      wallMs: performance.now() - startedAt,
    };
  } finally {
    clearTimeout(killer);
    run.signal.removeEventListener('abort', interrupt);
  }
}

/** A program that serves: resolves with its first line on stdout. */
export async function startServing(
  run: Run,
  limitMs: number,
): Promise<{ readonly child: ChildProcess; readonly firstLine: string }> {
  const child = spawn(process.execPath, [join(REPOSITORY, run.script), ...run.args], {
    cwd: run.cwd,
    env: run.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tail = keepTail(child, run);
  const failed = async (): Promise<never> => {
    const [code, signal] = await once(child, 'close');
    throw new Error(`${run.script} ended before it was ready (${signal ?? `exit ${code}`}): ${tail.join('\n')}`);
  };
  try {
    const limit = AbortSignal.any([run.signal, AbortSignal.timeout(limitMs)]);
    const first = once(createInterface(child.stdout), 'line', { signal: limit });
    const [line] = await Promise.race([first, failed()]);
    return { child, firstLine: String(line) };
  } catch (error) {
    killTree(child.pid);
    throw error;
  }
}

/** SIGTERM, and SIGKILL where that does not help in time. */
export async function endServing(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => killTree(child.pid), graceMs);
  await exited;
  clearTimeout(killer);
}

function keepTail(child: ChildProcess, run: Run): string[] {
  const tail: string[] = [];
  if (child.stderr === null) return tail;
  const log = createWriteStream(run.logFile, { flags: 'a' });
  createInterface(child.stderr).on('line', (line) => {
    log.write(`${line}\n`);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    if (line.trim() !== '') run.onLine?.(line);
  });
  child.once('close', () => log.end());
  return tail;
}
