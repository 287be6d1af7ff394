/** Everything that a decision rests on, read once: gateways, stack file, Pulumi state, ledger. */
import type { ConnectionStatus } from '../../core/admin-api.ts';
import type { Connection } from '../../core/inventory.ts';
import type { Availability, ConnectionSnapshot, GatewayView, Snapshot } from '../../core/plan.ts';
import { isSameRoute } from '../../core/truth.ts';
import type { Context } from './context.ts';
import type { LedgerSession } from './ledger-session.ts';
import type { PulumiSession, StateRoutes } from './pulumi-session.ts';

/** By connection name; of every gateway that was asked, selected or not. */
export type Statuses = ReadonlyMap<string, GatewayView>;

export async function readStatuses(context: Context): Promise<Statuses> {
  const statuses = new Map<string, GatewayView>();
  const answers = await Promise.all(
    context.gateways.map(async (gateway) => ({ shard: gateway.shard, result: await gateway.connections() })),
  );
  for (const { shard, result } of answers) {
    const served = new Map<string, ConnectionStatus>(
      result.ok ? result.value.map((status) => [status.name, status]) : [],
    );
    for (const item of context.inventory.connections) {
      if (item.shard !== shard) continue;
      statuses.set(item.name, result.ok ? viewOf(item, served) : { kind: 'unavailable', ...result.error });
    }
  }
  return statuses;
}

function viewOf(item: Connection, served: ReadonlyMap<string, ConnectionStatus>): GatewayView {
  const status = served.get(item.name);
  if (status !== undefined) return { kind: 'read', status };
  return {
    kind: 'unavailable',
    code: 'unknown-connection',
    message: `the gateway of shard ${item.shard} does not know it: its inventory is older than this one`,
    next: ['give the gateway this inventory and send it SIGHUP'],
  };
}

export type Records = {
  readonly pulumi: Availability;
  readonly routes: StateRoutes | null;
  readonly ledger: LedgerSession | null;
};

/** Reads the state's routes; null session: skipped or not to be had. */
export async function readRoutes(
  session: PulumiSession | null,
  otherwise: Availability,
): Promise<{ readonly pulumi: Availability; readonly routes: StateRoutes | null }> {
  if (session === null) return { pulumi: otherwise, routes: null };
  const routes = await session.routes();
  if (!routes.ok) return { pulumi: { kind: 'unavailable', message: routes.message }, routes: null };
  return { pulumi: { kind: 'read' }, routes: routes.value };
}

export function assembleSnapshot(context: Context, statuses: Statuses, records: Records): Snapshot {
  return {
    stack: context.stack,
    deployment: context.inventory.deployment,
    target: context.inventory.target,
    connections: context.selected.map((item) => toConnectionSnapshot(context, item, statuses, records)),
    pulumi: records.pulumi,
    ledger: records.ledger?.availability ?? { kind: context.env.DATABASE_URL ? 'skipped' : 'not-configured' },
    differing: differingOthers(context, statuses),
    approvals: context.approvals,
    barred: new Map(),
    nowMs: Date.parse(context.clock.now()),
    soakMs: context.inventory.soakMs,
  };
}

function differingOthers(context: Context, statuses: Statuses): string[] {
  const selected = new Set(context.selected.map(({ name }) => name));
  return context.inventory.connections.flatMap(({ name }) => {
    const entry = context.stackFile?.config.routes[name];
    const view = statuses.get(name);
    if (selected.has(name) || entry === undefined || view?.kind !== 'read') return [];
    return isSameRoute(entry, view.status) ? [] : [name];
  });
}

function toConnectionSnapshot(
  context: Context,
  item: Connection,
  statuses: Statuses,
  records: Records,
): ConnectionSnapshot {
  const { name, direction, practice, wave, feed, shard } = item;
  const view = statuses.get(name);
  if (view === undefined) throw new Error(`no status was read for ${name}`);
  return {
    name,
    direction,
    practice,
    wave,
    feed,
    shard,
    facts: {
      name,
      unclassifiedEffects: item.unclassifiedEffects,
      hasWeightKey: item.weightKey !== null,
      origin: item.origin,
    },
    gateway: view,
    entry: context.stackFile === null ? 'unknown' : (context.stackFile.config.routes[name] ?? null),
    pulumi: records.routes === null ? 'unknown' : (records.routes.get(name) ?? null),
    ledgerEpoch: records.ledger?.newestEpoch(name) ?? 'unknown',
  };
}
