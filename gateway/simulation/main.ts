/**
 * `npm run simulate -- [--seeds N | --seed S [--message SERIAL]] [--steps K] [--scenario X] [--coverage]`: prints failing
 * seeds; `--seed S` replays one exactly, with its trace and what the journal says of one message. Ends with 0 where no
 * night failed, 1 where one did, 2 where the command line is not understood.
 */
import { readFlags } from '../../adapters/command-flags.ts';
import { addCoverage, coverageTable } from './coverage.ts';
import { type Asked, askedBy } from './flags.ts';
import { liveNights, type Night, type ScenarioName } from './nights.ts';
import { simulate } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

type AskedOf<K extends Asked['kind']> = Extract<Asked, { readonly kind: K }>;

const USAGE = 'npm run simulate -- [--seeds N | --seed S [--message SERIAL]] [--steps K] [--scenario X] [--coverage]';
const asked = readFlags(USAGE, () => askedBy(process.argv.slice(2)));
process.exitCode = (await played(asked)) ? 0 : 1;

/** True where no night failed. */
function played(asked: Asked): Promise<boolean> {
  return asked.kind === 'all' ? all(asked) : replay(asked);
}

async function all({ scenarios, seeds, steps, withCoverage }: AskedOf<'all'>): Promise<boolean> {
  const totals = new Map<ScenarioName, { nights: number; accepted: number; committed: number; crashes: number }>();
  const coverage = new Map<string, Map<string, number>>();
  let failed = 0;
  const nights = scenarios.flatMap((scenario) =>
    Array.from({ length: seeds }, (_, index): Night => ({ scenario, seed: index + 1, steps })),
  );
  await liveNights(nights, (result) => {
    const { scenario, seed, violations } = result;
    const total = totals.get(scenario) ?? { nights: 0, accepted: 0, committed: 0, crashes: 0 };
    totals.set(scenario, total);
    total.nights++;
    total.accepted += result.accepted;
    total.committed += result.committed;
    total.crashes += result.crashes;
    addCoverage(coverage, result.coverage);
    if (violations.length === 0) return;
    failed++;
    process.stdout.write(`${scenario}: seed ${seed}\n${violations.map((text) => `  ${text}\n`).join('')}`);
  });
  for (const [scenario, total] of totals) process.stdout.write(`${scenario}: ${JSON.stringify(total)}\n`);
  if (withCoverage) process.stdout.write(coverageTable(coverage));
  return failed === 0;
}

async function replay({ scenarios, seed, steps, message }: AskedOf<'replay'>): Promise<boolean> {
  let isClean = true;
  for (const scenario of scenarios) {
    const result = await simulate({ ...SCENARIOS[scenario], seed, steps });
    process.stdout.write(`${scenario}: seed ${seed}\n${result.violations.map((text) => `  ${text}\n`).join('')}`);
    process.stdout.write(`${result.trace.join('\n')}\n`);
    if (message !== null) process.stdout.write(`${result.story(message).join('\n')}\n`);
    isClean &&= result.violations.length === 0;
  }
  return isClean;
}
