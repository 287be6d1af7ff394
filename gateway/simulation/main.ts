/**
 * `npm run simulate -- --seeds N [--seed S] [--steps K] [--scenario X] [--message SERIAL] [--coverage]`: prints failing
 * seeds; `--seed S` replays one exactly, with its trace and what the journal says of one message.
 */
import { parseArgs } from 'node:util';
import { addCoverage, coverageTable } from './coverage.ts';
import { isScenario, liveNights, type Night, SCENARIO_NAMES, type ScenarioName } from './nights.ts';
import { simulate } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string' },
    steps: { type: 'string', default: '20000' },
    scenario: { type: 'string' },
    message: { type: 'string' },
    coverage: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
const scenarios = SCENARIO_NAMES.filter((name) => values.scenario === undefined || values.scenario === name);
if (values.scenario !== undefined && !isScenario(values.scenario)) {
  throw new Error(`there is no scenario '${values.scenario}'; there are ${SCENARIO_NAMES.join(', ')}`);
}
process.exitCode = (values.seed === undefined ? await all() : await replay(Number(values.seed))) ? 0 : 1;

/** True where no night failed. */
async function all(): Promise<boolean> {
  const totals = new Map<ScenarioName, { nights: number; accepted: number; committed: number; crashes: number }>();
  const coverage = new Map<string, Map<string, number>>();
  let failed = 0;
  const nights = scenarios.flatMap((scenario) =>
    Array.from({ length: Number(values.seeds) }, (_, index): Night => ({ scenario, seed: index + 1, steps })),
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
  if (values.coverage) process.stdout.write(coverageTable(coverage));
  return failed === 0;
}

async function replay(seed: number): Promise<boolean> {
  let isClean = true;
  for (const scenario of scenarios) {
    const result = await simulate({ ...SCENARIOS[scenario], seed, steps });
    process.stdout.write(`${scenario}: seed ${seed}\n${result.violations.map((text) => `  ${text}\n`).join('')}`);
    process.stdout.write(`${result.trace.join('\n')}\n`);
    if (values.message !== undefined) process.stdout.write(`${result.story(values.message).join('\n')}\n`);
    isClean &&= result.violations.length === 0;
  }
  return isClean;
}
