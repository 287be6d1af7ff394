/** Holds one output against its contract: every breach by the part of the contract that it breaks, values never. */
import type { Span } from '../hl7/message.ts';
import type { FieldPath } from '../hl7/path.ts';
import { fieldsOf, type Message, readMessage, type Segment } from '../hl7/reader.ts';
import { shownSegment } from '../hl7/segments.ts';
import { valuesAt } from '../hl7/values.ts';
import { parseDate } from '../rules/date.ts';
import { isNumber } from '../rules/number.ts';
import type { CompiledCondition, CompiledContract, CompiledField } from './compile.ts';
import type { FieldContract } from './contract.ts';
import { misplacedSegment } from './structure.ts';

export type Breach = {
  /** What it is counted by: `OBX-5: type NM`, `numbers-have-units: OBX-6 required`, `structure: OBX after PID`. */
  readonly name: string;
  readonly path: string;
};

type Row = { readonly segment: Segment; readonly fields: readonly Span[] };

/** Of one message each breach once, however often it occurs there. */
export function breachesOf(payload: Uint8Array, contract: CompiledContract): readonly Breach[] {
  const message = readMessage(payload);
  if (message === null) return [{ name: 'message: no HL7', path: 'message' }];
  const rows = message.segments.map((segment) => ({ segment, fields: fieldsOf(message, segment) }));
  const breaches = [
    ...headerBreaches(message, rows, contract),
    ...structureBreaches(rows, contract),
    ...rows.flatMap(({ segment, fields }) =>
      (contract.fields.get(segment.name) ?? []).flatMap((each) =>
        fieldBreaches(message, { segment, fields }, each, ''),
      ),
    ),
    ...contract.conditions.flatMap((condition) => conditionBreaches(message, rows, condition)),
    ...contract.sameId.flatMap(({ path, as, text }) => idBreaches(message, rows, path, as, text)),
  ];
  return [...new Map(breaches.map((breach) => [breach.name, breach])).values()];
}

const MESSAGE_TYPE: FieldPath = { segment: 'MSH', field: 9, component: 1, subcomponent: 0 };
const TRIGGER: FieldPath = { ...MESSAGE_TYPE, component: 2 };
const VERSION: FieldPath = { segment: 'MSH', field: 12, component: 1, subcomponent: 0 };

function headerBreaches(message: Message, rows: readonly Row[], contract: CompiledContract): Breach[] {
  const [header] = rows;
  if (header === undefined) return [];
  const breaches: Breach[] = [];
  const [type = ''] = valuesAt(message, header.segment, header.fields, MESSAGE_TYPE);
  const [trigger = ''] = valuesAt(message, header.segment, header.fields, TRIGGER);
  const [version = ''] = valuesAt(message, header.segment, header.fields, VERSION);
  if (!contract.messages.has(type) && !contract.messages.has(`${type}^${trigger}`)) {
    breaches.push({ name: 'MSH-9: another type of message', path: 'MSH-9' });
  }
  if (contract.versions !== null && !contract.versions.has(version)) {
    breaches.push({ name: 'MSH-12: another version', path: 'MSH-12' });
  }
  if (message.charset.finding !== null) {
    breaches.push({ name: `MSH-18: ${CHARSET_BREACHES[message.charset.finding]}`, path: 'MSH-18' });
  }
  return breaches;
}

const CHARSET_BREACHES = {
  'declared-otherwise': 'the bytes are in another charset',
  'unknown-name': 'no charset of this name is known',
  'not-declared': 'characters beyond ASCII and no charset',
} as const;

function structureBreaches(rows: readonly Row[], { structure, anywhere }: CompiledContract): Breach[] {
  if (structure === null) return [];
  const placed = rows.map(({ segment }) => segment.name).filter((name) => !anywhere.has(name));
  const misplaced = misplacedSegment(structure, placed);
  if (misplaced === null) return [];
  const nameOf = (name: string | undefined): string | undefined => (name === undefined ? name : shownSegment(name));
  const found = nameOf(placed[misplaced.index]);
  const before = nameOf(placed[misplaced.index - 1]) ?? 'the beginning';
  return [{ name: `structure: ${found ?? 'the end'} after ${before}`, path: found ?? before }];
}

