/** What `plan --json` prints: waves on nights, who is needed, and what is red. Times are instants in UTC. */
import { z } from 'zod';

const instant = z.string().describe('ISO 8601, UTC');

export const plannedWaveSchema = z.object({
  name: z.string(),
  connections: z.array(z.string()),
  practices: z.array(z.string()),
  vendors: z.array(z.string()),
  risk: z.enum(['low', 'medium', 'high']),
  messagesPerDay: z.number().nullable().describe('null: not observed'),
  needs: z.object({ switchMs: z.number(), verifyMs: z.number(), rollbackMs: z.number() }),
  night: z
    .object({
      date: z.string().describe('of the evening, there'),
      timeZone: z.string(),
      opensAt: instant,
      closesAt: instant,
      startsAt: instant,
      doneAt: instant.describe('switch and verification over, if all goes as measured'),
      lastStartAt: instant,
      lastSafeAt: instant.describe('a rollback that begins later does not end within the window'),
      spareMs: z.number(),
    })
    .nullable()
    .describe('null: no night was found'),
  quiet: z
    .object({
      verdict: z.enum(['green', 'red']),
      reason: z.string(),
      expectedMessages: z.number().nullable(),
      share: z.number().nullable(),
    })
    .nullable(),
  people: z.array(z.object({ role: z.string(), who: z.string() })).describe('who must be there'),
  passedOver: z.array(z.object({ date: z.string(), reason: z.string() })),
  red: z.array(z.string()),
});
export type PlannedWave = z.output<typeof plannedWaveSchema>;

export const programmePlanSchema = z.object({
  ok: z.boolean().describe('nothing is red'),
  stack: z.string(),
  timeZone: z.string(),
  measured: z
    .object({ connections: z.int(), switchMs: z.number(), rollbackMs: z.number(), source: z.string() })
    .nullable(),
  traffic: z.object({
    source: z.string().nullable(),
    messages: z.int(),
    unknown: z.array(z.string()).describe('connections of which no traffic was observed'),
    hours: z
      .array(z.number().nullable())
      .describe('messages per hour of the whole lab, Monday 00:00 to Sunday 23:00; null: not observed'),
  }),
  waves: z.array(plannedWaveSchema),
  red: z.array(
    z.object({ code: z.string(), message: z.string(), connections: z.array(z.string()), remedy: z.string() }),
  ),
  warnings: z.array(z.string()),
  nextSteps: z.array(z.string()),
});
export type ProgrammePlan = z.output<typeof programmePlanSchema>;

export function programmePlanJsonSchema(): object {
  return z.toJSONSchema(programmePlanSchema);
}
