/**
 * By how much the p99 changes while a neighbour is ill, and how sure that is: slices of both follow each other in one run,
 * and the pairs are drawn again and again (bootstrap), so that a stall of the disk, which falls into one slice and not
 * into the next, widens the interval instead of passing for a change.
 */
import { median } from './figures.ts';
import { Latencies } from './latencies.ts';

/** Two slices beside each other. */
export type Pair = { readonly well: Latencies; readonly ill: Latencies };
/** As a share: 0.1 is a tenth more; `from` and `to` hold it with 95 %. */
export type Estimate = { readonly change: number; readonly from: number; readonly to: number };
export type Change = Estimate & {
  /** p99 of all slices together: what `change` is of. */
  readonly wellMs: number;
  readonly illMs: number;
  /** Of the p99 within the median pair: one slice with a stall does not move it. */
  readonly typical: Estimate;
};

const DRAWS = 1000;
const P99 = 0.99;
/** A p99 may grow by a tenth. */
const BOUND = 0.1;

export function changeOf(pairs: readonly Pair[]): Change {
  const { wellMs, illMs } = pooled(pairs);
  const ratios = pairs.map(({ well, ill }) => ill.at(P99) / well.at(P99));
  const change = (drawn: readonly Pair[]): number => {
    const of = pooled(drawn);
    return of.illMs / of.wellMs - 1;
  };
  return {
    ...estimate(pairs, change),
    wellMs,
    illMs,
    typical: estimate(ratios, (drawn) => median(drawn) - 1),
  };
}

function estimate<T>(items: readonly T[], of: (items: readonly T[]) => number): Estimate {
  const random = numbersFrom(items.length);
  const drawn = Array.from({ length: DRAWS }, () =>
    of(items.map((item) => items[Math.floor(random() * items.length)] ?? item)),
  ).sort((a, b) => a - b);
  const at = (share: number): number => drawn[Math.floor((drawn.length - 1) * share)] ?? Number.NaN;
  return { change: of(items), from: at(0.025), to: at(0.975) };
}

function pooled(pairs: readonly Pair[]): { readonly wellMs: number; readonly illMs: number } {
  const p99 = (of: (pair: Pair) => Latencies): number => Latencies.pooledAt(pairs.map(of), P99);
  return { wellMs: p99(({ well }) => well), illMs: p99(({ ill }) => ill) };
}

/** Of a rise by less than a tenth: it holds only where the whole interval says so. */
export function judgementOf({ from, to }: Estimate): 'holds' | 'broken' | 'cannot be told' {
  if (to < BOUND) return 'holds';
  return from > BOUND ? 'broken' : 'cannot be told';
}

/** The same ones each time (mulberry32): whoever computes it again from the same slices finds the same interval. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
