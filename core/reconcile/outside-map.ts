/**
 * How outside records are to be read: which column says what, how their names and ids become ours, what is left out and
 * why. One schema, published as JSON Schema.
 */
import { z } from 'zod';

const text = z.string().min(1);
const exclusion = {
  name: text.describe('how the reconciliation names it, with its count'),
  reason: text.describe('why these need no explanation'),
};

const setSchema = z.strictObject({
  format: z.enum(['csv', 'ndjson']).optional().describe("default: by the file's ending; .ndjson and .jsonl are NDJSON"),
  delimiter: z.string().length(1).default(','),
  columns: z
    .strictObject({
      connection: text.optional().describe('default: a column of this name, unless `connection` says one for all rows'),
      id: text.default('id').describe('the MSH-10 as the system has it, or an id that `ids` maps to it'),
      at: text.optional().describe('when the system got or sent it; without it every row counts as inside the window'),
      digest: text.optional().describe('SHA-256 of the message in hex, or at least its first 12 digits'),
    })
    .prefault({}),
  connection: text.optional().describe('the one connection of all rows'),
  connections: z
    .record(z.string(), z.string())
    .default({})
    .describe("the system's names → connections; a name that is not here stands for itself"),
  time: z
    .enum(['iso', 'hl7', 'epoch-s', 'epoch-ms'])
    .default('iso')
    .describe('iso: 2026-06-01T12:00:00; hl7: 20260601120000'),
  utcOffset: z
    .string()
    .regex(/^([+-]\d\d:\d\d|Z)$/)
    .default('Z')
    .describe('of times that do not say theirs, as in -06:00'),
  ids: z
    .strictObject({ file: text, from: text, to: text })
    .optional()
    .describe('a CSV file with two columns: ids of the system → MSH-10. Relative to this file'),
  exclude: z
    .array(z.strictObject({ ...exclusion, where: z.record(text, z.array(z.string()).min(1)) }))
    .default([])
    .describe('rows that are none of these interfaces; a row is left out where every column has one of its values'),
});
export type OutsideSetMap = z.output<typeof setSchema>;

export const outsideMapSchema = z.strictObject({
  lis: setSchema.prefault({}),
  emr: setSchema.prefault({}),
  known: z
    .array(
      z.strictObject({
        ...exclusion,
        connections: z.array(text).optional().describe('default: all'),
        ids: z
          .array(text)
          .min(1)
          .describe(
            'MSH-10 of messages whose difference is explained; one message for each time that it is written down',
          ),
      }),
    )
    .default([]),
});
export type OutsideMap = z.output<typeof outsideMapSchema>;

export function outsideMapJsonSchema(): object {
  return z.toJSONSchema(outsideMapSchema, { io: 'input' });
}

/** Anything else a program would read as it likes: 01/06/2026 as January, a day without a time in its own zone. */
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?)?$/;

/** Null: it is no time of this kind. */
export function readTimeMs(
  value: string,
  { time, utcOffset }: Pick<OutsideSetMap, 'time' | 'utcOffset'>,
): number | null {
  switch (time) {
    case 'epoch-ms':
      return wholeOf(value);
    case 'epoch-s': {
      const seconds = wholeOf(value);
      return seconds === null ? null : seconds * 1000;
    }
    case 'iso': {
      const [, day, time = '00:00', zone] = ISO.exec(value.trim()) ?? [];
      if (day === undefined) return null;
      const offset = zone === undefined || zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
      return parsed(`${day}T${time.replace(',', '.')}${offset ?? utcOffset}`);
    }
    case 'hl7': {
      const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone] =
        /^(\d{4})(\d\d)(\d\d)(\d\d)?(\d\d)?(\d\d)?(\.\d{1,4})?([+-]\d{4})?$/.exec(value.trim()) ?? [];
      if (year === undefined) return null;
      const offset = zone === undefined ? utcOffset : `${zone.slice(0, 3)}:${zone.slice(3)}`;
      return parsed(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}${offset}`);
    }
  }
}

function parsed(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

function wholeOf(text: string): number | null {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text) : null;
}
