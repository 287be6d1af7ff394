/**
 * The programme: what a lab says about its own calendar and people, in `stacks/NAME/programme.yaml`. Every key has a
 * default, so that a plan can be had before anything is written down; what is missing shows as red in it.
 */
import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from '../duration.ts';
import { windowRuleSchema } from '../inventory.ts';
import { type Failed, parseYaml } from '../located-yaml.ts';
import { charterSchema } from './charter.ts';
import { QUIET_LIMITS } from './quiet.ts';
import { isTimeZone } from './zone.ts';

const DATE_PATTERN = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const date = z.string().regex(DATE_PATTERN, 'a date is YYYY-MM-DD').refine(isDate, 'there is no such date');
const duration = z
  .string()
  .regex(DURATION_PATTERN, 'a duration is a whole number and a unit: 250ms, 10s, 5m, 2h, 7d')
  .transform((text) => parseDurationMs(text) ?? 0);
const freeze = z.strictObject({ from: date, to: date, reason: z.string().min(1) }).describe('both dates belong to it');
const measuredSchema = z.strictObject({
  connections: z.int().min(1),
  switch: duration,
  rollback: duration,
  source: z.string().describe('where the figures come from'),
});

export const programmeSchema = z.strictObject({
  charter: charterSchema.optional().describe('the first page of the sign-off pack'),
  timeZone: z.string().refine(isTimeZone, 'a time zone is an IANA name, as in America/Chicago').default('UTC'),
  starts: date.optional().describe('no wave before this date; default: today'),
  pilot: z.array(z.string()).default([]).describe('practices that go first; default: the least that can go wrong'),
  largestWave: z.int().min(1).default(50).describe('connections'),
  daysBetween: z.int().min(1).default(7).describe('from one wave to the next'),
  daysAfterPilot: z.int().min(1).default(14),
  verification: duration.prefault('45m').describe('from the last switch to the decision that it holds'),
  rollbackAtLeast: duration.prefault('15m').describe('reserve for the way back, also where it was measured shorter'),
  measured: measuredSchema.optional().describe('times of a drill; `plan --measured` takes those of a rehearsal'),
  businessHours: z.array(windowRuleSchema).default([]).describe('no window may touch them'),
  freezes: z.array(freeze).default([]),
  vendors: z
    .record(z.string(), z.strictObject({ away: z.array(freeze).default([]), contact: z.string().optional() }))
    .default({})
    .describe('by the name under `owners.emr`'),
  bridge: z.array(z.string()).default([]).describe('people who are on the call of every wave'),
  risk: z
    .record(z.string(), z.enum(['low', 'medium', 'high']))
    .default({})
    .describe('by practice'),
  traffic: z
    .string()
    .min(1)
    .optional()
    .describe('folder of old message files to count traffic from, relative to this file; default: the journals'),
  quiet: z
    .strictObject({
      share: z.number().min(0).max(1).default(QUIET_LIMITS.share),
      observedTimes: z.int().min(1).default(QUIET_LIMITS.observedTimes),
    })
    .prefault({}),
});

export type Programme = z.output<typeof programmeSchema>;

export function parseProgramme(text: string, file: string): { readonly ok: true; readonly value: Programme } | Failed {
  return parseYaml(text, file, programmeSchema);
}

export const DEFAULT_PROGRAMME: Programme = programmeSchema.parse({});

export function programmeJsonSchema(): object {
  return z.toJSONSchema(programmeSchema, { io: 'input' });
}

function isDate(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
