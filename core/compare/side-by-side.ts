/**
 * Two messages side by side, aligned by segment. With the values: what a person sees who has asked for them. With classes
 * of values in their place: what a report shows, which says where they differ and nothing of a patient.
 */
import type { Span } from '../hl7/message.ts';
import {
  componentsOf,
  isDelimiterField,
  readMessage,
  repetitionsOf,
  subcomponentsOf,
  textOf,
  valueAt,
} from '../hl7/reader.ts';
import { shownSegment } from '../hl7/segments.ts';
import { alignSegments } from './align.ts';
import { type Side, sidesOf } from './side.ts';
import { shownCode, valueClass } from './value-class.ts';

export type SideBySide = {
  readonly control: string | null;
  readonly candidate: string | null;
  readonly differs: boolean;
};

/** In the control's order, the candidate's extra segments behind the one that they follow. Null: one is no HL7. */
export function sideBySide(control: Uint8Array, candidate: Uint8Array): readonly SideBySide[] | null {
  const rows = alignedSides(control, candidate);
  return (
    rows?.map(({ left, right }) => {
      const [a, b] = [left === null ? null : lineOf(left), right === null ? null : lineOf(right)];
      return { control: a, candidate: b, differs: a !== b };
    }) ?? null
  );
}

export type FieldCell = { readonly text: string; readonly differs: boolean };
export type FieldsBeside = {
  /** By field number, the segment's name first. */
  readonly control: readonly FieldCell[] | null;
  readonly candidate: readonly FieldCell[] | null;
};

/** The same by field. Null: one is no HL7. */
export function fieldsBeside(
  control: Uint8Array,
  candidate: Uint8Array,
  values: 'shown' | 'classes',
): readonly FieldsBeside[] | null {
  const present = values === 'shown' ? (side: Side, at: number) => shown(rawField(side, at)) : classesOf;
  const cellsOf = (side: Side, other: Side | null): FieldCell[] =>
    side.fields.flatMap((_, at) => {
      // The delimiter itself is between the fields.
      if (isDelimiterField(side.segment, at) && at === 1) return [];
      const differs = other === null || rawField(side, at) !== rawField(other, at);
      return [{ text: present(side, at), differs }];
    });
  return (
    alignedSides(control, candidate)?.map(({ left, right }) => ({
      control: left === null ? null : cellsOf(left, right),
      candidate: right === null ? null : cellsOf(right, left),
    })) ?? null
  );
}

/** Where two aligned segments differ, field by field, with the values: patient data. Null: one is no HL7. */
export type ChangedField = {
  readonly path: string;
  readonly code: string | null;
  readonly control: string;
  readonly candidate: string;
};

export function changedFields(control: Uint8Array, candidate: Uint8Array): readonly ChangedField[] | null {
  const rows = alignedSides(control, candidate);
  return rows?.flatMap(({ left, right }) => (left === null || right === null ? [] : changedIn(left, right))) ?? null;
}

function changedIn(left: Side, right: Side): ChangedField[] {
  const count = Math.max(left.fields.length, right.fields.length);
  return Array.from({ length: count }, (_, at) => at).flatMap((at) => {
    const [control, candidate] = [rawField(left, at), rawField(right, at)];
    if (control === candidate) return [];
    const path = `${shownSegment(left.segment.name)}-${at}`;
    return [{ path, code: shownCode(left.code), control: shown(control), candidate: shown(candidate) }];
  });
}

type Aligned = { readonly left: Side | null; readonly right: Side | null };

function alignedSides(control: Uint8Array, candidate: Uint8Array): readonly Aligned[] | null {
  const [left, right] = [readMessage(control), readMessage(candidate)];
  if (left === null || right === null) return null;
  const rights = sidesOf(right);
  const { pairs } = alignSegments(sidesOf(left), rights);
  const partner = new Map<number, Side>(pairs.map(([a, b]) => [a.ordinal, b]));
  const paired = new Set(pairs.map(([, b]) => b.ordinal));
  const shownSides = new Set<number>();
  const rows: Aligned[] = [];
  const showExtras = (before: number): void => {
    for (const side of rights) {
      if (side.ordinal >= before || shownSides.has(side.ordinal) || paired.has(side.ordinal)) continue;
      shownSides.add(side.ordinal);
      rows.push({ left: null, right: side });
    }
  };
  for (const side of sidesOf(left)) {
    const other = partner.get(side.ordinal) ?? null;
    if (other !== null) showExtras(other.ordinal);
    rows.push({ left: side, right: other });
  }
  showExtras(Number.POSITIVE_INFINITY);
  return rows;
}

function lineOf({ message, segment }: Side): string {
  return shown(textOf(message, segment));
}

function rawField({ message, fields }: Side, at: number): string {
  const span = fields[at];
  return span === undefined ? '' : textOf(message, span);
}

/** Each leaf as its class; what divides them stays. */
function classesOf({ message, segment, fields }: Side, at: number): string {
  const span = fields[at];
  if (span === undefined) return '';
  if (at === 0) return shownSegment(segment.name);
  if (isDelimiterField(segment, at)) return shown(textOf(message, span));
  const { component, repetition, subcomponent } = message.delimiters;
  const joined = (delimiter: number | null, parts: readonly string[]): string =>
    parts.join(delimiter === null ? '' : String.fromCharCode(delimiter));
  const leaf = (part: Span): string => {
    const text = valueAt(message, part);
    return text === '' ? '' : valueClass(text, `${segment.name}-${at}`);
  };
  const repetitions = repetitionsOf(message, span).map((one) =>
    joined(
      component,
      componentsOf(message, one).map((part) => joined(subcomponent, subcomponentsOf(message, part).map(leaf))),
    ),
  );
  return joined(repetition, repetitions);
}

/** Control characters would rule the terminal. */
function shown(text: string): string {
  return text.replace(/\p{Cc}/gu, '·');
}
