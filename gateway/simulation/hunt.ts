/**
 * Runs simulated nights until the first violation and prints it as one JSON line; `null` where there is none. A process of
 * its own for each mutant: `node hunt.ts SEEDS STEPS`.
 */
import { simulate } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

export type Catch = { readonly scenario: string; readonly seed: number; readonly violation: string };

async function hunt(seeds: number, steps: number): Promise<Catch | null> {
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [scenario, options] of Object.entries(SCENARIOS)) {
      try {
        const { violations } = await simulate({ ...options, seed, steps, stopsAtFirst: true });
        const [violation] = violations;
        if (violation !== undefined) return { scenario, seed, violation };
      } catch (error) {
        return { scenario, seed, violation: `the engine threw: ${error instanceof Error ? error.message : 'unknown'}` };
      }
    }
  }
  return null;
}

process.stdout.write(`${JSON.stringify(await hunt(Number(process.argv[2]), Number(process.argv[3])))}\n`);
