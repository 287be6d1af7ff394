/** The shipping thread: hashing, encoding and talking to the database happen here, away from the traffic's thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { Seal } from '../journal/seal.ts';
import { JournalTail } from './journal-tail.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts';
import { RecordStore } from './record-store.ts';
import { Shipper } from './shipper.ts';

const port = parentPort;
if (port === null) throw new Error('the shipping worker is started by the gateway');
const { databaseUrl, journal, journalDir, durableUpTo, keys }: WorkerOptions = workerData;
const tell = (message: FromWorker): void => port.postMessage(message);

const shipper = new Shipper({
  journal,
  tail: new JournalTail(journalDir, new Seal(journal.incarnation, keys)),
  open: () => RecordStore.open(databaseUrl, journal),
  durableUpTo,
  report: (report) => tell({ kind: 'report', report }),
  log: (line) => tell({ kind: 'log', line }),
  now: Date.now,
  random: Math.random,
});
port.on('message', (message: ToWorker) => {
  if (message.kind === 'durable') shipper.durable(message.upTo);
  else shipper.stop();
});
await shipper.run();
port.close();
