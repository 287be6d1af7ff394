/** The journal's words: what goes in, what comes back, what it tells while it works. */
import type { Json } from '../../core/canonical-json.ts';
import type { JournalFiles } from './files.ts';
import type { JournalKey } from './seal.ts';

export type JsonObject = { readonly [key: string]: Json };

/** `offset` is the record number that the engine assigns, strictly +1. The payload must not change once appended. */
export type JournalRecord = {
  readonly offset: number;
  readonly meta: JsonObject;
  readonly payload: Uint8Array | null;
};

/** Offsets only grow; each call says what holds for every record up to and including `upTo`. */
export type JournalEvents = {
  /** The bytes are with the operating system: they survive a kill of the process, not of the machine. */
  written(upTo: number): void;
  /** The bytes are on disk. */
  durable(upTo: number): void;
  /** A write or sync failed. Nothing after `lastDurable` counts until `durable` says so from a fresh segment. */
  failed(error: Error, lastDurable: number): void;
  /** A segment's header is on disk: after `failed`, the sign that records go to disk again. */
  segmentStarted(segment: number): void;
};

export type JournalOptions = {
  readonly dir: string;
  readonly shard: number;
  /** At most 64 bytes of UTF-8. */
  readonly incarnation: string;
  readonly events: JournalEvents;
  /** Payload encryption: the last key seals, the others open what they once sealed. Default: nothing is sealed. */
  readonly keys?: readonly JournalKey[];
  /** Of a journal that does not exist yet: the offset of its first record. Default 1. */
  readonly firstOffset?: number;
  /** `recovered` begins here: what lies before is in a checkpoint. Default: with the oldest record. */
  readonly recoverFrom?: number;
  /** Segments whose records all lie before it are not walked when the journal is opened. Default: all are. */
  readonly checkedBefore?: number;
  /** Default 64 MiB. A batch that is larger gets a segment of its own size. */
  readonly segmentBytes?: number;
  /** Segments on disk never take more than this; past it a rollover fails with `journal-full`. Default: no limit. */
  readonly limitBytes?: number;
  /** Written but unsynced records are kept in memory for a fresh segment; past this they are synced. Default 8 MiB. */
  readonly unsyncedLimitBytes?: number;
  /** True for a data directory that was born with a journal: an empty folder is then a loss, not a beginning. */
  readonly mustExist?: boolean;
  readonly files?: JournalFiles;
  /** Under load a sync waits for company, at most this long. Default 2. */
  readonly gatherMs?: number;
  /** Pause between attempts to start a fresh segment on a failing disk. Default 500. */
  readonly retryMs?: number;
  /** Default: setTimeout. A simulation passes its own clock. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Default: setTimeout and clearTimeout. The result cancels it. */
  readonly timer?: (ms: number, run: () => void) => () => void;
  /** When to look for buffered records; default setImmediate, so that one turn of the loop shares a batch. */
  readonly defer?: (run: () => void) => void;
};

export type RecoveryReport = {
  /** The last process closed the journal, or there was none. */
  readonly clean: boolean;
  readonly records: number;
  readonly nextOffset: number;
  /** What a crash left half-written at the end and no one was ever told to be durable. */
  readonly cut: null | { readonly segment: number; readonly at: number; readonly bytes: number };
};

/** A segment on disk: its file was last written when its newest record was. */
export type SegmentPlace = { readonly path: string; readonly firstOffset: number };

export type JournalUsage = {
  readonly segments: number;
  readonly bytes: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
};

export const FIRST_OFFSET = 1;
