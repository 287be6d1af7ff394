/**
 * What `rehearse --json` prints, and what its summary and its report are made from. Messages are counted by the
 * simulated parties at both ends, not by the gateway.
 */
import { z } from 'zod';

const milliseconds = z.number();
const count = z.int();

export const swapSchema = z.object({
  step: z.string(),
  connections: count,
  pauseMs: z
    .object({ p50: milliseconds, p99: milliseconds, max: milliseconds })
    .describe("over the senders: each one's longest wait from sending to answer while the verb ran"),
  wallMs: milliseconds,
  aborted: count.describe('swaps that the gateway gave up before the point of no return; the verb was run again'),
  outage: z.string().optional().describe('what had begun before the command, and is in these waits'),
});

const endCountShape = {
  sent: count.describe('positively answered at the source'),
  delivered: count.describe('different messages that arrived'),
  fromLegacy: count.describe("arrivals that were legacy's output"),
  fromNew: count,
  lost: count,
  duplicated: count.describe('doubles that nobody listed'),
  reordered: count,
  duplicatedListed: count.describe('doubles that the gateway itself lists as maybe sent'),
  altered: count.describe('arrived with another content than was sent'),
  unexpected: count.describe('arrived without having been sent, or although the source was told no'),
  rejected: count.describe('refused at the source'),
  unanswered: count.describe('sent without ever getting an answer: may have arrived or not'),
};

export const messagesSchema = z.object({
  ...endCountShape,
  maybeSent: count.describe('entries of the maybeSent lists of the gateway'),
  maybeSentIds: z.array(z.string()).describe('MSH-10 of the first of them'),
  misanswered: count.describe("answers that belonged to another message than the sender's"),
  deferred: count.describe('application acknowledgements that came to their sender after a commit (enhanced mode)'),
  deferredMissing: count.describe('messages that were committed and never acknowledged'),
  exampleIds: z.array(z.string()).describe('the first findings, by MSH-10'),
});

export const directionCountSchema = z.object({
  direction: z.enum(['orders', 'results']),
  connections: count,
  ...endCountShape,
});

const observationSchema = z.object({
  what: z.string(),
  count: z.int().nullable().describe('null: it is no matter of a number'),
});

export const troubleSchema = z.object({
  fault: z.string().describe('as it was asked for: one, or several with commas between'),
  injected: z.array(observationSchema).describe('what was done to the system'),
  seen: z.array(observationSchema).describe('how the gateway, the verbs and the senders showed it'),
});

const namedSchema = z
  .array(z.object({ name: z.string(), reasons: z.array(z.string()) }))
  .describe('the first of the red ones');
const proofVerdict = z.enum(['green', 'red']);

export const comparedSchema = z.object({
  verdict: proofVerdict,
  workerReady: z.boolean().describe('the worker had taken everything when it was asked last'),
  connections: count,
  red: count,
  pairs: count,
  matched: count,
  differing: count,
  missing: count.describe('outputs that the candidate did not send'),
  extra: count.describe('outputs that only the candidate sent'),
  paths: z.array(z.object({ path: z.string(), kind: z.string(), count })).describe('what differs and no rule accepts'),
  named: namedSchema,
});

export const reconciledSchema = z.object({
  verdict: proofVerdict,
  connections: count,
  red: count,
  owed: count,
  delivered: count,
  filtered: count,
  unexplained: count,
  pending: count,
  missing: count,
  duplicated: count,
  reasons: z.array(z.string()),
  named: namedSchema,
});

export const rehearsalSchema = z.object({
  verdict: z.enum(['green', 'red', 'failed', 'interrupted']),
  reasons: z.array(z.string()).describe('why it is not green'),
  connections: count,
  withoutFeed: count.optional().describe('of them, those that a platform polls a table for (origin: platform)'),
  seed: z.string(),
  ratePerSecond: z.number().describe('asked for, in total'),
  reachedPerSecond: z.number().describe('positively answered per second, from the first message to the drain'),
  fault: z.string().nullable().describe('null: none; several have commas between'),
  trouble: troubleSchema.nullable(),
  compared: comparedSchema
    .nullable()
    .describe('what `cutover compare` said at the end of the parallel run; null: no worker ran'),
  reconciled: reconciledSchema.nullable().describe('what `cutover reconcile` said at the end'),
  messages: messagesSchema,
  directions: z.array(directionCountSchema),
  swaps: z.array(swapSchema),
  steps: z.array(z.object({ name: z.string(), startedAtMs: milliseconds, wallMs: milliseconds })),
  samples: z
    .array(z.object({ atMs: milliseconds, sent: count, delivered: count }))
    .describe('running totals at the ends, from the first message on'),
  startUpMs: milliseconds,
  environment: z.object({
    startedAt: z.string(),
    node: z.string(),
    pulumi: z.string().nullable(),
    postgresql: z.enum(['embedded', 'DATABASE_URL']).nullable(),
    system: z.string(),
    processors: count,
    memoryGiB: z.number(),
  }),
  command: z.string().describe('runs the same rehearsal again'),
  report: z.string().nullable().describe('the HTML report; this document stands beside it'),
});
