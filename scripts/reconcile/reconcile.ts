/** Reads what a reconciliation needs, once, and judges it: the document that the verb prints and freezes. */
import { Postgres, PostgresFailure } from '../../adapters/postgres.ts';
import { MigrationRefusal } from '../../adapters/postgres-migrations.ts';
import {
  type ListedIds,
  listKey,
  readListed,
  readOpenDecisions,
  readOrders,
  readUndelivered,
} from '../../adapters/proof-reconciliation.ts';
import { migrateProof, ProofStore } from '../../adapters/proof-store.ts';
import type { Connection } from '../../core/inventory.ts';
import { type JournalHead, stalenessOf } from '../../core/proof-freshness.ts';
import type { WorkerState } from '../../core/proof-results.ts';
import type { OrderClass, ReconcileDocument, Reconciled } from '../../core/reconcile/document.ts';
import { type ConnectionFacts, type Exclusion, reconcileConnection } from '../../core/reconcile/judge.ts';
import type { OutsideMap } from '../../core/reconcile/outside-map.ts';
import { matchesName } from '../../core/rules/compile.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import { databaseUrlOf } from '../runner/database-url.ts';
import type { Args } from '../runner/flags.ts';
import { flagsFor } from '../runner/selection.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';
import { readEngines } from './engines.ts';
import { compareOutside, type OutsideResult, readOutsideMap } from './outside.ts';
import { type AskedWindow, windowOf } from './window.ts';

/** Ten million outside rows are sorted in the database. */
const STATEMENT_LIMIT_MS = 1_800_000;
const NOTHING: ListedIds = { total: 0, ids: [] };
/** Records of a moment ago are on their way; what is older has been accounted for. */
const ACCOUNTED_SLACK_MS = 60_000;

export type Judged = Omit<ReconcileDocument, 'proofFile' | 'evidence' | 'exitCode'>;

/** The work that needs the database open; `postgres` is closed after it. */
export async function withProofStore<T>(context: Context, work: (postgres: Postgres) => Promise<T>): Promise<T> {
  const url = databaseUrlOf(context, 'nothing is accounted for', 'cutover worker --inventory FILE');
  let postgres: Postgres | null = null;
  try {
    postgres = await Postgres.open({ url, applicationName: 'cutover-reconcile', statementLimitMs: STATEMENT_LIMIT_MS });
    await migrateProof(postgres);
    return await work(postgres);
  } catch (error) {
    if (!(error instanceof PostgresFailure) && !(error instanceof MigrationRefusal)) throw error;
    throw new VerbStop(EXIT.failed, {
      code: 'database-unavailable',
      message: `the proof store cannot be read: ${error.message}`,
      next: ['bring PostgreSQL back, or correct DATABASE_URL'],
    });
  } finally {
    await postgres?.close();
  }
}

export async function judge(context: Context, args: Args, postgres: Postgres): Promise<Judged> {
  const { deployment } = context.inventory;
  const store = ProofStore.over(postgres, deployment);
  const given = await readOutsideMap(context, args);
  const state = await store.readWorkerState();
  const window = windowOf(args, state.nowMs);
  const { engines, unread, silent } = await readEngines(context, args, window.untilMs);
  const outside = await compareOutside(context, args, postgres, window, given);
  const reasons = stalenessOf(state, await headsFor(context, state, window));
  const facts = await readFacts(context, postgres, store, window, outside, given.map);
  const connections = facts.map(reconcileConnection);
  const stuck = engines.filter(({ queued, errors }) => queued + errors > 0);
  const all = [
    ...reasons,
    ...unread,
    ...(connections.length === 0 ? ['the selection has no connections'] : []),
    ...stuck.map(({ platform, queued, errors }) => `${platform} has ${queued} queued and ${errors} in its error store`),
  ];
  const isGreen = all.length === 0 && connections.every(({ verdict }) => verdict === 'green');
  return {
    verb: 'reconcile',
    ok: isGreen,
    verdict: isGreen ? 'green' : 'red',
    reasons: all,
    deployment,
    window: { since: new Date(window.sinceMs).toISOString(), until: new Date(window.untilMs).toISOString() },
    accountedUpTo: accountedUpTo(state),
    connections: all.length === 0 ? connections : connections.map((line) => ({ ...line, verdict: 'red' as const })),
    outside: [...outside.sets],
    orders: await ordersOf(context, postgres, window),
    engines,
    warnings: [...outside.warnings, ...silent],
    nextSteps: nextStepsOf(context, connections, reasons),
  };
}

