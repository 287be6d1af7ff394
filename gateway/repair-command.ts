/**
 * `cutover gateway repair`: says what a damaged journal has lost and what a repair would do; with `--yes` it does it. Only on
 * a data directory that nobody serves; the damaged journal stays beside the repaired one.
 */
import { join } from 'node:path';
import { readNewestCheckpoint } from './checkpoint/checkpoint-file.ts';
import { asMeta } from './checkpoint/compactor.ts';
import { identityIn, journalDirOf } from './data-dir.ts';
import { lockDataDir } from './data-dir-lock.ts';
import type { FenceRecord } from './engine/records.ts';
import { diskFiles } from './journal/files.ts';
import { planRepair, type RepairOptions, recordsIn, repair } from './journal/repair.ts';
import { type JournalKey, Seal } from './journal/seal.ts';
import { checkpointFolderOf } from './recover.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type RepairReport = {
  readonly dataDir: string;
  readonly records: number;
  readonly nextOffset: number;
  readonly lost: readonly {
    readonly segment: number;
    readonly at: number;
    readonly from: number;
    readonly to: number;
    /** The newest checkpoint was made after these records: the gateway's state has them, only their history is lost. */
    readonly inCheckpoint: boolean;
  }[];
  readonly repaired: boolean;
  /** Where the damaged journal is kept. */
  readonly kept: string | null;
  readonly next: readonly string[];
};

/** Throws ShardRefusal. */
export async function repairDataDir(
  dataDir: string,
  isWanted: boolean,
  keys: readonly JournalKey[],
  nowMs: number,
): Promise<RepairReport> {
  const identity = await identityIn(dataDir);
  if (identity === null) {
    throw new ShardRefusal(`${join(dataDir, 'identity.json')} is missing or cannot be read`, 'name a data directory');
  }
  const lock = await lockDataDir(dataDir);
  if ('heldBy' in lock) throw new ShardRefusal(`${dataDir} is served by ${lock.heldBy}`, 'stop that gateway first');
  try {
    const { shard, incarnation } = identity;
    const options = { dir: journalDirOf(dataDir), shard, incarnation, files: diskFiles, keys, nowMs };
    const plan = await planRepair(options);
    const checkpoint = await readNewestCheckpoint(
      checkpointFolderOf(dataDir),
      incarnation,
      new Seal(incarnation, keys),
    );
    const lost = plan.damages.map((damage) => ({ ...damage, inCheckpoint: damage.to < (checkpoint?.offset ?? 0) }));
    const isNeeded = lost.length > 0;
    const then = lost.some(({ inCheckpoint }) => !inCheckpoint)
      ? [await fenceOf(options, Object.keys(checkpoint?.state.connections ?? {}), nowMs)]
      : [];
    const kept = isNeeded && isWanted ? await repair({ ...options, then }) : null;
    const { records, nextOffset } = plan;
    const next = nextSteps(dataDir, lost, kept !== null);
    return { dataDir, records, nextOffset, lost, repaired: kept !== null, kept, next };
  } finally {
    lock.release();
  }
}

/** A move or a message may be among what is lost: nobody is served before a person has compared. */
async function fenceOf(options: RepairOptions, inCheckpoint: readonly string[], nowMs: number): Promise<FenceRecord> {
  const names = new Set<string>(inCheckpoint);
  for await (const { meta } of recordsIn(options)) {
    const record = asMeta(meta);
    if (record.t === 'epoch') names.add(record.record.connection);
  }
  return { t: 'fence', cause: 'repaired', connections: [...names], at: nowMs };
}

function nextSteps(dataDir: string, lost: RepairReport['lost'], isDone: boolean): string[] {
  if (lost.length === 0) return ['nothing is damaged: start the gateway'];
  const isState = lost.some(({ inCheckpoint }) => !inCheckpoint);
  const doubt = isState
    ? [
        'a restored snapshot that is newer than the damage loses less: compare before you decide',
        'messages and moves may be among what is lost: the repaired gateway starts fenced; compare every epoch with the stack file (cutover status) and the outside records, then cutover release',
      ]
    : ['the state is whole, from the checkpoint: only the history of these records is lost'];
  return isDone
    ? [...doubt, 'start the gateway; the damaged journal is kept until you remove it']
    : [`copy ${dataDir} away, as it is`, ...doubt, `then: cutover gateway repair --data-dir ${dataDir} --yes`];
}
