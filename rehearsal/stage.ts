/** Everything that a rehearsal needs, started: PostgreSQL, Pulumi engine, gateway, parties, a project folder. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { counted } from '../core/count-words.ts';
import { Cleanup } from './cleanup.ts';
import { type Database, startDatabase } from './database/database.ts';
import { type Estate, inventoryYaml, partyConfigurations, planEstate, portsNeeded, stackYaml } from './estate.ts';
import { playInventory } from './estate-from-inventory.ts';
import { whyNoDiskCanFill } from './faults/disk-full.ts';
import type { FaultName } from './faults/names.ts';
import { Gateways } from './gateways.ts';
import { Load } from './load.ts';
import type { Options } from './options.ts';
import { freePorts, onFreshPorts } from './ports.ts';
import { runToEnd } from './product.ts';
import type { Progress } from './progress.ts';
import { clearProject, type Folders, writeProject } from './project.ts';
import { WorkerProcess } from './worker-process.ts';

export type Stage = {
  readonly folders: Folders;
  readonly estate: Estate;
  readonly gateways: Gateways;
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

const STOPS_POSTGRESQL: ReadonlySet<FaultName> = new Set(['database-down', 'worst-night', 'legacy-behind']);
const COMES_BACK_WITH_ITS_QUEUE: ReadonlySet<FaultName> = new Set(['worst-night', 'legacy-behind']);

export async function setUp(folders: Folders, around: Around): Promise<Stage> {
  const { options, progress, cleanup, signal } = around;
  const stopsPostgresql = options.faults.find((fault) => STOPS_POSTGRESQL.has(fault));
  if (stopsPostgresql !== undefined && process.env.DATABASE_URL)
    throw new Error(`--fault ${stopsPostgresql} stops PostgreSQL: unset DATABASE_URL, so that it is the embedded one`);
  const whyNot = options.faults.includes('disk-full') ? whyNoDiskCanFill() : null;
  if (whyNot !== null) throw new Error(whyNot);
  progress.step('start');
  // Before the ports are chosen: a first build takes minutes, in which others may take them.
  const engine = await findEngine(folders, around);
  const database = await startDatabase(folders.database, process.env);
  cleanup.add('PostgreSQL', () => database.stop());
  progress.line(database.embedded ? 'PostgreSQL runs (embedded)' : 'PostgreSQL: the one of DATABASE_URL');
  const { estate, gateways, load } = await takeSeats(folders, around, database);
  const own = { ...gateways.credentials(), CUTOVER_OPERATOR: 'rehearsal', DATABASE_URL: database.url };
  const env = { ...withoutDeployment(process.env), ...engine.env, ...own };
  signal.throwIfAborted();
  if (options.proof) {
    const worker = await WorkerProcess.start(folders, env, signal);
    cleanup.add('worker', () => worker.end());
    progress.line('the proof worker runs');
  }
  return { folders, estate, gateways, database, load, pulumiVersion: engine.version, env };
}

type Seats = Pick<Stage, 'estate' | 'gateways' | 'load'>;

/** Gateways and parties on ports that were free when they were chosen. */
async function takeSeats(folders: Folders, around: Around, database: Database): Promise<Seats> {
  const started = new Cleanup();
  around.cleanup.add('gateways and parties', async () => failOn(await started.run()));
  const start = (): Promise<Seats> => startOnPorts(folders, around, database, started);
  return onFreshPorts(start, async () => {
    failOn(await started.run());
    clearProject(folders);
  });
}

function failOn(failures: readonly string[]): void {
  if (failures.length > 0) throw new Error(failures.join('; '));
}

async function startOnPorts(folders: Folders, around: Around, database: Database, started: Cleanup): Promise<Seats> {
  const { options, progress, signal } = around;
  const { estate, inventory } = await makeEstate(around);
  writeProject(folders, { inventory, stack: stackYaml(estate.connections.map(({ name }) => name)) });
  // Without a worker nobody reads what they would ship.
  const { DATABASE_URL: _, ...plain } = process.env;
  const shipping = options.proof ? { ...plain, DATABASE_URL: database.url } : plain;
  const gateways = new Gateways(folders, estate, shipping, signal);
  started.add('gateways', () => gateways.end());
  const served = await gateways.start();
  progress.line(
    `${gateways.count === 1 ? 'gateway serves' : `${gateways.count} gateways serve`} ${counted(served, 'connection')}`,
  );
  const { seed, messagesFolder, faults } = options;
  const queueFolder = faults.some((fault) => COMES_BACK_WITH_ITS_QUEUE.has(fault)) ? folders.queues : null;
  const load = new Load(
    partyConfigurations(estate, { seed, messagesFolder, queueFolder, tablesFolder: folders.tables }),
  );
  started.add('parties', () => load.end());
  const messages = await load.configure();
  if (messagesFolder !== null) {
    progress.line(
      `own messages: ${messages.orders} orders, ${messages.results} results; ${messages.skipped} files hold none`,
    );
    if (messages.orders + messages.results === 0) throw new Error(`${messagesFolder} holds no HL7 message`);
  }
  progress.line('EMRs, LIS, legacy and new platform run');
  const unfed = estate.connections.filter(({ hasFeed }) => !hasFeed).map(({ name }) => name);
  if (unfed.length > 0)
    progress.line(`without a feed, a platform polls a table: ${unfed.join(', ')}; it moves by stop, empty, start`);
  return { estate, gateways, load };
}

async function makeEstate({ options, progress }: Around): Promise<{ estate: Estate; inventory: string }> {
  if (options.inventoryFile === null) {
    const ports = await freePorts(portsNeeded(options));
    const estate = planEstate({ ...options, keepsControlIds: options.messagesFolder !== null }, options.seed, ports);
    return { estate, inventory: inventoryYaml(estate) };
  }
  const text = readFileSync(options.inventoryFile, 'utf8');
  const { estate, inventory, note } = await playInventory(
    text,
    options.inventoryFile,
    options.seed,
    freePorts,
    options.faults.length === 0,
  );
  if (note !== null) progress.line(note);
  return { estate, inventory };
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

/** Nothing of a deployment that this shell may be set up for reaches the rehearsal. */
function withoutDeployment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(CUTOVER_(ADMIN|REQUEST|OPERATOR)|PULUMI_)/.test(name)),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
