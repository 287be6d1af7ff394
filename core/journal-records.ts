/**
 * What a shipped journal record says, for whoever reads the journal from outside the gateway. A record of a type that is
 * not known here is skipped by its reader: a newer gateway may write more than an older worker can use.
 */
import { z } from 'zod';
import { PHASES, PLATFORMS } from './platform.ts';

const platform = z.enum(PLATFORMS);
const verdict = z.enum(['positive', 'negative', 'other', 'lost']);
const offset = z.number().int();
const at = z.number();
const facts = { msh10: z.string(), sha: z.string() };

/** MSA-1 as a class. `lost`: the peer may have taken the message, nobody knows. */
export type Verdict = z.output<typeof verdict>;

const recordSchema = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('input'),
    feed: z.string(),
    primary: platform,
    shadow: platform.nullable(),
    attemptOf: offset.nullable(),
    at,
    ...facts,
  }),
  z.object({ t: z.literal('input-verdict'), input: offset, verdict, at }),
  z.object({
    t: z.literal('shadow'),
    input: offset,
    platform,
    verdict: z.enum([...verdict.options, 'dropped']),
    at,
  }),
  z.object({
    t: z.literal('output'),
    connection: z.string(),
    platform,
    role: z.enum(['deliver', 'capture', 'park', 'suppress']),
    epoch: z.int(),
    input: offset.nullable(),
    attemptOf: offset.nullable(),
    at,
    ...facts,
  }),
  z.object({
    t: z.literal('output-verdict'),
    connection: z.string(),
    output: offset,
    verdict,
    reowned: z.boolean(),
    at,
  }),
  z.object({ t: z.literal('refusal'), endpoint: z.string(), cause: z.string(), at, ...facts }),
  z.object({
    t: z.literal('epoch'),
    record: z.object({
      connection: z.string(),
      epoch: z.int(),
      phase: z.enum(PHASES),
      newWeight: z.int(),
      forced: z.boolean(),
    }),
    at,
  }),
  z.object({
    t: z.literal('list'),
    list: z.string(),
    connection: z.string(),
    message: z.object(facts),
    offset,
    cause: z.string(),
    epoch: z.int(),
    at,
  }),
  z.object({
    t: z.literal('decision'),
    id: z.string(),
    connection: z.string(),
    cause: z.string(),
    input: offset.nullable(),
    at,
  }),
  z.object({ t: z.literal('resolution'), id: z.string(), action: z.enum(['deliver', 'discard']), at }),
  z.object({ t: z.literal('start'), at }),
]);
export type ReadRecord = z.output<typeof recordSchema>;
export type RecordOf<T extends ReadRecord['t']> = Extract<ReadRecord, { t: T }>;

const KNOWN: ReadonlySet<unknown> = new Set(recordSchema.options.map((option) => option.shape.t.value));

/** Null: a type that is not known here. @throws where a known type does not hold what it should. */
export function readRecord(meta: string): ReadRecord | null {
  const json: unknown = JSON.parse(meta);
  if (typeof json !== 'object' || json === null || !('t' in json) || !KNOWN.has(json.t)) return null;
  return recordSchema.parse(json);
}
