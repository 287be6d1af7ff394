/** What `rehearse --json` prints, and what the summary for people is made from. */
import { z } from 'zod';

const milliseconds = z.number();

export const swapSchema = z.object({
  step: z.string(),
  connections: z.int(),
  /** Over the connections: each one's longest wait from sending to answer while the verb ran. */
  pauseMs: z.object({ p50: milliseconds, p99: milliseconds, max: milliseconds }),
  wallMs: milliseconds,
});
export type Swap = z.output<typeof swapSchema>;

export const rehearsalSchema = z.object({
  verdict: z.enum(['green', 'red', 'failed', 'interrupted']),
  /** Why it is not green. */
  reasons: z.array(z.string()),
  connections: z.int(),
  seed: z.string(),
  ratePerSecond: z.number(),
  fault: z.string().nullable(),
  messages: z.object({
    sent: z.int(),
    delivered: z.int(),
    /** Whose output arrived, by MSH-3. */
    fromLegacy: z.int(),
    fromNew: z.int(),
    lost: z.int(),
    duplicated: z.int(),
    reordered: z.int(),
    maybeSent: z.int(),
    altered: z.int(),
    unexpected: z.int(),
    rejected: z.int(),
    unanswered: z.int(),
    duplicatedListed: z.int(),
    misanswered: z.int(),
    exampleIds: z.array(z.string()),
  }),
  swaps: z.array(swapSchema),
  steps: z.array(z.object({ name: z.string(), wallMs: milliseconds })),
  /** The kept folder's copy of this document, or null where nothing is kept. */
  report: z.string().nullable(),
});
export type RehearsalResult = z.output<typeof rehearsalSchema>;

/** The p-th of the sorted values, by the nearest-rank method; 0 where there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

export type Played = Pick<
  RehearsalResult,
  'connections' | 'ratePerSecond' | 'swaps' | 'steps' | 'messages' | 'reasons'
>;

export const NOTHING_PLAYED: Played = {
  connections: 0,
  ratePerSecond: 0,
  steps: [],
  swaps: [],
  reasons: [],
  messages: {
    sent: 0,
    delivered: 0,
    fromLegacy: 0,
    fromNew: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    maybeSent: 0,
    altered: 0,
    unexpected: 0,
    rejected: 0,
    unanswered: 0,
    duplicatedListed: 0,
    misanswered: 0,
    exampleIds: [],
  },
};
