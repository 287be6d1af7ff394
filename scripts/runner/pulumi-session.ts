/**
 * The Pulumi side of one run: the engine is found (or built) once, the stack is there, its Routes are read, and
 * exactly the selected ones are updated from a copy of the stack file.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { $ } from 'zx';
import { sweepEngineScratch } from '../../adapters/engine-scratch.ts';
import { makeFolder } from '../../adapters/make-folder.ts';
import {
  createPulumi,
  type Pulumi,
  type PulumiFailure,
  type PulumiOptions,
  type UpdateResult,
} from '../../adapters/pulumi.ts';
import type { StateResource } from '../../adapters/pulumi-output.ts';
import { fitsSalt, passphraseIn } from '../../adapters/pulumi-passphrase.ts';
import type { PulumiHistory } from '../../core/audit/pulumi-history.ts';
import { PHASES, type Route } from '../../core/platform.ts';
import { PROJECT } from '../../core/stack-config.ts';
import type { Context } from './context.ts';
import { productFile } from './product-folder.ts';
import { describeHolder, updatePastLock } from './stack-lock.ts';

const ROUTE_TYPE = 'cutover:index:Route';

function routeUrn(stack: string, name: string): string {
  return `urn:pulumi:${stack}::${PROJECT}::${ROUTE_TYPE}::${name}`;
}

export type StateRoutes = ReadonlyMap<string, Route>;

/** What is not available is a value: a rollback goes on without it. */
export type Opened<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** Pulumi's own key beside `config`. */
const saltSchema = z.object({ encryptionsalt: z.string().optional() });
const engineSchema = z.object({ pulumi: z.string(), version: z.string(), binDirs: z.array(z.string()) });
const routeOutputs = z.object({ phase: z.enum(PHASES), newWeight: z.number().default(0), epoch: z.number() });

export type UpRequest = {
  readonly parallel: number;
  readonly takeOver: boolean;
  readonly message: string;
  /** What the provider is told of this verb's moves, as `CUTOVER_REQUEST`. */
  readonly request: VerbRequest;
};

/** As infra/provider reads it: which request ids the moves carry, so that verb, gateway and ledger name the same operation. */
export type VerbRequest = {
  readonly origin: 'verb';
  readonly changeId?: string;
  readonly deadlineMs: number;
  readonly requestIds: Readonly<Record<string, string>>;
  /** So many moves begin together. */
  readonly together: number;
};

export class PulumiSession {
  /** Of the CLI. */
  readonly version: string;
  readonly #options: PulumiOptions;
  readonly #pulumi: Pulumi;
  readonly #context: Context;
  #exists = false;
  /** Of the state, once it was read. */
  #salt: string | null = null;

  private constructor(options: PulumiOptions, version: string, context: Context) {
    this.version = version;
    this.#options = options;
    this.#pulumi = createPulumi(options);
    this.#context = context;
  }

  static async open(context: Context): Promise<Opened<PulumiSession>> {
    const opened = await openPulumi(context);
    if (!opened.ok) return opened;
    const { options, version } = opened.value;
    // Routes heal by reading back, so that the state may be behind after a kill.
    return { ok: true, value: new PulumiSession({ ...options, skipCheckpoints: true }, version, context) };
  }

