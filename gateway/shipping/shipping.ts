/**
 * Shipping as the gateway sees it: a thread that is told what is durable and says how far it is. Whatever happens to it,
 * traffic goes on; a thread that ends is started again.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { JournalKey } from '../journal/seal.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts';
import type { JournalName } from './row.ts';
import type { ShipperReport, ShippingStatus } from './status.ts';

export type ShippingOptions = {
  readonly databaseUrl: string;
  readonly deployment: string;
  readonly shard: number;
  readonly incarnation: string;
  readonly restoredFrom?: JournalName['restoredFrom'];
  readonly journalDir: string;
  /** What recovery found on disk. */
  readonly durableUpTo: number;
  readonly keys: readonly JournalKey[];
  readonly logger: Logger;
  readonly now: () => number;
  /** Tests only: another thread. */
  readonly workerFile?: URL;
};

export type Shipping = {
  /** Every record up to this offset is on disk. Costs next to nothing: it is called for every batch. */
  durable(upTo: number): void;
  /** Every record up to this offset is in the database and may be purged; null: the database has not said yet. */
  shippedUpTo(): number | null;
  status(): ShippingStatus;
  /** Ships what is durable within a bound, then ends. */
  stop(): Promise<void>;
};

const TELL_EVERY_MS = 100;
const STOP_LIMIT_MS = 2_000;
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 60_000;
const HEAP_LIMIT_MB = 256;
const NOTHING: ShipperReport = {
  state: 'connecting',
  shippedUpTo: null,
  waitingSinceMs: null,
  failures: 0,
  missingRecords: 0,
};

export function startShipping(options: ShippingOptions): Shipping {
  return new ShippingThread(options);
}

class ShippingThread implements Shipping {
  readonly #options: ShippingOptions;
  #durableUpTo: number;
  #toldUpTo: number;
  #report = NOTHING;
  /** Of threads that have ended. */
  #before = { failures: 0, missingRecords: 0 };
  #behindSinceMs: number | null;
  #worker: Worker | null = null;
  #telling: NodeJS.Timeout | null = null;
  #restarting: NodeJS.Timeout | null = null;
  #restarts = 0;
  #stopping = false;

  constructor(options: ShippingOptions) {
    this.#options = options;
    this.#durableUpTo = options.durableUpTo;
    this.#toldUpTo = options.durableUpTo;
    this.#behindSinceMs = options.now();
    this.#start();
  }

  durable(upTo: number): void {
    this.#durableUpTo = upTo;
    if (this.#telling !== null) return;
    this.#telling = setTimeout(() => {
      this.#telling = null;
      this.#tellDurable();
    }, TELL_EVERY_MS);
    this.#telling.unref();
  }

  shippedUpTo(): number | null {
    return this.#report.shippedUpTo;
  }

  status(): ShippingStatus {
    const { state, shippedUpTo, failures, missingRecords } = this.#report;
    const lagRecords = shippedUpTo === null ? null : Math.max(0, this.#durableUpTo - shippedUpTo);
    return {
      state,
      shippedUpTo,
      durableUpTo: this.#durableUpTo,
      lagRecords,
      lagSeconds: this.#lagSeconds(lagRecords),
      failures: this.#before.failures + failures,
      missingRecords: this.#before.missingRecords + missingRecords,
    };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#telling !== null) clearTimeout(this.#telling);
    if (this.#restarting !== null) clearTimeout(this.#restarting);
    const worker = this.#worker;
    if (worker === null) return;
    this.#tellDurable();
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    this.#tell({ kind: 'stop' });
    const late = setTimeout(() => void worker.terminate(), STOP_LIMIT_MS);
    await ended;
    clearTimeout(late);
  }

  #lagSeconds(lagRecords: number | null): number {
    const { waitingSinceMs } = this.#report;
    if (lagRecords === 0) return 0;
    const since = waitingSinceMs ?? this.#behindSinceMs;
    return since === null ? 0 : Math.max(0, (this.#options.now() - since) / 1000);
  }

  #start(): void {
    const { databaseUrl, deployment, shard, incarnation, restoredFrom, journalDir, keys, workerFile } = this.#options;
    const workerData: WorkerOptions = {
      databaseUrl,
      journal: { deployment, shard, incarnation, restoredFrom },
      journalDir,
      durableUpTo: this.#durableUpTo,
      keys,
    };
    const worker = new Worker(workerFile ?? new URL('./worker.ts', import.meta.url), {
      workerData,
      name: 'shipping',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    });
    this.#worker = worker;
    this.#toldUpTo = this.#durableUpTo;
    worker.on('message', (message: FromWorker) => this.#heard(message));
    worker.on('error', (error) => {
      this.#options.logger.error({ event: 'shipping-thread-failed', code: error.name, message: firstLineOf(error) });
    });
    worker.on('exit', () => this.#ended());
  }

  #heard(message: FromWorker): void {
    if (message.kind === 'log') {
      const { level, event, facts } = message.line;
      this.#options.logger[level]({ event, ...facts });
      return;
    }
    const { report } = message;
    // What the database said once stays true while a new thread has not asked again.
    this.#report = { ...report, shippedUpTo: report.shippedUpTo ?? this.#report.shippedUpTo };
    if (report.state === 'current') this.#restarts = 0;
    const isBehind = report.shippedUpTo === null || report.shippedUpTo < this.#durableUpTo;
    if (!isBehind) this.#behindSinceMs = null;
    else if (report.state === 'shipping' || this.#behindSinceMs === null) this.#behindSinceMs = this.#options.now();
  }

  #ended(): void {
    this.#worker = null;
    if (this.#stopping) return;
    this.#before = {
      failures: this.#before.failures + this.#report.failures + 1,
      missingRecords: this.#before.missingRecords + this.#report.missingRecords,
    };
    this.#report = { ...NOTHING, state: 'failing', shippedUpTo: this.#report.shippedUpTo };
    const delayMs = Math.min(LAST_RESTART_MS, FIRST_RESTART_MS * 2 ** this.#restarts);
    this.#restarts += 1;
    this.#restarting = setTimeout(() => this.#start(), delayMs);
    this.#restarting.unref();
  }

  #tellDurable(): void {
    if (this.#worker === null || this.#toldUpTo === this.#durableUpTo) return;
    this.#toldUpTo = this.#durableUpTo;
    this.#tell({ kind: 'durable', upTo: this.#durableUpTo });
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}

function firstLineOf(error: Error): string {
  return error.message.split('\n')[0] ?? '';
}
