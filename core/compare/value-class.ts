/**
 * The class of a value: enough to see how two values differ, too little to know them. `12.0` is `9.9`, `DOE` is `A`,
 * a date is its format. What has many parts is just `text`.
 */

import { parseDate } from '../rules/date.ts';
import { isNumber } from '../rules/number.ts';

const PARTS_LIMIT = 8;
const DECIMALS_LIMIT = 6;

/** Units as laboratories write them (UCUM, and older spellings): which unit a test is told in says nothing of a patient. */
const UNITS = [
  ...[
    '%',
    'g/dL',
    'g/L',
    'mg/dL',
    'mg/L',
    'ug/dL',
    'ug/L',
    'ug/mL',
    'ng/mL',
    'ng/dL',
    'ng/L',
    'pg/mL',
    'pg',
    'fL',
    'mg/g',
  ],
  ...[
    'mol/L',
    'mmol/L',
    'umol/L',
    'nmol/L',
    'pmol/L',
    'mmol/mol',
    'meq/L',
    'mEq/L',
    'U/L',
    'IU/L',
    'mU/L',
    'IU/mL',
    'U/mL',
  ],
  ...[
    'uIU/mL',
    'mIU/L',
    'mIU/mL',
    'kU/L',
    '10*3/uL',
    '10*6/uL',
    '10*9/L',
    '10*12/L',
    'K/uL',
    'M/uL',
    '/uL',
    '/HPF',
    '/LPF',
  ],
  ...[
    's',
    'sec',
    'min',
    'h',
    'mm/h',
    'mm/hr',
    'mL/min',
    'mL',
    'L',
    'L/L',
    'mm[Hg]',
    'mmHg',
    'Cel',
    'kg',
    'g',
    'mg',
    'cm',
  ],
  ...['mg/24h', 'g/24h', 'mL/min/{1.73_m2}', 'mL/min/1.73m2', 'ratio', '{ratio}', 'mosm/kg', 'mOsm/kg', 'pH', '[pH]'],
];

/** Members of published tables in fields that say nothing of a patient: shown as they are. */
const VOCABULARY: Readonly<Record<string, ReadonlySet<string>>> = {
  'OBX-2': new Set(['CE', 'CWE', 'DT', 'ED', 'FT', 'NM', 'RP', 'SN', 'ST', 'TM', 'TS', 'TX']),
  'OBX-6': new Set(UNITS),
  'OBX-11': new Set(['C', 'D', 'F', 'I', 'N', 'O', 'P', 'R', 'S', 'U', 'W', 'X']),
  'OBR-25': new Set(['A', 'C', 'F', 'I', 'O', 'P', 'R', 'S', 'X', 'Y', 'Z']),
  'ORC-1': new Set(['CA', 'CR', 'DC', 'NW', 'OC', 'OK', 'RE', 'RP', 'SC', 'SN', 'UA', 'XO']),
  'MSH-11': new Set(['D', 'P', 'T']),
  'MSH-12': new Set(['2.1', '2.2', '2.3', '2.3.1', '2.4', '2.5', '2.5.1', '2.6', '2.7', '2.7.1', '2.8']),
};

export function valueClass(value: string, path: string): string {
  if (value === '') return 'empty';
  if (value === '""') return '""';
  if (VOCABULARY[path]?.has(value)) return value;
  if (parseDate(value) !== null && value.length >= 8) return dateClass(value);
  if (isNumber(value)) return numberClass(value);
  return textClass(value);
}

function numberClass(value: string): string {
  const [, decimals] = value.split('.');
  const sign = value.startsWith('-') ? '-' : value.startsWith('+') ? '+' : '';
  if (decimals === undefined) return `${sign}9`;
  return `${sign}9.${'9'.repeat(Math.min(decimals.length, DECIMALS_LIMIT))}`;
}

function dateClass(value: string): string {
  const [, digits = '', fraction = '', offset = ''] = /^(\d+)(\.\d+)?([+-]\d{4})?$/.exec(value) ?? [];
  return (
    'YYYYMMDDHHMMSS'.slice(0, digits.length) + (fraction === '' ? '' : '.S') + (offset === '' ? '' : `${offset[0]}ZZZZ`)
  );
}

function textClass(value: string): string {
  const parts = value.match(/[A-Z]+|[a-z]+|\d+|\s+|[^\x20-\x7e]+|./gs) ?? [];
  if (parts.length > PARTS_LIMIT) return 'text';
  return parts.map(partClass).join('');
}

function partClass(part: string): string {
  const [first = ''] = part;
  if (/[A-Z]/.test(first)) return 'A';
  if (/[a-z]/.test(first)) return 'a';
  if (/\d/.test(first)) return '9';
  if (/\s/.test(first)) return ' ';
  return first > '\x7e' || first < '\x20' ? 'ä' : first;
}

/** A code as it may be shown: a LOINC number or a short code of the laboratory's own; anything else, and none, is null. */
export function shownCode(text: string): string | null {
  return /^(\d{1,7}-\d|[A-Za-z][A-Za-z0-9._-]{0,11})$/.test(text) ? text : null;
}
