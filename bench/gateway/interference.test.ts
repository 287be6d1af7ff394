import { describe, expect, test } from 'vitest';
import { changeOf, judgementOf, type Pair } from './interference.ts';
import { Latencies } from './latencies.ts';

/** A slice whose p99 is about `p99Ms`; `stallMs`: what the disk holds up a seventh of it for. */
function slice(p99Ms: number, stallMs = 0): Latencies {
  const latencies = new Latencies();
  for (let index = 0; index < 1000; index++)
    latencies.note(index < 150 && stallMs > 0 ? stallMs : (p99Ms * index) / 990);
  return latencies;
}

const pairs = (count: number, of: (index: number) => Pair): Pair[] => Array.from({ length: count }, (_, n) => of(n));

describe('what a neighbour changes', () => {
  test('given slices that differ by 30 % each time, then so does the p99, and the bound is broken', () => {
    const change = changeOf(pairs(10, (n) => ({ well: slice(10 + n / 10), ill: slice((10 + n / 10) * 1.3) })));
    expect(change.change).toBeCloseTo(0.3, 1);
    expect(change.from).toBeGreaterThan(0.2);
    expect(judgementOf(change)).toBe('broken');
    expect(judgementOf(change.typical)).toBe('broken');
  });

  test('given slices that are the same but for noise, then it holds', () => {
    const change = changeOf(pairs(10, (n) => ({ well: slice(10 + (n % 3) / 10), ill: slice(10 + (n % 2) / 10) })));
    expect(Math.abs(change.change)).toBeLessThan(0.05);
    expect(judgementOf(change)).toBe('holds');
  });

  test('given a stall in one slice of many, then it is said that it cannot be told', () => {
    const change = changeOf(pairs(10, (n) => ({ well: slice(10), ill: slice(10, n === 2 ? 200 : 0) })));
    expect(judgementOf(change)).toBe('cannot be told');
    expect(judgementOf(change.typical)).toBe('holds');
  });

  test('given the same slices twice, then the interval is the same', () => {
    const all = pairs(5, (n) => ({ well: slice(10 + n), ill: slice(12 - n) }));
    expect(changeOf(all)).toEqual(changeOf(all));
  });
});
