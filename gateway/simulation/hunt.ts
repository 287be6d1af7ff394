/**
 * Runs simulated nights until the first violation and prints it as one JSON line; `null` where there is none. A process of
 * its own for each mutant: `node hunt.ts SEEDS STEPS [SCENARIO]`, the nights of that scenario first.
 */
import { simulate } from './run.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

export type Catch = { readonly scenario: string; readonly seed: number; readonly violation: string };

/** The night that is being played. */
let night = { scenario: '', seed: 0 };

async function hunt(seeds: number, steps: number, first: string): Promise<Catch | null> {
  const all = Object.entries(SCENARIOS);
  const isFirst = ([scenario]: readonly [string, unknown]): boolean => scenario === first;
  return (
    (await play(all.filter(isFirst), seeds, steps)) ??
    (await play(
      all.filter((one) => !isFirst(one)),
      seeds,
      steps,
    ))
  );
}

async function play(scenarios: readonly (readonly [string, Scenario])[], seeds: number, steps: number) {
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [scenario, options] of scenarios) {
      night = { scenario, seed };
      try {
        const { violations } = await simulate({ ...options, seed, steps, stopsAtFirst: true });
        const [violation] = violations;
        if (violation !== undefined) return { scenario, seed, violation };
      } catch (error) {
        return thrown(error);
      }
    }
  }
  return null;
}

function thrown(error: unknown): Catch {
  return { ...night, violation: `the engine threw: ${error instanceof Error ? error.message : 'unknown'}` };
}

function tell(caught: Catch | null): void {
  process.stdout.write(`${JSON.stringify(caught)}\n`);
}

// What the journal tells the engine comes from promises of its own: what the engine throws there ends up here.
process.once('uncaughtException', (error) => {
  tell(thrown(error));
  process.exit(0);
});
tell(await hunt(Number(process.argv[2]), Number(process.argv[3]), process.argv[4] ?? ''));
