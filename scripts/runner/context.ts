/** Everything that a verb works with, opened from the command line and the project folder; nothing is asked yet. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readApprovals } from '../../adapters/approval-files.ts';
import { type Clock, systemClock } from '../../adapters/clock.ts';
import { CREDENTIAL_VARIABLES, GatewayClient } from '../../adapters/gateway-admin.ts';
import { readInventoryFile } from '../../adapters/inventory-file.ts';
import { readStackFile, type StackFile } from '../../adapters/stack-file.ts';
import { renamedOf } from '../../core/former-names.ts';
import type { Connection, Inventory } from '../../core/inventory.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import type { ApprovalOnFile } from '../../core/plan.ts';
import { underPresentNames } from '../../core/stack-config.ts';
import type { Args } from './flags.ts';
import { chooseStack, findProject, inventoryFileOf, openStackFile, type Project } from './project.ts';
import { select } from './selection.ts';
import { EXIT, VerbStop } from './stop.ts';
import type { Terminal } from './terminal.ts';

export type Surroundings = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly interruption: AbortSignal;
};

export type Context = Surroundings & {
  readonly verb: string;
  /** One id for this run, in lease, requests and ledger. */
  readonly runId: string;
  readonly operator: string;
  readonly host: string;
  readonly clock: Clock;
  /** Null: there is only an inventory (`--inventory`). */
  readonly project: Project | null;
  readonly stack: string;
  readonly stackPath: string;
  /** Null: it could not be read, and this verb goes on without it. */
  readonly stackFile: StackFile | null;
  /** Absolute. */
  readonly inventoryPath: string;
  readonly inventory: Inventory;
  readonly approvals: readonly ApprovalOnFile[];
  readonly selected: readonly Connection[];
  /** Of the selection, in shard order. */
  readonly gateways: readonly GatewayClient[];
};

export type OpenOptions = { readonly selectsAll: boolean; readonly withoutStackFile: boolean };

/** Throws a VerbStop where the project, the stack, the inventory or the selection does not hold. */
export async function openContext(
  verb: string,
  args: Args,
  around: Surroundings,
  options: OpenOptions,
): Promise<Context> {
  const place =
    args.inventory === undefined
      ? await projectPlace(args, around, options)
      : { project: null, stack: args.stack ?? null, stackPath: '', stackFile: null, inventoryPath: args.inventory };
  const inventoryPath = resolve(around.cwd, place.inventoryPath);
  const read = await readInventoryFile(inventoryPath);
  if (!read.ok) {
    const message = formatProblems(read.problems);
    throw new VerbStop(EXIT.usage, { code: 'inventory-invalid', message, next: [`correct ${inventoryPath}`] });
  }
  const inventory = read.value;
  const stack = place.stack ?? inventory.deployment;
  const { project, stackPath } = place;
  const renamed = renamedOf(inventory.connections);
  const stackFile = place.stackFile && {
    ...place.stackFile,
    config: underPresentNames(place.stackFile.config, renamed),
  };
  const selected = select(inventory, args, options.selectsAll);
  const env = project === null ? withBundledCertificates(around.env, dirname(inventoryPath), inventory) : around.env;
  const shards = new Set(selected.map((item) => item.shard));
  const gateways = inventory.gateways
    .filter(({ shard }) => shards.has(shard))
    .sort((a, b) => a.shard - b.shard)
    .map(({ shard, admin }) => new GatewayClient({ shard, admin, env }));
  return {
    ...around,
    env,
    verb,
    runId: randomUUID(),
    operator: around.env.CUTOVER_OPERATOR || userName(),
    host: hostname(),
    clock: systemClock,
    project,
    stack,
    stackPath,
    stackFile,
    inventoryPath,
    inventory,
    approvals:
      project === null
        ? []
        : await readApprovals(join(project.folder, 'stacks', stack, 'approvals'), Date.parse(systemClock.now())),
    selected,
    gateways,
  };
}

type Place = Pick<Context, 'project' | 'stackPath' | 'stackFile'> & {
  /** Null: the inventory's deployment gives the name. */
  readonly stack: string | null;
  readonly inventoryPath: string;
};

async function projectPlace(args: Args, { cwd, env, terminal }: Surroundings, options: OpenOptions): Promise<Place> {
  const project = await findProject(cwd, args.project, env);
  const { stack, file: stackPath } = await chooseStack(
    project,
    args.stack ?? env.CUTOVER_STACK,
    options.withoutStackFile ? 'folder' : 'refused',
  );
  const stackFile = options.withoutStackFile ? await tryStackFile(stackPath, terminal) : await openStackFile(stackPath);
  return { project, stack, stackPath, stackFile, inventoryPath: inventoryFileOf(project, stack, stackFile) };
}

/** An operations bundle has the certificates of its gateways beside the inventory, as `admin-<shard>.crt`. */
function withBundledCertificates(env: NodeJS.ProcessEnv, folder: string, { gateways }: Inventory): NodeJS.ProcessEnv {
  const { certificate } = CREDENTIAL_VARIABLES;
  const bundled: Record<string, string> = {};
  for (const { shard } of gateways) {
    const file = join(folder, `admin-${shard}.crt`);
    const isNamed = Boolean(env[certificate] || env[`${certificate}_${shard}`]);
    if (!isNamed && existsSync(file)) bundled[`${certificate}_${shard}`] = file;
  }
  return { ...env, ...bundled };
}

export function gatewayOf(context: Context, shard: number): GatewayClient {
  const found = context.gateways.find((gateway) => gateway.shard === shard);
  if (found === undefined) throw new Error(`no client for shard ${shard}`);
  return found;
}

export async function closeContext(context: Context): Promise<void> {
  await Promise.all(context.gateways.map((gateway) => gateway.close()));
}

async function tryStackFile(file: string, terminal: Terminal): Promise<StackFile | null> {
  const read = await readStackFile(file);
  if (read.ok) return read.value;
  terminal.warn(`going on without the stack file: ${read.problems.join('; ')}`);
  return null;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
