/**
 * For the tests of the verbs: a project of its own in a temporary folder (the repository's program and provider by
 * link, a file backend), in which verbs run as processes, as a person runs them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const REPOSITORY = resolve(import.meta.dirname, '..');

export type VerbRun = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type TestProject = {
  readonly folder: string;
  readonly stackFile: string;
  /** Where its verbs and what they start have their temporary files. */
  readonly scratch: string;
  readStack(): Promise<string>;
  writeStack(text: string): Promise<void>;
  writeInventory(inventory: object): Promise<void>;
  cutover(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<VerbRun>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): StartedVerb;
  /** By way of another command, which gets its command line: `prlimit` for one. */
  by(command: readonly [string, ...string[]], args: readonly string[]): Promise<VerbRun>;
  /** From another folder, with this environment alone and what a shell has. */
  elsewhere(folder: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<VerbRun>;
  remove(): Promise<void>;
};

/** One gateway and these connections, whose peers nobody listens for. `more`: of each connection. */
export function inventoryAt(admin: string, names: readonly string[], more: object = {}): object {
  const peer = { host: '127.0.0.1', port: 1 };
  return {
    deployment: 'lab-test-1',
    gateways: [{ shard: 0, admin }],
    connections: names.map((name, index) => ({
      name,
      direction: name.endsWith('orders') ? 'orders' : 'results',
      practice: name.split('-')[0],
      wave: 'pilot',
      feed: { port: 21_001 + index, platforms: { legacy: peer, new: peer } },
      legs: { legacy: { port: 22_001 + index }, new: { port: 23_001 + index } },
      destination: peer,
      ...more,
    })),
  };
}

/** `env`: what reaches the gateway; nothing of the caller's own deployment leaks in. */
export async function createTestProject(env: Readonly<Record<string, string>>): Promise<TestProject> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-verbs-'));
  await mkdir(join(folder, 'stacks', 'test'), { recursive: true });
  for (const shared of ['infra', 'core', 'adapters', 'node_modules']) {
    await symlink(join(REPOSITORY, shared), join(folder, shared));
  }
  for (const file of ['Pulumi.yaml', 'package.json']) await cp(join(REPOSITORY, file), join(folder, file));
  const stackFile = join(folder, 'stacks', 'Pulumi.test.yaml');
  const scratch = join(folder, 'tmp');
  await mkdir(scratch);
  const baseEnv = {
    ...withoutDeployment(process.env),
    PULUMI_HOME: join(folder, 'pulumi-home'),
    PULUMI_BACKEND_URL: `file://${join(folder, 'backend')}`,
    PULUMI_CONFIG_PASSPHRASE: '',
    CUTOVER_OPERATOR: 'ada',
    TMPDIR: scratch,
    ...env,
  };
  const running = new Set<ChildProcess>();
  const start = (
    args: readonly string[],
    more: Readonly<Record<string, string>>,
    where = folder,
    by: readonly string[] = [],
  ): ChildProcess => {
    const own = where === folder ? baseEnv : withoutDeployment(process.env);
    const [file = '', ...rest] = [...by, process.execPath, join(REPOSITORY, 'scripts/cutover.ts'), ...args];
    const child = spawn(file, rest, {
      cwd: where,
      env: { ...own, PWD: where, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };
  return {
    folder,
    stackFile,
    scratch,
    readStack: () => readFile(stackFile, 'utf8'),
    writeStack: (text) => writeFile(stackFile, text),
    writeInventory: (inventory) =>
      writeFile(join(folder, 'stacks', 'test', 'inventory.yaml'), JSON.stringify(inventory)),
    cutover: (args, more = {}) => observe(start(args, more)).ended,
    start: (args, more = {}) => observe(start(args, more)),
    by: (command, args) => observe(start(args, {}, folder, command)).ended,
    elsewhere: (where, args, more) => observe(start(args, more, where)).ended,
    remove: async () => {
      // A test that ran out of time leaves its verb behind.
      for (const child of running) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function withoutDeployment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(CUTOVER_(ADMIN|REQUEST|OPERATOR)|PULUMI_|DATABASE_URL)/.test(name)),
  );
}

export type StartedVerb = {
  /** Resolves when stderr has a line that fits. */
  until(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<VerbRun>;
};

function observe(child: ChildProcess): StartedVerb {
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<VerbRun>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ exitCode: code ?? -1, stdout, stderr }));
  });
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    until: (pattern) =>
      new Promise((done, fail) => {
        const watcher = (): void => {
          if (pattern.test(stderr)) done();
        };
        watchers.add(watcher);
        watcher();
        ended.then(() => fail(new Error(`it ended without ${pattern}: ${stderr}`)), fail);
      }),
  };
}
