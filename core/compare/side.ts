/** One segment of one side, with what a comparison asks of it: its fields, its code, what tells it from its like. */

import type { Span } from '../hl7/message.ts';
import { componentsOf, fieldsOf, type Message, repetitionsOf, type Segment, textOf, valueAt } from '../hl7/reader.ts';

/** Most segments are equal byte for byte and are never looked into: fields, code and key are read when asked for. */
export class Side {
  readonly message: Message;
  readonly segment: Segment;
  /** Counted from 1 in its message. */
  readonly ordinal: number;
  /** There once in its message: it is itself, whatever it holds. */
  readonly isSingle: boolean;
  readonly #above: Side | null;
  #fields: readonly Span[] | null = null;
  #code: string | null = null;
  #key: string | null = null;

  /** `above`: the order or observation that a comment speaks of. */
  constructor(message: Message, segment: Segment, ordinal: number, above: Side | null, isSingle: boolean) {
    this.message = message;
    this.segment = segment;
    this.ordinal = ordinal;
    this.#above = above;
    this.isSingle = isSingle;
  }

  get fields(): readonly Span[] {
    this.#fields ??= fieldsOf(this.message, this.segment);
    return this.#fields;
  }

  /** OBX-3.1 or OBR-4.1 (the next best component where it is empty), for an NTE that of what it speaks of; else ''. */
  get code(): string {
    this.#code ??= this.#readCode();
    return this.#code;
  }

  /** What names this segment among its like: code and sub-id, a number of its own, or '' where nothing does. */
  get key(): string {
    this.#key ??= this.isSingle ? '' : this.#readKey();
    return this.#key;
  }

  #readCode(): string {
    if (this.segment.name === 'NTE') return this.#above?.code ?? '';
    const field = this.fields[CODE_FIELD[this.segment.name] ?? -1];
    return field === undefined ? '' : codeOf(this.message, field);
  }

  #readKey(): string {
    const parts = (KEY_FIELDS[this.segment.name] ?? []).map((field) =>
      firstComponentOf(this.message, this.fields[field]),
    );
    return parts.every((part) => part === '') ? '' : parts.join('\0');
  }
}

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
  MSH: [10],
  PID: [3],
};
/** In a message; in a batch they tell the messages apart. */
const SINGLE: ReadonlySet<string> = new Set(['MSH', 'PID', 'PV1', 'PD1', 'PV2', 'EVN']);
const BATCH: ReadonlySet<string> = new Set(['FHS', 'BHS', 'BTS', 'FTS']);
const CODE_FIELD: Readonly<Record<string, number>> = { OBX: 3, OBR: 4 };

export function sidesOf(message: Message): Side[] {
  let above: Side | null = null;
  const isBatch = message.segments.some(({ name }, index) => index > 0 && name === 'MSH');
  return message.segments.map((segment, index) => {
    const isSingle = isBatch ? BATCH.has(segment.name) : SINGLE.has(segment.name) || BATCH.has(segment.name);
    const side: Side = new Side(message, segment, index + 1, above, isSingle);
    if (segment.name !== 'NTE') above = segment.name in CODE_FIELD ? side : null;
    return side;
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
