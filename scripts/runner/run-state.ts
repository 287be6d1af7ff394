/** What one run of a move verb has found out and done so far; steps read and fill it in. */
import type { EpochRecord, RouteResponse } from '../../core/admin-api.ts';
import type { ConnectionSnapshot, Plan, PlannedMove, PlanRefusal, Snapshot } from '../../core/plan.ts';
import type { Route } from '../../core/platform.ts';
import type { RouteEntry } from '../../core/stack-config.ts';
import type { Context } from './context.ts';
import type { Args } from './flags.ts';
import type { LedgerSession } from './ledger-session.ts';
import type { Opened, PulumiSession, StateRoutes } from './pulumi-session.ts';
import type { Statuses } from './snapshot.ts';

export type Failure = PlanRefusal & { readonly aborted: boolean };

export type LedgerOutcome = 'recorded' | 'not configured' | 'behind' | 'not needed';

export type OpenedPulumi = { readonly session: PulumiSession; readonly routes: StateRoutes };

export type RunState = {
  readonly context: Context;
  readonly args: Args;
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  readonly startedMs: number;
  /** A rollback opens these after the routes have moved. */
  pulumi: PulumiSession | null;
  /** Under way since the routes have moved; null: not begun. */
  opening: Promise<Opened<OpenedPulumi>> | null;
  ledger: LedgerSession | null;
  copyText: string | null;
  /** Of the stack file, by someone else, before this run wrote to it. */
  hadUncommittedChanges: boolean;
  /** What a system complained about, by connection; whether it moved is read from the gateway, never from here. */
  readonly complaints: Map<string, Failure>;
  /** From gateways that were asked directly. */
  readonly answers: Map<string, RouteResponse>;
  /** The record of each new epoch, as its gateway wrote it. */
  readonly records: Map<string, EpochRecord>;
  /** After the moves. */
  statuses: Statuses | null;
  /** After the moves; null: unknown. */
  routes: StateRoutes | null;
  /** Entries as they are now in the stack file, by connection; null: it could not be written. */
  written: ReadonlyMap<string, RouteEntry> | null;
  ledgerOutcome: LedgerOutcome;
  /** Of this run's checkpoint of the ledger; committed with the stack file. */
  checkpointFiles: readonly string[];
  /** Where the counters of what was switched begin; committed with the stack file. */
  nightFile: string | null;
  /** Something beyond the routes was left behind; the next verb or `sync` brings it up. */
  readonly leftBehind: string[];
  readonly warnings: string[];
  readonly timings: { step: string; wallMs: number }[];
};

/** Moved ones first, then those whose records only were behind. */
export function touchedNames(run: RunState): string[] {
  return [...run.plan.moves.map(({ name }) => name), ...run.plan.behind];
}

/** Whose records are looked at: a rollback has not asked Pulumi and ledger about those that were there already. */
export function recordedNames(run: RunState): string[] {
  const { order, alreadyThere } = run.plan;
  const names = touchedNames(run);
  if (order === 'gateways-first') names.push(...alreadyThere.map(({ name }) => name));
  return [...new Set(names)];
}

export function itemOf(run: RunState, name: string): ConnectionSnapshot {
  const item = run.snapshot.connections.find((candidate) => candidate.name === name);
  if (item === undefined) throw new Error(`${name} is not in the snapshot`);
  return item;
}

/** The route that its gateway has now, or null where it could not be asked. */
export function routeNow(run: RunState, name: string): Route | null {
  const view = run.statuses?.get(name);
  if (view?.kind !== 'read') return null;
  const { phase, newWeight, epoch } = view.status;
  return { phase, newWeight, epoch };
}

export function hasMoved(run: RunState, move: PlannedMove): boolean {
  const now = routeNow(run, move.name);
  return (
    now !== null && now.phase === move.to.phase && now.newWeight === move.to.newWeight && now.epoch === move.to.epoch
  );
}

export function leaveBehind(run: RunState, what: string): void {
  run.leftBehind.push(what);
  run.warnings.push(what);
  run.context.terminal.warn(what);
}

/** The one request id of a connection's move in this run, by whichever way it reaches the gateway. */
export function requestIdOf(context: Context, name: string): string {
  return `${context.runId}-${name}`;
}
