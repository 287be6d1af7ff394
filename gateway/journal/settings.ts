/** The journal's options with their defaults. */
import { diskFiles } from './files.ts';
import { FIRST_OFFSET, type JournalOptions } from './types.ts';

const SEGMENT_BYTES = 64 * 1024 * 1024;
const UNSYNCED_LIMIT_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 500;
const GATHER_MS = 2;

export type Settings = Required<JournalOptions>;

export function withDefaults(options: JournalOptions): Settings {
  return {
    ...options,
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
    limitBytes: options.limitBytes ?? Number.POSITIVE_INFINITY,
    unsyncedLimitBytes: options.unsyncedLimitBytes ?? UNSYNCED_LIMIT_BYTES,
    mustExist: options.mustExist ?? false,
    files: options.files ?? diskFiles,
    keys: options.keys ?? [],
    firstOffset: options.firstOffset ?? FIRST_OFFSET,
    recoverFrom: options.recoverFrom ?? 0,
    checkedBefore: options.checkedBefore ?? 0,
    gatherMs: options.gatherMs ?? GATHER_MS,
    retryMs: options.retryMs ?? RETRY_MS,
    wait: options.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms))),
    timer: options.timer ?? timer,
    defer: options.defer ?? ((run) => void setImmediate(run)),
  };
}

function timer(ms: number, run: () => void): () => void {
  const handle = setTimeout(run, ms);
  return () => clearTimeout(handle);
}
