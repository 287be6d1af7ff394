/**
 * For tests only: a Pulumi project of its own in a temporary folder (the repository's program and provider, a file
 * backend, a stack `test`), driven by the real engine.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { LEG_PORTS } from '../../adapters/gateway-admin.fake.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
export const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
const NAME = 'test';

export type PulumiRun = { readonly exitCode: number; readonly output: string };
type TestRoutes = Readonly<Record<string, Readonly<Record<string, string | number>>>>;
type TestConnection = {
  readonly name: string;
  readonly previousNames?: readonly string[];
  readonly legs?: { readonly legacy: number; readonly new: number };
  /** Of both platforms and the destination. */
  readonly peerPort?: number;
};

export type TestStack = {
  readonly folder: string;
  writeRoutes(routes: TestRoutes): Promise<void>;
  writeInventory(admin: string, connections: readonly TestConnection[]): Promise<void>;
  /** `--stack`, `--non-interactive` and the like are added. Never rejects for a failed command. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<PulumiRun>;
  up(...args: string[]): Promise<PulumiRun>;
  preview(...args: string[]): Promise<PulumiRun>;
  refresh(): Promise<PulumiRun>;
  /** The deployment as Pulumi stores it, as text. */
  exportText(): Promise<string>;
  /** Properties of each Route in the state, by connection. */
  routes(): Promise<Readonly<Record<string, RouteState>>>;
  remove(): Promise<void>;
};

const stateSchema = z.object({
  deployment: z.object({
    resources: z
      .array(
        z.object({
          type: z.string(),
          urn: z.string(),
          id: z.string().optional(),
          inputs: z.record(z.string(), z.unknown()).default({}),
          outputs: z.record(z.string(), z.unknown()).default({}),
        }),
      )
      .default([]),
  }),
});
type RouteState = z.output<typeof stateSchema>['deployment']['resources'][number];

/** Builds the engine first where it is not there yet. */
export async function createTestStack(gatewayEnv: Readonly<Record<string, string>>): Promise<TestStack> {
  const engine = await findEngine();
  const folder = await mkdtemp(join(tmpdir(), 'cutover-project-'));
  const [backend, scratch] = [join(folder, 'backend'), join(folder, 'tmp')];
  await Promise.all([mkdir(backend), mkdir(scratch)]);
  await mkdir(join(folder, 'stacks', NAME), { recursive: true });
  for (const shared of ['infra', 'core', 'adapters', 'node_modules']) {
    await symlink(join(REPOSITORY, shared), join(folder, shared));
  }
  for (const copied of ['Pulumi.yaml', 'package.json']) {
    await writeFile(join(folder, copied), await readFile(join(REPOSITORY, copied)));
  }
  const baseEnv = {
    ...withoutCutover(process.env),
    PATH: [...engine.binDirs, process.env.PATH ?? ''].join(delimiter),
    PULUMI_HOME: join(folder, 'home'),
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE: '',
    CUTOVER_PROJECT: folder,
    TMPDIR: scratch,
    PULUMI_SKIP_UPDATE_CHECK: '1',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    ...gatewayEnv,
  };

  const run: TestStack['run'] = (args, env = {}) =>
    new Promise((resolveRun) => {
      const options = { cwd: folder, env: { ...baseEnv, ...env }, maxBuffer: OUTPUT_LIMIT_BYTES };
      const all = [...args, '--stack', NAME, '--non-interactive', '--color', 'never'];
      execFile(engine.pulumi, all, options, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolveRun({ exitCode, output: `${stdout}\n${stderr}` });
      });
    });

  const stackFile = join(folder, 'stacks', `Pulumi.${NAME}.yaml`);
  const exportText = async (): Promise<string> => (await run(['stack', 'export'])).output;
  const created = await run(['stack', 'init']);
  if (created.exitCode !== 0) throw new Error(created.output);
  const salt = await readFile(stackFile, 'utf8');

  return {
    folder,
    run,
    exportText,
    writeRoutes: (routes) => {
      const config = { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': routes };
      return writeFile(stackFile, `${salt}\nconfig: ${JSON.stringify(config)}\n`);
    },
    writeInventory: (admin, connections) =>
      writeFile(join(folder, 'stacks', NAME, 'inventory.yaml'), JSON.stringify(inventoryOf(admin, connections))),
    up: (...args) => run(['up', '--skip-preview', '--yes', ...args]),
    preview: (...args) => run(['preview', '--diff', ...args]),
    refresh: () => run(['refresh', '--yes', '--skip-preview']),
    routes: async () => {
      const { resources } = stateSchema.parse(JSON.parse(await exportText())).deployment;
      const routes = resources.filter(({ type }) => type === 'cutover:index:Route');
      return Object.fromEntries(routes.map((route) => [route.urn.split('::').at(-1) ?? '', route]));
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Legs share a port, told apart by MSH-5, unless a connection brings its own. */
export function inventoryOf(admin: string, connections: readonly TestConnection[]): object {
  return {
    deployment: 'lab-test-1',
    gateways: [{ shard: 0, admin }],
    connections: connections.map(({ name, previousNames = [], legs = LEG_PORTS, peerPort = 1 }) => ({
      name,
      previousNames,
      direction: 'orders',
      practice: 'northside',
      wave: 'pilot',
      feed: { port: 0, platforms: { legacy: peerAt(peerPort), new: peerAt(peerPort) } },
      legs: {
        legacy: { port: legs.legacy, match: { 'MSH-5': name } },
        new: { port: legs.new, match: { 'MSH-5': name } },
      },
      weightKey: ['PID-3.1'],
      destination: peerAt(peerPort),
    })),
  };
}

function peerAt(port: number): object {
  return { host: '127.0.0.1', port };
}

export function withoutCutover(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(CUTOVER_ADMIN|CUTOVER_REQUEST|PULUMI_)/.test(name)),
  );
}

const engineSchema = z.object({ pulumi: z.string(), binDirs: z.array(z.string()) });

export function findEngine(): Promise<z.output<typeof engineSchema>> {
  return new Promise((resolveEngine, reject) => {
    const main = join(REPOSITORY, 'infra/engine/main.ts');
    execFile(process.execPath, [main], { maxBuffer: OUTPUT_LIMIT_BYTES }, (error, stdout, stderr) => {
      if (error === null) resolveEngine(engineSchema.parse(JSON.parse(stdout)));
      else reject(new Error(`no Pulumi engine: ${stderr}`));
    });
  });
}
