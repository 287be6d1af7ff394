/** What a shard is started with, and what it is then. */
import type { Logger } from 'pino';
import type { Inventory } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import type { AdminHost } from './admin/host.ts';
import type { Identity } from './data-dir.ts';
import type { JournalFiles } from './journal/files.ts';
import type { JournalKey } from './journal/seal.ts';
import type { TrustedSigners } from './trusted-signers.ts';

export type ShardOptions = {
  readonly inventory: Inventory;
  /** PEM, of the admin API as it is now; only looked at. */
  readonly adminCertificate?: () => string;
  /** Absolute; paths in the inventory count from it. */
  readonly inventoryFolder: string;
  readonly identity: Identity;
  /** Absolute; its journal is in `journalDirOf(dataDir)`. */
  readonly dataDir: string;
  /** Address that feeds and legs listen on; null: as the target has it. */
  readonly listenHost: string | null;
  /** What the frames of all senders together may take, and the answers of all peers; absent: 512 MiB. */
  readonly frameBudgetBytes?: number;
  /** How many inputs may wait for their outputs; absent: 250,000. */
  readonly openInputs?: number;
  /** Whose approvals count; null: target local without approvals. */
  readonly signers: TrustedSigners | null;
  /** Where durable records are shipped to; null: nowhere. */
  readonly databaseUrl: string | null;
  /** Keys of payload encryption, the newest last; none: no encryption. */
  readonly keys: readonly JournalKey[];
  readonly logger: Logger;
  readonly now: () => number;
  /** Without a database: history that nothing needs goes once it is that old, whatever its size. */
  readonly keepMs?: number | null;
  /** For tests: the journal in small pieces, how much of it stays, when a peak counts as over, and what stands for the disk. */
  readonly journal?: {
    readonly segmentBytes: number;
    readonly keepBytes: number;
    readonly limitBytes?: number;
    readonly peakOverMs?: number;
    readonly files?: JournalFiles;
  };
};

export type Shard = {
  readonly host: AdminHost;
  /** Feed name → port that it listens on. */
  readonly feeds: Record<string, number>;
  /** Takes a re-read inventory, or says why not and goes on as before. */
  reload(inventory: Inventory): Promise<readonly Located[]>;
  /** Finishes what is in flight for at most `boundMs`, then syncs and closes. */
  stop(boundMs: number): Promise<void>;
};

export type StartShard = (options: ShardOptions) => Promise<Shard>;
