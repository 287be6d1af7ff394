/** Reads what the worker has found out and what gateways say now, and judges every selected connection. */
import { join } from 'node:path';
import { PostgresFailure } from '../../adapters/postgres.ts';
import { MigrationRefusal } from '../../adapters/postgres-migrations.ts';
import { type Definitions, readDefinitions, ruleSigningOf } from '../../adapters/proof-definitions.ts';
import { ProofStore } from '../../adapters/proof-store.ts';
import type { Json } from '../../core/canonical-json.ts';
import { COVERAGE_AREA, contractArea } from '../../core/compare/inspect.ts';
import { judgeConnection, type Thresholds } from '../../core/compare/judgement.ts';
import { shapesOf } from '../../core/compare/shapes.ts';
import { judgeWorker } from '../../core/compare/worker-doubts.ts';
import type { CompareDocument, ComparedConnection, RuleExposure } from '../../core/compare-document.ts';
import type { Connection } from '../../core/inventory.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import type { DifferenceGroup, OutputFinding, WorkerState } from '../../core/proof-results.ts';
import { exposureOf } from '../../core/rules/exposure.ts';
import type { Context } from '../runner/context.ts';
import { databaseUrlOf } from '../runner/database-url.ts';
import { readStatuses, type Statuses } from '../runner/snapshot.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';

export type Standing = Pick<
  CompareDocument,
  'worker' | 'connections' | 'shapes' | 'rules' | 'unknownRules' | 'warnings'
>;

/** How far behind the journal's head the database may be. */
const SHIPPING_LIMIT_SECONDS = 120;
const GROUPS_LIMIT = 200;

/** Throws a VerbStop where rules or contracts do not hold. */
export async function definitionsOf(context: Context): Promise<Definitions> {
  const today = todayOf(context);
  const folder = projectFolderOf(context);
  const { inventory, stack, clock } = context;
  const signing = await ruleSigningOf(inventory, join(folder, 'stacks', stack), Date.parse(clock.now()));
  const read = await readDefinitions(folder, inventory.connections, today, signing);
  if (read.ok) return read.value;
  throw new VerbStop(EXIT.usage, {
    code: 'definitions-invalid',
    message: formatProblems(read.problems),
    next: ['correct stacks/rules and stacks/contracts'],
  });
}

/** Rules and contracts are the project's: without one there is nothing to judge by. */
export function projectFolderOf({ project }: Context): string {
  if (project === null) throw usage('compare needs the project: its rules and contracts', 'leave --inventory out');
  return project.folder;
}

export function todayOf({ clock }: Context): string {
  return clock.now().slice(0, 10);
}

export function databaseOf(context: Context): string {
  return databaseUrlOf(context, 'nothing is known of any comparison', 'cutover worker --inventory FILE');
}

/** Throws a VerbStop where the database cannot be read. */
export async function openStore(context: Context): Promise<ProofStore> {
  const url = databaseOf(context);
  try {
    return await ProofStore.open(context.inventory.deployment, { url });
  } catch (error) {
    if (!(error instanceof PostgresFailure) && !(error instanceof MigrationRefusal)) throw error;
    throw new VerbStop(EXIT.failed, {
      code: 'database-unavailable',
      message: `the proof store cannot be read: ${error.message}`,
      next: ['bring the database up, then again: results that cannot be read are red'],
    });
  }
}

/** `history`: what old messages show, by connection. */
export async function readStanding(
  context: Context,
  thresholds: Thresholds,
  history: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
): Promise<Standing> {
  const definitions = await definitionsOf(context);
  const names = context.selected.map(({ name }) => name);
  const store = await openStore(context);
  try {
    const contracts = new Map(names.flatMap((name) => contractEntry(definitions, name)));
    const [statuses, shipping] = await Promise.all([readStatuses(context), shippingDoubts(context)]);
    const state = await store.readWorkerState();
    const days = await store.readComparison(names);
    const groups = await store.readDifferences(names, GROUPS_LIMIT);
    const coverage = await store.readNames(COVERAGE_AREA, names);
    const routes = await store.readRoutes();
    const hidden = await store.readHiddenPairs();
    const breaches: OutputFinding[] = [];
    for (const area of new Set(contracts.values())) breaches.push(...(await store.readFindings(area, names)));
    const by = <T extends { readonly connection: string }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> =>
      Map.groupBy(rows, ({ connection }) => connection);
    const indexed = [by(days), by(groups), by(coverage), by(breaches), by(routes)] as const;
    const worker = judgeWorker(state);
    const connections = context.selected.map((connection) =>
      judgeConnection(
        {
          connection,
          rules: definitions.rulesOf(connection.name),
          contract: definitions.contractOf(connection.name),
          days: indexed[0].get(connection.name) ?? [],
          groups: indexed[1].get(connection.name) ?? [],
          coverage: indexed[2].get(connection.name) ?? [],
          history: history.get(connection.name) ?? new Set(),
          breaches: indexed[3].get(connection.name) ?? [],
          routes: indexed[4].get(connection.name) ?? [],
          live: liveOf(statuses, connection),
          doubts: [...worker.reasons, ...(shipping.get(connection.shard) ?? [])],
        },
        thresholds,
      ),
    );
    const exposure = exposureOf(definitions.ruleFiles, current(groups, definitions), hidden, todayOf(context));
    return {
      worker: workerOf(worker, state),
      connections: connections.sort(byTrouble),
      shapes: shapesOf(connections),
      rules: [...exposure.rules],
      unknownRules: [...exposure.unknown],
      warnings: [...unsignedOf(definitions), ...warningsOf(exposure.rules, connections)],
    };
  } finally {
    await store.close();
  }
}

