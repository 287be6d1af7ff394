/** What the gateway's main thread and the shipping worker tell each other. */
import type { JournalKey } from '../journal/seal.ts';
import type { JournalName } from './row.ts';
import type { ShipperReport, ShippingLog } from './status.ts';

export type WorkerOptions = {
  readonly databaseUrl: string;
  readonly journal: JournalName;
  readonly journalDir: string;
  readonly durableUpTo: number;
  readonly keys: readonly JournalKey[];
};

export type ToWorker = { readonly kind: 'durable'; readonly upTo: number } | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'report'; readonly report: ShipperReport }
  | { readonly kind: 'log'; readonly line: ShippingLog };
