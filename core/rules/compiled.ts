/** Rules of one connection, ready for a comparison: found by segment, judged on values. */
import { createHash } from 'node:crypto';
import type { Hidden } from '../compare/difference.ts';
import { isSameMoment, parseDate } from './date.ts';
import { isSameNumber, isWithinDistance, numericDifference } from './number.ts';
import type { Rule } from './rule.ts';

export type CompiledRule = {
  /** `name@digest`: a rule whose content changes is another rule, so that what it accepted is judged again. */
  readonly ref: string;
  readonly rule: Rule;
  /** `*` for every segment; a word (`answer`) where the path is none of HL7. */
  readonly segment: string;
  /** 0: the whole. */
  readonly field: number;
  readonly component: number;
  readonly subcomponent: number;
  readonly codes: ReadonlySet<string> | null;
  readonly patterns: { readonly legacy: RegExp; readonly new: RegExp } | null;
};

export type CompiledRules = {
  readonly bySegment: ReadonlyMap<string, readonly CompiledRule[]>;
  /** Null: delay is measured, and is no difference. */
  readonly delayLimitMs: number | null;
  /** Of everything above: results with another digest were made under other rules. */
  readonly digest: string;
};

export const NO_RULES: CompiledRules = { bySegment: new Map(), delayLimitMs: null, digest: 'none' };

/** A pair of values as a rule sees them: by platform, not by role. */
export type Values = { readonly legacy: string; readonly new: string };

/** Whether a rule that covers the place accepts this pair. `sameMeaning`: the texts differ, the decoded values do not. */
export function accepts(compiled: CompiledRule, values: Values, sameMeaning: boolean): boolean {
  const { rule } = compiled;
  switch (rule.kind) {
    case 'ignore':
      return true;
    case 'values':
      return rule.legacy.includes(values.legacy) && rule.new.includes(values.new);
    case 'table':
      return Object.hasOwn(rule.table, values.legacy) && rule.table[values.legacy] === values.new;
    case 'numeric':
      return isSameNumber(values.legacy, values.new) || isWithinDistance(values.legacy, values.new, rule.within);
    case 'date': {
      const [legacy, candidate] = [parseDate(values.legacy), parseDate(values.new)];
      if (legacy === null || candidate === null) return false;
      return isSameMoment(legacy, candidate, rule.precision, rule.withinSeconds * 1000);
    }
    case 'generated':
      return isGenerated(values.legacy) && isGenerated(values.new) && matchesBoth(compiled, values);
    case 'spelling':
      return sameMeaning;
    case 'changed-by-intent':
      return matchesBoth(compiled, values);
  }
}

function isGenerated(value: string): boolean {
  return value !== '' && value !== '""';
}

function matchesBoth({ patterns }: CompiledRule, values: Values): boolean {
  return patterns === null || (patterns.legacy.test(values.legacy) && patterns.new.test(values.new));
}

export function hiddenBy(values: Values): Hidden {
  const pair = createHash('sha256').update(`${values.legacy}\0${values.new}`, 'utf8').digest('hex').slice(0, 16);
  return { pair, numericDifference: numericDifference(values.legacy, values.new) };
}
