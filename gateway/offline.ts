/**
 * A data directory that nobody serves, opened to look at its state and to append to its journal. Looking changes nothing; what is
 * appended is on disk when the promise resolves.
 */
import { join } from 'node:path';
import type { Inventory } from '../core/inventory.ts';
import { readNewestCheckpoint } from './checkpoint/checkpoint-file.ts';
import { asMeta, NOTHING } from './checkpoint/compactor.ts';
import { type Identity, identityIn, journalDirOf } from './data-dir.ts';
import { lockDataDir } from './data-dir-lock.ts';
import type { JournalMeta } from './engine/records.ts';
import { Recovery } from './engine/recovery.ts';
import { ShardEngine } from './engine/shard.ts';
import { diskFiles } from './journal/files.ts';
import { viewOf } from './journal/format.ts';
import { Journal, type JournalRecord } from './journal/journal.ts';
import { readRange, readRecord } from './journal/reading.ts';
import { scanJournal } from './journal/recovery.ts';
import { type JournalKey, Seal } from './journal/seal.ts';
import { checkpointFolderOf } from './recover.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type OfflineOptions = {
  readonly dataDir: string;
  readonly inventory: Inventory;
  readonly keys: readonly JournalKey[];
};

export type Appended = { readonly meta: JournalMeta; readonly payload: Uint8Array | null };

export type Offline = {
  readonly identity: Identity;
  readonly seal: Seal;
  readonly engine: ShardEngine;
  readonly recovery: Recovery;
  /** The last process that served it closed its journal. */
  readonly isClean: boolean;
  /** Of the record that comes next. */
  readonly nextOffset: number;
  read(offset: number): Promise<JournalRecord>;
  /** What the journal already holds is on disk as well when it resolves. `marksClean`: as a process that ended well. */
  append(records: readonly Appended[], marksClean: boolean): Promise<void>;
};

const FRAME_LIMIT_BYTES = 1 << 20;

/** Throws ShardRefusal. */
export async function identityOf(dataDir: string): Promise<Identity> {
  const identity = await identityIn(dataDir);
  if (identity !== null) return identity;
  throw new ShardRefusal(`${join(dataDir, 'identity.json')} is missing or cannot be read`, 'name a data directory');
}

/** Throws ShardRefusal, and what a journal that cannot be read throws. */
export async function offline<T>(options: OfflineOptions, use: (opened: Offline) => Promise<T>): Promise<T> {
  const { dataDir, inventory } = options;
  const identity = await identityOf(dataDir);
  if (identity.deployment !== inventory.deployment) {
    const message = `${dataDir} belongs to deployment '${identity.deployment}', the inventory is of '${inventory.deployment}'`;
    throw new ShardRefusal(message, 'name the inventory or the data directory that belongs to the other');
  }
  const lock = await lockDataDir(dataDir);
  if ('heldBy' in lock) throw new ShardRefusal(`${dataDir} is served by ${lock.heldBy}`, 'stop that gateway first');
  try {
    return await opened(options, identity, use);
  } finally {
    lock.release();
  }
}

async function opened<T>(
  { dataDir, inventory, keys }: OfflineOptions,
  identity: Identity,
  use: (opened: Offline) => Promise<T>,
): Promise<T> {
  const seal = new Seal(identity.incarnation, keys);
  const checkpoint = await readNewestCheckpoint(checkpointFolderOf(dataDir), identity.incarnation, seal);
  const checkedBefore = Math.min(checkpoint?.offset ?? 0, checkpoint?.neededFrom ?? 0);
  const scan = await scanJournal(diskFiles, journalDirOf(dataDir), identity, seal, checkedBefore);
  if (scan === null) throw new ShardRefusal(`${journalDirOf(dataDir)} is empty`, 'restore the whole data directory');
  const { segments, end, cleanMark } = scan;
  try {
    const { shard, target } = identity;
    const engine = new ShardEngine({ inventory, shard, target, frameLimitBytes: FRAME_LIMIT_BYTES }, NOTHING);
    const recovery = new Recovery(engine);
    if (checkpoint !== null) recovery.load(checkpoint.state);
    for await (const { offset, meta, payload } of readRange(segments, checkpoint?.offset ?? 0, end.nextOffset, seal)) {
      recovery.apply(offset, asMeta(meta), payload === null ? null : viewOf(payload));
    }
    return await use({
      identity,
      seal,
      engine,
      recovery,
      isClean: cleanMark !== null,
      nextOffset: end.nextOffset,
      read: (offset) => {
        const segment = segments.findLast(({ firstOffset }) => firstOffset <= offset);
        if (segment === undefined) throw new RangeError(`record ${offset} has been purged`);
        return readRecord(segment, offset, seal);
      },
      append: (records, marksClean) => append(journalDirOf(dataDir), identity, keys, records, marksClean),
    });
  } finally {
    for (const segment of segments) await segment.release();
  }
}

async function append(
  dir: string,
  { shard, incarnation }: Identity,
  keys: readonly JournalKey[],
  records: readonly Appended[],
  marksClean: boolean,
): Promise<void> {
  const { journal, report } = await Journal.open({ dir, shard, incarnation, keys, mustExist: true, events: SILENT });
  for (const [index, { meta, payload }] of records.entries()) {
    journal.append({ offset: report.nextOffset + index, meta, payload }, 'durable');
  }
  await journal.close(marksClean);
}

const SILENT = {
  written: () => undefined,
  durable: () => undefined,
  failed: () => undefined,
  segmentStarted: () => undefined,
};
