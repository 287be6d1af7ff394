/** The sign-off pack as data: what `report --json` prints, and what its HTML and CSV are made from. Null: not known. */
import { z } from 'zod';

const count = z.int().nullable();

export const reportConnectionSchema = z.object({
  name: z.string(),
  practice: z.string(),
  direction: z.enum(['orders', 'results']),
  wave: z.string(),
  phase: z.string().nullable(),
  control: z.string().nullable(),
  epoch: count,
  received: count,
  accepted: count,
  delivered: count,
  destinationRejected: count,
  maybeSent: count,
  decisions: count.describe('that still wait for a person'),
  pairs: count.describe('compared in the present epoch'),
  matched: count,
  byRule: count.describe('pairs whose differences have a rule'),
  open: count.describe('pairs with differences that no rule accepts, or without a counterpart'),
  approval: z.string().nullable().describe('digest that the newest move towards new names'),
  movedBy: z.string().nullable(),
  movedAt: z.string().nullable(),
  openPoints: z.array(z.string()).describe('why it is not signed off as it stands'),
});
export type ReportConnection = z.output<typeof reportConnectionSchema>;

export const reportDocumentSchema = z.object({
  ok: z.boolean().describe('nothing is open'),
  exitCode: z.int(),
  deployment: z.string(),
  stack: z.string(),
  selection: z.string(),
  madeAt: z.string(),
  madeBy: z.string(),
  connections: z.array(reportConnectionSchema),
  timeline: z.array(
    z.object({
      at: z.string(),
      connection: z.string(),
      epoch: z.int(),
      became: z.string(),
      by: z.string(),
      reason: z.string().nullable(),
      approval: z.string().nullable(),
      digest: z.string().describe("of the gateway's hash-linked epoch record"),
    }),
  ),
  notKnown: z.array(z.string()).describe('sources that did not answer or are not configured'),
  html: z.string(),
  csv: z.string(),
});
export type ReportDocument = z.output<typeof reportDocumentSchema>;

export function reportJsonSchema(): object {
  return z.toJSONSchema(reportDocumentSchema);
}
