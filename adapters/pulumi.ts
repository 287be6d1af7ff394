// Runs the Pulumi CLI as a child process and turns what it says into typed results. Expected failures (a locked stack, a
// refused update, an unknown stack, an interruption) are values; no token or passphrase ever reaches one of them.

import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { withEngineScratch } from './engine-scratch.ts';
import { type LockHolder, readLock } from './pulumi-lock.ts';
import {
  type HistoryEntry,
  type PreviewReport,
  parseHistory,
  parseState,
  readPreviewReport,
  readUpdateReport,
  type StackState,
  type UpdateReport,
} from './pulumi-output.ts';
import { type CliEnd, runCli } from './pulumi-process.ts';
import { type Redact, redactorFor } from './redact.ts';

const DEFAULT_GRACE_MS = 5 * 60 * 1000;
const DIAGNOSTIC_LINES = 20;

export type PulumiEngine = {
  /** Absolute path of the CLI. */
  readonly pulumi: string;
  /** Prepended to PATH: CLI, language host, Node. */
  readonly binDirs: readonly string[];
};

export type PulumiOptions = {
  readonly engine: PulumiEngine;
  /** The folder with Pulumi.yaml. */
  readonly workDir: string;
  /** PULUMI_BACKEND_URL, for example file:///var/lib/cutover/state. */
  readonly backendUrl: string;
  /** PULUMI_CONFIG_PASSPHRASE; without it the environment's own, else the empty one. */
  readonly passphrase?: string;
  /** Added to the environment of the CLI, its programs and providers (tokens go here). */
  readonly env?: Readonly<Record<string, string>>;
  /** PULUMI_EXPERIMENTAL and PULUMI_SKIP_CHECKPOINTS: much faster, only for resources that heal by reading back. */
  readonly skipCheckpoints?: boolean;
  /** After an interruption the CLI gets this long to finish what is in flight before it is killed. Default 5 minutes. */
  readonly graceMs?: number;
};

export type PulumiFailure = {
  readonly ok: false;
  readonly kind: 'locked' | 'failed' | 'not-found' | 'interrupted';
  /** null: ended by a signal, or never started. */
  readonly exitCode: number | null;
  /** Verb only, as in "pulumi up"; arguments are left out. */
  readonly command: string;
  /** What the engine, providers and program complained about, redacted, without colour; never empty. */
  readonly diagnostics: readonly string[];
};

export type PulumiResult<T> = { readonly ok: true; readonly value: T } | PulumiFailure;

/** A failed update says as well what it did before it failed. */
export type UpdateResult =
  | { readonly ok: true; readonly value: UpdateReport }
  | (PulumiFailure & { readonly report: UpdateReport });

export type RunOptions = {
  /** One line of the CLI's output, redacted. */
  readonly onLine?: (line: string) => void;
  /** Aborting sends exactly one SIGINT and waits for updates in flight. */
  readonly signal?: AbortSignal;
};

export type SelectionOptions = RunOptions & {
  readonly stack: string;
  /** Absolute path of a config file to use instead of the stack's own. */
  readonly configFile?: string;
  /** URNs. */
  readonly targets?: readonly string[];
  readonly parallel?: number;
};

export type UpOptions = SelectionOptions & {
  readonly continueOnError?: boolean;
  readonly message?: string;
  /** Read every resource back first. */
  readonly refresh?: boolean;
};

export type PreviewOptions = SelectionOptions & { readonly refresh?: boolean };
export type RefreshOptions = SelectionOptions & { readonly message?: string };

export interface Pulumi {
  version(options?: RunOptions): Promise<PulumiResult<string>>;
  selectOrInit(stack: string, options?: RunOptions): Promise<PulumiResult<{ readonly created: boolean }>>;
  /** Runs with --skip-preview --yes. */
  up(options: UpOptions): Promise<UpdateResult>;
  preview(options: PreviewOptions): Promise<PulumiResult<PreviewReport>>;
  refresh(options: RefreshOptions): Promise<UpdateResult>;
  /** `refresh --preview-only`: what has moved behind Pulumi's back, changing nothing. */
  previewRefresh(options: SelectionOptions): Promise<UpdateResult>;
  destroy(options: RefreshOptions): Promise<UpdateResult>;
  exportState(stack: string, options?: RunOptions): Promise<PulumiResult<StackState>>;
  /** Newest first. */
  history(stack: string, options?: RunOptions): Promise<PulumiResult<readonly HistoryEntry[]>>;
  /** Removes the stack's lock; only for a lock whose holder is gone. */
  cancel(stack: string, options?: RunOptions): Promise<PulumiResult<null>>;
  /** File backends only; null: not locked (or another backend, which does not tell). */
  lockInfo(stack: string): Promise<LockHolder | null>;
}

