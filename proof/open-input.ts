/**
 * What the worker remembers of an input for which something may still come: its attempts, the answers of both
 * platforms, and for each connection of its feed the outputs that belong to it. Plain data: it is stored as JSON with
 * every batch, so that a worker that was killed goes on exactly where the database is.
 */
import { z } from 'zod';
import { presentName } from '../core/former-names.ts';
import { PLATFORMS } from '../core/platform.ts';
import { OBLIGATION_CLASSES, PAIR_STATES } from '../core/proof-results.ts';
import type { Estate } from './estate.ts';

const platform = z.enum(PLATFORMS);
const verdict = z.enum(['positive', 'negative', 'other', 'lost']);
const marks = z.object({
  msh10: z.string().describe('empty: it has none'),
  order: z.string().nullable().describe('digest over order numbers and states; null: it has no order number'),
  subject: z
    .string()
    .nullable()
    .default(null)
    .describe('digest over patient and message type; null: it names no patient'),
});
const output = z.object({
  offset: z.number(),
  first: z.number().describe('the first attempt: attempts of the same bytes are one output'),
  platform,
  role: z.enum(['deliver', 'capture', 'suppress']),
  connection: z.string().describe("where it came out; another than the case's: a wrong destination"),
  msh10: z.string(),
  sha: z.string(),
  marks,
  epoch: z.number(),
  orders: z.array(z.object({ number: z.string().describe('a digest'), state: z.string() })),
  atMs: z.number(),
  verdict: verdict.nullable().describe('of the destination; null: none yet'),
});
const proofCase = z.object({
  connection: z.string(),
  epoch: z.number(),
  control: platform,
  candidate: platform.nullable().describe('compared with the control; null: it did not get this input'),
  applies: z.boolean().describe('false: a declared predicate says that this input is not for this connection'),
  key: z.string().nullable(),
  outputs: z.array(output),
  decision: z.object({ id: z.string(), action: z.enum(['deliver', 'discard']).nullable() }).nullable(),
  counted: z
    .object({
      class: z.enum(OBLIGATION_CLASSES).nullable(),
      pair: z.enum(PAIR_STATES).nullable(),
      basis: z.string().nullable().default(null),
    })
    .describe('what of it stands in the counts, and under which rules; a pair that was compared stays so'),
});
const platformAnswer = z.object({
  verdict: z.enum([...verdict.options, 'dropped']),
  atMs: z.number(),
  record: z.number().describe('offset of the record that holds the answer'),
});
export const openInputSchema = z.object({
  offset: z.number().describe('of the first attempt; of the output, where no input is known for it'),
  feed: z.string(),
  msh10: z.string().nullable().describe('null: an output whose input nobody knows'),
  sha: z.string(),
  atMs: z.number(),
  primary: platform,
  shadow: platform.nullable(),
  marks,
  attempts: z.array(z.object({ offset: z.number(), atMs: z.number(), isOpen: z.boolean() })),
  answer: platformAnswer.nullable().describe('of its primary: a positive one, once there is one, else the newest'),
  shadowAnswer: platformAnswer.nullable(),
  movedAtMs: z.number().describe("when something of it last moved, by the gateway's clock"),
  cases: z.array(proofCase),
});

export type OpenInput = z.output<typeof openInputSchema>;
export type Case = z.output<typeof proofCase>;
export type KnownOutput = z.output<typeof output>;
export type PlatformAnswer = z.output<typeof platformAnswer>;
export type Marks = z.output<typeof marks>;

/** It may have been stored when its connections had other names. */
export function underPresentNames(estate: Estate, input: OpenInput): OpenInput {
  if (estate.renamed.size === 0) return input;
  const named = <T extends { readonly connection: string }>(item: T): T => ({
    ...item,
    connection: presentName(estate.renamed, item.connection),
  });
  const cases = input.cases.map((item) => named({ ...item, outputs: item.outputs.map(named) }));
  return { ...input, feed: presentName(estate.renamed, input.feed), cases };
}