function contractEntry(definitions: Definitions, name: string): [string, string][] {
  const contract = definitions.contractOf(name);
  return contract === null ? [] : [[name, contractArea(contract)]];
}

function current(groups: readonly DifferenceGroup[], definitions: Definitions): DifferenceGroup[] {
  return groups.filter(({ connection, basis }) => basis === definitions.rulesOf(connection).digest);
}

function liveOf(statuses: Statuses, { name }: Connection) {
  const view = statuses.get(name);
  return view?.kind === 'read' ? { phase: view.status.phase, epoch: view.status.epoch } : null;
}

/** By shard: what its gateway has not shipped yet. */
async function shippingDoubts(context: Context): Promise<ReadonlyMap<number, readonly string[]>> {
  const answers = await Promise.all(
    context.gateways.map(async (gateway): Promise<[number, readonly string[]]> => {
      const lag = await gateway.metric('cutover_shipping_lag_seconds');
      const doubt = shippingDoubt(`the gateway of shard ${gateway.shard}`, lag.ok ? lag.value : 'unknown');
      return [gateway.shard, doubt === null ? [] : [doubt]];
    }),
  );
  return new Map(answers);
}

function shippingDoubt(gateway: string, lagSeconds: number | 'unknown' | null): string | null {
  if (lagSeconds === 'unknown') return `${gateway} could not be asked what it has shipped`;
  if (lagSeconds === null) return `${gateway} does not ship to the database`;
  return lagSeconds <= SHIPPING_LIMIT_SECONDS ? null : `${gateway} is ${Math.round(lagSeconds)} s behind with shipping`;
}

function workerOf({ reasons, behindMs }: ReturnType<typeof judgeWorker>, { worker }: WorkerState): Standing['worker'] {
  const isRed = reasons.length > 0 || worker === null;
  return { verdict: isRed ? 'red' : 'green', reasons: [...reasons], behindMs };
}

function byTrouble(a: ComparedConnection, b: ComparedConnection): number {
  const amiss = (each: ComparedConnection): number =>
    each.differing + each.missingCandidate + each.extraCandidate + each.answersDiffering + each.outOfOrder;
  const rank = (each: ComparedConnection): number => (each.verdict === 'red' ? 0 : 1);
  return rank(a) - rank(b) || amiss(b) - amiss(a) || (a.name < b.name ? -1 : 1);
}

function unsignedOf({ unsigned }: Definitions): string[] {
  return [...unsigned].map(([name, fault]) => `rule ${name} accepts nothing: ${fault}`);
}

function warningsOf(rules: readonly RuleExposure[], connections: readonly ComparedConnection[]): string[] {
  const soon = rules
    .filter(({ state }) => state === 'expiring')
    .map(({ name, expires }) => `rule ${name} expires on ${expires}`);
  const expired = rules
    .filter(({ state }) => state === 'expired')
    .map(({ name, expires, owner }) => `rule ${name} expired on ${expires} and accepts nothing (owner: ${owner})`);
  const habits = connections.filter(
    ({ contract }) => contract?.breaches.some(({ is }) => is === 'habit') === true,
  ).length;
  const habit =
    habits === 0
      ? []
      : [
          `${habits} connection${habits === 1 ? '' : 's'} with contract breaches that both platforms share: to be decided on`,
        ];
  return [...soon, ...expired, ...habit];
}

/** What is frozen as evidence: the judgement, without the examples of what rules accept. */
export function evidenceBody(document: CompareDocument): Json {
  const { connections, worker, rules } = document;
  return JSON.parse(JSON.stringify({ verdict: document.verdict, worker, connections, rules }));
}
