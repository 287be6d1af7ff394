/** A connection's epoch history: records linked by hash, so that no change of route can be removed or altered unseen. */
import type { EpochRecord } from './admin-api.ts';
import { digestOf } from './canonical-json.ts';
import type { Origin } from './platform.ts';

/** The verb of the epoch with which a restored gateway begins. */
export const RESTORE_VERB = 'restore';
/** The verb of the epoch with which a feed's connections begin at another shard. */
export const MOVE_VERB = 'move-shard';

/**
 * A restore begins above every epoch known elsewhere, whether or not the backup has them, and so does a move to another shard
 * that is repeated after a restore. Neither changes a route.
 */
export function beginsAnew({ verb }: Pick<EpochRecord, 'verb'>): boolean {
  return verb === RESTORE_VERB || verb === MOVE_VERB;
}

/** What makes the outputs of the connection that it is of. */
export function originOf({ outputsFrom }: Pick<EpochRecord, 'outputsFrom'>): Origin {
  return outputsFrom ?? 'feed';
}

/** The record that follows `previous` (null: epoch 1), with its link and digest. */
export function linkEpoch(previous: EpochRecord | null, fields: Omit<EpochRecord, 'previous' | 'digest'>): EpochRecord {
  const unsigned = { ...fields, previous: previous?.digest ?? '' };
  return { ...unsigned, digest: digestOf(unsigned) };
}

export type HistoryFault = { readonly epoch: number; readonly fault: 'digest' | 'link' | 'gap' | 'connection' };

/** The first thing wrong with a history that begins at epoch 1, or null. `names`: the connection's present and former ones. */
export function verifyEpochs(names: readonly string[], records: readonly EpochRecord[]): HistoryFault | null {
  let previous: EpochRecord | null = null;
  const digests = new Set(['']);
  for (const record of records) {
    const { digest, ...unsigned } = record;
    if (!names.includes(record.connection)) return { epoch: record.epoch, fault: 'connection' };
    const following = (previous?.epoch ?? 0) + 1;
    const isFollowing = beginsAnew(record) ? record.epoch >= following : record.epoch === following;
    if (!isFollowing) return { epoch: record.epoch, fault: 'gap' };
    // It follows the last epoch of its backup; elsewhere later ones are known.
    const isLinked = beginsAnew(record) ? digests.has(record.previous) : record.previous === (previous?.digest ?? '');
    if (!isLinked) return { epoch: record.epoch, fault: 'link' };
    if (digestOf(unsigned) !== digest) return { epoch: record.epoch, fault: 'digest' };
    previous = record;
    digests.add(digest);
  }
  return null;
}

/**
 * The newest epoch up to which all are there, of those that there were: a shard that was restored begins above every epoch that
 * was known, also those of which no record is left. `verbs`: of each epoch that is there, what made it; 0: none.
 */
export function completeUpTo(verbs: ReadonlyMap<number, string>): number {
  const epochs = [...verbs.keys()].sort((a, b) => a - b);
  let newest = 0;
  for (const epoch of epochs) {
    if (epoch !== newest + 1 && !(newest > 0 && beginsAnew({ verb: verbs.get(epoch) ?? '' }))) break;
    newest = epoch;
  }
  return newest;
}
