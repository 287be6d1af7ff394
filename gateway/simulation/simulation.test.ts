/**
 * Rules 1 to 9 and 14 under faults, in the simulation: what a source was told is kept, what was accepted is delivered once
 * and in order or is on a list, every answer is a peer's own, and everything comes to rest. Hundreds of nights are in
 * simulation.slow.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { simulate } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const SEEDS = 2;
const STEPS = 8000;

describe('simulated nights (rules 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14)', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`${name}: ${SEEDS} seeds without a violation, with moves made and messages accepted`, async () => {
      let committed = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const result = await simulate({ ...scenario, seed, steps: STEPS });
        expect(
          result.violations,
          `replay: npm run simulate -- --scenario ${name} --seed ${seed} --steps ${STEPS}`,
        ).toEqual([]);
        expect(result.accepted).toBeGreaterThan(0);
        committed += result.moves.committed;
      }
      expect(committed).toBeGreaterThan(0);
    });
  }

  it('two connections of a feed that switch at once move its primary by their records, not only once both are durable', async () => {
    const result = await simulate({ ...SCENARIOS['shared-destination-at-offset'], seed: 101, steps: 15_000 });
    expect(result.violations).toEqual([]);
  });

  it('the same seed is the same night', async () => {
    const options = { ...SCENARIOS.everything, seed: 7, steps: 5000 };
    expect((await simulate(options)).trace).toEqual((await simulate(options)).trace);
  });
});
