// The Pulumi engine, without anyone installing it: the user's own, else a kept one, else the official installation, else a
// build with Go. Everything found is run before it is believed; what is made is kept outside the tree and made once.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { cacheFolder } from '../../adapters/cache-folder.ts';
import {
  type EngineKind,
  engineFolder,
  publish,
  readCached,
  recentOfficialFailure,
  rememberOfficialFailure,
} from './cache.ts';
import { type Attempt, EngineUnavailable } from './engine-unavailable.ts';
import { BUILT_CLI_VERSION, BUILT_LANGUAGE_HOST_VERSION, buildWithGo, type EngineBuilder } from './go-build.ts';
import { withLock } from './lock.ts';
import { nodeFolder } from './node-folder.ts';
import { installOfficial, officialVersion } from './official.ts';
import { CLI_NAME, findOnPath, isExecutable, type Probed, probeEngine } from './probe.ts';

export type Engine = {
  /** Absolute path of the CLI. */
  readonly pulumi: string;
  readonly version: string;
  /** To be prepended to PATH: folders of the CLI, the language host and Node. */
  readonly binDirs: readonly string[];
  readonly source: 'path' | 'home' | EngineKind;
};

export type EngineOptions = {
  /** Default: `$CUTOVER_CACHE`, else `$XDG_CACHE_HOME/cutover`, else `~/.cache/cutover`. */
  readonly cacheDir?: string;
  /** One line for people: what is happening and for how long. */
  readonly onProgress: (line: string) => void;
  /** Ends a build or an installation under way; ensureEngine then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Default: process.env. `CUTOVER_PULUMI` names the CLI to use, `CUTOVER_ENGINE` allows one way only. */
  readonly env?: NodeJS.ProcessEnv;
  readonly ways?: { readonly official: EngineBuilder; readonly build: EngineBuilder };
};

const FORCED_WAYS = ['own', 'official', 'build'] as const;
type ForcedWay = (typeof FORCED_WAYS)[number];

/** One way of making an engine, and where its product is kept. */
type Making = {
  readonly kind: EngineKind;
  readonly title: string;
  readonly folder: string;
  readonly make: EngineBuilder;
};

type Context = {
  readonly options: EngineOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly cacheDir: string;
  readonly attempts: Attempt[];
  /** Brought in by CUTOVER_ENGINE: a remembered failure does not count then. */
  readonly forced: ForcedWay | null;
};

/** @throws EngineUnavailable, naming what was tried, why it failed and what helps. */
export async function ensureEngine(options: EngineOptions): Promise<Engine> {
  const env = options.env ?? process.env;
  const forced = forcedWay(env.CUTOVER_ENGINE);
  const cacheDir = options.cacheDir ?? cacheFolder(env);
  const context: Context = { options, env, cacheDir, attempts: [], forced };

  if (env.CUTOVER_PULUMI || forced === null || forced === 'own') {
    const own = await findOwn(context);
    if (own !== null) return own;
  }
  const makings = env.CUTOVER_PULUMI ? [] : makingsFor(context);
  const kept = await findKept(makings);
  if (kept !== null) return kept;
  const made = makings.length === 0 ? null : await makeOne(makings, context);
  if (made !== null) return made;
  throw new EngineUnavailable(context.attempts, cacheDir);
}

function forcedWay(wanted: string | undefined): ForcedWay | null {
  if (!wanted) return null;
  const way = FORCED_WAYS.find((candidate) => candidate === wanted);
  if (way === undefined) throw new Error(`CUTOVER_ENGINE is '${wanted}'; it may be ${FORCED_WAYS.join(', ')} or unset`);
  return way;
}

