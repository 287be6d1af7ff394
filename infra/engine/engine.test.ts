// The ways to an engine, with stand-ins for Pulumi: shell scripts that answer as the real programs do.
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isProcessAlive } from '../../adapters/process-alive.ts';
import { engineFolder } from './cache.ts';
import { type EngineOptions, ensureEngine } from './engine.ts';
import { EngineUnavailable } from './engine-unavailable.ts';
import { BUILT_CLI_VERSION, BUILT_LANGUAGE_HOST_VERSION, type EngineBuilder } from './go-build.ts';
import { officialVersion } from './official.ts';

const PATIENCE_MS = 60_000;
const BUILT = `${BUILT_CLI_VERSION}-${BUILT_LANGUAGE_HOST_VERSION}`;

let root: string;
let cacheDir: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cutover-engine-test-'));
  cacheDir = join(root, 'cache');
  // Neither PATH nor home hold a Pulumi of this machine.
  env = { PATH: join(root, 'path'), HOME: join(root, 'home') };
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function writeProgram(file: string, body: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

const writeCli = (folder: string, version: string): Promise<string> =>
  writeProgram(join(folder, 'pulumi'), `echo v${version}`);
const writeHost = (folder: string): Promise<string> =>
  writeProgram(join(folder, 'pulumi-language-nodejs'), 'echo "Usage of pulumi-language-nodejs:" >&2');

/** Counts its calls and makes a working engine of that version. */
function maker(version: string): { make: EngineBuilder; calls: () => number } {
  let calls = 0;
  const make: EngineBuilder = async ({ folder }) => {
    calls += 1;
    await writeCli(join(folder, 'bin'), version);
    await writeHost(join(folder, 'bin'));
    return { ok: true };
  };
  return { make, calls: () => calls };
}

function failer(reason: string): { make: EngineBuilder; calls: () => number } {
  let calls = 0;
  const make: EngineBuilder = () => {
    calls += 1;
    return Promise.resolve({ ok: false, reason });
  };
  return { make, calls: () => calls };
}

function options(official: EngineBuilder, build: EngineBuilder, lines: string[] = []): EngineOptions {
  return { cacheDir, env, onProgress: (line) => lines.push(line), ways: { official, build } };
}

const never = failer('must not be asked').make;

describe("the user's own engine", () => {
  test.each(['3.150.0', '3.270.0', '3.151.2-alpha.1'])('%s on PATH is used, and nothing is made', async (version) => {
    const pulumi = await writeCli(join(root, 'path'), version);
    await writeHost(join(root, 'path'));
    const engine = await ensureEngine(options(never, never));
    expect(engine).toMatchObject({ pulumi, version, source: 'path' });
    expect(engine.binDirs[0]).toBe(join(root, 'path'));
    await expect(readdir(cacheDir)).rejects.toThrow('ENOENT');
  });

  test('in the home folder is used when PATH has none', async () => {
    const pulumi = await writeCli(join(root, 'home', '.pulumi', 'bin'), '3.200.0');
    await writeHost(join(root, 'home', '.pulumi', 'bin'));
    expect(await ensureEngine(options(never, never))).toMatchObject({ pulumi, source: 'home' });
  });

  test('its language host may stand elsewhere on PATH', async () => {
    await writeCli(join(root, 'path'), '3.200.0');
    await writeHost(join(root, 'elsewhere'));
    env.PATH = `${env.PATH}:${join(root, 'elsewhere')}`;
    const engine = await ensureEngine(options(never, never));
    expect(engine.binDirs.slice(0, 2)).toEqual([join(root, 'path'), join(root, 'elsewhere')]);
  });

  test.each(['3.149.9', '2.99.0', '4.0.0'])('%s does not fit, and the error says so', async (version) => {
    await writeCli(join(root, 'path'), version);
    await writeHost(join(root, 'path'));
    env.CUTOVER_ENGINE = 'own';
    await expect(ensureEngine(options(never, never))).rejects.toThrow(`is version ${version}; this needs 3.150`);
  });

  test('without a language host it is passed over', async () => {
    await writeCli(join(root, 'path'), '3.200.0');
    const { make } = maker('3.150.0');
    expect(await ensureEngine(options(failer('blocked').make, make))).toMatchObject({ source: 'built' });
  });

  test('CUTOVER_PULUMI is the only one looked at', async () => {
    await writeCli(join(root, 'path'), '3.200.0');
    await writeHost(join(root, 'path'));
    const wanted = await writeCli(join(root, 'wanted'), '3.160.0');
    await writeHost(join(root, 'wanted'));
    env.CUTOVER_PULUMI = wanted;
    expect(await ensureEngine(options(never, never))).toMatchObject({ pulumi: wanted, version: '3.160.0' });
    await rm(wanted);
    await expect(ensureEngine(options(never, never))).rejects.toThrow(`CUTOVER_PULUMI: ${wanted} does not run`);
  });
});

describe('making an engine', () => {
  test('the official one comes first', async () => {
    const official = maker(officialVersion());
    const engine = await ensureEngine(options(official.make, never));
    expect(engine).toMatchObject({ source: 'official', version: officialVersion() });
    expect(engine.pulumi).toBe(join(engineFolder(cacheDir, 'official', officialVersion()), 'bin', 'pulumi'));
  });

  test('where it is blocked one is built, kept, and neither way is asked again', async () => {
    const official = failer('cannot download');
    const build = maker(BUILT_CLI_VERSION);
    const lines: string[] = [];
    const first = await ensureEngine(options(official.make, build.make, lines));
    const second = await ensureEngine(options(official.make, build.make, lines));
    expect(first).toMatchObject({ source: 'built', version: BUILT_CLI_VERSION });
    expect(second).toEqual(first);
    expect([official.calls(), build.calls()]).toEqual([1, 1]);
    expect(lines).toEqual(['the official installation did not work: cannot download']);
  });

  test.each([
    ['cut short', ''],
    ['of another platform', '\u007fELF not for here'],
    ['of another version', '#!/bin/sh\necho v3.1.0\n'],
  ])('a kept engine that is %s is made again', async (_what, content) => {
    const build = maker(BUILT_CLI_VERSION);
    const { pulumi } = await ensureEngine(options(failer('blocked').make, build.make));
    await writeFile(pulumi, content);
    const again = await ensureEngine(options(never, build.make));
    expect(again.pulumi).toBe(pulumi);
    expect(build.calls()).toBe(2);
  });

  test('a kept engine without its language host is made again', async () => {
    const build = maker(BUILT_CLI_VERSION);
    const { pulumi } = await ensureEngine(options(failer('blocked').make, build.make));
    await rm(join(dirname(pulumi), 'pulumi-language-nodejs'));
    await ensureEngine(options(never, build.make));
    expect(build.calls()).toBe(2);
  });

  test('what does not run is not kept', async () => {
    const broken: EngineBuilder = async ({ folder }) => {
      await writeProgram(join(folder, 'bin', 'pulumi'), 'exit 1');
      return { ok: true };
    };
    await expect(ensureEngine(options(failer('blocked').make, broken))).rejects.toThrow('does not run (exit code 1)');
    expect((await readdir(join(cacheDir, 'engine'))).filter((name) => /^(built|official|aside)-\d/.test(name))).toEqual(
      [],
    );
  });

  test('a failed official installation is not tried again within the hour, unless asked for', async () => {
    const official = failer('cannot download');
    const failing = options(official.make, failer('no Go').make);
    await expect(ensureEngine(failing)).rejects.toThrow('cannot download');
    await expect(ensureEngine(failing)).rejects.toThrow('less than an hour ago');
    expect(official.calls()).toBe(1);
    env.CUTOVER_ENGINE = 'official';
    await expect(ensureEngine(failing)).rejects.toThrow('cannot download');
    expect(official.calls()).toBe(2);
  });

  test('CUTOVER_ENGINE=build looks at nothing else', async () => {
    await writeCli(join(root, 'path'), '3.200.0');
    await writeHost(join(root, 'path'));
    env.CUTOVER_ENGINE = 'build';
    const official = failer('blocked');
    const engine = await ensureEngine(options(official.make, maker(BUILT_CLI_VERSION).make));
    expect([engine.source, official.calls()]).toEqual(['built', 0]);
  });

  test('a CUTOVER_ENGINE that nobody knows is refused', async () => {
    env.CUTOVER_ENGINE = 'docker';
    await expect(ensureEngine(options(never, never))).rejects.toThrow("CUTOVER_ENGINE is 'docker'");
  });

  test('when no way works, one error says what was tried and what helps', async () => {
    const failing = ensureEngine(options(failer('cannot download').make, failer('`go` is not on PATH').make));
    const error = await failing.catch((caught: unknown) => caught);
    if (!(error instanceof EngineUnavailable)) throw error;
    expect(error.attempts.map(({ way }) => way)).toEqual([
      'pulumi on PATH',
      join(root, 'home', '.pulumi', 'bin', 'pulumi'),
      'the official installation',
      'a build with Go',
    ]);
    for (const part of ['cannot download', '`go` is not on PATH', 'install Pulumi', 'CUTOVER_PULUMI=', 'GOPROXY']) {
      expect(error.message).toContain(part);
    }
  });
});

describe('two at once', () => {
  /** A process that ensures an engine, whose builder writes its pid to the log and waits until `gate` goes. */
  async function writeStarter(): Promise<string> {
    const engineModule = pathToFileURL(join(import.meta.dirname, 'engine.ts')).href;
    const starter = join(root, 'starter.mjs');
    const source = `
      import { appendFileSync, chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
      import { join } from 'node:path';
      import { setTimeout as delay } from 'node:timers/promises';
      import { ensureEngine } from ${JSON.stringify(engineModule)};
      const build = async ({ folder }) => {
        appendFileSync(${JSON.stringify(join(root, 'builds'))}, process.pid + '\\n');
        while (existsSync(${JSON.stringify(join(root, 'gate'))})) await delay(10);
        mkdirSync(join(folder, 'bin'));
        for (const [name, line] of [['pulumi', 'echo v3.150.0'], ['pulumi-language-nodejs', 'echo Usage of it']]) {
          writeFileSync(join(folder, 'bin', name), '#!/bin/sh\\n' + line + '\\n');
          chmodSync(join(folder, 'bin', name), 0o755);
        }
        return { ok: true };
      };
      const official = async () => ({ ok: false, reason: 'blocked' });
      const engine = await ensureEngine({
        cacheDir: ${JSON.stringify(cacheDir)},
        env: { PATH: '/nowhere', HOME: '/nowhere' },
        onProgress: (line) => console.error(line),
        ways: { official, build },
      });
      console.log(engine.pulumi);
    `;
    await writeFile(starter, source);
    return starter;
  }

  const buildersSoFar = async (): Promise<string[]> =>
    (await readFile(join(root, 'builds'), 'utf8')).split('\n').filter((line) => line !== '');

  test(
    'one builds, the other waits, says so and finds it',
    async () => {
      const starter = await writeStarter();
      await writeFile(join(root, 'gate'), '');
      const run = promisify(execFile);
      const progress: string[] = [];
      const first = run(process.execPath, [starter]);
      await vi.waitFor(async () => expect(await buildersSoFar()).toHaveLength(1), { timeout: PATIENCE_MS });
      const second = run(process.execPath, [starter]);
      second.child.stderr?.on('data', (chunk: Buffer) => progress.push(chunk.toString('utf8')));
      await vi.waitFor(() => expect(progress.join('')).toContain(`waiting for process ${first.child.pid} `), {
        timeout: PATIENCE_MS,
      });
      await rm(join(root, 'gate'));
      const results = await Promise.all([first, second]);
      const expected = `${join(engineFolder(cacheDir, 'built', BUILT), 'bin', 'pulumi')}\n`;
      expect(results.map(({ stdout }) => stdout)).toEqual([expected, expected]);
      expect(await buildersSoFar()).toEqual([String(first.child.pid)]);
    },
    PATIENCE_MS,
  );

  test(
    'a builder that was killed leaves nothing that stops or misleads the next',
    async () => {
      const starter = await writeStarter();
      await writeFile(join(root, 'gate'), '');
      const killed = spawn(process.execPath, [starter], { stdio: 'ignore' });
      await vi.waitFor(async () => expect(await buildersSoFar()).toHaveLength(1), { timeout: PATIENCE_MS });
      killed.kill('SIGKILL');
      await vi.waitFor(() => expect(isProcessAlive(killed.pid ?? 0)).toBe(false), { timeout: PATIENCE_MS });
      await rm(join(root, 'gate'));
      const { stdout } = await promisify(execFile)(process.execPath, [starter]);
      expect(stdout).toContain(engineFolder(cacheDir, 'built', BUILT));
      expect(await buildersSoFar()).toHaveLength(2);
      const left = (await readdir(join(cacheDir, 'engine'))).sort();
      expect(left).toEqual([`built-${BUILT}-${process.platform}-${process.arch}`, 'official-install-failed.json']);
    },
    PATIENCE_MS,
  );
});