export function createPulumi(options: PulumiOptions): Pulumi {
  const cli = new Cli(options);
  const ofStack = (stack: string): string[] => ['--stack', stack];
  return {
    version: (run = {}) => cli.read(['version'], run, (text) => text.trim().replace(/^v/, '')),
    selectOrInit: (stack, run = {}) => selectOrInit(cli, stack, run),
    up: (update) => {
      const args = [
        'up',
        '--yes',
        '--skip-preview',
        ...selectionArguments(update),
        ...messageArguments(update.message),
      ];
      if (update.continueOnError) args.push('--continue-on-error');
      if (update.refresh) args.push('--refresh');
      return cli.update(args, update);
    },
    preview: async (selection) => {
      const args = ['preview', ...selectionArguments(selection)];
      if (selection.refresh) args.push('--refresh');
      const { end, eventLog } = await cli.runLogged(args, selection);
      const report = readPreviewReport(eventLog, cli.redact);
      return end.exitCode === 0 ? { ok: true, value: report } : cli.failure(args, end, report);
    },
    refresh: (update) => {
      const args = ['refresh', '--yes', '--skip-preview', ...selectionArguments(update)];
      return cli.update([...args, ...messageArguments(update.message)], update);
    },
    previewRefresh: (selection) =>
      cli.update(['refresh', '--preview-only', ...selectionArguments(selection)], selection),
    destroy: (update) => {
      const args = ['destroy', '--yes', '--skip-preview', ...selectionArguments(update)];
      return cli.update([...args, ...messageArguments(update.message)], update);
    },
    exportState: (stack, run = {}) => cli.read(['stack', 'export', ...ofStack(stack)], run, parseState),
    history: (stack, run = {}) => cli.read(['stack', 'history', '--json', ...ofStack(stack)], run, parseHistory),
    cancel: (stack, run = {}) => cli.read(['cancel', '--yes', ...ofStack(stack)], run, () => null),
    lockInfo: (stack) => readLock(options.backendUrl, options.workDir, stack),
  };
}

/** Never `pulumi stack select`: it writes to a file in the home folder that everything on the host shares. */
async function selectOrInit(cli: Cli, stack: string, run: RunOptions): Promise<PulumiResult<{ created: boolean }>> {
  const made = await cli.read(['stack', 'init', '--no-select', stack], run, () => ({ created: true }));
  if (made.ok || !made.diagnostics.some((line) => /stack '.*' already exists/.test(line))) return made;
  return { ok: true, value: { created: false } };
}

function selectionArguments({ stack, configFile, targets, parallel }: SelectionOptions): string[] {
  const args = ['--stack', stack];
  if (configFile !== undefined) args.push('--config-file', configFile);
  if (parallel !== undefined) args.push('--parallel', String(parallel));
  for (const target of targets ?? []) args.push('--target', target);
  return args;
}

function messageArguments(message: string | undefined): string[] {
  return message === undefined ? [] : ['--message', message];
}

/** The CLI with its environment: what all commands share. */
class Cli {
  readonly redact: Redact;
  readonly #options: PulumiOptions;
  readonly #env: NodeJS.ProcessEnv;

