/**
 * Proposes diff rules for what differs in pairs that are at hand: for each path the narrowest kind that accepts all that
 * was seen there. A proposal is for a person to judge; what only `ignore` would accept on a path of the standard is
 * left to them altogether.
 */
import { stringify } from 'yaml';
import type { Platform } from '../platform.ts';
import { compileRule } from '../rules/compile.ts';
import type { CompiledRules } from '../rules/compiled.ts';
import { isProtected } from '../rules/protected.ts';
import { type Rule, ruleSchema } from '../rules/rule.ts';
import { comparePayloads, type Difference } from './pair.ts';

export type Pair = {
  readonly control: Uint8Array;
  readonly candidate: Uint8Array;
  readonly controlPlatform: Platform;
};

export type Suggestion = {
  readonly path: string;
  /** Codes of the observations or orders in which it was seen, on protected paths of OBX and OBR. */
  readonly codes: readonly string[];
  readonly differences: number;
  readonly pairs: number;
  /** Null: no kind accepts all of it; a person has to look. */
  readonly rule: Rule | null;
  readonly remark: string;
};

/** From narrow to wide. */
const TRIALS: readonly object[] = [
  { kind: 'spelling' },
  { kind: 'numeric' },
  { kind: 'date' },
  { kind: 'date', precision: 'minute' },
  { kind: 'date', precision: 'day' },
  { kind: 'date', withinSeconds: 60 },
  { kind: 'date', withinSeconds: 3600 },
];
/** Ids that platforms make by themselves. */
const GENERATED_PATHS: ReadonlySet<string> = new Set(['MSH-10', 'MSH-13', 'EVN-2']);

/** `expires`: the last day of what is proposed. */
export function suggestRules(pairs: readonly Pair[], rules: CompiledRules, expires: string): readonly Suggestion[] {
  const open = pairs
    .map((pair) => ({ pair, differences: openOf(pair, rules) }))
    .filter(({ differences }) => differences.length > 0);
  const byPath = new Map<string, typeof open>();
  for (const each of open) {
    for (const path of new Set(each.differences.map(placeOf))) byPath.set(path, [...(byPath.get(path) ?? []), each]);
  }
  return [...byPath]
    .map(([path, found]) => suggestionFor(path, found, rules, expires))
    .sort((a, b) => b.differences - a.differences);
}

type Open = { readonly pair: Pair; readonly differences: readonly Difference[] };

function openOf(pair: Pair, rules: CompiledRules): Difference[] {
  return comparePayloads(pair.control, pair.candidate, pair.controlPlatform, rules).filter(({ rule }) => rule === null);
}

/** Whole segments by their name; all else by its field: a rule on the field is what a person would write. */
function placeOf({ path }: Difference): string {
  return path.split('.')[0] ?? path;
}

function suggestionFor(path: string, found: readonly Open[], rules: CompiledRules, expires: string): Suggestion {
  const here = found.flatMap(({ differences }) => differences.filter((each) => placeOf(each) === path));
  const [segment = '', field] = path.split('-');
  const codes = [...new Set(here.flatMap(({ code }) => code ?? []))].sort();
  const isGuarded = isProtected(segment, Number(field ?? 0));
  const leaves = [...new Set(here.map((each) => each.path))];
  const common = {
    name: `proposed-${path.toLowerCase()}`,
    // Where all of it is in one component, the rule need not be wider.
    path: leaves.length === 1 ? (leaves[0] ?? path) : path,
    reason: 'TO BE WRITTEN: why it does no harm',
    owner: 'TO BE NAMED',
    expires,
    ...(isGuarded ? { approver: 'ANOTHER PERSON' } : {}),
    ...(isGuarded && (segment === 'OBX' || segment === 'OBR') ? { codes } : {}),
  };
  const counted = { path, codes: isGuarded ? codes : [], differences: here.length, pairs: found.length };
  for (const trial of trialsFor(path, segment, field, isGuarded)) {
    const parsed = ruleSchema.safeParse({ ...common, ...trial });
    if (parsed.success && acceptsAll(parsed.data, path, found, rules)) {
      return { ...counted, rule: parsed.data, remark: `${parsed.data.kind} accepts all of it` };
    }
  }
  const remark = isGuarded
    ? 'protected, and not the same: correct the mapping'
    : 'no narrow kind accepts it: look at it with --show-values';
  return { ...counted, rule: null, remark };
}

function trialsFor(path: string, segment: string, field: string | undefined, isGuarded: boolean): readonly object[] {
  if (field === undefined)
    return segment.startsWith('Z') ? [{ kind: 'spelling' }, { kind: 'ignore' }] : [{ kind: 'spelling' }];
  if (isGuarded) return TRIALS.filter((trial) => !('withinSeconds' in trial));
  return [
    ...TRIALS,
    ...(GENERATED_PATHS.has(path) ? [{ kind: 'generated' }] : []),
    ...(segment.startsWith('Z') ? [{ kind: 'ignore' }] : []),
  ];
}

function acceptsAll(rule: Rule, path: string, found: readonly Open[], rules: CompiledRules): boolean {
  const compiled = compileRule(rule);
  const bySegment = new Map(rules.bySegment);
  bySegment.set(compiled.segment, [...(bySegment.get(compiled.segment) ?? []), compiled]);
  return found.every(({ pair }) => openOf(pair, { ...rules, bySegment }).every((each) => placeOf(each) !== path));
}

/** As it may be put into a file of `stacks/rules`, once a person has written why. */
export function suggestionsAsYaml(suggestions: readonly Suggestion[]): string {
  return stringify({ rules: suggestions.flatMap(({ rule }) => (rule === null ? [] : [rule])) });
}
