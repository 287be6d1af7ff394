/**
 * For tests: the example stacks on the real engine, with stand-ins for the providers of AWS and Kubernetes and a file
 * backend, in a folder of its own.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { findEngine, OUTPUT_LIMIT_BYTES, type PulumiRun, withoutCutover } from '../provider/engine-harness.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

const keptSchema = z.object({
  urn: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  outputs: z.record(z.string(), z.unknown()),
});
export type Kept = z.output<typeof keptSchema>;

export type StandInProject = {
  readonly folder: string;
  readonly cloud: string;
  readonly env: Readonly<Record<string, string>>;
  /** Never rejects for a failed command. */
  run(stack: string, args: readonly string[]): Promise<PulumiRun>;
  /** What the cloud holds; by URN. */
  resources(): Promise<readonly Kept[]>;
  /** Changes a resource behind Pulumi's back. */
  tamper(urnEnd: string, change: (outputs: Kept) => Kept): Promise<void>;
  /** `create|update|delete` and the ends of the URNs since the last call. */
  calls(): Promise<readonly string[]>;
  remove(): Promise<void>;
};

/** `more`: environment of the stand-ins. */
export async function createStandInProject(more: Readonly<Record<string, string>> = {}): Promise<StandInProject> {
  const engine = await findEngine();
  const folder = await mkdtemp(join(tmpdir(), 'cutover-stand-in-'));
  const [backend, cloud, scratch] = [join(folder, 'backend'), join(folder, 'cloud'), join(folder, 'tmp')];
  await Promise.all([mkdir(backend), mkdir(cloud), mkdir(scratch)]);
  for (const shared of ['infra', 'core', 'adapters', 'runbooks', 'node_modules']) {
    await symlink(join(REPOSITORY, shared), join(folder, shared));
  }
  await cp(join(REPOSITORY, 'stacks'), join(folder, 'stacks'), { recursive: true });
  await cp(join(REPOSITORY, 'package.json'), join(folder, 'package.json'));
  await writeFile(join(folder, 'Pulumi.yaml'), await projectWithStandIns());
  const env = {
    ...Object.fromEntries(Object.entries(withoutCutover(process.env)).filter(([name]) => !/^(AWS_|KUBE)/.test(name))),
    PATH: [...engine.binDirs, process.env.PATH ?? ''].join(delimiter),
    PULUMI_HOME: join(folder, 'home'),
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE: '',
    PULUMI_SKIP_UPDATE_CHECK: '1',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    PULUMI_EXPERIMENTAL: '1',
    PULUMI_SKIP_CHECKPOINTS: '1',
    CUTOVER_PROJECT: folder,
    TMPDIR: scratch,
    CUTOVER_STAND_IN_CLOUD: cloud,
    KUBECONFIG: '/dev/null',
    PWD: folder,
    ...more,
  };
  const run: StandInProject['run'] = (stack, args) =>
    new Promise((done) => {
      const all = [...args, '--stack', stack, '--non-interactive', '--color', 'never'];
      execFile(engine.pulumi, all, { cwd: folder, env, maxBuffer: OUTPUT_LIMIT_BYTES }, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        done({ exitCode, output: `${stdout}\n${stderr}` });
      });
    });
  const files = async (): Promise<readonly { file: string; kept: Kept }[]> => {
    const names = (await readdir(cloud)).filter((name) => name.endsWith('.json'));
    return Promise.all(
      names.map(async (name) => {
        const file = join(cloud, name);
        return { file, kept: keptSchema.parse(JSON.parse(await readFile(file, 'utf8'))) };
      }),
    );
  };
  return {
    folder,
    cloud,
    env: definedOnly(env),
    run,
    resources: async () => (await files()).map(({ kept }) => kept),
    tamper: async (urnEnd, change) => {
      const found = (await files()).find(({ kept }) => kept.urn.endsWith(urnEnd));
      if (found === undefined) throw new Error(`the cloud holds nothing that ends in ${urnEnd}`);
      await writeFile(found.file, JSON.stringify(change(found.kept)));
    },
    calls: async () => {
      const log = join(cloud, 'calls.log');
      const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
      await writeFile(log, '');
      return lines.map((line) => `${line.split(' ')[0]} ${line.split('$').at(-1)}`);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function projectWithStandIns(): Promise<string> {
  const project = parse(await readFile(join(REPOSITORY, 'Pulumi.yaml'), 'utf8'));
  for (const name of ['aws', 'kubernetes']) {
    project.plugins.providers.push({ name, path: join(REPOSITORY, 'infra/testing/stand-in', name) });
  }
  return stringify(project);
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
