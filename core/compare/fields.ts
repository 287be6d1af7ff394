/**
 * Two aligned segments, field by field: repetitions, components, subcomponents. At every level a rule may accept what
 * differs; what no rule accepts is followed down to the value that differs.
 */
import type { Span } from '../hl7/message.ts';
import {
  componentsOf,
  firstFieldOf,
  isDelimiterField,
  type Message,
  repetitionsOf,
  subcomponentsOf,
  textOf,
  valueAt,
} from '../hl7/reader.ts';
import type { Difference } from './difference.ts';
import { acceptedBy, type Both, type Judge, type Place, reported } from './judge.ts';
import { judgeValues } from './leaf.ts';
import { hasSameDelimiters, isSameSpan, type Side } from './side.ts';

/** Absent where the other side goes on and this one has ended. */
type Part = Span | undefined;

const SPELLING = { kind: 'spelling', shape: 'the same, written differently' } as const;
const ESCAPE = { kind: 'escape', shape: 'a delimiter that was escaped' } as const;
/** Described from the values once a rule has accepted them. */
const UNDESCRIBED = { kind: 'value', shape: '' } as const;

/** `renumbered`: segments of this name are missing, extra or moved, so set ids differ as a consequence. */
export function compareFields(left: Side, right: Side, judge: Judge, renumbered: boolean): Difference[] {
  const both: Both = { left, right, judge };
  const sameDelimiters = hasSameDelimiters(left.message, right.message);
  const found: Difference[] = [];
  const count = Math.max(left.fields.length, right.fields.length);
  for (let field = firstFieldOf(left.segment); field < count; field++) {
    const [a, b] = [left.fields[field], right.fields[field]];
    if (a !== undefined && b !== undefined && sameDelimiters && isSameSpan(left.message, a, right.message, b)) continue;
    if (field === 1 && renumbered && isCount(left.message, a) && isCount(right.message, b)) continue;
    if (isDelimiterField(left.segment, field)) compareDelimiters(both, a, b, field, found);
    else compareField(both, a, b, field, sameDelimiters, found);
  }
  if (sameDelimiters && endsOtherwise(left.fields, right.fields)) compareLength(both, found);
  return found;
}

/** One goes on behind the other, with empty fields alone. */
function endsOtherwise(left: readonly Span[], right: readonly Span[]): boolean {
  if (left.length === right.length) return false;
  const [shorter, longer] = left.length < right.length ? [left, right] : [right, left];
  return longer.slice(shorter.length).every(({ start, end }) => start === end);
}

/** How many empty fields stand at the end. */
function compareLength(both: Both, found: Difference[]): void {
  const place = placeOf(0);
  const finding = { kind: 'spelling', shape: 'empty fields at the end' } as const;
  found.push(acceptedBy(both, place, '', '', true, finding) ?? reported(both, place, finding));
}

function isCount(message: Message, field: Part): boolean {
  return field !== undefined && field.end - field.start <= 6 && /^\d+$/.test(textOf(message, field));
}

function placeOf(field: number, component = 0, subcomponent = 0, isWhole = false): Place {
  return { field, component, subcomponent, isWhole };
}

/** MSH-1 and MSH-2 are compared as they stand. */
function compareDelimiters(both: Both, a: Part, b: Part, field: number, found: Difference[]): void {
  const [control, candidate] = [rawOf(both.left.message, a), rawOf(both.right.message, b)];
  if (control === candidate) return;
  const finding = { kind: 'value', shape: 'other delimiters' } as const;
  const place = placeOf(field);
  found.push(acceptedBy(both, place, control, candidate, false, finding) ?? reported(both, place, finding));
}

function compareField(both: Both, a: Part, b: Part, field: number, sameDelimiters: boolean, found: Difference[]): void {
  const { left, right } = both;
  const [written, other] = [rawOf(left.message, a), rawOf(right.message, b)];
  const sameCharset = left.message.charset.charset === right.message.charset.charset;
  // The same characters in another charset: that is a difference of MSH-18, said once.
  if (written === other && sameDelimiters && (written === '' || !sameCharset)) return;
  const [control, candidate] = [normalText(left.message, a), normalText(right.message, b)];
  const place = placeOf(field);
  if (hasSameForm(both, a, b)) {
    // Other delimiters are said once, at MSH-2.
    if (!sameDelimiters) return;
    found.push(acceptedBy(both, place, control, candidate, true, SPELLING) ?? reported(both, place, SPELLING));
    return;
  }
  const accepted = acceptedBy(both, place, control, candidate, false, UNDESCRIBED);
  if (accepted !== null) found.push(accepted);
  else compareRepetitions(both, a, b, field, found);
}

