/** The Pulumi CLI as an engineer runs it by hand in a test project: no verb, default flags. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { REPOSITORY } from './verbs-harness.ts';

export type PulumiRun = { readonly exitCode: number; readonly output: string };

export async function runPulumi(
  folder: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<PulumiRun> {
  const engine = await findEngine();
  // By hand the engine's logs and pipes stay where they are: beside the project, which is removed.
  const scratch = join(folder, 'tmp');
  await mkdir(scratch, { recursive: true });
  return new Promise((resolve) => {
    const command = execFile(
      engine.pulumi,
      [...args, '--stack', 'test', '--non-interactive', '--color', 'never'],
      {
        cwd: folder,
        env: {
          ...process.env,
          PULUMI_HOME: join(folder, 'pulumi-home'),
          PULUMI_BACKEND_URL: `file://${join(folder, 'backend')}`,
          PULUMI_CONFIG_PASSPHRASE: '',
          PULUMI_SKIP_UPDATE_CHECK: '1',
          CUTOVER_PROJECT: folder,
          TMPDIR: scratch,
          PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
          ...env,
          PATH: [...engine.binDirs, process.env.PATH ?? ''].join(delimiter),
          PWD: folder,
        },
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ exitCode, output: stdout + stderr });
      },
    );
    command.stdin?.end();
  });
}

function findEngine(): Promise<{ pulumi: string; binDirs: string[] }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(REPOSITORY, 'infra/engine/main.ts')], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(error);
    });
  });
}
