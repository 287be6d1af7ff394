import { describe, expect, test } from 'vitest';
import { boundsOf, median, oneFeedShare, type Round, ratio } from './figures.ts';
import type { Run } from './measure.ts';
import type { VariantName } from './variants.ts';

const run = (perSecond: number): Run => ({
  answered: 0,
  perSecond,
  p50Ms: 0,
  p99Ms: 0,
  cpuUs: null,
  residentMb: null,
  wrong: [],
});
const round = (perSecond: Partial<Record<VariantName, number>>, syncUs = 100): Round => ({
  syncUs,
  runs: Object.fromEntries(Object.entries(perSecond).map(([name, figure]) => [name, run(figure)])),
});

describe('figures of a comparison', () => {
  test('given rounds of a machine that gets slower, then the ratio is the median of those within a round', () => {
    const played = [
      round({ gateway: 100, haproxy: 200 }),
      round({ gateway: 10, haproxy: 20 }),
      round({ gateway: 9, haproxy: 10 }),
    ];
    expect(ratio(played, 'gateway', 'haproxy')).toBe(0.5);
    expect(ratio(played, 'gateway', 'camel')).toBeNull();
  });

  test('given a sync of 100 µs and a relay with a round trip of 100 µs, then 1 / 150 µs is the bound at one feed', () => {
    expect(oneFeedShare([round({ gateway: 10_000 / 3, relay: 10_000 })])).toBeCloseTo(0.5);
  });

  test('given an even number, then the median is between the two in the middle', () => {
    expect(median([1, 3, 2, 10])).toBe(2.5);
    expect(median([])).toBe(0);
  });

  test('given what was measured, then each bound of it is held against what is wanted', () => {
    const played = [round({ gateway: 300, haproxy: 200, camel: 150 })];
    expect(
      boundsOf(250, played, { perSecond: 1, rows: [], cpuRatio: 2 }).map(({ what, holds }) => [what, holds]),
    ).toEqual([
      ['gateway ÷ haproxy', true],
      ['gateway ÷ camel', false],
      ['CPU a message ÷ haproxy', false],
    ]);
    expect(boundsOf(1000, played, null)).toEqual([]);
  });
});
