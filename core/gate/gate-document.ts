/** What `gate --json` prints, and what it freezes as evidence. */
import { z } from 'zod';

export const criterionSchema = z.object({
  id: z.string(),
  title: z.string(),
  verdict: z.enum(['green', 'red', 'waived']),
  reason: z.string(),
  red: z.array(z.object({ name: z.string().nullable().describe('null: all of them'), reason: z.string() })),
  evidence: z.array(z.string()).describe('digests of what it rests on'),
  remedy: z.string(),
  waivers: z.array(
    z.object({ by: z.string(), reason: z.string(), notAfter: z.string(), connections: z.array(z.string()) }),
  ),
});
export type JudgedCriterion = z.output<typeof criterionSchema>;

export const gateDocumentSchema = z.object({
  verb: z.literal('gate'),
  ok: z.boolean(),
  exitCode: z.int().describe('0 green, 3 red, 1 could not find out, 2 usage'),
  verdict: z.enum(['green', 'red']),
  stack: z.string(),
  deployment: z.string(),
  at: z.string(),
  expiresAt: z.string().describe('afterwards no approval may rest on it'),
  digest: z.string().nullable().describe('of the frozen evidence; null: it could not be kept'),
  connections: z.array(z.string()),
  criteria: z.array(criterionSchema),
  warnings: z.array(z.string()),
  nextSteps: z.array(z.string()),
});
export type GateDocument = z.output<typeof gateDocumentSchema>;

/** The body of evidence of kind `gate`, as far as a reader needs it. */
export const frozenGateSchema = z.object({
  verdict: z.enum(['green', 'red']),
  at: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  criteria: z.array(criterionSchema.pick({ id: true, verdict: true, reason: true })),
});
