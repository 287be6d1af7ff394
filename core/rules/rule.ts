/**
 * Diff rules as people write them in `stacks/rules/*.yaml`: what may differ between the platforms, why, on whose word
 * and until when. One schema, published as JSON Schema; what goes beyond a shape is checked in `compile.ts`.
 */
import { z } from 'zod';
import { PRECISIONS } from './date.ts';

const RULE_PATH = /^([A-Z][A-Z0-9]{2}(-[1-9]\d{0,2}(\.[1-9]\d{0,2}){0,2})?|\*|answer|destination|delay|order)$/;

const common = {
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,60}$/, 'a name is made of small letters, digits and dashes')
    .describe('how reports name it; never used twice'),
  path: z
    .string()
    .regex(RULE_PATH, "a path is as in 'MSH-7', 'PID-3.4.2' or 'ZRP' for a whole segment")
    .describe('field, component or subcomponent; a whole segment; `*`: every path (kind `spelling` only)'),
  connections: z
    .array(z.string().min(1))
    .min(1)
    .default(['*'])
    .describe('names of connections; `*` stands for any characters'),
  messages: z.array(z.string()).optional().describe('message types it is for, as in `ORU^R01`; default: all'),
  codes: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('codes it is for: OBX-3.1 in an OBX, OBR-4.1 in an OBR. Needed on protected paths of these segments'),
  reason: z.string().min(5).describe('why the difference does no harm'),
  owner: z.string().min(1).describe('who answers for it'),
  expires: z.iso.date().describe('the last day on which it accepts anything'),
  approver: z.string().min(1).optional().describe('who agreed; needed on protected paths, and never the owner'),
};

const texts = z.array(z.string()).min(1);

export const ruleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ignore'), ...common }),
  z.strictObject({
    kind: z.literal('values').describe('each side is one of its values'),
    ...common,
    legacy: texts,
    new: texts,
  }),
  z.strictObject({
    kind: z.literal('table').describe('a value of legacy always becomes the same value of new'),
    ...common,
    table: z.record(z.string(), z.string()).describe('legacy: new'),
  }),
  z.strictObject({
    kind: z.literal('numeric').describe('the same number, written differently'),
    ...common,
    within: z.number().min(0).default(0).describe('how far apart they may be; 0 on protected paths'),
  }),
  z.strictObject({
    kind: z.literal('date').describe('the same moment, written differently'),
    ...common,
    precision: z.enum(PRECISIONS).default('second').describe('the coarsest precision that both must have'),
    withinSeconds: z.int().min(0).default(0).describe('how far apart they may be; 0 on protected paths'),
  }),
  z.strictObject({
    kind: z.literal('generated').describe('an id that each platform makes by itself; neither may be empty'),
    ...common,
    pattern: z.string().optional().describe('a regular expression that both must match'),
  }),
  z.strictObject({
    kind: z.literal('spelling').describe('the same meaning: delimiters at the end, another escape for the same text'),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('changed-by-intent').describe('new is meant to send something else'),
    ...common,
    approver: z.string().min(1).describe('who agreed; never the owner'),
    legacy: z.string().describe('a regular expression for what legacy sends; `.*`: anything'),
    new: z.string().describe('a regular expression for what new sends'),
    example: z.strictObject({ legacy: z.string(), new: z.string() }).describe('synthetic values that it accepts'),
  }),
]);
export type Rule = z.output<typeof ruleSchema>;

export const rulesFileSchema = z.strictObject({
  delayLimitSeconds: z
    .int()
    .min(1)
    .optional()
    .describe(
      'an output of the candidate that comes later than this after the control is a difference; the least of all files counts',
    ),
  rules: z.array(ruleSchema).default([]),
});
export type RulesFile = z.output<typeof rulesFileSchema>;

export function rulesJsonSchema(): object {
  return z.toJSONSchema(rulesFileSchema, { io: 'input' });
}
