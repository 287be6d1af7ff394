/**
 * The orders that a message speaks of: placer order number and state, group by group (HL7 v2 chapter 4: ORC and OBR of
 * orders, chapter 7: OBR-25 of results). For telling open orders from finished ones, never for routing.
 */
import { readDelimiters } from './message.ts';

/** `state`: ORC-1 of an order (NW, CA, …), OBR-25 of a result (F, P, C, …); empty where it is absent. */
export type OrderMark = { readonly number: string; readonly state: string };

const MARKS_LIMIT = 200;

/** One mark a number, with its last state. Empty where the message has no order number. */
export function orderMarksOf(payload: Uint8Array, direction: 'orders' | 'results'): readonly OrderMark[] {
  const delimiters = readDelimiters(payload);
  if (delimiters === null) return [];
  const field = String.fromCharCode(delimiters.field);
  const component = String.fromCharCode(delimiters.component);
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1');
  const marks = new Map<string, string>();
  let placer = '';
  for (const segment of text.split(/[\r\n]+/)) {
    const name = segment.slice(0, 3);
    if (name !== 'ORC' && name !== 'OBR') continue;
    const fields = segment.split(field);
    const number = (fields[2] ?? '').split(component)[0] ?? '';
    if (number !== '') placer = number;
    if (placer === '' || marks.size >= MARKS_LIMIT) continue;
    const isOrder = direction === 'orders' && name === 'ORC';
    const isResult = direction === 'results' && name === 'OBR';
    if (isOrder) marks.set(placer, fields[1] ?? '');
    else if (isResult) marks.set(placer, fields[25] ?? '');
    else if (!marks.has(placer)) marks.set(placer, '');
  }
  return [...marks].map(([number, state]) => ({ number, state }));
}
