/**
 * Ways in which a mapping goes wrong, each made on purpose in a message: to find out whether a comparison under the rules
 * of a project would see it. A drift that a message has no place for is null.
 */
import type { Span } from '../hl7/message.ts';
import {
  componentsOf,
  fieldsOf,
  type Message,
  readMessage,
  repetitionsOf,
  type Segment,
  textOf,
} from '../hl7/reader.ts';

export type Drift = { readonly name: string; readonly apply: (message: Message) => Uint8Array | null };

export const DRIFTS: readonly Drift[] = [
  { name: 'dropped segment', apply: (message) => without(message, lastOf(message, 'OBX', 'OBR', 'NTE')) },
  { name: 'changed value', apply: (message) => changeField(message, 'OBX', 5, otherDigit) },
  { name: 'changed unit', apply: (message) => changeField(message, 'OBX', 6, () => 'X') },
  { name: 'changed test', apply: (message) => changeField(message, 'OBX', 3, otherDigit) },
  { name: 'changed order code', apply: (message) => changeField(message, 'OBR', 4, (text) => `9${text}`) },
  { name: 'changed patient id', apply: (message) => changeField(message, 'PID', 3, otherDigit) },
  { name: 'changed order number', apply: (message) => changeField(message, 'ORC', 2, (text) => `${text}9`) },
  { name: 'changed birth date', apply: (message) => changeField(message, 'PID', 7, otherDigit) },
  { name: 'changed status', apply: (message) => changeField(message, 'OBX', 11, (text) => (text === 'F' ? 'P' : 'F')) },
  {
    name: 'changed report status',
    apply: (message) => changeField(message, 'OBR', 25, (text) => (text === 'F' ? 'P' : 'F')),
  },
  { name: 'lost flag', apply: (message) => changeField(message, 'OBX', 8, () => '') },
  { name: 'lost reference range', apply: (message) => changeField(message, 'OBX', 7, () => '') },
  { name: 'truncated text', apply: truncateLongest },
  { name: 'swapped component', apply: swapComponents },
  { name: 'lost repetition', apply: loseRepetition },
  { name: 'reordered OBX', apply: reorder },
  { name: 'wrong charset', apply: recode },
  {
    name: 'lost Z-segment',
    apply: (message) =>
      without(
        message,
        message.segments.findLast(({ name }) => name.startsWith('Z')),
      ),
  },
];

function lastOf(message: Message, ...names: readonly string[]): Segment | undefined {
  for (const name of names) {
    const found = message.segments.findLast((segment) => segment.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function without({ bytes }: Message, segment: Segment | undefined): Uint8Array | null {
  return segment === undefined ? null : splice(bytes, { start: segment.start, end: segment.next }, '');
}

/** The first filled field of this kind, or its first component where it has several. */
function changeField(
  message: Message,
  name: string,
  field: number,
  change: (text: string) => string,
): Uint8Array | null {
  for (const segment of message.segments) {
    const whole = segment.name === name ? fieldsOf(message, segment)[field] : undefined;
    if (whole === undefined || whole.end === whole.start) continue;
    const [repetition = whole] = repetitionsOf(message, whole);
    const [component = repetition] = componentsOf(message, repetition);
    const span = component.end > component.start ? component : repetition;
    const text = latin1(message.bytes, span);
    const changed = change(text);
    if (changed !== text) return splice(message.bytes, span, changed);
  }
  return null;
}

function otherDigit(text: string): string {
  return text.replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
}

/** Of what has no code: text from eight characters on loses its second half. */
function truncateLongest(message: Message): Uint8Array | null {
  let longest: Span | null = null;
  for (const segment of message.segments.slice(1)) {
    for (const field of fieldsOf(message, segment).slice(1)) {
      for (const component of componentsOf(message, field)) {
        const length = component.end - component.start;
        if (length >= 8 && length > (longest === null ? 0 : longest.end - longest.start)) longest = component;
      }
    }
  }
  if (longest === null) return null;
  const half = longest.start + Math.floor((longest.end - longest.start) / 2);
  return splice(message.bytes, { start: half, end: longest.end }, '');
}

function swapComponents(message: Message): Uint8Array | null {
  for (const segment of message.segments.slice(1)) {
    for (const field of fieldsOf(message, segment).slice(1)) {
      const [repetition = field] = repetitionsOf(message, field);
      const [first, second] = componentsOf(message, repetition);
      if (first === undefined || second === undefined || first.end === first.start || second.end === second.start)
        continue;
      const [a, b] = [latin1(message.bytes, first), latin1(message.bytes, second)];
      const between = latin1(message.bytes, { start: first.end, end: second.start });
      if (a !== b) return splice(message.bytes, { start: first.start, end: second.end }, b + between + a);
    }
  }
  return null;
}

function loseRepetition(message: Message): Uint8Array | null {
  for (const segment of message.segments.slice(1)) {
    for (const field of fieldsOf(message, segment).slice(1)) {
      const repetitions = repetitionsOf(message, field);
      const before = repetitions.at(-2);
      if (before !== undefined && textOf(message, field) !== '') {
        return splice(message.bytes, { start: before.end, end: field.end }, '');
      }
    }
  }
  return null;
}

function reorder({ bytes, segments }: Message): Uint8Array | null {
  const at = segments.findIndex(({ name }, index) => name === 'OBX' && segments[index + 1]?.name === 'OBX');
  const [first, second] = [segments[at], segments[at + 1]];
  if (first === undefined || second === undefined) return null;
  const [a, b] = [latin1(bytes, { ...first, end: first.next }), latin1(bytes, { ...second, end: second.next })];
  return a === b ? null : splice(bytes, { start: first.start, end: second.next }, b + a);
}

/** UTF-8 of what is taken for latin1: encoded twice, or another charset than MSH-18 says. */
function recode({ bytes }: Message): Uint8Array | null {
  const recoded = Buffer.from(Buffer.from(bytes).toString('latin1'), 'utf8');
  return recoded.length === bytes.length ? null : recoded;
}

function latin1(bytes: Uint8Array, { start, end }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

function splice(bytes: Uint8Array, { start, end }: Span, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text, 'latin1'), bytes.subarray(end)]);
}

export function driftedOf(drift: Drift, payload: Uint8Array): Uint8Array | null {
  const message = readMessage(payload);
  return message === null ? null : drift.apply(message);
}
