// Finds out what an executable really is by running it: a file that exists may be cut short, of another platform or too old.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';

const EXECUTABLE_SUFFIX = process.platform === 'win32' ? '.exe' : '';
export const CLI_NAME = `pulumi${EXECUTABLE_SUFFIX}`;
export const LANGUAGE_HOST_NAME = `pulumi-language-nodejs${EXECUTABLE_SUFFIX}`;

/** Oldest CLI with everything this project uses (provider plugins by path, `refresh --preview-only`). */
export const OLDEST_FITTING = { major: 3, minor: 150 };

const PROBE_LIMIT_MS = 30_000;
const PROBE_OUTPUT_LIMIT_CHARACTERS = 64 * 1024;

export type Probed =
  | {
      readonly ok: true;
      readonly pulumi: string;
      readonly version: string;
      /** Folders of CLI and language host, the CLI's first. */
      readonly binDirs: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

type Ran = { readonly exitCode: number | null; readonly output: string; readonly error?: string };

/** Runs a program without input to its end, at most 30 s; never rejects. */
function runBriefly(file: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: '1' },
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), PROBE_LIMIT_MS);
    let output = '';
    const collect = (chunk: Buffer): void => {
      if (output.length < PROBE_OUTPUT_LIMIT_CHARACTERS) output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const settle = (ran: Ran): void => {
      clearTimeout(limit);
      resolve(ran);
    };
    child.on('error', (error) => settle({ exitCode: null, output, error: error.message }));
    child.on('close', (exitCode) => settle({ exitCode, output }));
  });
}

function versionFits(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+/.exec(version) ?? [];
  return Number(major) === OLDEST_FITTING.major && Number(minor) >= OLDEST_FITTING.minor;
}

/** First executable of that name in the folders of PATH, or null. */
export async function findOnPath(name: string, path: string): Promise<string | null> {
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return null;
}

export async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Runs `pulumi version` and the Node language host that belongs to it: beside it first, then on PATH. */
export async function probeEngine(pulumi: string, path: string): Promise<Probed> {
  const ran = await runBriefly(pulumi, ['version']);
  const version = /^v?(\d+\.\d+\.\d+\S*)\s*$/m.exec(ran.output)?.[1];
  if (ran.exitCode !== 0 || version === undefined) {
    return { ok: false, reason: `${pulumi} does not run (${ran.error ?? `exit code ${ran.exitCode}`})` };
  }
  if (!versionFits(version)) {
    return {
      ok: false,
      reason: `${pulumi} is version ${version}; this needs 3.${OLDEST_FITTING.minor} or newer, below 4`,
    };
  }
  const host = await findLanguageHost(pulumi, path);
  if (host === null) {
    return { ok: false, reason: `${pulumi} has no ${LANGUAGE_HOST_NAME} beside it or on PATH` };
  }
  const hostProblem = await languageHostProblem(host);
  if (hostProblem !== null) return { ok: false, reason: hostProblem };
  return { ok: true, pulumi, version, binDirs: [...new Set([dirname(pulumi), dirname(host)])] };
}

async function findLanguageHost(pulumi: string, path: string): Promise<string | null> {
  const folders = [dirname(pulumi), dirname(await realpath(pulumi))];
  for (const folder of folders) {
    const beside = join(folder, LANGUAGE_HOST_NAME);
    if (await isExecutable(beside)) return beside;
  }
  return findOnPath(LANGUAGE_HOST_NAME, path);
}

/** The host has no version command; its own usage text shows that it starts on this machine. */
async function languageHostProblem(host: string): Promise<string | null> {
  const ran = await runBriefly(host, ['-help']);
  if (ran.error === undefined && /usage/i.test(ran.output)) return null;
  return `${host} does not run (${ran.error ?? `exit code ${ran.exitCode}`})`;
}
