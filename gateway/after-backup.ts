/**
 * Records that were shipped to the database after a backup was made, for the journal that is restored from it: in order, without a
 * gap, each with the digest that it left the former journal with. They end where one is missing or its bytes are gone.
 */
import type { ShippedJournal, ShippedRecord } from '../adapters/shipped-journal.ts';
import type { JournalRecord, JsonObject } from './journal/types.ts';
import { ShardRefusal } from './shard-refusal.ts';
import { type JournalName, rowOf } from './shipping/row.ts';

/** `upTo`: the backup's newest record. Throws ShardRefusal where the database has another journal's records under its name. */
export async function* recordsAfter(
  shipped: ShippedJournal,
  name: JournalName,
  upTo: JournalRecord | null,
): AsyncGenerator<JournalRecord> {
  let next = upTo?.offset ?? 1;
  for await (const row of shipped.recordsFrom(next)) {
    if (row.offset === upTo?.offset) {
      if (!rowOf(upTo, name).digest.equals(row.digest)) throw diverged(row.offset);
      next += 1;
      continue;
    }
    if (upTo !== null && next === upTo.offset) next += 1;
    const record = recordOf(row);
    if (row.offset !== next || record === null || !rowOf(record, name).digest.equals(row.digest)) return;
    yield record;
    next += 1;
  }
}

function recordOf({ offset, meta, payload }: ShippedRecord): JournalRecord | null {
  try {
    const parsed: JsonObject = JSON.parse(meta);
    return { offset, meta: parsed, payload };
  } catch {
    return null;
  }
}

function diverged(offset: number): ShardRefusal {
  return new ShardRefusal(
    `the database has another record ${offset} of this journal than the backup: two copies of the data directory have run`,
    'find out which one served last, and restore from its backup; without what the database has: unset DATABASE_URL',
  );
}
