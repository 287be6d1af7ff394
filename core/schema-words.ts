/** What a schema found wrong with a value, in a person's words: what stands there, what may, and what to write. */
import { z } from 'zod';
import { nearest } from './nearest.ts';

type Said = { readonly message: string; readonly remedy: string };

/** Longer than this it is no name, and a value may be a secret: addresses of receivers stand in such files too. */
const SHOWN_CHARACTERS = 60;
/** What zod says by itself; any other message is the schema's own, and better. */
const OF_ZOD = /^(Invalid|Too) /;

export function sayIssue(issue: z.core.$ZodIssue, value: unknown): Said {
  const own = OF_ZOD.test(issue.message) ? null : issue.message;
  const remedy = 'correct the value';
  switch (issue.code) {
    case 'invalid_type':
      return sayType(issue, value, own);
    case 'invalid_value':
      return { message: own ?? `it is ${shown(value)}; it can be ${listed(issue.values.map(String))}`, remedy };
    case 'too_small':
      if (value === '') return { message: own ?? 'it is empty', remedy: 'write something' };
      return { message: own ?? `it ${sizeOf(value)}; the least is ${issue.minimum}`, remedy };
    case 'too_big':
      return { message: own ?? `it ${sizeOf(value)}; the most is ${issue.maximum}`, remedy };
    case 'invalid_format':
      return { message: sayFormat(issue.format, value, own), remedy };
    default:
      return { message: issue.message, remedy };
  }
}

function sayType({ path, expected }: z.core.$ZodIssueInvalidType, value: unknown, own: string | null): Said {
  if (value === undefined && path.length > 0) {
    return { message: `'${String(path.at(-1))}' is missing`, remedy: 'add it; docs/reference/ lists the keys' };
  }
  if (value === undefined || (value === null && path.length === 0))
    return { message: 'there is nothing in it', remedy: 'write it; docs/reference/ lists the keys' };
  if (own !== null) return { message: own, remedy: 'correct the value' };
  if (value === null) return { message: 'it has no value', remedy: 'write one, or leave the key out' };
  const message = `it is ${shown(value)}; it must be ${TYPES[expected] ?? expected}`;
  const text = plain(value);
  if (text !== null && expected === 'array') return { message, remedy: `write a list: [${text}]` };
  if (text !== null && expected === 'string') return { message, remedy: `write it in quotes: "${text}"` };
  return { message, remedy: 'correct the value' };
}

function sayFormat(format: string, value: unknown, own: string | null): string {
  if (own === null) return `${shown(value)} is no ${format}`;
  return plain(value) === null ? own : `${shown(value)}: ${own}`;
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values, as in { key: value }',
  record: 'keys with values, as in { key: value }',
};

function sizeOf(value: unknown): string {
  if (Array.isArray(value)) return `has ${value.length} ${value.length === 1 ? 'entry' : 'entries'}`;
  if (typeof value === 'string') return `has ${value.length} characters`;
  return `is ${shown(value)}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of keys';
  return plain(value) === null ? 'a long text' : typeof value === 'string' ? `'${value}'` : String(value);
}

/** As it was written; null: not to be shown. */
function plain(value: unknown): string | null {
  if (typeof value === 'object' || value === undefined) return null;
  const text = String(value);
  return text.length > SHOWN_CHARACTERS || text.includes('://') ? null : text;
}

function listed(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

/** `unknown key 'ackTimout'; did you mean 'ackTimeout'?` */
export function sayUnknownKey(schema: z.ZodType, path: readonly (string | number)[], key: string): Said {
  const close = nearest(key, keysAt(schema, path));
  if (close === null)
    return {
      message: `unknown key '${key}'`,
      remedy: 'remove it or correct its spelling; docs/reference/ lists the keys',
    };
  return { message: `unknown key '${key}'; did you mean '${close}'?`, remedy: 'correct its spelling, or remove it' };
}

/** Of whatever the schema allows at this place. */
function keysAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  return objectsAt(schema, path).flatMap(({ shape }) => Object.keys(shape));
}

function objectsAt(schema: unknown, path: readonly (string | number)[]): z.ZodObject[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => objectsAt(option, path));
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return objectsAt(schema.unwrap(), path);
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly) return objectsAt(schema.unwrap(), path);
  if (schema instanceof z.ZodPipe) return objectsAt(schema.in, path);
  const [first, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (first === undefined) return [schema];
    const member: unknown = schema.shape[first];
    return objectsAt(member, rest);
  }
  if (first === undefined) return [];
  if (schema instanceof z.ZodArray) return objectsAt(schema.element, rest);
  if (schema instanceof z.ZodRecord) return objectsAt(schema.valueType, rest);
  return [];
}
