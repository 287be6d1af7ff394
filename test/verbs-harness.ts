/**
 * For the tests of the verbs: a project of its own in a temporary folder (the repository's program and provider by
 * link, a file backend), in which verbs run as processes, as a person runs them.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const REPOSITORY = resolve(import.meta.dirname, '..');

export type VerbRun = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type TestProject = {
  readonly folder: string;
  readonly stackFile: string;
  readStack(): Promise<string>;
  writeStack(text: string): Promise<void>;
  writeInventory(inventory: object): Promise<void>;
  cutover(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<VerbRun>;
  remove(): Promise<void>;
};

/** `env`: what reaches the gateway; nothing of the caller's own deployment leaks in. */
export async function createTestProject(env: Readonly<Record<string, string>>): Promise<TestProject> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-verbs-'));
  await mkdir(join(folder, 'stacks', 'test'), { recursive: true });
  for (const shared of ['infra', 'core', 'adapters', 'node_modules']) {
    await symlink(join(REPOSITORY, shared), join(folder, shared));
  }
  for (const file of ['Pulumi.yaml', 'package.json']) await cp(join(REPOSITORY, file), join(folder, file));
  const stackFile = join(folder, 'stacks', 'Pulumi.test.yaml');
  const baseEnv = {
    ...withoutDeployment(process.env),
    PULUMI_HOME: join(folder, 'pulumi-home'),
    PULUMI_BACKEND_URL: `file://${join(folder, 'backend')}`,
    PULUMI_CONFIG_PASSPHRASE: '',
    CUTOVER_OPERATOR: 'ada',
    ...env,
  };
  return {
    folder,
    stackFile,
    readStack: () => readFile(stackFile, 'utf8'),
    writeStack: (text) => writeFile(stackFile, text),
    writeInventory: (inventory) =>
      writeFile(join(folder, 'stacks', 'test', 'inventory.yaml'), JSON.stringify(inventory)),
    cutover: (args, more = {}) =>
      new Promise((done) => {
        const options = { cwd: folder, env: { ...baseEnv, PWD: folder, ...more }, maxBuffer: 64 * 1024 * 1024 };
        execFile(
          process.execPath,
          [join(REPOSITORY, 'scripts/cutover.ts'), ...args],
          options,
          (error, stdout, stderr) => {
            const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
            done({ exitCode, stdout, stderr });
          },
        );
      }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function withoutDeployment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(CUTOVER_(ADMIN|REQUEST|OPERATOR)|PULUMI_|DATABASE_URL)/.test(name)),
  );
}
