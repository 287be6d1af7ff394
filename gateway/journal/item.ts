/** A record on its way to the disk: encoded once, when it is appended. */
import type { EncodedRecord } from './format.ts';
import type { JournalRecord } from './types.ts';

export type Item = {
  readonly record: JournalRecord;
  readonly encoded: EncodedRecord;
  readonly bytes: number;
  readonly durable: boolean;
};

export function itemOf(record: JournalRecord, needs: 'written' | 'durable'): Item {
  const encoded = { meta: Buffer.from(JSON.stringify(record.meta), 'utf8'), payload: record.payload };
  const bytes = encoded.meta.byteLength + (record.payload?.byteLength ?? 0);
  return { record, encoded, bytes, durable: needs === 'durable' };
}
