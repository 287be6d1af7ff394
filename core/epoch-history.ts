/** A connection's epoch history: records linked by hash, so that no change of route can be removed or altered unseen. */
import type { EpochRecord } from './admin-api.ts';
import { digestOf } from './canonical-json.ts';

/** The verb of the epoch with which a restored gateway begins. */
export const RESTORE_VERB = 'restore';
/** The verb of the epoch with which a feed's connections begin at another shard. */
export const MOVE_VERB = 'move-shard';

/** The record that follows `previous` (null: epoch 1), with its link and digest. */
export function linkEpoch(previous: EpochRecord | null, fields: Omit<EpochRecord, 'previous' | 'digest'>): EpochRecord {
  const unsigned = { ...fields, previous: previous?.digest ?? '' };
  return { ...unsigned, digest: digestOf(unsigned) };
}

export type HistoryFault = { readonly epoch: number; readonly fault: 'digest' | 'link' | 'gap' | 'connection' };

/** The first thing wrong with a history that begins at epoch 1, or null. `names`: the connection's present and former ones. */
export function verifyEpochs(names: readonly string[], records: readonly EpochRecord[]): HistoryFault | null {
  let previous: EpochRecord | null = null;
  for (const record of records) {
    const { digest, ...unsigned } = record;
    if (!names.includes(record.connection)) return { epoch: record.epoch, fault: 'connection' };
    const following = (previous?.epoch ?? 0) + 1;
    // A restore begins above every epoch known elsewhere, whether or not the backup has them. So does a move that is repeated
    // after a restore.
    const mayLeap = record.verb === RESTORE_VERB || record.verb === MOVE_VERB;
    const isFollowing = mayLeap ? record.epoch >= following : record.epoch === following;
    if (!isFollowing) return { epoch: record.epoch, fault: 'gap' };
    if (record.previous !== (previous?.digest ?? '')) return { epoch: record.epoch, fault: 'link' };
    if (digestOf(unsigned) !== digest) return { epoch: record.epoch, fault: 'digest' };
    previous = record;
  }
  return null;
}
