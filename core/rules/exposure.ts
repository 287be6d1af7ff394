/** What each rule hides, on all connections together; and which rules nobody needs, or hide more than they say. */
import type { RuleExposure } from '../compare-document.ts';
import type { DifferenceGroup } from '../proof-results.ts';
import { refOf } from './compile.ts';
import { isProtected } from './protected.ts';
import type { Rule, RulesFile } from './rule.ts';

/** Uses from which on it can be said that a rule is wider than what it meets. */
const USES_TO_JUDGE = 100;
const FEW_PAIRS = 4;
const EXPIRING_DAYS = 14;

/** `distinct`: pairs of values hidden, by `name@digest`; null: not counted. `today`: `YYYY-MM-DD`. */
export function exposureOf(
  files: readonly RulesFile[],
  groups: readonly DifferenceGroup[],
  distinct: ReadonlyMap<string, number> | null,
  today: string,
): { readonly rules: readonly RuleExposure[]; readonly unknown: readonly string[] } {
  const rules = files.flatMap((file) => file.rules);
  const byRef = new Map<string, DifferenceGroup[]>();
  for (const group of groups) {
    if (group.rule !== null) byRef.set(group.rule, [...(byRef.get(group.rule) ?? []), group]);
  }
  const refs = new Set(rules.map(refOf));
  const exposures = rules.map((rule) => {
    const ref = refOf(rule);
    return exposureOfRule(rule, byRef.get(ref) ?? [], distinct === null ? null : (distinct.get(ref) ?? 0), today);
  });
  return {
    rules: exposures.sort((a, b) => b.hides - a.hides),
    unknown: [...byRef.keys()].filter((ref) => !refs.has(ref)).sort(),
  };
}

function exposureOfRule(
  rule: Rule,
  groups: readonly DifferenceGroup[],
  distinctPairs: number | null,
  today: string,
): RuleExposure {
  const hides = groups.reduce((sum, { count }) => sum + count, 0);
  const magnitudes = groups.flatMap(({ magnitude }) => (magnitude === null ? [] : [magnitude]));
  return {
    name: rule.name,
    path: rule.path,
    kind: rule.kind,
    reason: rule.reason,
    owner: rule.owner,
    approver: rule.approver ?? null,
    expires: rule.expires,
    state: stateOf(rule, hides, today),
    hides,
    pairs: groups.reduce((sum, { pairs }) => sum + pairs, 0),
    connections: new Set(groups.map(({ connection }) => connection)).size,
    distinctPairs,
    numericDifference: magnitudes.length === 0 ? null : Math.max(...magnitudes),
    remarks: remarksOn(rule, hides, distinctPairs),
  };
}

function stateOf(rule: Rule, hides: number, today: string): RuleExposure['state'] {
  if (rule.expires < today) return 'expired';
  const days = (Date.parse(rule.expires) - Date.parse(today)) / 86_400_000;
  if (days <= EXPIRING_DAYS) return 'expiring';
  return hides === 0 ? 'unused' : 'in-use';
}

function remarksOn(rule: Rule, hides: number, distinctPairs: number | null): string[] {
  const remarks: string[] = [];
  const isFree = rule.kind === 'ignore' || rule.kind === 'generated' || rule.kind === 'changed-by-intent';
  if (isFree && hides >= USES_TO_JUDGE && distinctPairs !== null && distinctPairs <= FEW_PAIRS) {
    remarks.push(`too wide: it has met only ${distinctPairs} pairs of values; kind table or values would say which`);
  }
  const [segment = '', field] = rule.path.split(/[-.]/);
  if (rule.kind === 'ignore' && field === undefined && !segment.startsWith('Z')) {
    remarks.push('too wide: it hides a whole segment of the standard');
  }
  if (isProtected(segment, Number(field ?? 0))) remarks.push('on a protected path');
  return remarks;
}
