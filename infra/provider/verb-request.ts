/**
 * What a verb tells the provider of the `pulumi up` that it runs, through the environment: which request ids its
 * moves carry, so that gateway, ledger and verb speak of the same operation. A bare `up` has none of it.
 */
import { z } from 'zod';
import { type Outcome, refused } from './outcome.ts';

export const REQUEST_VARIABLE = 'CUTOVER_REQUEST';

const verbRequestSchema = z.strictObject({
  origin: z.literal('verb'),
  changeId: z.string().max(200).optional(),
  deadlineMs: z.int().min(1).max(3_600_000),
  notAfter: z.iso.datetime().optional(),
  requestIds: z.record(z.string(), z.string().min(8).max(100)).describe('connection → request id'),
  force: z.boolean().default(false),
  together: z.int().min(1).default(1).describe('so many moves begin together; the engine runs as many at once'),
});
export type VerbRequest = z.output<typeof verbRequestSchema>;

/** Null: nobody but a person runs this `up`. */
export function readVerbRequest(text: string | undefined): Outcome<VerbRequest | null> {
  if (text === undefined || text.trim() === '') return { ok: true, value: null };
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return refused(`${REQUEST_VARIABLE} is not JSON: unset it, or run the verb again`);
  }
  const parsed = verbRequestSchema.safeParse(document);
  if (parsed.success) return { ok: true, value: parsed.data };
  const places = parsed.error.issues.map((issue) => issue.path.join('.') || '(document)').join(', ');
  return refused(`${REQUEST_VARIABLE} does not fit at ${places}: unset it, or run the verb again`);
}
