/** A journal record as a row of `cutover.records`, with the digest that says whether two rows are the same record. */
import { createHash } from 'node:crypto';
import type { Json } from '../../core/canonical-json.ts';
import type { JournalRecord } from '../journal/types.ts';

export type JournalName = {
  readonly deployment: string;
  readonly shard: number;
  readonly incarnation: string;
  /** Of a restored one: whose records it begins with, and up to which offset. */
  readonly restoredFrom?: { readonly incarnation: string; readonly upTo: number } | undefined;
};

export type Row = {
  readonly offset: number;
  /** Milliseconds since 1970, where the record says so. */
  readonly at: number | null;
  readonly type: string;
  readonly connection: string | null;
  readonly feed: string | null;
  readonly platform: string | null;
  readonly ref: number | null;
  readonly msh10: string | null;
  readonly sha256: string | null;
  readonly meta: string;
  readonly payload: Uint8Array | null;
  /** 32 bytes. */
  readonly digest: Buffer;
};

export const DIGEST_BYTES = 32;
/** What timestamptz takes without surprises. */
const LATEST_MS = Date.UTC(9999, 0, 1);

export function rowOf({ offset, meta, payload }: JournalRecord, { shard, incarnation }: JournalName): Row {
  const text = JSON.stringify(meta);
  const digest = createHash('sha256')
    .update(`${shard}/${incarnation}/${offset}\n${text}\n${payload === null ? '-' : '+'}`, 'utf8')
    .update(payload ?? '')
    .digest();
  const at = meta.at;
  return {
    offset,
    at: typeof at === 'number' && at >= 0 && at < LATEST_MS ? at : null,
    type: asText(meta.t) ?? 'unknown',
    connection: asText(meta.connection) ?? asText(connectionOfEpoch(meta.record)),
    feed: asText(meta.feed),
    platform: asText(meta.platform),
    ref: asOffset(meta.input) ?? asOffset(meta.output),
    msh10: asText(meta.msh10),
    sha256: asText(meta.sha),
    meta: text,
    payload,
    digest,
  };
}

function connectionOfEpoch(record: Json | undefined): Json | undefined {
  return typeof record === 'object' && record !== null && 'connection' in record ? record.connection : undefined;
}

/** Null for what PostgreSQL refuses as text: a NUL or half a character, as a hostile MSH-10 may have. */
function asText(value: Json | undefined): string | null {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0') ? value : null;
}

function asOffset(value: Json | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

/** What a repair of the journal could not save: nobody knows what these records said, so they are gaps like purged ones. */
export function lostRanges(rows: readonly Row[]): readonly { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { offset, type } of rows) {
    if (type !== 'lost') continue;
    const last = ranges.at(-1);
    if (last?.to === offset - 1) last.to = offset;
    else ranges.push({ from: offset, to: offset });
  }
  return ranges;
}
