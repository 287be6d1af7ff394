/** Many simulated nights at once, as many as there are processors, each in a thread of its own. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Night, NightResult } from './night-worker.ts';
import { SCENARIOS } from './scenarios.ts';

export type ScenarioName = keyof typeof SCENARIOS;
export type { Night, NightResult };

export function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(SCENARIOS, name);
}

export const SCENARIO_NAMES: readonly ScenarioName[] = Object.keys(SCENARIOS).filter(isScenario);

/** `told` hears of each night as it ends. */
export async function liveNights(nights: readonly Night[], told: (result: NightResult) => void): Promise<void> {
  const waiting = [...nights];
  const thread = async (): Promise<void> => {
    const worker = new Worker(new URL('./night-worker.ts', import.meta.url));
    try {
      for (let night = waiting.shift(); night !== undefined; night = waiting.shift()) {
        worker.postMessage(night);
        // A thread that fails rejects this as well.
        const [result]: NightResult[] = await once(worker, 'message');
        if (result !== undefined) told(result);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), nights.length) }, thread));
}
