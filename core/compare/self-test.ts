/** What would the rules of a project hide? Every drift on every sample, compared under them: found, or hidden by which rule. */
import type { CompiledRules } from '../rules/compiled.ts';
import { DRIFTS, driftedOf } from './drifts.ts';
import { nameOfRule } from './judgement.ts';
import { comparePair, comparePayloads, type Observation } from './pair.ts';

export type SelfTestLine = {
  readonly drift: string;
  /** Samples that have a place for it. */
  readonly tried: number;
  readonly found: number;
  readonly hidden: number;
  /** Rules that hid it, and how often. */
  readonly by: readonly { readonly rule: string; readonly count: number }[];
  /** Where it was found. */
  readonly paths: readonly string[];
};

const PATHS_LIMIT = 5;

/** `samples`: outputs of legacy. What is no longer found at all, by no rule, would be a defect of the comparison. */
export function selfTest(samples: readonly Uint8Array[], rules: CompiledRules): readonly SelfTestLine[] {
  const lines = DRIFTS.map((drift) => {
    const differences = samples.flatMap((sample) => {
      const drifted = driftedOf(drift, sample);
      return drifted === null ? [] : [comparePayloads(sample, drifted, 'legacy', rules)];
    });
    return lineOf(drift.name, differences);
  });
  return [...lines, ...envelopeLines(samples, rules)];
}

type Found = readonly { readonly path: string; readonly rule: string | null }[];

function lineOf(drift: string, runs: readonly Found[]): SelfTestLine {
  const isFound = (run: Found): boolean => run.some(({ rule }) => rule === null);
  const by = new Map<string, number>();
  for (const run of runs.filter((each) => !isFound(each))) {
    for (const rule of new Set(run.map((each) => each.rule ?? ''))) by.set(rule, (by.get(rule) ?? 0) + 1);
  }
  const paths = new Set(runs.flatMap((run) => run.filter(({ rule }) => rule === null).map(({ path }) => path)));
  const found = runs.filter(isFound).length;
  return {
    drift,
    tried: runs.length,
    found,
    hidden: runs.length - found,
    by: [...by].map(([rule, count]) => ({ rule: nameOfRule(rule), count })).sort((a, b) => b.count - a.count),
    paths: [...paths].sort().slice(0, PATHS_LIMIT),
  };
}

/** What is wrong around a message: destination, answer, time. */
function envelopeLines(samples: readonly Uint8Array[], rules: CompiledRules): SelfTestLine[] {
  const cases: readonly (readonly [string, Partial<Observation>])[] = [
    ['wrong destination', { destination: 'another' }],
    ['changed answer', { answer: { verdict: 'AE', payload: null } }],
    ['delayed by an hour', { atMs: 3_600_000 }],
  ];
  const [sample = Buffer.alloc(0)] = samples;
  const control: Observation = {
    platform: 'legacy',
    payload: sample,
    msh10: '',
    sha: 'same',
    atMs: 0,
    destination: 'its own',
    answer: { verdict: 'AA', payload: null },
  };
  return cases.map(([name, over]) =>
    lineOf(name, [comparePair(control, { ...control, platform: 'new', ...over }, rules).differences]),
  );
}
