/**
 * `npm run simulate -- --seeds N [--seed S] [--steps K] [--scenario X] [--message SERIAL] [--coverage]`: prints failing
 * seeds; `--seed S` replays one exactly, with its trace and what the journal says of one message.
 */
import { parseArgs } from 'node:util';
import { coverageTable } from './coverage.ts';
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
const seeds =
  values.seed === undefined
    ? Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
    : [Number(values.seed)];
let failed = 0;
const coverage = new Map<string, Map<string, number>>();
for (const [scenario, options] of Object.entries(SCENARIOS)) {
  if (values.scenario !== undefined && values.scenario !== scenario) continue;
  const totals = { accepted: 0, delivered: 0, doubled: 0, committed: 0, aborted: 0, forced: 0, crashes: 0 };
  for (const seed of seeds) {
    const result = simulate({ ...options, seed, steps });
    totals.accepted += result.accepted;
    totals.delivered += result.delivered;
    totals.doubled += result.doubled;
    totals.crashes += result.crashes;
    totals.committed += result.moves.committed;
    totals.aborted += result.moves.aborted;
    totals.forced += result.moves.forced;
    for (const [fault, states] of result.coverage) {
      const row = coverage.get(fault) ?? new Map<string, number>();
      coverage.set(fault, row);
      for (const [state, hits] of states) row.set(state, (row.get(state) ?? 0) + hits);
    }
    if (result.violations.length === 0 && values.seed === undefined) continue;
    if (result.violations.length > 0) failed++;
    process.stdout.write(`${scenario}: seed ${seed}\n${result.violations.map((text) => `  ${text}\n`).join('')}`);
    if (values.seed !== undefined) process.stdout.write(`${result.trace.join('\n')}\n`);
    if (values.message !== undefined) process.stdout.write(`${result.story(values.message).join('\n')}\n`);
  }
  process.stdout.write(`${scenario}: ${seeds.length} seeds ${JSON.stringify(totals)}\n`);
}
if (values.coverage) process.stdout.write(coverageTable(coverage));
process.exitCode = failed > 0 ? 1 : 0;
