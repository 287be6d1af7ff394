/**
 * Makes the rules of one connection from all rule files: what a shape cannot say is checked here (a name used twice, a
 * rule too strong for a protected path, an example that the rule itself refuses), expired rules are left out.
 */
import { digestOf, type Json } from '../canonical-json.ts';
import { accepts, type CompiledRule, type CompiledRules } from './compiled.ts';
import { protectionRefusal } from './protected.ts';
import type { Rule, RulesFile } from './rule.ts';

export type RuleProblem = {
  /** Index of the file and of the rule in it. */
  readonly file: number;
  readonly rule: number;
  readonly name: string;
  readonly message: string;
  readonly remedy: string;
};

const PATH = /^([A-Z][A-Z0-9]{2})(?:-(\d+)(?:\.(\d+)(?:\.(\d+))?)?)?$/;
const DIGEST_LENGTH = 8;
/** Of the comparison itself: raise it where the same pair could get another result. */
const COMPARISON_VERSION = 2;

/** Of every file together. A problem makes the whole set unusable: a rule half understood accepts too much. */
export function checkRules(files: readonly RulesFile[]): readonly RuleProblem[] {
  const seen = new Set<string>();
  return files.flatMap((file, fileIndex) =>
    file.rules.flatMap((rule, ruleIndex) => {
      const repeated = seen.has(rule.name);
      seen.add(rule.name);
      const refusal = repeated
        ? { message: `the name '${rule.name}' is used twice`, remedy: 'give each rule a name of its own' }
        : ruleRefusal(rule);
      return refusal === null ? [] : [{ file: fileIndex, rule: ruleIndex, name: rule.name, ...refusal }];
    }),
  );
}

type Refusal = { readonly message: string; readonly remedy: string };

function ruleRefusal(rule: Rule): Refusal | null {
  const place = placeOf(rule.path);
  if (rule.path === '*' && rule.kind !== 'spelling') {
    return { message: `path '*' is for kind 'spelling' only`, remedy: 'name the path' };
  }
  const refusal = protectionRefusal(rule, place.segment, place.field);
  if (refusal !== null) return refusal;
  const pattern = [...patternTexts(rule)].find((text) => compilePattern(text) === null);
  if (pattern !== undefined) return { message: 'a pattern is no regular expression', remedy: 'correct the pattern' };
  if (rule.kind !== 'changed-by-intent') return null;
  if (rule.approver === rule.owner) return { message: 'the approver is the owner', remedy: 'name another person' };
  if (!accepts(compileRule(rule), rule.example, false)) {
    return { message: 'it refuses its own example', remedy: 'correct the patterns or the example' };
  }
  return null;
}

/** `today`: `YYYY-MM-DD`. Rules whose last day is past accept nothing any more. */
export function compileRules(files: readonly RulesFile[], connection: string, today: string): CompiledRules {
  const rules = files
    .flatMap((file) => file.rules)
    .filter((rule) => rule.expires >= today && rule.connections.some((pattern) => matchesName(pattern, connection)))
    .map(compileRule);
  const limits = files.map((file) => file.delayLimitSeconds).filter((limit) => limit !== undefined);
  const delayLimitMs = limits.length === 0 ? null : Math.min(...limits) * 1000;
  const bySegment = new Map<string, CompiledRule[]>();
  for (const rule of rules) bySegment.set(rule.segment, [...(bySegment.get(rule.segment) ?? []), rule]);
  return {
    bySegment,
    delayLimitMs,
    digest: digestOf([COMPARISON_VERSION, rules.map(({ ref }) => ref).sort(), delayLimitMs]),
  };
}

export function compileRule(rule: Rule): CompiledRule {
  const texts = patternTexts(rule);
  const [legacy, candidate] = texts.map(compilePattern);
  return {
    ref: refOf(rule),
    rule,
    ...placeOf(rule.path),
    codes: rule.codes === undefined ? null : new Set(rule.codes),
    patterns: legacy && candidate ? { legacy, new: candidate } : null,
  };
}

export function refOf(rule: Rule): string {
  const content: Record<string, Json> = {};
  for (const [key, value] of Object.entries(rule)) if (value !== undefined) content[key] = value;
  const begin = 'sha256:'.length;
  return `${rule.name}@${digestOf(content).slice(begin, begin + DIGEST_LENGTH)}`;
}

function patternTexts(rule: Rule): readonly string[] {
  if (rule.kind === 'changed-by-intent') return [rule.legacy, rule.new];
  return rule.kind === 'generated' && rule.pattern !== undefined ? [rule.pattern, rule.pattern] : [];
}

/** Patterns stand for whole values. */
function compilePattern(text: string): RegExp | null {
  try {
    // By itself first: `a)|(?:b` would close the group that makes it stand for the whole.
    new RegExp(text, 'su');
    return new RegExp(`^(?:${text})$`, 'su');
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function placeOf(path: string): Pick<CompiledRule, 'segment' | 'field' | 'component' | 'subcomponent'> {
  const [, segment, field = 0, component = 0, subcomponent = 0] = PATH.exec(path) ?? [];
  return {
    segment: segment ?? path,
    field: Number(field),
    component: Number(component),
    subcomponent: Number(subcomponent),
  };
}

export function matchesName(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
