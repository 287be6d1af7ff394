/** The command line of `npm run simulate`, read and checked: what it does not understand is thrown, in one line. */
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../core/whole-number.ts';
import { isScenario, SCENARIO_NAMES, type ScenarioName } from './nights.ts';

export type Asked = {
  readonly steps: number;
  readonly scenarios: readonly ScenarioName[];
} & (
  | { readonly kind: 'all'; readonly seeds: number; readonly withCoverage: boolean }
  | { readonly kind: 'replay'; readonly seed: number; readonly message: string | null }
);

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
  const numbers = { seeds: countOf('seeds', seeds), seed: countOf('seed', seed), steps: countOf('steps', steps) };
  if (scenario !== undefined && !isScenario(scenario))
    throw new Error(`there is no scenario '${scenario}'; there are ${SCENARIO_NAMES.join(', ')}`);
  const common = {
    steps: numbers.steps ?? DEFAULT_STEPS,
    scenarios: scenario === undefined ? SCENARIO_NAMES : [scenario],
  };
  if (numbers.seed === null) {
    if (message !== undefined) throw new Error('--message tells of one night: name it with --seed');
    return { kind: 'all', ...common, seeds: numbers.seeds ?? DEFAULT_SEEDS, withCoverage: coverage === true };
  }
  if (numbers.seeds !== null) throw new Error('--seeds plays many nights and --seed one: leave one of them out');
  if (coverage === true) throw new Error('--coverage counts over many nights: leave --seed out');
  if (message === '') throw new Error('--message names a message, like c0.0-000001, or * for all');
  return { kind: 'replay', ...common, seed: numbers.seed, message: message ?? null };
}

/** Null: it is not given. */
function countOf(name: 'seeds' | 'seed' | 'steps', text: string | undefined): number | null {
  if (text === undefined) return null;
  const count = wholeNumber(text, NUMBER_LIMIT, 1);
  if (count !== null) return count;
  const meant = name === 'seeds' ? ' (how many, from seed 1 on; --seed plays one)' : '';
  throw new Error(`--${name} is '${text}'; it must be a whole number from 1 to ${NUMBER_LIMIT}${meant}`);
}
