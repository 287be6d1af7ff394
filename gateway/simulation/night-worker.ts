/** A thread that simulates nights: it is told scenario, seed and steps, and tells what came of it, until it is ended. */
import { parentPort } from 'node:worker_threads';
import type { Coverage } from './faults.ts';
import { simulate } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

export type Night = { readonly scenario: keyof typeof SCENARIOS; readonly seed: number; readonly steps: number };
export type NightResult = Night & {
  readonly violations: readonly string[];
  readonly accepted: number;
  readonly committed: number;
  readonly crashes: number;
  readonly coverage: Coverage;
};

const port = parentPort;
if (port === null) throw new Error('nights are simulated in a thread');
port.on('message', (night: Night) => void live(night));

async function live(night: Night): Promise<void> {
  const options = { ...SCENARIOS[night.scenario], seed: night.seed, steps: night.steps };
  const told = await simulate(options).then(
    ({ violations, accepted, moves, crashes, coverage }) => ({
      violations,
      accepted,
      committed: moves.committed,
      crashes,
      coverage,
    }),
    (error: unknown) => ({
      violations: [`the engine threw: ${error instanceof Error ? error.stack : String(error)}`],
      accepted: 0,
      committed: 0,
      crashes: 0,
      coverage: new Map(),
    }),
  );
  const result: NightResult = { ...night, ...told };
  port?.postMessage(result);
}
