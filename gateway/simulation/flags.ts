/** The command line of `npm run simulate`, read and checked: what it does not understand is thrown, in one line. */
import { parseArgs } from 'node:util';
import { isScenario, SCENARIO_NAMES, type ScenarioName } from './nights.ts';

export type Asked = {
  readonly steps: number;
  readonly scenarios: readonly ScenarioName[];
} & (
  | { readonly kind: 'all'; readonly seeds: number; readonly withCoverage: boolean }
  | { readonly kind: 'replay'; readonly seed: number; readonly message: string | null }
);

const NUMBERS = ['seeds', 'seed', 'steps'] as const;
const NUMBER_LIMIT = 2 ** 32;
const DEFAULT_SEEDS = 100;
const DEFAULT_STEPS = 20_000;

export function askedBy(args: readonly string[]): Asked {
  const { seeds, seed, steps, scenario, message, coverage } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      steps: { type: 'string' },
      scenario: { type: 'string' },
      message: { type: 'string' },
      coverage: { type: 'boolean' },
    },
  }).values;
  const numbers = { seeds, seed, steps };
  for (const name of NUMBERS) {
    const text = numbers[name];
    if (text === undefined || isCount(text)) continue;
    const meant = name === 'seeds' ? ' (how many, from seed 1 on; --seed plays one)' : '';
    throw new Error(`--${name} is a whole number from 1 to ${NUMBER_LIMIT}${meant}, not '${text}'`);
  }
  if (scenario !== undefined && !isScenario(scenario))
    throw new Error(`there is no scenario '${scenario}'; there are ${SCENARIO_NAMES.join(', ')}`);
  const common = {
    steps: steps === undefined ? DEFAULT_STEPS : Number(steps),
    scenarios: scenario === undefined ? SCENARIO_NAMES : [scenario],
  };
  if (seed === undefined) {
    if (message !== undefined) throw new Error('--message tells of one night: name it with --seed');
    const count = seeds === undefined ? DEFAULT_SEEDS : Number(seeds);
    return { kind: 'all', ...common, seeds: count, withCoverage: coverage === true };
  }
  if (seeds !== undefined) throw new Error('--seeds plays many nights and --seed one: leave one of them out');
  if (coverage === true) throw new Error('--coverage counts over many nights: leave --seed out');
  if (message === '') throw new Error('--message names a message, like c0.0-000001, or * for all');
  return { kind: 'replay', ...common, seed: Number(seed), message: message ?? null };
}

function isCount(text: string): boolean {
  return /^[0-9]+$/.test(text) && Number(text) >= 1 && Number(text) <= NUMBER_LIMIT;
}
