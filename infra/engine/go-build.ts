// Builds Pulumi's CLI and its Node language host with Go, from the two pinned modules beside this file, for machines that
// reach a Go module proxy and nothing else.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SCRATCH } from './cache.ts';
import { CLI_NAME, findOnPath, isExecutable, LANGUAGE_HOST_NAME } from './probe.ts';
import { runStep, type StepResult } from './run.ts';

export const BUILT_CLI_VERSION = '3.150.0';
/** The newest version whose `sdk` module still holds the Node language host. */
export const BUILT_LANGUAGE_HOST_VERSION = '3.66.0';

const BUILD_LIMIT_MS = 40 * 60 * 1000;
const HEARTBEAT_MS = 5_000;
const GO_OUTSIDE_PATH = '/usr/local/go/bin/go';
const VERSION_VARIABLE = 'github.com/pulumi/pulumi/sdk/v3/go/common/version.Version';

const PROGRAMS = [
  {
    title: `the Pulumi CLI ${BUILT_CLI_VERSION} (2 to 4 minutes, once)`,
    module: 'go-cli',
    version: BUILT_CLI_VERSION,
    package: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
    output: CLI_NAME,
  },
  {
    title: `the Pulumi Node language host ${BUILT_LANGUAGE_HOST_VERSION} (about 20 seconds, once)`,
    module: 'go-language-nodejs',
    version: BUILT_LANGUAGE_HOST_VERSION,
    package: 'github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs',
    output: LANGUAGE_HOST_NAME,
  },
];
type Program = (typeof PROGRAMS)[number];

export type BuildContext = {
  /** The folder to fill: `bin/pulumi` and `bin/pulumi-language-nodejs`. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal;
};

export type EngineBuilder = (context: BuildContext) => Promise<StepResult>;

export async function buildWithGo(context: BuildContext): Promise<StepResult> {
  const go = await findGo(context.env);
  if (go === null) return { ok: false, reason: '`go` is not on PATH' };
  await mkdir(join(context.folder, 'bin'), { recursive: true });
  await mkdir(join(context.folder, SCRATCH), { recursive: true });
  for (const program of PROGRAMS) {
    const built = await buildOne(go, program, context);
    if (!built.ok) return { ok: false, reason: `${go} could not build ${program.output}: ${built.reason}` };
  }
  return { ok: true };
}

export async function findGo(env: NodeJS.ProcessEnv): Promise<string | null> {
  const onPath = await findOnPath(process.platform === 'win32' ? 'go.exe' : 'go', env.PATH ?? '');
  if (onPath !== null) return onPath;
  return (await isExecutable(GO_OUTSIDE_PATH)) ? GO_OUTSIDE_PATH : null;
}

async function buildOne(go: string, program: Program, context: BuildContext): Promise<StepResult> {
  const startedMs = performance.now();
  let doing = 'starting';
  const report = (): void => {
    const elapsedSeconds = Math.round((performance.now() - startedMs) / 1000);
    context.onProgress(`building ${program.title}: ${elapsedSeconds} s, ${doing}`);
    // Go says what it downloads and nothing of what it compiles.
    doing = 'compiling';
  };
  report();
  doing = 'compiling';
  const heartbeat = setInterval(report, HEARTBEAT_MS);
  try {
    return await runStep({
      file: go,
      args: buildArguments(program, join(context.folder, 'bin', program.output)),
      cwd: join(import.meta.dirname, program.module),
      // A go.work above this tree would pull in other modules; cgo would need a C compiler; what an ended build leaves
      // half made goes away with the folder.
      env: { ...context.env, GOWORK: 'off', CGO_ENABLED: '0', GOTMPDIR: join(context.folder, SCRATCH) },
      limitMs: BUILD_LIMIT_MS,
      onLine: (line) => {
        if (line.startsWith('go: downloading ')) doing = line.slice('go: '.length);
      },
      ...(context.signal && { signal: context.signal }),
    });
  } finally {
    clearInterval(heartbeat);
  }
}

function buildArguments(program: Program, output: string): string[] {
  return [
    'build',
    '-mod=readonly',
    '-trimpath',
    '-buildvcs=false',
    '-ldflags',
    `-s -w -X ${VERSION_VARIABLE}=${program.version}`,
    '-o',
    output,
    program.package,
  ];
}
