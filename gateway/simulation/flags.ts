/** The command line of `npm run simulate`, read and checked: what it does not understand is said in one line. */
import { parseArgs } from 'node:util';
import { isScenario, SCENARIO_NAMES, type ScenarioName } from './nights.ts';

export type Asked = {
  readonly steps: number;
  readonly scenarios: readonly ScenarioName[];
} & (
  | { readonly kind: 'all'; readonly seeds: number; readonly withCoverage: boolean }
  | { readonly kind: 'replay'; readonly seed: number; readonly message: string | null }
);
export type Flags = { readonly ok: true; readonly value: Asked } | { readonly ok: false; readonly why: string };

const NUMBERS = ['seeds', 'seed', 'steps'] as const;
const NUMBER_LIMIT = 2 ** 32;
const DEFAULT_SEEDS = 100;
const DEFAULT_STEPS = 20_000;

export function readFlags(args: readonly string[]): Flags {
  const parsed = parse(args);
  if (parsed instanceof Error) return refused(parsed.message.split(/\.[ \n]/)[0] ?? parsed.message);
  const { seeds, seed, steps, scenario, message, coverage } = parsed;
  for (const name of NUMBERS) {
    const text = parsed[name];
    if (text === undefined || isCount(text)) continue;
    const meant = name === 'seeds' ? ' (how many, from seed 1 on; --seed plays one)' : '';
    return refused(`--${name} is a whole number from 1 to ${NUMBER_LIMIT}${meant}, not '${text}'`);
  }
  if (scenario !== undefined && !isScenario(scenario))
    return refused(`there is no scenario '${scenario}'; there are ${SCENARIO_NAMES.join(', ')}`);
  const common = {
    steps: steps === undefined ? DEFAULT_STEPS : Number(steps),
    scenarios: scenario === undefined ? SCENARIO_NAMES : [scenario],
  };
  if (seed === undefined) {
    if (message !== undefined) return refused('--message tells of one night: name it with --seed');
    const count = seeds === undefined ? DEFAULT_SEEDS : Number(seeds);
    return { ok: true, value: { kind: 'all', ...common, seeds: count, withCoverage: coverage === true } };
  }
  if (seeds !== undefined) return refused('--seeds plays many nights and --seed one: leave one of them out');
  if (coverage === true) return refused('--coverage counts over many nights: leave --seed out');
  if (message === '') return refused('--message names a message, like c0.0-000001, or * for all');
  return { ok: true, value: { kind: 'replay', ...common, seed: Number(seed), message: message ?? null } };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
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
  } catch (error) {
    if (error instanceof TypeError) return error;
    throw error;
  }
}

function isCount(text: string): boolean {
  return /^[0-9]+$/.test(text) && Number(text) >= 1 && Number(text) <= NUMBER_LIMIT;
}

function refused(why: string): Flags {
  return { ok: false, why };
}
