/**
 * Hundreds of simulated nights over the real journal with small segments, and what they have tried: every fault has met every
 * state of a swap, with an output under way on either leg, often enough to mean something.
 */
import { describe, expect, it } from 'vitest';
import { PLATFORMS } from '../../core/platform.ts';
import { addCoverage, coverageTable } from './coverage.ts';
import { cellOf, FAULTS, type Fault, SWAP_STATES, type SwapState } from './faults.ts';
import { liveNights, type Night, SCENARIO_NAMES, type ScenarioName } from './nights.ts';

const STEPS = 20_000;
const SEEDS = 7;
/** Nights whose faults look for what has been met least. */
const AIMED_SEEDS = 30;
/**
 * How often each state is met at least, on either leg, by every fault; and by what takes the process or its disk. The nights
 * are the same each time, so these are what the seeds give, with room for changes of the engine. What is brief (an epoch on
 * its way to the disk) is met seldom.
 */
const AT_LEAST: Readonly<Record<SwapState, number>> = {
  steady: 10,
  'catching-up': 1,
  draining: 3,
  committing: 1,
  settling: 3,
  reowning: 0,
};
const OF_THE_DISK: readonly Fault[] = ['failed-sync', 'torn-write'];
const OF_THE_DISK_AT_LEAST = 20;
/** Few outputs are under way where nearly nothing moves. */
const RARE_AT_LEAST = 7;
const RARE: readonly SwapState[] = ['committing', 'reowning'];
const LIMIT_MS = 1_800_000;

describe('simulated nights (rules 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15)', () => {
  it(
    `at least 200 seeds of ${STEPS} steps without a violation, and every fault in every state of a swap`,
    async () => {
      const isAimed = (name: ScenarioName): boolean => name.startsWith('aimed');
      const nights = SCENARIO_NAMES.flatMap((scenario) =>
        Array.from({ length: isAimed(scenario) ? AIMED_SEEDS : SEEDS }, (_, index): Night => {
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
            return hits < wantedHits(fault, state) ? [`${fault}, ${state}, ${leg} leg: ${hits}`] : [];
          }),
        ),
      );
      expect(seldom).toEqual([]);
    },
    LIMIT_MS,
  );
});

function wantedHits(fault: Fault, state: SwapState): number {
  if (!OF_THE_DISK.includes(fault)) return AT_LEAST[state];
  return RARE.includes(state) ? RARE_AT_LEAST : OF_THE_DISK_AT_LEAST;
}
