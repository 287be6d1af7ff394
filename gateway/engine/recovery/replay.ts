/** What the parts of a recovery share. */
import type { ShardEngine } from '../shard.ts';
import { JournalNames } from './names.ts';
import { OpenRecords } from './open-records.ts';
import { ShardMoves } from './shard-moves.ts';

export type Replay = {
  readonly engine: ShardEngine;
  readonly names: JournalNames;
  readonly open: OpenRecords;
  readonly moves: ShardMoves;
  /** Connections that a restore has fenced, and that were not served since. */
  readonly restored: Set<string>;
};

export function replayInto(engine: ShardEngine): Replay {
  const names = new JournalNames(engine);
  return { engine, names, open: new OpenRecords(), moves: new ShardMoves(engine, names), restored: new Set() };
}
