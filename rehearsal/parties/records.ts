/** What the parties write down about every message, and hand over at the end. No content: ids and digests. */
import { z } from 'zod';

export const sentMessageSchema = z.object({
  key: z.string(),
  controlId: z.string(),
  digest: z.string(),
  outcome: z.enum(['accepted', 'rejected', 'unanswered']),
  attempts: z.int(),
  /** From the first sending to the positive answer. */
  pauseMs: z.number(),
});
export type SentMessage = z.output<typeof sentMessageSchema>;

export const receivedMessageSchema = z.object({
  key: z.string(),
  /** Of the output as it arrived. */
  controlId: z.string(),
  digest: z.string(),
  /** Answered positively by the destination. */
  accepted: z.boolean(),
  /** The platform whose output it is, by its MSH-3. */
  from: z.enum(['legacy', 'new', 'unknown']),
});
export type ReceivedMessage = z.output<typeof receivedMessageSchema>;
