import { expect, test } from 'vitest';
import { percentile, spreadOf } from './percentile.ts';

test('percentiles by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 100]);
  expect(percentile([], 0.5)).toBe(0);
});

test('of nothing there is no spread', () => {
  expect(spreadOf([])).toBeNull();
  expect(spreadOf([3, 1, 2])).toEqual({ p50: 2, p99: 3, max: 3 });
});