function compareRepetitions(both: Both, a: Part, b: Part, field: number, found: Difference[]): void {
  const place = placeOf(field);
  const left = partsOf(a, (span) => repetitionsOf(both.left.message, span));
  const right = partsOf(b, (span) => repetitionsOf(both.right.message, span));
  if (left.length <= 1 && right.length <= 1) {
    compareRepetition(both, left[0], right[0], field, found);
    return;
  }
  const { same, moved, control, candidate } = pairRepetitions(both, left, right);
  if (moved) {
    found.push(reported(both, place, { kind: 'repetitions-moved', shape: `${same} repetitions in another order` }));
  }
  const count = Math.min(control.length, candidate.length);
  for (let index = 0; index < count; index++) compareRepetition(both, control[index], candidate[index], field, found);
  const shape = `${left.length} repetitions against ${right.length}`;
  control.slice(count).forEach(() => {
    found.push(reported(both, place, { kind: 'repetition-missing', shape }));
  });
  candidate.slice(count).forEach(() => {
    found.push(reported(both, place, { kind: 'repetition-extra', shape }));
  });
}

type Repetitions = {
  readonly same: number;
  readonly moved: boolean;
  readonly control: readonly Span[];
  readonly candidate: readonly Span[];
};

/** Equal ones belong together, whatever their place; what is left, by its turn. */
function pairRepetitions(both: Both, left: readonly Span[], right: readonly Span[]): Repetitions {
  const texts = right.map((span) => formOf(both, both.right.message, span));
  const taken = new Set<number>();
  const control: Span[] = [];
  let newest = -1;
  let moved = false;
  for (const span of left) {
    const text = formOf(both, both.left.message, span);
    const at = texts.findIndex((other, index) => other === text && !taken.has(index));
    if (at < 0) {
      control.push(span);
      continue;
    }
    taken.add(at);
    if (at < newest) moved = true;
    newest = Math.max(newest, at);
  }
  return { same: taken.size, moved, control, candidate: right.filter((_, index) => !taken.has(index)) };
}

function compareRepetition(both: Both, a: Part, b: Part, field: number, found: Difference[]): void {
  if (hasSameForm(both, a, b)) return;
  const [control, candidate] = [normalText(both.left.message, a), normalText(both.right.message, b)];
  const left = partsOf(a, (span) => componentsOf(both.left.message, span));
  const right = partsOf(b, (span) => componentsOf(both.right.message, span));
  const isSimple = left.length <= 1 && right.length <= 1;
  const place = placeOf(field);
  const accepted = isSimple ? null : acceptedBy(both, place, control, candidate, false, UNDESCRIBED);
  if (accepted !== null) {
    found.push(accepted);
    return;
  }
  if (left.length !== right.length && isEscapeLost(both, a, b)) {
    found.push(reported(both, place, ESCAPE));
    return;
  }
  const swapped = swappedComponents(both, left, right);
  if (swapped !== null) {
    found.push(reported(both, place, { kind: 'components-swapped', shape: swapped }));
    return;
  }
  const count = Math.max(left.length, right.length);
  for (let index = 0; index < count; index++) {
    compareComponent(both, left[index], right[index], field, isSimple ? 0 : index + 1, found);
  }
}

function compareComponent(both: Both, a: Part, b: Part, field: number, component: number, found: Difference[]): void {
  const left = partsOf(a, (span) => subcomponentsOf(both.left.message, span));
  const right = partsOf(b, (span) => subcomponentsOf(both.right.message, span));
  if (left.length <= 1 && right.length <= 1) {
    compareValue(both, left[0], right[0], placeOf(field, component, 0, true), found);
    return;
  }
  if (hasSameForm(both, a, b)) return;
  const [control, candidate] = [normalText(both.left.message, a), normalText(both.right.message, b)];
  const place = placeOf(field, component);
  const accepted = acceptedBy(both, place, control, candidate, false, UNDESCRIBED);
  if (accepted !== null) {
    found.push(accepted);
    return;
  }
  if (left.length !== right.length && isEscapeLost(both, a, b)) {
    found.push(reported(both, place, ESCAPE));
    return;
  }
  const count = Math.max(left.length, right.length);
  for (let index = 0; index < count; index++) {
    compareValue(both, left[index], right[index], placeOf(field, Math.max(1, component), index + 1, true), found);
  }
}

