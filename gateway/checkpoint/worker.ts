/** The checkpoint thread: follows the journal's files beside the traffic's thread, and writes a checkpoint when told. */
import { parentPort, workerData } from 'node:worker_threads';
import { Seal } from '../journal/seal.ts';
import { JournalTail } from '../shipping/journal-tail.ts';
import { readNewestCheckpoint, writeCheckpoint } from './checkpoint-file.ts';
import type { CheckpointReport, CheckpointRequest, CheckpointWorkerOptions } from './checkpoints.ts';
import { Compactor } from './compactor.ts';
import { giveWay } from './thread-priority.ts';

const port = parentPort;
if (port === null) throw new Error('the checkpoint worker is started by the gateway');
const { inventory, shard, incarnation, journalDir, folder, keys, isUrgent }: CheckpointWorkerOptions = workerData;
if (!isUrgent) giveWay();

const LIMITS = { records: 5000, bytes: 8 * 1024 * 1024 };

const seal = new Seal(incarnation, keys);
const tail = new JournalTail(journalDir, seal);
const from = await readNewestCheckpoint(folder, incarnation, seal);
const read = (first: number, upTo: number): ReturnType<JournalTail['read']> => tail.read(first, upTo, LIMITS);
const compactor = new Compactor({ inventory, shard, incarnation, from, read });

port.on('message', ({ upTo }: CheckpointRequest) => void make(upTo));

async function make(upTo: number): Promise<void> {
  try {
    const { checkpoint, neededFrom, neededBesidesBacklog } = await compactor.checkpoint(upTo);
    await writeCheckpoint(folder, checkpoint, seal);
    tell({ ok: true, offset: checkpoint.offset, neededFrom, neededBesidesBacklog });
  } catch (error) {
    tell({ ok: false, message: error instanceof Error ? error.message : String(error) });
  } finally {
    await tail.close();
  }
}

function tell(report: CheckpointReport): void {
  port?.postMessage(report);
}
