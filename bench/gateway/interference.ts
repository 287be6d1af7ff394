/**
 * By how much the p99 changes while a neighbour is ill, and how sure that is: slices of both follow each other in one run,
 * and the pairs are drawn again and again (bootstrap), so that a stall of the disk, which falls into one slice and not
 * into the next, widens the interval instead of passing for a change.
 */
import { Latencies } from './latencies.ts';

/** Two slices beside each other. */
export type Pair = { readonly well: Latencies; readonly ill: Latencies };
export type Change = {
  readonly wellMs: number;
  readonly illMs: number;
  /** Of the p99, as a share: 0.1 is a tenth more; `from` and `to` hold it with 95 %. */
  readonly change: number;
  readonly from: number;
  readonly to: number;
};

const DRAWS = 1000;
const P99 = 0.99;
/** A p99 may grow by a tenth. */
const BOUND = 0.1;

export function changeOf(pairs: readonly Pair[]): Change {
  const random = numbersFrom(pairs.length);
  const drawn = Array.from({ length: DRAWS }, () => {
    const sample = pairs.map((pair) => pairs[Math.floor(random() * pairs.length)] ?? pair);
    const { wellMs, illMs } = pooled(sample);
    return illMs / wellMs - 1;
  }).sort((a, b) => a - b);
  const { wellMs, illMs } = pooled(pairs);
  const at = (share: number): number => drawn[Math.floor((drawn.length - 1) * share)] ?? Number.NaN;
  return { wellMs, illMs, change: illMs / wellMs - 1, from: at(0.025), to: at(0.975) };
}

function pooled(pairs: readonly Pair[]): { readonly wellMs: number; readonly illMs: number } {
  const p99 = (of: (pair: Pair) => Latencies): number => Latencies.pooledAt(pairs.map(of), P99);
  return { wellMs: p99(({ well }) => well), illMs: p99(({ ill }) => ill) };
}

/** Of a rise by less than a tenth: it holds only where the whole interval says so. */
export function judgementOf({ from, to }: Change): 'holds' | 'broken' | 'cannot be told' {
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