function compareValue(both: Both, a: Part, b: Part, place: Place, found: Difference[]): void {
  const control = a === undefined ? '' : valueAt(both.left.message, a);
  const candidate = b === undefined ? '' : valueAt(both.right.message, b);
  if (control === candidate) {
    const [left, right] = [rawOf(both.left.message, a), rawOf(both.right.message, b)];
    if (left === right || !hasSameDelimiters(both.left.message, both.right.message)) return;
    found.push(acceptedBy(both, place, left, right, true, SPELLING) ?? reported(both, place, SPELLING));
    return;
  }
  const finding = judgeValues(control, candidate, `${both.left.segment.name}-${place.field}`);
  found.push(acceptedBy(both, place, control, candidate, false, finding) ?? reported(both, place, finding));
}

function partsOf(span: Part, split: (span: Span) => Span[]): Span[] {
  return span === undefined || span.end === span.start ? [] : split(span);
}

function rawOf(message: Message, span: Part): string {
  return span === undefined ? '' : textOf(message, span);
}

/** The characters with the usual delimiters, without those at the end, which say nothing (section 2.10). */
function normalText(message: Message, span: Part): string {
  if (span === undefined || span.end === span.start) return '';
  const repetitions = repetitionsOf(message, span).map((repetition) => {
    const components = componentsOf(message, repetition).map((component) =>
      joined(
        subcomponentsOf(message, component).map((part) => textOf(message, part)),
        '&',
      ),
    );
    return joined(components, '^');
  });
  return joined(repetitions, '~');
}

/**
 * All parts in their places, without those at the end that say nothing: as they are written, or where the delimiters are
 * others, as they are meant. A text would not do: what is a delimiter of one is a character of the other.
 */
function formOf({ left, right }: Both, message: Message, span: Part): string {
  if (span === undefined || span.end === span.start) return '[]';
  const read = hasSameDelimiters(left.message, right.message) ? textOf : valueAt;
  const repetitions = repetitionsOf(message, span).map((repetition) => {
    const components = componentsOf(message, repetition).map((component) =>
      trimmed(subcomponentsOf(message, component).map((part) => read(message, part))),
    );
    return trimmed(components);
  });
  return JSON.stringify(trimmed(repetitions));
}

function trimmed<T extends string | readonly unknown[]>(parts: readonly T[]): readonly T[] {
  return parts.slice(0, parts.findLastIndex(({ length }) => length > 0) + 1);
}

function hasSameForm(both: Both, a: Part, b: Part): boolean {
  return formOf(both, both.left.message, a) === formOf(both, both.right.message, b);
}

function joined(parts: readonly string[], delimiter: string): string {
  let count = parts.length;
  while (count > 0 && parts[count - 1] === '') count--;
  return parts.slice(0, count).join(delimiter);
}

/** True where one side writes as delimiters what the other escapes: undone, both texts are the same. */
function isEscapeLost(both: Both, a: Part, b: Part): boolean {
  if (a === undefined || b === undefined) return false;
  return valueAt(both.left.message, a) === valueAt(both.right.message, b);
}

function swappedComponents(both: Both, left: readonly Span[], right: readonly Span[]): string | null {
  const texts = (message: Message, parts: readonly Span[]): string[] => parts.map((part) => textOf(message, part));
  const [control, candidate] = [texts(both.left.message, left), texts(both.right.message, right)];
  const count = Math.max(left.length, right.length);
  const differing = Array.from({ length: count }, (_, index) => index).filter(
    (index) => (control[index] ?? '') !== (candidate[index] ?? ''),
  );
  const [first, second] = differing;
  if (differing.length !== 2 || first === undefined || second === undefined) return null;
  const crossed =
    (control[first] ?? '') === (candidate[second] ?? '') && (control[second] ?? '') === (candidate[first] ?? '');
  return crossed ? `components ${first + 1} and ${second + 1} swapped` : null;
}
