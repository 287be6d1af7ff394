/** Reads values of a message by path: all of them, in a segment that is already at hand. */
import type { Span } from './message.ts';
import type { FieldPath } from './path.ts';
import {
  componentsOf,
  isDelimiterField,
  type Message,
  repetitionsOf,
  type Segment,
  subcomponentsOf,
  valueAt,
} from './reader.ts';

/**
 * One value for each repetition of the field, escapes undone; '' where the repetition has no such part. Without a
 * component the whole repetition as it says itself. Empty: the segment has no such field.
 */
export function valuesAt(message: Message, segment: Segment, fields: readonly Span[], path: FieldPath): string[] {
  const field = fields[path.field];
  if (field === undefined) return [];
  if (isDelimiterField(segment, path.field)) return [valueAt(message, field)];
  return repetitionsOf(message, field).map((repetition) => partOf(message, repetition, path));
}

function partOf(message: Message, repetition: Span, path: FieldPath): string {
  if (path.component === 0) return valueAt(message, repetition);
  const component = componentsOf(message, repetition)[path.component - 1];
  if (component === undefined) return '';
  if (path.subcomponent === 0) return valueAt(message, component);
  const subcomponent = subcomponentsOf(message, component)[path.subcomponent - 1];
  return subcomponent === undefined ? '' : valueAt(message, subcomponent);
}