function fieldBreaches(message: Message, row: Row, compiled: CompiledField, prefix: string): Breach[] {
  const values = valuesAt(message, row.segment, row.fields, compiled.path);
  const filled = values.filter((value) => value !== '');
  const { field } = compiled;
  const found: string[] = [];
  if (field.required === true && (filled.length === 0 || filled.every((value) => value === '""')))
    found.push('required');
  if (field.repeats !== undefined && values.length > field.repeats) found.push(`more than ${field.repeats}`);
  for (const value of filled) if (value !== '""') found.push(...valueBreaches(value, compiled));
  return [...new Set(found)].map((what) => ({ name: `${prefix}${compiled.text}: ${what}`, path: compiled.text }));
}

function valueBreaches(value: string, { field, values, pattern }: CompiledField): string[] {
  const found: string[] = [];
  if (field.maxLength !== undefined && value.length > field.maxLength) found.push(`longer than ${field.maxLength}`);
  if (field.type !== undefined && !hasType(value, field.type)) found.push(`type ${field.type}`);
  if (values !== null && !values.has(value)) found.push('not in its table');
  if (pattern !== null && !pattern.test(value)) found.push('pattern');
  return found;
}

function hasType(value: string, type: NonNullable<FieldContract['type']>): boolean {
  switch (type) {
    case 'NM':
      return isNumber(value);
    case 'SI':
      return /^\d{1,4}$/.test(value);
    case 'DT':
      return /^\d{4}(\d{2}){0,2}$/.test(value) && parseDate(value) !== null;
    case 'DTM':
      return parseDate(value) !== null;
    case 'TM':
      return /^([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,4})?)?)?([+-]\d{4})?$/.test(value);
    case 'ID':
      return /^[\x21-\x7e]+$/.test(value);
    case 'base64':
      return isBase64(value);
  }
}

/** With padding, in multiples of four, white space at no place but line ends: what decoders agree on. */
function isBase64(value: string): boolean {
  const text = value.replace(/\r?\n|\uE000\.br\uE001/g, '');
  return text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

function conditionBreaches(message: Message, rows: readonly Row[], condition: CompiledCondition): Breach[] {
  return rows.flatMap((row, index) => {
    if (row.segment.name !== condition.segment) return [];
    const applies = condition.when.every(({ path, values }) =>
      valuesAt(message, row.segment, row.fields, path).some((value) => values.has(value)),
    );
    if (!applies) return [];
    const after = rows.slice(index + 1);
    const next = after.findIndex(({ segment }) => segment.name === condition.segment);
    const group = next < 0 ? after : after.slice(0, next);
    return condition.must.flatMap((compiled) => {
      const targets =
        compiled.path.segment === condition.segment
          ? [row]
          : group.filter(({ segment }) => segment.name === compiled.path.segment);
      return targets.flatMap((target) => fieldBreaches(message, target, compiled, `${condition.name}: `));
    });
  });
}

function idBreaches(message: Message, rows: readonly Row[], path: FieldPath, as: FieldPath, text: string): Breach[] {
  const broken = rows.some((row, index) => {
    if (row.segment.name !== path.segment) return false;
    const [id = ''] = valuesAt(message, row.segment, row.fields, path);
    const before = rows.slice(0, index).findLast(({ segment }) => segment.name === as.segment);
    if (id === '' || before === undefined) return false;
    const known = valuesAt(message, before.segment, before.fields, as);
    return !known.includes(id);
  });
  return broken ? [{ name: `${text}: another id`, path: text.split(' ')[0] ?? text }] : [];
}
