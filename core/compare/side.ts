/** One segment of one side, with what a comparison asks of it: its fields, its code, what tells it from its like. */

import type { Span } from '../hl7/message.ts';
import { componentsOf, fieldsOf, type Message, repetitionsOf, type Segment, textOf, valueAt } from '../hl7/reader.ts';

export type Side = {
  readonly message: Message;
  readonly segment: Segment;
  /** Counted from 1 in its message. */
  readonly ordinal: number;
  readonly fields: readonly Span[];
  /** OBX-3.1 or OBR-4.1 (the next best component where it is empty), for an NTE that of what it speaks of; else ''. */
  readonly code: string;
  /** What names this segment among its like: code and sub-id, a number of its own, or '' where nothing does. */
  readonly key: string;
};

/** Components of the field that names the segment among its like; segments that are not here have none. */
const KEY_FIELDS: Readonly<Record<string, readonly number[]>> = {
  OBX: [3, 4],
  OBR: [4, 2],
  ORC: [2],
  SPM: [2, 4],
  DG1: [3],
  AL1: [3],
  IN1: [2, 3],
  TQ1: [2],
  TXA: [12],
};
const CODE_FIELD: Readonly<Record<string, number>> = { OBX: 3, OBR: 4 };

export function sidesOf(message: Message): Side[] {
  let above = '';
  return message.segments.map((segment, index) => {
    const fields = fieldsOf(message, segment);
    const codeField = fields[CODE_FIELD[segment.name] ?? -1];
    if (segment.name !== 'NTE') above = codeField === undefined ? '' : codeOf(message, codeField);
    const key = (KEY_FIELDS[segment.name] ?? []).map((field) => firstComponentOf(message, fields[field])).join('\0');
    return {
      message,
      segment,
      ordinal: index + 1,
      fields,
      code: above,
      key: key.replaceAll('\0', '') === '' ? '' : key,
    };
  });
}

function codeOf(message: Message, field: Span): string {
  const [repetition = field] = repetitionsOf(message, field);
  const components = componentsOf(message, repetition);
  const named = [0, 3, 1].map((index) => components[index]).find((span) => span !== undefined && span.end > span.start);
  return named === undefined ? '' : valueAt(message, named);
}

function firstComponentOf(message: Message, field: Span | undefined): string {
  if (field === undefined) return '';
  const [repetition = field] = repetitionsOf(message, field);
  const [component = repetition] = componentsOf(message, repetition);
  return textOf(message, component);
}

/** Equal bytes that mean the same: also the same charset where a byte is beyond ASCII. */
export function isSameSpan(a: Message, left: Span, b: Message, right: Span): boolean {
  const length = left.end - left.start;
  if (right.end - right.start !== length) return false;
  const sameCharset = a.charset.charset === b.charset.charset;
  for (let index = 0; index < length; index++) {
    const byte = a.bytes[left.start + index] ?? 0;
    if (byte !== b.bytes[right.start + index] || (byte >= 0x80 && !sameCharset)) return false;
  }
  return true;
}

export function hasSameDelimiters(a: Message, b: Message): boolean {
  const [left, right] = [a.delimiters, b.delimiters];
  return (
    left.field === right.field &&
    left.component === right.component &&
    left.repetition === right.repetition &&
    left.escape === right.escape &&
    left.subcomponent === right.subcomponent
  );
}
