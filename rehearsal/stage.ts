/** Everything that a rehearsal needs, started: PostgreSQL, Pulumi engine, gateway, parties, a project folder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import type { Cleanup } from './cleanup.ts';
import { type Database, startDatabase } from './database/database.ts';
import { type Estate, inventoryYaml, partyConfigurations, planEstate, portsNeeded, stackYaml } from './estate.ts';
import { estateFromInventory } from './estate-from-inventory.ts';
import { GatewayProcess } from './gateway-process.ts';
import { Load } from './load.ts';
import type { Options } from './options.ts';
import { freePorts } from './ports.ts';
import { runToEnd } from './product.ts';
import type { Progress } from './progress.ts';
import { type Folders, writeProject } from './project.ts';

export type Stage = {
  readonly folders: Folders;
  readonly estate: Estate;
  /** Its admin API. */
  readonly gateway: GatewayClient;
  readonly gatewayProcess: GatewayProcess;
  readonly database: Database;
  readonly load: Load;
  readonly pulumiVersion: string;
  /** Environment of every verb. */
  readonly env: NodeJS.ProcessEnv;
};

export type Around = {
  readonly options: Options;
  readonly progress: Progress;
  readonly cleanup: Cleanup;
  readonly signal: AbortSignal;
};

export async function setUp(folders: Folders, around: Around): Promise<Stage> {
  const { options, progress, cleanup, signal } = around;
  if (options.fault === 'database-down' && process.env.DATABASE_URL)
    throw new Error('--fault database-down stops PostgreSQL: unset DATABASE_URL, so that it is the embedded one');
  progress.step('start');
  // Before the ports are chosen: a first build takes minutes, in which others may take them.
  const engine = await findEngine(folders, around);
  const { estate, inventory, databasePort } = await makeEstate(options);
  writeProject(folders, { inventory, stack: stackYaml(estate.connections.map(({ name }) => name)) });

  const database = await startDatabase(folders.database, databasePort, process.env);
  cleanup.add('PostgreSQL', () => database.stop());
  progress.line(database.embedded ? 'PostgreSQL runs (embedded)' : 'PostgreSQL: the one of DATABASE_URL');

  const gatewayProcess = new GatewayProcess(folders, estate.adminPort, signal);
  cleanup.add('gateway', () => gatewayProcess.end());
  progress.line(`gateway serves ${await gatewayProcess.start()} connections`);
  const env = { ...process.env, ...engine.env, ...credentials(folders), DATABASE_URL: database.url };
  signal.throwIfAborted();

  const load = new Load(partyConfigurations(estate, { seed: options.seed, messagesFolder: options.messagesFolder }));
  cleanup.add('parties', () => load.end());
  const own = await load.configure();
  if (options.messagesFolder !== null) {
    progress.line(`own messages: ${own.orders} orders, ${own.results} results; ${own.skipped} files hold none`);
    if (own.orders + own.results === 0) throw new Error(`${options.messagesFolder} holds no HL7 message`);
  }
  progress.line('EMRs, LIS, legacy and new platform run');
  const gateway = new GatewayClient({ admin: `https://127.0.0.1:${estate.adminPort}`, shard: 0, env });
  cleanup.add('admin client', () => gateway.close());
  return { folders, estate, gateway, gatewayProcess, database, load, pulumiVersion: engine.version, env };
}

async function makeEstate(options: Options): Promise<{ estate: Estate; inventory: string; databasePort: number }> {
  if (options.inventoryFile === null) {
    const [databasePort = 0, ...ports] = await freePorts(portsNeeded(options.connections) + 1);
    const estate = planEstate({ ...options, keepsControlIds: options.messagesFolder !== null }, options.seed, ports);
    return { estate, inventory: inventoryYaml(estate), databasePort };
  }
  const inventory = readFileSync(options.inventoryFile, 'utf8');
  const [databasePort = 0] = await freePorts(1);
  return { estate: estateFromInventory(inventory, options.inventoryFile, options.seed), inventory, databasePort };
}

const engineSchema = z.union([
  z.object({ ok: z.literal(true), pulumi: z.string(), version: z.string(), source: z.string() }),
  z.object({ ok: z.literal(false), message: z.string() }),
]);

/** The engine is found or built once; the verbs are told which it is. */
async function findEngine(
  folders: Folders,
  { progress, signal }: Around,
): Promise<{ readonly version: string; readonly env: NodeJS.ProcessEnv }> {
  const finished = await runToEnd({
    script: 'infra/engine/main.ts',
    args: [],
    cwd: folders.project,
    env: process.env,
    logFile: join(folders.logs, 'engine.log'),
    onLine: (line) => progress.line(line),
    signal,
  });
  signal.throwIfAborted();
  const read = engineSchema.safeParse(jsonOf(finished.stdout));
  if (!read.success) throw new Error(`the Pulumi engine cannot be had: ${finished.tail.join('\n')}`);
  if (!read.data.ok) throw new Error(read.data.message);
  progress.line(`Pulumi engine ${read.data.version} (${read.data.source})`);
  const env = {
    CUTOVER_PULUMI: read.data.pulumi,
    PULUMI_BACKEND_URL: `file://${folders.state}`,
    PULUMI_CONFIG_PASSPHRASE: '',
    // Its notes on this project end with it, and nobody's own settings apply.
    PULUMI_HOME: join(folders.root, 'pulumi-home'),
    PULUMI_SKIP_UPDATE_CHECK: '1',
  };
  return { version: read.data.version, env };
}

function credentials(folders: Folders): NodeJS.ProcessEnv {
  return {
    CUTOVER_ADMIN_TOKEN: readFileSync(join(folders.gatewayData, 'admin.token'), 'utf8').trim(),
    CUTOVER_ADMIN_CA: join(folders.gatewayData, 'admin.crt'),
    CUTOVER_OPERATOR: 'rehearsal',
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
