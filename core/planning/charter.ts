/** What the programme is for, and by what it is measured: the first page of the sign-off pack. Part of `programme.yaml`. */
import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from '../duration.ts';

export const MEASURES = [
  'all-moved',
  'no-loss',
  'no-double',
  'in-order',
  'same-outputs',
  'longest-pause',
  'in-window',
  'rollback-proven',
  'two-persons',
] as const;
export type Measure = (typeof MEASURES)[number];

const criterion = z
  .strictObject({
    text: z.string().min(1).max(300),
    measure: z.enum(MEASURES).optional().describe('what answers it; without one a person does'),
    limit: z
      .string()
      .regex(DURATION_PATTERN, 'a duration is a whole number and a unit: 250ms, 10s, 5m, 2h, 7d')
      .transform((text) => parseDurationMs(text) ?? 0)
      .optional()
      .describe('of `longest-pause`; default: half of what each sender waits'),
  })
  .refine(({ measure, limit }) => limit === undefined || measure === 'longest-pause', {
    message: 'only `longest-pause` has a limit',
    path: ['limit'],
  });

export const charterSchema = z.strictObject({
  purpose: z.string().min(1).max(2_000),
  scope: z.string().max(2_000).optional(),
  sponsor: z.string().max(200).optional(),
  success: z.array(criterion).max(50).default([]).describe('default: the nine that can be measured'),
});
export type Charter = z.output<typeof charterSchema>;
