/**
 * The war room's picture of everything, from what gateways, stack file and proof store say. One verdict a connection, one
 * for the whole; what could not be read is unknown, and unknown is never fine. No message content is in it.
 */

import type { ConnectionStatus, State } from '../admin-api.ts';
import { counted } from '../count-words.ts';
import type { Connection } from '../inventory.ts';
import type { Phase, Platform } from '../platform.ts';
import { strangerIn } from '../platform-origin.ts';

/** In the order of how bad it is. */
export const VERDICTS = ['bad', 'unknown', 'watch', 'fine'] as const;
export type Verdict = (typeof VERDICTS)[number];

export type Comparison = {
  readonly pairs: number;
  readonly matched: number;
  readonly accepted: number;
  readonly open: number;
};

export type Tile = {
  readonly name: string;
  readonly practice: string;
  readonly direction: 'orders' | 'results';
  readonly wave: string;
  /** Null: origin platform. */
  readonly feed: string | null;
  readonly shard: number;
  readonly owner: string;
  /** Null: its gateway does not answer, or does not know it. */
  readonly phase: Phase | null;
  readonly control: Platform | null;
  readonly epoch: number | null;
  readonly newWeight: number;
  readonly state: State | null;
  readonly inFlight: number;
  readonly owed: number;
  readonly lag: number;
  readonly decisions: number;
  readonly received: number;
  readonly delivered: number;
  readonly maybeSent: number;
  readonly rollbackReady: boolean;
  /** Null: nothing compares. */
  readonly comparison: Comparison | null;
  readonly verdict: Verdict;
  /** Why it is not fine, the worst first. */
  readonly reasons: readonly string[];
};

export type TileFacts = {
  readonly connection: Connection;
  readonly status: ConnectionStatus | null;
  /** Why there is no status. */
  readonly failure: string | null;
  /** The epoch that the stack file has; null: no entry. */
  readonly configuredEpoch: number | null;
  readonly comparison: Comparison | null;
};

/** Shadow copies behind by more than this are worth a look. */
const LAG_TO_WATCH = 100;
const UNKNOWN_OWNER = 'nobody named';

export function tileOf(facts: TileFacts): Tile {
  const { connection, status, comparison } = facts;
  const { verdict, reasons } = judge(facts);
  const { name, practice, direction, wave, feed, shard, owners } = connection;
  return {
    name,
    practice,
    direction,
    wave,
    feed,
    shard,
    owner: owners.new ?? owners.lab ?? UNKNOWN_OWNER,
    phase: status?.phase ?? null,
    control: status?.control ?? null,
    epoch: status?.epoch ?? null,
    newWeight: status?.newWeight ?? 0,
    state: status?.state ?? null,
    inFlight: status?.inFlight ?? 0,
    owed: status?.owedOutputs ?? 0,
    lag: status?.shadowLag ?? 0,
    decisions: status?.decisions ?? 0,
    received: status?.counters.received ?? 0,
    delivered: status?.counters.delivered ?? 0,
    maybeSent: status?.counters.maybeSent ?? 0,
    rollbackReady: status?.rollbackReady.ready ?? false,
    comparison,
    verdict,
    reasons,
  };
}

function judge({ status, failure, configuredEpoch, comparison }: TileFacts): Pick<Tile, 'verdict' | 'reasons'> {
  if (status === null) return { verdict: 'unknown', reasons: [failure ?? 'its gateway was not asked yet'] };
  const bad: string[] = [];
  const watch: string[] = [];
  if (status.decisions > 0) bad.push(counted(status.decisions, 'decision waits', 'decisions wait'));
  const stranger = strangerIn(status);
  if (stranger !== null) bad.push(stranger.reason);
  if (status.state === 'fenced') bad.push('its gateway is fenced');
  if (status.phase === 'switched' && !status.rollbackReady.ready) {
    bad.push(`a rollback is not ready: ${status.rollbackReady.reasons[0] ?? 'no reason given'}`);
  }
  if (comparison !== null && comparison.open > 0)
    watch.push(counted(comparison.open, 'difference without a rule', 'differences without a rule'));
  if (status.state === 'held') watch.push('held');
  else if (status.state !== 'steady' && status.state !== 'fenced') watch.push(`a swap is in progress: ${status.state}`);
  if (status.shadowLag > LAG_TO_WATCH) watch.push(`${status.shadowLag} shadow copies wait`);
  if (status.observed === null && status.epoch > 1) watch.push(`no message has proven epoch ${status.epoch} yet`);
  if (configuredEpoch !== null && configuredEpoch !== status.epoch) {
    watch.push(`the stack file says epoch ${configuredEpoch}, the gateway ${status.epoch}`);
  }
  const verdict = bad.length > 0 ? 'bad' : watch.length > 0 ? 'watch' : 'fine';
  return { verdict, reasons: [...bad, ...watch] };
}

export type Summary = {
  readonly verdict: Verdict;
  /** One line, for whoever looks for three seconds. */
  readonly headline: string;
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly phases: Readonly<Record<string, number>>;
  readonly reasons: readonly { readonly reason: string; readonly connections: readonly string[] }[];
};

const REASONS_SHOWN = 8;

export function summarise(tiles: readonly Tile[]): Summary {
  const counts = { bad: 0, unknown: 0, watch: 0, fine: 0 };
  const phases: Record<string, number> = {};
  const byReason = new Map<string, { verdict: Verdict; names: string[] }>();
  for (const tile of tiles) {
    counts[tile.verdict]++;
    const phase = tile.phase ?? 'unknown';
    phases[phase] = (phases[phase] ?? 0) + 1;
    const [reason] = tile.reasons;
    if (reason === undefined) continue;
    const known = byReason.get(reason) ?? { verdict: tile.verdict, names: [] };
    known.names.push(tile.name);
    byReason.set(reason, known);
  }
  const verdict = tiles.length === 0 ? 'unknown' : (VERDICTS.find((each) => counts[each] > 0) ?? 'unknown');
  const reasons = [...byReason]
    .toSorted(
      ([, a], [, b]) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || b.names.length - a.names.length,
    )
    .slice(0, REASONS_SHOWN)
    .map(([reason, { names }]) => ({ reason, connections: names }));
  return { verdict, headline: headlineOf(verdict, counts, tiles.length), counts, phases, reasons };
}

function headlineOf(verdict: Verdict, counts: Summary['counts'], total: number): string {
  switch (verdict) {
    case 'bad':
      return `${counted(counts.bad, 'connection needs', 'connections need')} somebody now`;
    case 'unknown':
      return total === 0 ? 'Nothing is known yet' : `Of ${counted(counts.unknown, 'connection')} nothing is known`;
    case 'watch':
      return `Fine so far: ${counted(counts.watch, 'connection is', 'connections are')} to be watched`;
    case 'fine':
      return total === 1 ? 'The one connection is fine' : `All ${total} connections are fine`;
  }
}
