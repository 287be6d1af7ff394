/** What the judges of a night look at: the engine at rest, the bytes on the disk, what the parties saw. */
import type { ShardEngine } from '../../engine/shard.ts';
import type { Disk } from '../disk.ts';
import type { Violate } from './oracle.ts';
import type { Witness } from './witness.ts';

export type Evidence = {
  readonly engine: ShardEngine;
  readonly disk: Disk;
  readonly witness: Witness;
  /** What a destination rejects of the gateway's own deliveries is tried again. */
  readonly triesAgain: boolean;
  readonly violate: Violate;
};

export function countOne<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
