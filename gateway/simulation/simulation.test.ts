/**
 * Rules 1 to 9 and 14 under faults, in the simulation: what a source was told is kept, what was accepted is delivered once
 * and in order or is on a list, every answer is a peer's own, and everything comes to rest.
 */
import { describe, expect, it } from 'vitest';
import { simulate } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const SEEDS = 12;
const STEPS = 10_000;
/** Nights that the engine did not get through once. */
const REGRESSIONS: readonly (readonly [keyof typeof SCENARIOS, seed: number, steps: number])[] = [
  ['rollback-and-crash', 4, 20_000],
  ['rollback-and-crash', 22, 20_000],
  ['rollback-and-crash', 28, 20_000],
  ['rollback-and-crash', 37, 20_000],
  ['dead-platform', 37, 20_000],
  ['dead-platform', 38, 20_000],
  ['weights-and-rejections', 1, 20_000],
  ['weights-and-rejections', 23, 20_000],
  ['shared-feed-rejections', 4, 20_000],
  ['shared-feed-rejections', 40, 20_000],
  ['shared-feed-everything', 2, 20_000],
  ['at-offset-rejections', 12, 20_000],
  ['shared-feed-rejections', 36, 10_000],
  ['shared-feed-rejections', 37, 10_000],
  ['shared-feed-rejections', 42, 10_000],
  ['shared-feed-rejections', 45, 10_000],
];

describe('simulated nights (rules 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14)', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`${name}: ${SEEDS} seeds without a violation, each having moved and delivered something`, () => {
      let committed = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const result = simulate({ ...scenario, seed, steps: STEPS });
        expect(
          result.violations,
          `replay: npm run simulate -- --scenario ${name} --seed ${seed} --steps ${STEPS}`,
        ).toEqual([]);
        expect(result.accepted).toBeGreaterThan(0);
        committed += result.moves.committed;
      }
      expect(committed).toBeGreaterThan(SEEDS);
    });
  }

  it.each(REGRESSIONS)('%s, seed %i, %i steps: once failed, passes', (scenario, seed, steps) => {
    expect(simulate({ ...SCENARIOS[scenario], seed, steps }).violations).toEqual([]);
  });

  it('the same seed is the same night', () => {
    const options = { ...SCENARIOS.everything, seed: 7, steps: 5000 };
    expect(simulate(options).trace).toEqual(simulate(options).trace);
  });
});
