/**
 * Hundreds of simulated nights over the real journal with small segments, and what they have tried: every fault has met every
 * state of a swap, with an output under way on either leg, often enough to mean something.
 */
import { describe, expect, it } from 'vitest';
import { PLATFORMS } from '../../core/platform.ts';
import { addCoverage, coverageTable } from './coverage.ts';
import { cellOf, FAULTS, isImpossible, SWAP_STATES } from './faults.ts';
import { liveNights, type Night, SCENARIO_NAMES, type ScenarioName } from './nights.ts';

const STEPS = 20_000;
const SEEDS = 4;
/** Nights that aim each fault at each state of a swap in turn. */
const AIMED_SEEDS: Readonly<Partial<Record<ScenarioName, number>>> = {
  aimed: 110,
  'aimed-shared': 110,
  'aimed-at-offset': 90,
  'aimed-rare': 8,
};
/** How often every fault meets every state of a swap, on either leg, where that can be. */
const AT_LEAST = 20;
const LIMIT_MS = 1_800_000;

describe('simulated nights (rules 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15)', () => {
  it(
    `at least 200 seeds of ${STEPS} steps without a violation, and every fault in every state of a swap`,
    async () => {
      const nights = SCENARIO_NAMES.flatMap((scenario) =>
        Array.from({ length: AIMED_SEEDS[scenario] ?? SEEDS }, (_, index): Night => {
          return { scenario, seed: index + 1, steps: STEPS };
        }),
      );
      expect(nights.length).toBeGreaterThanOrEqual(200);
      const failed: string[] = [];
      const committed = new Map<ScenarioName, number>();
      const coverage = new Map<string, Map<string, number>>();
      await liveNights(nights, (result) => {
        const { scenario, seed, violations } = result;
        for (const violation of violations) failed.push(`--scenario ${scenario} --seed ${seed}: ${violation}`);
        committed.set(scenario, (committed.get(scenario) ?? 0) + result.committed);
        addCoverage(coverage, result.coverage);
      });
      expect(failed, 'replay: npm run simulate -- …').toEqual([]);
      for (const [scenario, count] of committed) expect(count, scenario).toBeGreaterThan(SEEDS);
      process.stdout.write(coverageTable(coverage));
      const seldom = FAULTS.flatMap((fault) =>
        SWAP_STATES.flatMap((state) =>
          PLATFORMS.flatMap((leg) => {
            const hits = coverage.get(fault)?.get(cellOf(state, leg)) ?? 0;
            const cell = `${fault}, ${state}, ${leg} leg`;
            const isRare = hits < AT_LEAST && !isImpossible({ fault, state, leg });
            return isRare ? [`${cell}: ${hits}`] : [];
          }),
        ),
      );
      expect(seldom).toEqual([]);
    },
    LIMIT_MS,
  );
});
