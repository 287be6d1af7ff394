/**
 * Ships a journal's durable records to the database, in order, one batch in memory at a time. A database that is away,
 * slow or read-only costs disk and nothing else: the shipper waits, longer each time, and goes on where the database says
 * that it is.
 */
import type { JournalRecord } from '../journal/types.ts';
import { Diverged } from './diverged.ts';
import type { JournalTail, TailLimits } from './journal-tail.ts';
import type { RecordStore } from './record-store.ts';
import { type JournalName, lostRanges, type Row, rowOf } from './row.ts';
import type { ShipperReport, ShippingLog, ShippingState } from './status.ts';

export type ShipperOptions = {
  readonly journal: JournalName;
  readonly tail: Pick<JournalTail, 'read' | 'close'>;
  readonly open: () => Promise<Pick<RecordStore, 'position' | 'write' | 'noteGap' | 'close'>>;
  readonly durableUpTo: number;
  readonly report: (report: ShipperReport) => void;
  readonly log: (line: ShippingLog) => void;
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly limits?: TailLimits;
  /** Smaller in tests. */
  readonly lastRetryMs?: number;
  /** Default: setTimeout and clearTimeout. The result cancels it. */
  readonly timer?: (ms: number, run: () => void) => () => void;
};

type Store = Awaited<ReturnType<ShipperOptions['open']>>;

const LIMITS: TailLimits = { records: 2000, bytes: 1024 * 1024 };
/** Gathers what arrives in a while into one transaction. */
const LINGER_MS = 200;
/** While catching up, at least as long a pause as the batch took: traffic keeps the other half of everything. */
const LARGEST_PACE_MS = 1000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 30_000;

export class Shipper {
  readonly #options: ShipperOptions;
  #durableUpTo: number;
  #shippedUpTo: number | null = null;
  #state: ShippingState = 'connecting';
  #failures = 0;
  #failuresInARow = 0;
  #missingRecords = 0;
  #waitingSinceMs: number | null = null;
  #stopping = false;
  #isIdle = false;
  #wake: () => void = () => {};

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#durableUpTo = options.durableUpTo;
  }

  durable(upTo: number): void {
    if (upTo <= this.#durableUpTo) return;
    this.#durableUpTo = upTo;
    if (this.#isIdle) this.#wake();
  }

  /** `run` then resolves, at the latest after the batch in hand; before that it ships what it can without a failure. */
  stop(): void {
    this.#stopping = true;
    this.#wake();
  }

  async run(): Promise<void> {
    this.#report(this.#state);
    while (!this.#stopping) {
      const store = await this.#connect();
      if (store === null) continue;
      try {
        await this.#ship(store);
      } catch (error) {
        await this.#failed(error);
      } finally {
        await store.close();
      }
    }
    await this.#options.tail.close();
  }

  async #connect(): Promise<Store | null> {
    try {
      return await this.#options.open();
    } catch (error) {
      await this.#failed(error);
      return null;
    }
  }

  async #ship(store: Store): Promise<void> {
    const { now } = this.#options;
    await this.#takeUp(store);
    for (;;) {
      const shipped = this.#shippedUpTo ?? 0;
      if (shipped >= this.#durableUpTo) {
        this.#waitingSinceMs = null;
        this.#report('current');
        if (this.#stopping) return;
        this.#isIdle = true;
        await this.#pause(null);
        this.#isIdle = false;
        if (!this.#stopping) await this.#pause(LINGER_MS);
        continue;
      }
      const began = now();
      await this.#shipBatch(store, shipped);
      this.#report('shipping');
      if (!this.#stopping) await this.#pause(Math.min(LARGEST_PACE_MS, now() - began));
    }
  }

  /** Where the database is; that it is this journal's own past is checked on the newest record that both have. */
  async #takeUp(store: Store): Promise<void> {
    const { shippedUpTo, digest } = await store.position();
    if (shippedUpTo > this.#durableUpTo) {
      throw new Diverged(shippedUpTo, `the database is ahead of this journal, which ends at ${this.#durableUpTo}`);
    }
    if (digest !== null) {
      const [row] = this.#rows(await this.#options.tail.read(shippedUpTo, shippedUpTo, { records: 1, bytes: 1 }));
      if (row?.offset === shippedUpTo && !row.digest.equals(digest)) {
        throw new Diverged(shippedUpTo, 'the database holds another record under this offset');
      }
    }
    this.#shippedUpTo = shippedUpTo;
    if (this.#failuresInARow > 0) this.#say('info', 'shipping-resumed', { from: shippedUpTo + 1 });
    this.#failuresInARow = 0;
    this.#report('shipping');
  }

  async #shipBatch(store: Store, shipped: number): Promise<void> {
    const { tail, limits = LIMITS } = this.#options;
    const rows = this.#rows(await tail.read(shipped + 1, this.#durableUpTo, limits));
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) throw new Error(`the journal gave no record after ${shipped}`);
    this.#waitingSinceMs = first.at;
    if (first.offset > shipped + 1) {
      const missing = first.offset - shipped - 1;
      await store.noteGap(shipped + 1, first.offset - 1);
      this.#missingRecords += missing;
      this.#say('error', 'shipping-gap', { from: shipped + 1, records: missing });
    }
    await store.write(rows);
    for (const { from, to } of lostRanges(rows)) {
      this.#missingRecords += to - from + 1;
      this.#say('error', 'shipping-gap', { from, records: to - from + 1 });
    }
    this.#shippedUpTo = last.offset;
  }

  #rows(records: readonly JournalRecord[]): readonly Row[] {
    return records.map((record) => rowOf(record, this.#options.journal));
  }

  async #failed(error: unknown): Promise<void> {
    const needsPerson = error instanceof Error && (error.name === 'Diverged' || error.name === 'MigrationRefusal');
    const code = error instanceof Error && 'code' in error ? String(error.code) : nameOf(error);
    this.#failures += 1;
    this.#failuresInARow += 1;
    this.#report(needsPerson ? 'refused' : 'failing');
    // Said when it begins and then ever more rarely: after 1, 2, 4, 8, … failures in a row.
    if (Number.isInteger(Math.log2(this.#failuresInARow))) {
      const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
      this.#say(needsPerson ? 'error' : 'warn', needsPerson ? 'shipping-refused' : 'shipping-failed', {
        code,
        message,
        inARow: this.#failuresInARow,
      });
    }
    if (this.#stopping) return;
    const last = this.#options.lastRetryMs ?? LAST_RETRY_MS;
    const longest = needsPerson ? last : Math.min(last, FIRST_RETRY_MS * 2 ** (this.#failuresInARow - 1));
    await this.#pause(longest * (0.5 + this.#options.random() / 2));
  }

  /** Null: until it is woken. */
  #pause(ms: number | null): Promise<void> {
    const { timer = systemTimer } = this.#options;
    return new Promise((resolve) => {
      const cancel = ms === null ? () => {} : timer(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #report(state: ShippingState): void {
    this.#state = state;
    this.#options.report({
      state,
      shippedUpTo: this.#shippedUpTo,
      waitingSinceMs: this.#waitingSinceMs,
      failures: this.#failures,
      missingRecords: this.#missingRecords,
    });
  }

  #say(level: ShippingLog['level'], event: string, facts: ShippingLog['facts']): void {
    this.#options.log({ level, event, facts });
  }
}

function systemTimer(ms: number, run: () => void): () => void {
  const handle = setTimeout(run, ms);
  return () => clearTimeout(handle);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
