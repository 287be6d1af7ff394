/**
 * What `drill --json` prints, and what it freezes as evidence: how long a drain under live traffic takes, or how long the
 * way to the new platform and back takes on test connections. Counts and times, never message content.
 */
import { z } from 'zod';
import { PHASES } from './platform.ts';

const milliseconds = z.int();

export const drilledSchema = z.object({
  name: z.string(),
  feed: z.string(),
  shard: z.int(),
  phase: z.enum(PHASES).nullable().describe('null: its gateway could not be asked'),
  epoch: z.int().nullable(),
  verdict: z
    .enum(['passed', 'idle', 'failed'])
    .describe('idle: no message came while it was watched, so nothing was proven under traffic'),
  reason: z.string().nullable().describe('why it did not pass'),
  ackTimeoutMs: milliseconds.nullable().describe("the sender's patience; null: unknown, which counts as 5 s"),
  boundMs: milliseconds.describe('half of it: no hold of its feed lasts longer'),
  messagesSeen: z.int().describe('admitted from the source while it was watched'),
  inFlightAtHold: z.int().nullable(),
  drainMs: milliseconds.nullable().describe('from the hold until nothing was in flight and no output owed'),
  pauseMs: milliseconds
    .nullable()
    .describe('drain: how long the feed was held; cycle: what the sender felt at the rollback, as the gateway says'),
});
export type Drilled = z.output<typeof drilledSchema>;

export const legSchema = z.object({
  verb: z.enum(['switch', 'rollback']),
  exitCode: z.int(),
  changed: z.int(),
  wallMs: milliseconds.describe('from the command to the recorded read-back'),
  movedMs: milliseconds.describe('from the command until every route had moved'),
  pauseMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }).nullable(),
});

export const drillDocumentSchema = z.object({
  verb: z.literal('drill'),
  ok: z.boolean().describe('every connection passed'),
  exitCode: z.int(),
  stack: z.string(),
  deployment: z.string(),
  kind: z.enum(['drain', 'cycle']).describe('hold, drain, release without a move; or a real switch and rollback'),
  operator: z.string(),
  startedAt: z.string(),
  connections: z.array(drilledSchema),
  cycle: z.array(legSchema).describe('the moves of a cycle, in order; empty for a drain'),
  pauseMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }).nullable().describe('over the connections'),
  evidence: z
    .string()
    .nullable()
    .describe('digest of what was frozen under stacks/<stack>/evidence; null: it could not be written'),
  ledger: z.enum(['recorded', 'not configured', 'behind']),
  warnings: z.array(z.string()),
  nextSteps: z.array(z.string()),
  wallMs: milliseconds,
});
export type DrillDocument = z.output<typeof drillDocumentSchema>;
