// Runs one long step (a Go build, an installer) so that nothing of it outlives us: bounded in time, ended with its whole
// process group, its last lines kept for the error message.
import { spawn } from 'node:child_process';

const KEPT_LINES = 12;
const KEPT_LINE_CHARACTERS = 400;

export type StepOptions = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitMs: number;
  /** Called with each line of output. */
  readonly onLine?: (line: string) => void;
  /** Asked every second; a text ends the step with it as the reason. */
  readonly giveUp?: () => Promise<string | null>;
  readonly signal?: AbortSignal;
};

export type StepResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export function runStep(options: StepOptions): Promise<StepResult> {
  return new Promise((resolve) => {
    const child = spawn(options.file, options.args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const lastLines: string[] = [];
    let endedBecause: string | null = null;
    const end = (reason: string): void => {
      endedBecause ??= reason;
      killGroup(child.pid);
    };
    const keep = (line: string): void => {
      lastLines.push(line.slice(0, KEPT_LINE_CHARACTERS));
      if (lastLines.length > KEPT_LINES) lastLines.shift();
      options.onLine?.(line);
    };
    eachLine(child.stdout, keep);
    eachLine(child.stderr, keep);

    const onExit = (): void => killGroup(child.pid);
    process.once('exit', onExit);
    const onAbort = (): void => end('interrupted');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const limit = setTimeout(() => end(`not done after ${Math.round(options.limitMs / 1000)} s`), options.limitMs);
    const watch = setInterval(() => {
      options.giveUp?.().then(
        (reason) => reason !== null && end(reason),
        () => undefined,
      );
    }, 1_000);

    const settle = (result: StepResult): void => {
      clearTimeout(limit);
      clearInterval(watch);
      process.off('exit', onExit);
      options.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    child.on('error', (error) => settle({ ok: false, reason: error.message }));
    child.on('close', (exitCode) => {
      if (endedBecause !== null) settle({ ok: false, reason: endedBecause });
      else if (exitCode === 0) settle({ ok: true });
      else settle({ ok: false, reason: [`exit code ${exitCode}`, ...lastLines].join('\n') });
    });
    if (options.signal?.aborted) onAbort();
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine(line);
  });
  stream.on('end', () => {
    if (rest.trim() !== '') onLine(rest);
  });
}
