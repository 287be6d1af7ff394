/**
 * `npm run mutants -- [--seeds N] [--steps K] [--processes P] [--only 'TEXT;TEXT']`: breaks the engine in one place after the other
 * and prints which scenario and seed noticed. Ends with 1 if a mutant survives.
 */
import { parseArgs } from 'node:util';
import { readFlags, wholeNumber } from '../../adapters/command-flags.ts';
import { MUTANTS } from './mutants.ts';
import { huntAll, huntUnbroken, type Outcome } from './mutation.ts';

const USAGE = 'npm run mutants -- [--seeds N] [--steps N] [--processes N] [--only TEXT;TEXT]';
const values = readFlags(
  USAGE,
  () =>
    parseArgs({
      options: {
        seeds: { type: 'string', default: '20' },
        steps: { type: 'string', default: '10000' },
        processes: { type: 'string', default: '2' },
        only: { type: 'string', default: '' },
      },
    }).values,
);

function line({ mutant, caught, wallMs }: Outcome): string {
  const by = caught === null ? 'SURVIVED' : `${caught.scenario} seed ${caught.seed}: ${caught.violation}`;
  return `${`rule ${mutant.rule}`.padEnd(8)}${mutant.name.padEnd(78)}${`${(wallMs / 1000).toFixed(1)} s`.padStart(8)}  ${by}\n`;
}

const options = {
  seeds: wholeNumber(USAGE, 'seeds', values.seeds),
  steps: wholeNumber(USAGE, 'steps', values.steps),
  processes: wholeNumber(USAGE, 'processes', values.processes),
};
const unbroken = await huntUnbroken(options);
if (unbroken !== null) {
  const { scenario, seed, violation } = unbroken;
  throw new Error(`the engine itself fails ${scenario} seed ${seed} (${violation}): mend that first`);
}
const wanted = values.only.split(';');
const chosen = MUTANTS.filter(({ name }) => wanted.some((text) => name.includes(text)));
const outcomes = await huntAll(chosen, options, (outcome) => process.stderr.write(line(outcome)));
const survivors = outcomes.filter(({ caught }) => caught === null);
process.stdout.write(outcomes.map(line).join(''));
process.stdout.write(
  `${outcomes.length} mutants, ${outcomes.length - survivors.length} caught, ${survivors.length} survived\n`,
);
process.exitCode = survivors.length > 0 || outcomes.length === 0 ? 1 : 0;
