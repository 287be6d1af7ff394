/** What `reconcile --json` prints: the equation of every connection, what is amiss by id, and what it rests on. */
import { z } from 'zod';
import { messageIdSchema } from '../admin-api.ts';
import { PLATFORMS } from '../platform.ts';
import { proofHeadSchema } from './proof-file.ts';

const ids = z.array(messageIdSchema).describe('at most 1,000; the count beside it is whole');
const count = z.int().min(0);

export const GRADES = ['A', 'B', 'C'] as const;
/** A: LIS and EMR sets; B: the LIS set and destination answers; C: destination answers only. */
export type Grade = (typeof GRADES)[number];

export const reconciledSchema = z.object({
  name: z.string(),
  practice: z.string(),
  direction: z.enum(['orders', 'results']),
  owed: count.describe('obligations (input, connection): the sum of the six below'),
  delivered: count,
  destinationRejected: count,
  filtered: count,
  unexplained: count,
  decisions: count,
  pending: count,
  attempts: count.describe('arrivals at its feed: the sum of the six below'),
  accepted: count,
  answeredAgain: count,
  refused: count,
  rejected: count,
  unanswered: count,
  inFlight: count,
  maybeSent: ids,
  suppressed: ids,
  uncorrelated: ids,
  missing: ids.describe('owed, and not at the destination'),
  duplicated: ids.describe('at the destination more often than owed'),
  unexpected: ids.describe('at the destination, and owed by nobody'),
  counts: z
    .object({
      maybeSent: count,
      suppressed: count,
      uncorrelated: count,
      missing: count,
      duplicated: count,
      duplicatedListed: count.describe('of these, listed by the gateway as maybe sent twice'),
      unexpected: count,
      openDecisions: count,
      excluded: count.describe('taken out of missing, duplicated and unexpected by exclusion sets'),
    })
    .describe('lengths of the lists, also where they are cut'),
  ambiguous: count.describe('named by id, but which of several with this id cannot be told'),
  balanced: z.boolean(),
  evidenceGrade: z.enum(GRADES),
  outputsOnly: z
    .literal(true)
    .exactOptional()
    .describe('origin: platform: owed is what a platform has sent; what it never sent, nobody can count'),
  verdict: z.enum(['green', 'red']),
  reasons: z.array(z.string()),
});
export type Reconciled = z.output<typeof reconciledSchema>;

export const orderClassSchema = z.object({
  practice: z.string(),
  class: z
    .enum(['open', 'partly-resulted', 'straddling', 'result-without-order'])
    .describe('straddling: ordered through one platform, resulted through the other'),
  orderedThrough: z.enum(PLATFORMS).nullable(),
  resultedThrough: z.enum(PLATFORMS).nullable(),
  count,
  ids: ids.describe('of the order, or of the result where there is no order'),
});
export type OrderClass = z.output<typeof orderClassSchema>;

export const outsideSetSchema = z.object({
  set: z.enum(['lis', 'emr']),
  file: z.string(),
  rows: count,
  taken: count,
  outsideWindow: count,
  unknownConnection: count.describe('rows whose connection no map and no inventory knows'),
  withoutId: count,
  excluded: z.array(z.object({ name: z.string(), reason: z.string(), count })),
});
export type OutsideSet = z.output<typeof outsideSetSchema>;

export const engineCountSchema = z.object({
  platform: z.enum(PLATFORMS),
  queued: count,
  errors: count,
  by: z.string(),
  at: z.string(),
  source: z.string().describe('where it was read, or that it was attested'),
});
export type EngineCount = z.output<typeof engineCountSchema>;

export const reconcileDocumentSchema = z.object({
  verb: z.literal('reconcile'),
  ok: z.boolean(),
  exitCode: z.int().describe('0 green, 3 red, 1 could not find out, 2 usage'),
  verdict: z.enum(['green', 'red']),
  reasons: z.array(z.string()).describe('what is red for all of them: no worker, records that wait, gaps'),
  deployment: z.string(),
  window: z.object({ since: z.string(), until: z.string() }).describe('UTC; inputs that arrived at the gateway in it'),
  accountedUpTo: z.string().nullable().describe('time of the newest record that the worker has taken'),
  connections: z.array(reconciledSchema),
  outside: z.array(outsideSetSchema),
  orders: z.array(orderClassSchema),
  engines: z.array(engineCountSchema).describe('queues and error stores; empty: neither read nor attested'),
  proofFile: z.object({ file: z.string(), root: z.string(), messages: count }).nullable(),
  evidence: z.string().nullable().describe('digest of the frozen evidence, where it was kept'),
  warnings: z.array(z.string()),
  nextSteps: z.array(z.string()),
});
export type ReconcileDocument = z.output<typeof reconcileDocumentSchema>;

export const verifyDocumentSchema = z.object({
  verb: z.literal('reconcile'),
  ok: z.boolean(),
  exitCode: z.int().describe('0 as it was written, 3 changed'),
  file: z.string(),
  reason: z.string().nullable(),
  head: proofHeadSchema.nullable(),
  classes: z.record(z.string(), count),
});
export type VerifyDocument = z.output<typeof verifyDocumentSchema>;
