import { describe, expect, test } from 'vitest';
import { Latencies } from './latencies.ts';

const of = (...values: readonly number[]): Latencies => {
  const latencies = new Latencies();
  for (const value of values) latencies.note(value);
  return latencies;
};
const about = (value: number, wanted: number): void => {
  expect(value / wanted).toBeGreaterThanOrEqual(1 - 1e-9);
  expect(value / wanted).toBeLessThan(1.0051);
};

describe('latencies', () => {
  test('given a hundred of 1 to 100 ms, then each share is the time that so many stayed within', () => {
    const all = of(...Array.from({ length: 100 }, (_, index) => index + 1));
    about(all.at(0.5), 50);
    about(all.at(0.99), 99);
    about(all.at(1), 100);
    expect(all.total).toBe(100);
  });

  test('given parts that went through another process, then their sum is that of all', () => {
    const parts = [of(1, 2, 3), of(400)].map(({ counts }) => new Latencies(JSON.parse(JSON.stringify(counts))));
    const sum = Latencies.sum(parts);
    expect(sum.total).toBe(4);
    about(sum.at(0.75), 3);
    about(sum.at(1), 400);
  });

  test('given none, or what is too short or too long to tell, then it is still counted', () => {
    expect(of().at(0.99)).toBe(0);
    expect(of(0).at(1)).toBeCloseTo(0.01);
    expect(of(1e9).at(1)).toBeGreaterThan(9e4);
  });
});
