/** What the admin API says of a connection: read off the engine's state, nothing of it is kept. */

import type { ConnectionStatus, State } from '../../core/admin-api.ts';
import { counted } from '../../core/count-words.ts';
import { candidateOf, controlOf } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { FeedEngine } from './feed.ts';
import type { StopAndStart } from './stop-and-start.ts';
import type { Swap } from './swap.ts';

export type StatusFacts = {
  readonly connection: ConnectionEngine;
  /** Null: origin platform. */
  readonly feed: FeedEngine | null;
  readonly swap: Swap | StopAndStart | null;
  readonly isHeldByHand: boolean;
  readonly isFenced: boolean;
  readonly openDecisions: number;
  readonly shard: number;
};

const LAG_TOO_FAR = 1000;

export function statusOf(facts: StatusFacts): ConnectionStatus {
  const { connection, feed, openDecisions } = facts;
  const { route, observed, platformOrigin } = connection;
  const candidate = platformOrigin === null ? candidateOf(route) : null;
  const last = connection.epochs.at(-1);
  return {
    name: connection.config.name,
    feed: feed?.config.name ?? null,
    phase: route.phase,
    control: controlOf(route),
    candidate,
    primary: feed?.primary ?? controlOf(route),
    newWeight: route.newWeight,
    epoch: route.epoch,
    state: stateOf(facts),
    inFlight: (feed?.inFlight ?? 0) + connection.openOutputs,
    owedOutputs: connection.owedOutputs,
    shadowLag: shadowLag(facts),
    rollbackReady: readiness(facts),
    readiness: {
      lastLegacyMatch: timeOf(connection.obligations.capturedAtMs.legacy),
      legacyRejects: candidate === 'legacy' ? connection.rejectedCopies : 0,
      certificateDays: null,
      diskFreeBytes: null,
      shadowGap: gapOf(facts),
    },
    decisions: openDecisions,
    ...(platformOrigin === null
      ? { changeOver: connection.config.changeOver, correlation: connection.correlation.grade }
      : { platformOrigin: platformOrigin.status() }),
    changed: { by: last?.by ?? 'init', at: last?.at ?? new Date(0).toISOString(), reason: last?.reason ?? null },
    observed:
      observed === null || observed.epoch !== route.epoch
        ? null
        : { epoch: observed.epoch, deliveredFrom: observed.deliveredFrom, at: new Date(observed.atMs).toISOString() },
    counters: { ...connection.counters },
  };
}

function gapOf({ connection: { gap }, shard }: StatusFacts): NonNullable<ConnectionStatus['readiness']>['shadowGap'] {
  if (gap === null) return null;
  const { platform, from, to, count, epoch, sinceMs, atMs } = gap;
  const [since, at] = [new Date(sinceMs).toISOString(), new Date(atMs).toISOString()];
  return { platform, from: `${shard}/${from}`, to: `${shard}/${to}`, count, epoch, since, at };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** How the connection's swap stands. */
export function stateOf({
  connection,
  swap,
  isHeldByHand,
  isFenced,
}: Pick<StatusFacts, 'connection' | 'swap' | 'isHeldByHand' | 'isFenced'>): State {
  if (isFenced) return 'fenced';
  if (swap !== null && swap.phase !== 'done') return swap.phase;
  if (connection.reowning > 0) return 'reowning';
  if (connection.changeOver.isOpen) return 'settling';
  return isHeldByHand ? 'held' : 'steady';
}

function shadowLag({ connection, feed }: StatusFacts): number {
  const candidate = candidateOf(connection.route);
  return candidate === null || feed === null
    ? 0
    : feed.shadows[candidate === feed.primary ? controlOf(connection.route) : candidate].lag;
}

/** Rule 9: readiness for a rollback is watched all the time, also before there is anything to roll back. */
function readiness(facts: StatusFacts): ConnectionStatus['rollbackReady'] {
  const { connection, feed, openDecisions } = facts;
  const reasons: string[] = [];
  const { phase, newWeight } = connection.route;
  if (phase === 'decommissioned') reasons.push('decommissioned: there is no way back');
  if (phase === 'legacy' || (phase === 'parallel' && newWeight === 0))
    reasons.push('legacy is the control: nothing to roll back');
  if (feed === null && openDecisions > 0) reasons.push(`${openDecisions} open decisions`);
  if (phase === 'switched' && feed !== null) {
    const lag = feed.shadows.legacy.lag;
    if (lag > LAG_TOO_FAR) reasons.push(`the shadow to legacy is ${counted(lag, 'message')} behind`);
    if (connection.rejectedCopies > 0) {
      reasons.push(`legacy rejected ${connection.rejectedCopies} shadow messages since the switch`);
    }
    if (openDecisions > 0) reasons.push(`${openDecisions} open decisions`);
  }
  const { gap } = connection;
  if (gap !== null) {
    const since = new Date(gap.sinceMs).toISOString();
    reasons.push(
      `${gap.platform} did not get ${counted(gap.count, 'message')} since ${since}: their copies were given up`,
    );
  }
  return { ready: reasons.length === 0, reasons };
}
