/** From the files of a data directory to an engine that may serve: the newest checkpoint, and the records after it. */
import { join } from 'node:path';
import type { Checkpoint } from './checkpoint/checkpoint-file.ts';
import { asMeta } from './checkpoint/compactor.ts';
import type { Stranger } from './engine/recovery/names.ts';
import { Recovery } from './engine/recovery.ts';
import type { ShardEngine } from './engine/shard.ts';
import { viewOf } from './journal/format.ts';
import type { JournalRecord, JournalUsage, RecoveryReport } from './journal/journal.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type Recovered = {
  readonly recovered: AsyncIterable<JournalRecord>;
  readonly report: RecoveryReport;
  readonly usage: JournalUsage;
};

const FIRST_OFFSET = 1;

export function checkpointFolderOf(dataDir: string): string {
  return join(dataDir, 'checkpoints');
}

/** The caller calls `finish` once the journal may be appended to. Throws ShardRefusal where something is missing. */
export async function recoverEngine(
  engine: ShardEngine,
  shardOf: (connection: string) => number | null,
  checkpoint: Checkpoint | null,
  { recovered, report, usage }: Recovered,
): Promise<Recovery> {
  const recovery = new Recovery(engine);
  const from = checkpoint?.offset ?? FIRST_OFFSET;
  if (usage.firstOffset > from || report.nextOffset < from) {
    throw new ShardRefusal(
      `the journal holds records ${usage.firstOffset} to ${report.nextOffset - 1}, its checkpoint goes on at ${from}: something between them is missing`,
      'restore the data directory as a whole (journal/ and checkpoints/ belong together) and start again',
    );
  }
  if (checkpoint !== null) recovery.load(checkpoint.state);
  for await (const { offset, meta, payload } of recovered) {
    if (offset >= from) recovery.apply(offset, asMeta(meta), payload === null ? null : viewOf(payload));
  }
  const [stranger] = recovery.strangers;
  if (stranger !== undefined) throw refusalOf(stranger, shardOf(stranger.name));
  return recovery;
}

function refusalOf({ name, phase }: Stranger, shard: number | null): ShardRefusal {
  if (shard !== null) {
    return new ShardRefusal(
      `the journal knows the connection '${name}' (phase ${phase}), and the inventory gives it to shard ${shard}`,
      `move it first: cutover gateway move-out --to ${shard} … (docs/how-to/move-a-feed.md), or give it back to this shard`,
    );
  }
  return new ShardRefusal(
    `the journal knows the connection '${name}' (phase ${phase}), the inventory does not`,
    'put it back into the inventory, or name it under previousNames of the connection that it became; a decommissioned one may go',
  );
}
