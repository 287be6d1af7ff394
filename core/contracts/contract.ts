/**
 * Data contracts as people write them in `stacks/contracts/*.yaml`: what an output to a destination must look like,
 * whichever platform makes it. One schema, published as JSON Schema; `compile.ts` checks what a shape cannot say.
 */
import { z } from 'zod';

const PATH = /^[A-Z][A-Z0-9]{2}-[1-9]\d{0,2}(\.[1-9]\d{0,2}){0,2}$/;
const path = z.string().regex(PATH, "a path is as in 'OBX-5' or 'PID-3.4.2'");

/** What a value must be; all that is given must hold. An empty value holds everything but `required`. */
const fieldSchema = z.strictObject({
  required: z.boolean().optional().describe('it must not be empty'),
  maxLength: z.int().min(1).optional().describe('characters, escapes undone'),
  type: z.enum(['NM', 'SI', 'DT', 'DTM', 'TM', 'ID', 'base64']).optional().describe('HL7 data type of the value'),
  values: z.array(z.string()).min(1).optional().describe('the only ones that there are'),
  table: z
    .string()
    .regex(/^\d{4}$/, "a table is as in '0085'")
    .optional()
    .describe('the codes of this HL7 table'),
  pattern: z.string().optional().describe('a regular expression for the whole value'),
  repeats: z.int().min(1).optional().describe('repetitions at most (of a field)'),
});
export type FieldContract = z.output<typeof fieldSchema>;

const conditionSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{1,60}$/, 'a name is made of small letters, digits and dashes'),
  when: z.record(path, z.array(z.string()).min(1)).describe('paths of one segment, and the values that it is for'),

  must: z
    .record(path, fieldSchema)
    .describe('of the same segment; or of each segment of another name that follows, up to the next of the first'),
});

export const contractSchema = z.strictObject({
  description: z.string().optional(),
  messages: z
    .array(z.string().regex(/^[A-Z0-9]{3}(\^[A-Z0-9]{3})?$/))
    .min(1)
    .describe('types and triggers: `ORU^R01`'),
  versions: z.array(z.string()).min(1).optional().describe('MSH-12'),
  structure: z
    .string()
    .optional()
    .describe('segments as the standard writes them: `MSH PID [PV1] { [ORC] OBR [{NTE}] [{OBX [{NTE}]}] }`'),
  anywhere: z
    .array(z.string().regex(/^[A-Z][A-Z0-9]{2}$/))
    .default([])
    .describe('segments that may stand anywhere'),
  fields: z.record(path, fieldSchema).default({}).describe('each of these, in every segment of its name'),
  conditions: z.array(conditionSchema).default([]),
  sameId: z
    .array(z.strictObject({ path, as: path }))
    .default([])
    .describe('an id that must be there again in the nearest segment before: `OBR-2.1` as `ORC-2.1`'),
});
export type Contract = z.output<typeof contractSchema>;

export function contractJsonSchema(): object {
  return z.toJSONSchema(contractSchema, { io: 'input' });
}