  /** Makes the stack where the backend has none; Pulumi then writes its salt into the stack file. */
  async ensureStack(): Promise<Opened<null>> {
    if (this.#exists) return { ok: true, value: null };
    const made = await this.#pulumi.selectOrInit(this.#context.stack, { signal: this.#context.interruption });
    if (!made.ok) return { ok: false, message: describeFailure(made) };
    this.#exists = true;
    return { ok: true, value: null };
  }

  async routes(): Promise<Opened<StateRoutes>> {
    const state = await this.#pulumi.exportState(this.#context.stack);
    if (!state.ok && state.kind === 'not-found') return { ok: true, value: new Map() };
    if (!state.ok) return { ok: false, message: describeFailure(state) };
    this.#exists = true;
    this.#salt = state.value.salt;
    return { ok: true, value: routesIn(state.value.resources) };
  }

  /** Oldest first, as far as an audit looks at it. */
  async history(): Promise<Opened<PulumiHistory>> {
    const answer = await this.#pulumi.history(this.#context.stack);
    if (!answer.ok) return { ok: false, message: describeFailure(answer) };
    const value = answer.value.map(({ kind, result, startTime, message, config }) => ({
      kind,
      result,
      startTime,
      message,
      config,
    }));
    return { ok: true, value: value.reverse() };
  }

  /** After `routes`. False: no update will run; null: nothing here is kept under a passphrase. */
  async hasRightPassphrase(): Promise<boolean | null> {
    const { stackFile, env } = this.#context;
    const own = stackFile === null ? null : saltSchema.safeParse(parse(stackFile.text)).data?.encryptionsalt;
    const salts = [own, this.#salt].filter((salt) => typeof salt === 'string');
    const passphrase = await passphraseIn(env);
    const fits = await Promise.all(salts.map((salt) => fitsSalt(salt, passphrase)));
    return fits.includes(false) ? false : fits.includes(true) ? true : null;
  }

  /** Null: not locked, or the backend does not tell. */
  async lock(): Promise<{ readonly who: string; readonly isGone: boolean } | null> {
    const holder = await this.#pulumi.lockInfo(this.#context.stack);
    return holder === null ? null : { who: describeHolder(holder), isGone: holder.alive === false };
  }

  /** After `ensureStack`. `text`: the stack file as it would be, beside the real one, which stays as it is. */
  async up(text: string, names: readonly string[], options: UpRequest): Promise<UpdateResult> {
    const folder = await mkdtemp(join(tmpdir(), 'cutover-config-'));
    try {
      const configFile = join(folder, `Pulumi.${this.#context.stack}.yaml`);
      await writeFile(configFile, text);
      const env = { ...this.#options.env, CUTOVER_REQUEST: JSON.stringify(options.request) };
      const pulumi = createPulumi({ ...this.#options, env });
      const run = (): Promise<UpdateResult> =>
        pulumi.up({
          stack: this.#context.stack,
          configFile,
          targets: names.map((name) => routeUrn(this.#context.stack, name)),
          parallel: options.parallel,
          continueOnError: true,
          message: options.message,
          signal: this.#context.interruption,
        });
      const { stack } = this.#context;
      return await updatePastLock(this.#context, { pulumi: this.#pulumi, stack, takeOver: options.takeOver }, run);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

export function describeFailure({ command, diagnostics }: PulumiFailure): string {
  return `${command}: ${diagnostics.join('; ')}`;
}

function routesIn(resources: readonly StateResource[]): StateRoutes {
  const routes = new Map<string, Route>();
  for (const resource of resources) {
    if (resource.type !== ROUTE_TYPE) continue;
    const name = resource.urn.split('::').at(-1) ?? '';
    const read = routeOutputs.safeParse(resource.outputs);
    if (read.success) routes.set(name, read.data);
  }
  return routes;
}

/** The engine, and how it is called for this project. */
export async function openPulumi(
  context: Context,
): Promise<Opened<{ readonly options: PulumiOptions; readonly version: string }>> {
  const { project, env } = context;
  if (project === null) return { ok: false, message: 'there is no project here: this runs from an inventory alone' };
  const [engine] = await Promise.all([findEngine(context), sweepEngineScratch(Date.parse(context.clock.now()))]);
  if (!engine.ok) return engine;
  const folder = /^file:\/\/([^?]+)/.exec(project.backendUrl)?.[1];
  try {
    if (folder !== undefined) makeFolder(folder);
  } catch (error) {
    return { ok: false, message: `the Pulumi backend ${project.backendUrl} cannot be used: ${reasonOf(error)}` };
  }
  const options: PulumiOptions = {
    engine: engine.value,
    workDir: project.folder,
    backendUrl: project.backendUrl,
    // The CLI asks PWD where it is: a project whose folders are links is found by its own path, not by theirs.
    env: { ...definedOnly(env), PWD: project.folder, CUTOVER_PROJECT: project.folder },
  };
  return { ok: true, value: { options, version: engine.value.version } };
}

async function findEngine({ terminal, interruption, env }: Context): Promise<Opened<z.output<typeof engineSchema>>> {
  const ran = $({
    nothrow: true,
    quiet: true,
    env: definedOnly(env),
  })`${process.execPath} ${productFile('infra/engine/main.ts')}`;
  const stop = (): void => void ran.kill('SIGINT').catch(() => undefined);
  interruption.addEventListener('abort', stop);
  ran.stderr.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) if (line.trim() !== '') terminal.progress(line);
  });
  try {
    const output = await ran;
    const document: unknown = JSON.parse(output.stdout || '{}');
    const engine = engineSchema.safeParse(document);
    if (engine.success) return { ok: true, value: engine.data };
    const failure = z.object({ message: z.string() }).safeParse(document);
    return { ok: false, message: failure.success ? failure.data.message : 'the Pulumi engine cannot be had' };
  } catch (error) {
    return { ok: false, message: `the Pulumi engine cannot be had: ${reasonOf(error)}` };
  } finally {
    interruption.removeEventListener('abort', stop);
  }
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