async function findOwn({ env, attempts }: Context): Promise<Engine | null> {
  const path = env.PATH ?? '';
  const home = env.PULUMI_HOME || join(env.HOME || homedir(), '.pulumi');
  const inHome = join(home, 'bin', CLI_NAME);
  const onPath = await findOnPath(CLI_NAME, path);
  const candidates: { way: string; file: string | null; source: Engine['source'] }[] = env.CUTOVER_PULUMI
    ? [{ way: 'CUTOVER_PULUMI', file: resolve(env.CUTOVER_PULUMI), source: 'path' }]
    : [
        { way: 'pulumi on PATH', file: onPath, source: onPath === inHome ? 'home' : 'path' },
        { way: inHome, file: (await isExecutable(inHome)) ? inHome : null, source: 'home' },
      ];
  for (const { way, file, source } of candidates) {
    const probed: Probed = file === null ? { ok: false, reason: 'not there' } : await probeEngine(file, path);
    if (probed.ok) return asEngine(probed, source);
    attempts.push({ way, reason: probed.reason });
  }
  return null;
}

function makingsFor({ options, cacheDir, forced }: Context): Making[] {
  const builtVersion = `${BUILT_CLI_VERSION}-${BUILT_LANGUAGE_HOST_VERSION}`;
  const official: Making = {
    kind: 'official',
    title: 'the official installation',
    folder: engineFolder(cacheDir, 'official', officialVersion()),
    make: options.ways?.official ?? installOfficial,
  };
  const built: Making = {
    kind: 'built',
    title: 'a build with Go',
    folder: engineFolder(cacheDir, 'built', builtVersion),
    make: options.ways?.build ?? buildWithGo,
  };
  if (forced === 'own') return [];
  if (forced === 'official') return [official];
  return forced === 'build' ? [built] : [official, built];
}

async function findKept(makings: readonly Making[]): Promise<Engine | null> {
  for (const { folder, kind } of makings) {
    const probed = await readCached(folder);
    if (probed.ok) return asEngine(probed, kind);
  }
  return null;
}

/** Under the lock: whoever waited finds what the holder made. */
function makeOne(makings: readonly Making[], context: Context): Promise<Engine | null> {
  const { options, cacheDir } = context;
  return withLock(
    {
      file: join(cacheDir, 'engine', 'lock'),
      onWait: (holder, waitedMs) =>
        options.onProgress(
          `waiting for process ${holder?.pid ?? '?'} on ${holder?.host ?? '?'}, which prepares the Pulumi engine: ${Math.round(waitedMs / 1000)} s`,
        ),
      ...(options.signal && { signal: options.signal }),
    },
    async () => {
      const kept = await findKept(makings);
      if (kept !== null) return kept;
      for (const making of makings) {
        const made = await tryMaking(making, context);
        if (made.ok) return asEngine(made, making.kind);
        context.attempts.push({ way: making.title, reason: made.reason });
        options.onProgress(`${making.title} did not work: ${firstLine(made.reason)}`);
      }
      return null;
    },
  );
}

async function tryMaking(making: Making, context: Context): Promise<Probed> {
  const { options, env, cacheDir, forced } = context;
  const isOfficial = making.kind === 'official';
  const remembered = isOfficial && forced === null ? await recentOfficialFailure(cacheDir, Date.now()) : null;
  if (remembered !== null) {
    return { ok: false, reason: `${remembered} (less than an hour ago; CUTOVER_ENGINE=official tries again now)` };
  }
  const made = await makeAndPublish(making, options, env);
  options.signal?.throwIfAborted();
  if (!made.ok && isOfficial) await rememberOfficialFailure(cacheDir, made.reason, Date.now());
  return made;
}

async function makeAndPublish(making: Making, options: EngineOptions, env: NodeJS.ProcessEnv): Promise<Probed> {
  let problem: string | null = null;
  try {
    const probed = await publish(making.folder, async (folder) => {
      const { onProgress, signal } = options;
      const filled = await making.make({ folder, env, onProgress, ...(signal && { signal }) });
      if (!filled.ok) problem = filled.reason;
    });
    return problem === null ? probed : { ok: false, reason: problem };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function asEngine(probed: Extract<Probed, { ok: true }>, source: Engine['source']): Promise<Engine> {
  const binDirs = [...new Set([...probed.binDirs, await nodeFolder()])];
  return { pulumi: probed.pulumi, version: probed.version, binDirs, source };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
