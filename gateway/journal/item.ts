/** A record on its way to the disk: its meta is text from the moment it is appended, so that nobody changes it any more. */
import type { JournalRecord } from './types.ts';

export type Item = {
  readonly record: JournalRecord;
  readonly meta: string;
  readonly metaBytes: number;
  /** Meta and payload. */
  readonly bytes: number;
  readonly durable: boolean;
};

export function itemOf(record: JournalRecord, needs: 'written' | 'durable'): Item {
  const meta = JSON.stringify(record.meta);
  const metaBytes = Buffer.byteLength(meta, 'utf8');
  const bytes = metaBytes + (record.payload?.byteLength ?? 0);
  return { record, meta, metaBytes, bytes, durable: needs === 'durable' };
}