  constructor(options: PulumiOptions) {
    this.#options = options;
    this.#env = environmentFor(options);
    this.redact = redactorFor(this.#env);
  }

  /** `scratch`: the temporary folder of this run, for everything that it starts. */
  #runIn(scratch: string, args: readonly string[], { onLine, signal }: RunOptions): Promise<CliEnd> {
    const { engine, workDir, graceMs = DEFAULT_GRACE_MS } = this.#options;
    return runCli({
      file: engine.pulumi,
      args: [...args, '--non-interactive', '--color', 'never'],
      cwd: workDir,
      env: { ...this.#env, TMPDIR: scratch },
      graceMs,
      ...(onLine && { onLine: (line: string) => onLine(this.redact(line)) }),
      ...(signal && { signal }),
    });
  }

  /** A command that answers on stdout. */
  async read<T>(args: readonly string[], run: RunOptions, parse: (stdout: string) => T): Promise<PulumiResult<T>> {
    const end = await withEngineScratch((scratch) => this.#runIn(scratch, args, run), neverStarted);
    if (end.exitCode !== 0) return this.failure(args, end);
    return { ok: true, value: parse(end.stdout) };
  }

  async update(args: readonly string[], run: RunOptions): Promise<UpdateResult> {
    const { end, eventLog } = await this.runLogged(args, run);
    const report = readUpdateReport(eventLog, this.redact);
    return end.exitCode === 0 ? { ok: true, value: report } : { ...this.failure(args, end, report), report };
  }

  /** With the engine's event log, which says per resource what was done; the text for people does not. */
  runLogged(args: readonly string[], run: RunOptions): Promise<{ end: CliEnd; eventLog: string }> {
    return withEngineScratch(
      async (scratch) => {
        const file = join(scratch, 'events.json');
        const end = await this.#runIn(scratch, [...args, '--event-log', file], run);
        return { end, eventLog: await readFile(file, 'utf8').catch(() => '') };
      },
      (line) => ({ end: neverStarted(line), eventLog: '' }),
    );
  }

  failure(args: readonly string[], end: CliEnd, report?: PreviewReport): PulumiFailure {
    const errors = (report?.diagnostics ?? []).filter(({ severity }) => severity === 'error');
    const fromEvents = errors.map(({ urn, message }) => (urn ? `${nameOf(urn)}: ${message}` : message));
    const spoken = end.errorLines.length > 0 || fromEvents.length > 0 ? end.errorLines : end.lines;
    const fromOutput = spoken.slice(-DIAGNOSTIC_LINES).map((line) => this.redact(line));
    const diagnostics = [...new Set([...fromEvents, ...fromOutput])];
    if (diagnostics.length === 0) diagnostics.push(`ended with exit code ${end.exitCode} without a word`);
    return {
      ok: false,
      kind: kindOf(end, diagnostics.join('\n')),
      exitCode: end.exitCode,
      command: `pulumi ${args[0]}`,
      diagnostics,
    };
  }
}

function neverStarted(line: string): CliEnd {
  return { exitCode: null, stdout: '', lines: [line], errorLines: [line], interrupted: false };
}

function kindOf(end: CliEnd, text: string): PulumiFailure['kind'] {
  if (end.interrupted) return 'interrupted';
  if (/the stack is currently locked by|Another update is currently in progress/.test(text)) return 'locked';
  return /no stack named '.*' found/.test(text) ? 'not-found' : 'failed';
}

/** `northside-orders` of `urn:pulumi:dev::lab-cutover::cutover:index:Route::northside-orders`. */
function nameOf(urn: string): string {
  return urn.split('::').at(-1) ?? urn;
}

function environmentFor({ engine, backendUrl, passphrase, env, skipCheckpoints }: PulumiOptions): NodeJS.ProcessEnv {
  const merged: NodeJS.ProcessEnv = { ...process.env, ...env };
  merged.PATH = [...engine.binDirs, merged.PATH ?? ''].join(delimiter);
  merged.PULUMI_BACKEND_URL = backendUrl;
  merged.PULUMI_SKIP_UPDATE_CHECK = '1';
  merged.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION = 'true';
  // --event-log exists only with this.
  merged.PULUMI_DEBUG_COMMANDS = 'true';
  if (passphrase !== undefined) {
    merged.PULUMI_CONFIG_PASSPHRASE = passphrase;
    delete merged.PULUMI_CONFIG_PASSPHRASE_FILE;
  } else if (merged.PULUMI_CONFIG_PASSPHRASE_FILE === undefined) {
    merged.PULUMI_CONFIG_PASSPHRASE ??= '';
  }
  if (skipCheckpoints) {
    merged.PULUMI_EXPERIMENTAL = '1';
    merged.PULUMI_SKIP_CHECKPOINTS = '1';
  }
  return merged;
}
