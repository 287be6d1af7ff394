/** What the rounds come to: medians over rounds, ratios taken within a round, and the bounds that are to be reached. */
import type { Run } from './measure.ts';
import type { VariantName } from './variants.ts';

export type Round = { readonly syncUs: number; readonly runs: Readonly<Partial<Record<VariantName, Run>>> };
export type EqualRate = {
  readonly perSecond: number;
  /** Median over rounds: CPU a message, and the latency at that rate. */
  readonly rows: readonly {
    readonly name: VariantName;
    readonly cpuUs: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
  }[];
  /** Gateway ÷ HAProxy, of each round; null where one of them was not measured. */
  readonly cpuRatio: number | null;
};
export type Bound = {
  readonly what: string;
  readonly reached: number;
  readonly limit: 'at least' | 'at most';
  readonly wanted: number;
  readonly holds: boolean;
};

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? 0;
  return Number.isInteger(half) ? (upper + (sorted[half - 1] ?? upper)) / 2 : upper;
}

/** Of messages a second; null where no round has both. */
export function ratio(played: readonly Round[], name: VariantName, to: VariantName): number | null {
  return medianOf(played, ({ runs }) => quotient(runs[name]?.perSecond, runs[to]?.perSecond));
}

/**
 * A message at one feed must wait for a sync and for the way there and back: the share that is reached of
 * 1 / (t_sync + t_relay ÷ 2), where t_relay is the round trip through the relay in the same round.
 */
export function oneFeedShare(played: readonly Round[]): number | null {
  return medianOf(played, ({ syncUs, runs }) => {
    const own = runs.gateway?.perSecond;
    const relay = runs.relay?.perSecond;
    return own === undefined || relay === undefined ? null : own * (syncUs / 1e6 + 1 / relay / 2);
  });
}

export function cpuRatio(played: readonly Pick<Round, 'runs'>[]): number | null {
  return medianOf(played, ({ runs }) => quotient(runs.gateway?.cpuUs, runs.haproxy?.cpuUs));
}

function quotient(own: number | null | undefined, other: number | null | undefined): number | null {
  return own == null || other == null || other === 0 ? null : own / other;
}

function medianOf<R>(played: readonly R[], of: (round: R) => number | null): number | null {
  const values = played.map(of).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
}

/** What is to be reached at this number of feeds, as far as it was measured. */
export function boundsOf(feeds: number, played: readonly Round[], equal: EqualRate | null): Bound[] {
  const bounds: Bound[] = [];
  const atLeast = (what: string, reached: number | null, wanted: number): void => {
    if (reached !== null) bounds.push({ what, reached, limit: 'at least', wanted, holds: reached >= wanted });
  };
  const atMost = (what: string, reached: number | null, wanted: number): void => {
    if (reached !== null) bounds.push({ what, reached, limit: 'at most', wanted, holds: reached <= wanted });
  };
  if (feeds === 1) atLeast('gateway × (t_sync + t_relay ÷ 2)', oneFeedShare(played), 0.5);
  if (feeds === 16) atLeast('gateway ÷ haproxy', ratio(played, 'gateway', 'haproxy'), 0.4);
  if (feeds === 250) {
    atLeast('gateway ÷ haproxy', ratio(played, 'gateway', 'haproxy'), 1);
    atLeast('gateway ÷ camel', ratio(played, 'gateway', 'camel'), 3);
    atLeast('gateway ÷ medplum', ratio(played, 'gateway', 'medplum'), 7);
    atLeast('four passes ÷ haproxy', ratio(played, 'gateway-parallel', 'haproxy'), 0.2);
    atMost('CPU a message ÷ haproxy', equal?.cpuRatio ?? null, 1.5);
  }
  return bounds;
}
