// One run of the Pulumi CLI as a child process in a process group of its own. A Ctrl-C at the terminal therefore does not
// reach it; it gets exactly one SIGINT from here (the first cancels and waits for updates in flight, a second one would
// abandon them, see backend/cancellation_scope.go in pulumi/pkg), and is never left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { killTree } from './process-tree.ts';

const KEPT_LINES = 200;
const KEPT_LINE_CHARACTERS = 4_000;
/** A stack of 10,000 routes exports about 20 MB. */
const STDOUT_LIMIT_CHARACTERS = 400 * 1024 * 1024;

export type CliRun = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly graceMs: number;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
};

export type CliEnd = {
  /** null: ended by a signal, or never started. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** The last lines of stdout and stderr as they came. */
  readonly lines: readonly string[];
  readonly errorLines: readonly string[];
  /** The signal was aborted before the process ended. */
  readonly interrupted: boolean;
};

export function runCli(run: CliRun): Promise<CliEnd> {
  if (run.signal?.aborted) {
    const line = 'interrupted before it was started';
    return Promise.resolve({ exitCode: null, stdout: '', lines: [line], errorLines: [line], interrupted: true });
  }
  return new Promise((resolve) => {
    const { file, args, cwd, env } = run;
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const stdout = { text: '' };
    const lines: string[] = [];
    const errorLines: string[] = [];
    const keep = (kept: string[], line: string): void => {
      kept.push(line.slice(0, KEPT_LINE_CHARACTERS));
      if (kept.length > KEPT_LINES) kept.shift();
    };
    eachLine(child.stdout, stdout, (line) => {
      keep(lines, line);
      run.onLine?.(line);
    });
    eachLine(child.stderr, { text: '' }, (line) => {
      keep(lines, line);
      keep(errorLines, line);
      run.onLine?.(line);
    });
    const interruption = interruptOnce(child, run);
    const settle = (exitCode: number | null): void => {
      interruption.stop();
      resolve({ exitCode, stdout: stdout.text, lines, errorLines, interrupted: interruption.sent() });
    };
    child.on('error', (error) => {
      keep(errorLines, `${file} cannot be started: ${error.message}`);
      settle(null);
    });
    child.on('close', (exitCode) => {
      // Killed from outside: its plugins would work on alone.
      if (exitCode === null) killTree(child.pid);
      settle(exitCode);
    });
  });
}

/** Sends the one SIGINT on abort or when this process exits, and ends what does not heed it in time. */
function interruptOnce(child: ChildProcess, run: CliRun): { sent: () => boolean; stop: () => void } {
  let sent = false;
  let limit: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    if (sent) return;
    sent = true;
    child.kill('SIGINT');
  };
  const onAbort = (): void => {
    interrupt();
    limit = setTimeout(() => killTree(child.pid), run.graceMs);
  };
  run.signal?.addEventListener('abort', onAbort, { once: true });
  process.on('exit', interrupt);
  const stop = (): void => {
    clearTimeout(limit);
    run.signal?.removeEventListener('abort', onAbort);
    process.off('exit', interrupt);
  };
  return { sent: () => sent, stop };
}

function eachLine(stream: NodeJS.ReadableStream, whole: { text: string }, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (whole.text.length < STDOUT_LIMIT_CHARACTERS) whole.text += chunk;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine(withoutColour(line));
  });
  stream.on('end', () => {
    if (rest.trim() !== '') onLine(withoutColour(rest));
  });
}

/** `--color never` holds for the CLI, not for what a program or provider prints through it. */
function withoutColour(line: string): string {
  return stripVTControlCharacters(line).trimEnd();
}
