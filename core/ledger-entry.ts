/**
 * One entry of the ledger: a decision, an outcome or an epoch, chained to the entry before it by the digest of its
 * canonical JSON. Anyone with the entries alone can check the chain, offline.
 */
import { z } from 'zod';
import { digestOf, type Json } from './canonical-json.ts';

export const LEDGER_KINDS = ['intent', 'result', 'epoch', 'decision'] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** The `previous` of entry 1. */
export const CHAIN_START = 'sha256:0000000000000000000000000000000000000000000000000000000000000000';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export const ledgerEntrySchema = z.strictObject({
  seq: z.int().min(1),
  deployment: z.string(),
  kind: z.enum(LEDGER_KINDS),
  at: z.iso.datetime(),
  operator: z.string(),
  host: z.string(),
  /** One id for everything that one run of a verb records. */
  run: z.string(),
  verb: z.string(),
  stack: z.string(),
  reason: z.string().nullable(),
  changeId: z.string().nullable(),
  /** By kind; ids, digests, routes and counts only, never message content. */
  body: z.json(),
  previous: digest,
  digest,
});
export type LedgerEntry = Omit<z.output<typeof ledgerEntrySchema>, 'body'> & { readonly body: Json };

/** What a writer gives; the ledger adds place and digest. */
export type LedgerDraft = Omit<LedgerEntry, 'seq' | 'previous' | 'digest'>;

export type ChainHead = { readonly seq: number; readonly digest: string };

export const EMPTY_CHAIN: ChainHead = { seq: 0, digest: CHAIN_START };

export function sealEntry(draft: LedgerDraft, head: ChainHead): LedgerEntry {
  const unsigned = { ...draft, seq: head.seq + 1, previous: head.digest };
  return { ...unsigned, digest: digestOf(unsigned as Json) };
}

export type ChainFault = { readonly seq: number; readonly message: string };

/** The first fault of a chain that should start after `head`, or null. */
export function findChainFault(entries: readonly LedgerEntry[], head: ChainHead = EMPTY_CHAIN): ChainFault | null {
  let before = head;
  for (const entry of entries) {
    const { digest: claimed, ...unsigned } = entry;
    if (entry.seq !== before.seq + 1) {
      return { seq: entry.seq, message: `entry ${before.seq + 1} is missing: ${entry.seq} follows ${before.seq}` };
    }
    if (entry.previous !== before.digest) {
      return {
        seq: entry.seq,
        message: `entry ${entry.seq} does not follow entry ${before.seq}: an entry was changed or replaced`,
      };
    }
    if (digestOf(unsigned as Json) !== claimed) {
      return { seq: entry.seq, message: `entry ${entry.seq} was changed: its content does not have its digest` };
    }
    before = { seq: entry.seq, digest: claimed };
  }
  return null;
}

/** An epoch as a gateway's history holds it, as the body of an `epoch` entry. */
export const epochBodySchema = z
  .object({ connection: z.string(), epoch: z.int(), digest: z.string() })
  .catchall(z.json());
