/** Asks the rules about a difference, and writes it down with the one that accepts it. */
import { shownSegment } from '../hl7/segments.ts';
import type { Platform } from '../platform.ts';
import { accepts, type CompiledRule, type CompiledRules, hiddenBy, type Values } from '../rules/compiled.ts';
import type { Difference } from './difference.ts';
import type { LeafFinding } from './leaf.ts';
import { judgeValues } from './leaf.ts';
import type { Side } from './side.ts';
import { shownCode } from './value-class.ts';

export type Judge = {
  readonly rules: CompiledRules;
  /** Whose values are the control's: rules speak of platforms, a comparison of roles. */
  readonly controlPlatform: Platform;
  /** MSH-9 as `ORU^R01`. */
  readonly messageType: string;
};

/** `isWhole`: the value has no parts below this place, so that a rule on its first part is meant too. */
export type Place = {
  readonly field: number;
  readonly component: number;
  readonly subcomponent: number;
  readonly isWhole: boolean;
};
export type Both = { readonly left: Side; readonly right: Side; readonly judge: Judge };

/** Null where no rule of just this place accepts it. */
export function acceptedBy(
  both: Both,
  place: Place,
  control: string,
  candidate: string,
  sameMeaning: boolean,
  finding: LeafFinding,
): Difference | null {
  const values = valuesOf(both.judge, control, candidate);
  const { name } = both.left.segment;
  const rule = rulesFor(both.judge, both.left, both.right).find(
    (each) => covers(each, place) && accepts(each, values, sameMeaning),
  );
  if (rule === undefined) return null;
  const described = finding.shape === '' ? judgeValues(control, candidate, `${name}-${place.field}`) : finding;
  return { ...reported(both, place, described), rule: rule.ref, hidden: hiddenBy(values) };
}

/** As nobody has accepted it. */
export function reported(both: Both, place: Place, finding: LeafFinding): Difference {
  const { name } = both.left.segment;
  return {
    path: pathOf(name, place),
    kind: finding.kind,
    rule: null,
    code: shownCode(both.left.code),
    segment: both.left.ordinal,
    shape: finding.shape,
    hidden: null,
  };
}

/** A whole segment that only one side has, or that stands elsewhere. */
export function reportedSegment(judge: Judge, side: Side, kind: Difference['kind'], shape: string): Difference {
  const ignoring = ignoringRule(judge, side, side);
  return {
    path: shownSegment(side.segment.name),
    kind,
    rule: ignoring?.ref ?? null,
    code: shownCode(side.code),
    segment: side.ordinal,
    shape,
    hidden: ignoring === null ? null : hiddenBy({ legacy: side.segment.name, new: kind }),
  };
}

/** The rule that accepts whatever happens to this segment, or null. */
export function ignoringRule(judge: Judge, left: Side, right: Side): CompiledRule | null {
  return rulesFor(judge, left, right).find((each) => each.rule.kind === 'ignore' && each.field === 0) ?? null;
}

export function valuesOf(judge: Judge, control: string, candidate: string): Values {
  return judge.controlPlatform === 'legacy' ? { legacy: control, new: candidate } : { legacy: candidate, new: control };
}

function rulesFor(judge: Judge, left: Side, right: Side): readonly CompiledRule[] {
  const named = judge.rules.bySegment.get(left.segment.name) ?? [];
  const general = judge.rules.bySegment.get('*') ?? [];
  if (named.length === 0 && general.length === 0) return general;
  return [...named, ...general].filter(
    (each) =>
      isForMessage(each, judge.messageType) &&
      (each.codes === null || (each.codes.has(left.code) && each.codes.has(right.code))),
  );
}

/** `messageType`: MSH-9 as `ORU^R01`. */
export function isForMessage({ rule }: CompiledRule, messageType: string): boolean {
  return rule.messages?.includes(messageType) ?? true;
}

/** A rule on a field is asked about the whole field, one on a component about the component. */
function covers(compiled: CompiledRule, { field, component, subcomponent, isWhole }: Place): boolean {
  if (compiled.segment === '*') return true;
  if (compiled.field !== field) return false;
  const isFirst = (wanted: number, given: number): boolean =>
    wanted === given || (isWhole && given === 0 && wanted === 1);
  return isFirst(compiled.component, component) && isFirst(compiled.subcomponent, subcomponent);
}

function pathOf(name: string, { field, component, subcomponent }: Place): string {
  const segment = shownSegment(name);
  if (field === 0) return segment;
  if (component === 0) return `${segment}-${field}`;
  return subcomponent === 0 ? `${segment}-${field}.${component}` : `${segment}-${field}.${component}.${subcomponent}`;
}
