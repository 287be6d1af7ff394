/**
 * Records that were shipped to the database after a backup was made, for the journal that is restored from it: in order, without a
 * gap, each with the digest that it left the former journal with. They end where one is missing or its bytes are gone.
 */
import type { ShippedJournal, ShippedRecord } from '../adapters/shipped-journal.ts';
import type { JournalRecord, JsonObject } from './journal/types.ts';
import { ShardRefusal } from './shard-refusal.ts';
import { rowOf } from './shipping/row.ts';

/**
 * The journal in which the database goes on from the backup: its own, or that of a gateway that was restored from it before and has
 * served since, which has the backup's records under its own name. Throws ShardRefusal where the one that served last does not.
 */
export async function goingOn(shipped: ShippedJournal, upTo: JournalRecord | null): Promise<ShippedJournal> {
  if (upTo === null) return shipped;
  // What has not been shipped as far as that says nothing.
  const later = (await shipped.later()).filter(({ shippedUpTo }) => shippedUpTo >= upTo.offset);
  for (const one of later) {
    if (await hasRecord(one, upTo)) return one;
    if (shipped.isRegistered) throw abandoned(upTo.offset, one);
  }
  return shipped;
}

async function hasRecord(journal: ShippedJournal, upTo: JournalRecord): Promise<boolean> {
  for await (const row of journal.recordsFrom(upTo.offset)) {
    return row.offset === upTo.offset && rowOf(upTo, journal.name).digest.equals(row.digest);
  }
  return false;
}

/** `upTo`: the backup's newest record. Throws ShardRefusal where the database has another journal's records under its name. */
export async function* recordsAfter(
  shipped: ShippedJournal,
  upTo: JournalRecord | null,
): AsyncGenerator<JournalRecord> {
  const { name } = shipped;
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

function abandoned(offset: number, { name, shippedUpTo }: ShippedJournal): ShardRefusal {
  return new ShardRefusal(
    `this shard was restored before, and has served since (its journal ${name.incarnation} is shipped up to ${shippedUpTo}), but not from this backup, which ends at ${offset}`,
    'restore a newer backup, of what served last; without what the database has: unset DATABASE_URL',
  );
}

function diverged(offset: number): ShardRefusal {
  return new ShardRefusal(
    `the database has another record ${offset} of this journal than the backup: two copies of the data directory have run`,
    'find out which one served last, and restore from its backup; without what the database has: unset DATABASE_URL',
  );
}