async function readFacts(
  { inventory, selected }: Context,
  postgres: Postgres,
  store: ProofStore,
  window: AskedWindow,
  outside: OutsideResult,
  map: OutsideMap,
): Promise<readonly ConnectionFacts[]> {
  const { deployment } = inventory;
  const classes = new Map<string, Record<string, number>>();
  for (const { connection, class: one, count } of await store.readObligations(window)) {
    classes.set(connection, { ...classes.get(connection), [one]: count });
  }
  const ingress = new Map<string, Record<string, number>>();
  for (const { feed, outcome, count } of await store.readIngress(window)) {
    ingress.set(feed, { ...ingress.get(feed), [outcome]: count });
  }
  const undelivered = await readUndelivered(postgres, deployment, window);
  const listed = await readListed(postgres, deployment, window);
  const open = await readOpenDecisions(postgres, deployment);
  return selected.map(({ name, practice, direction, origin, feed }) => ({
    name,
    practice,
    direction,
    origin,
    classes: classes.get(name) ?? {},
    ingress: ingress.get(feed ?? '') ?? {},
    maybeSent: listed.get(listKey(name, 'maybeSent')) ?? NOTHING,
    suppressed: listed.get(listKey(name, 'suppressed')) ?? NOTHING,
    uncorrelated: listed.get(listKey(name, 'uncorrelated')) ?? NOTHING,
    openDecisions: open.get(name) ?? 0,
    undelivered: undelivered.get(name) ?? [],
    doubled: (listed.get(listKey(name, 'doubled')) ?? NOTHING).ids,
    outside: outside.findings.get(name) ?? null,
    exclusions: exclusionsFor(name, map),
  }));
}

function exclusionsFor(connection: string, { known }: OutsideMap): readonly Exclusion[] {
  return known
    .filter(({ connections }) => connections === undefined || connections.some((one) => matchesName(one, connection)))
    .map(({ name, ids }) => ({ name, ids }));
}

/**
 * Whether everything has been shipped only the gateway knows. A window that ends before what the worker has taken needs
 * nobody to be asked.
 */
async function headsFor(
  context: Context,
  { journals, nowMs }: WorkerState,
  window: AskedWindow,
): Promise<readonly JournalHead[]> {
  const end = Math.min(window.untilMs, nowMs);
  const shards = new Set(context.selected.map(({ shard }) => shard));
  const asked = [...shards].filter(
    (shard) =>
      !journals.some(
        (one) => one.shard === shard && one.newestAtMs !== null && one.newestAtMs >= end + ACCOUNTED_SLACK_MS,
      ),
  );
  return Promise.all(
    asked.map(async (shard) => {
      const gateway = gatewayOf(context, shard);
      const durable = await gateway.metric('cutover_shipping_durable_offset');
      const shipped = await gateway.metric('cutover_shipping_shipped_offset');
      return {
        shard,
        durableUpTo: durable.ok ? durable.value : null,
        shippedUpTo: shipped.ok ? shipped.value : null,
      };
    }),
  );
}

async function ordersOf(
  { inventory, selected }: Context,
  postgres: Postgres,
  window: AskedWindow,
): Promise<OrderClass[]> {
  const chosen = new Set(selected.map(({ practice }) => practice));
  const practices = inventory.connections
    .filter(({ practice }) => chosen.has(practice))
    .map(({ name, practice }: Connection) => ({ connection: name, practice }));
  const classes = new Map<string, OrderClass>();
  for (const row of await readOrders(postgres, inventory.deployment, practices, window)) {
    const key = [row.practice, row.class, row.ordered, row.resulted].join('\n');
    const known = classes.get(key) ?? {
      practice: row.practice,
      class: row.class,
      orderedThrough: row.ordered,
      resultedThrough: row.resulted,
      count: row.total,
      ids: [],
    };
    classes.set(key, known);
    known.ids.push({ msh10: row.msh10, sha256: row.sha.slice(0, 12), at: `${row.shard}/${row.place}` });
  }
  return [...classes.values()];
}

function accountedUpTo({ journals }: WorkerState): string | null {
  const times = journals.flatMap(({ newestAtMs }) => (newestAtMs === null ? [] : [newestAtMs]));
  return times.length === 0 ? null : new Date(Math.max(...times)).toISOString();
}

function nextStepsOf({ inventory }: Context, connections: readonly Reconciled[], reasons: readonly string[]): string[] {
  const steps: string[] = [];
  if (reasons.some((reason) => reason.includes('cutover worker'))) {
    steps.push('cutover worker --inventory stacks/NAME/inventory.yaml');
  }
  const decisions = connections.filter(({ counts }) => counts.openDecisions > 0).map(({ name }) => name);
  if (decisions.length > 0) steps.push(`cutover resolve ${flagsFor(inventory, decisions)}`);
  if (connections.some(({ counts }) => counts.missing > 0)) {
    steps.push(
      'look each missing id up at the destination; what is explained goes under `known` in the map, with its reason',
    );
  }
  return steps;
}
