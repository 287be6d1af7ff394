/** What stops a journal, as named errors that say where and what to do. None carries content. */

export type CorruptCode =
  | 'batch-bad'
  | 'segment-header-bad'
  | 'segment-missing'
  | 'segments-disagree'
  | 'journal-missing'
  | 'record-bad';

export class JournalCorruptError extends Error {
  override readonly name = 'JournalCorruptError';
  readonly code: CorruptCode;
  readonly segment: number;
  /** Byte position in the segment. */
  readonly at: number;

  constructor(code: CorruptCode, segment: number, at: number, what: string) {
    super(
      `journal segment ${segment} at byte ${at}: ${what} (${code}). Do not delete it: copy the data directory, check the disk, ` +
        'and look at what is lost: cutover gateway repair --data-dir D (it changes nothing without --yes); see runbooks/gateway-down.md',
    );
    this.code = code;
    this.segment = segment;
    this.at = at;
  }
}

export class JournalForeignError extends Error {
  override readonly name = 'JournalForeignError';
  readonly code = 'journal-foreign';
  readonly segment: number;

  constructor(
    segment: number,
    found: { incarnation: string; shard: number },
    own: { incarnation: string; shard: number },
  ) {
    super(
      `journal segment ${segment} belongs to shard ${found.shard}, incarnation ${found.incarnation}; this data directory ` +
        `is shard ${own.shard}, incarnation ${own.incarnation}. Put back the journal folder that belongs to it`,
    );
    this.segment = segment;
  }
}

export class JournalKeyError extends Error {
  override readonly name = 'JournalKeyError';
  readonly code = 'journal-key';

  /** `isKnown`: there is a key of this number, and it is not the one. */
  constructor(where: string, key: number, isKnown: boolean) {
    const what = isKnown
      ? 'cannot be opened with its key'
      : `is sealed with key ${key}, which the key file does not have`;
    super(
      `${where} ${what}. Start with CUTOVER_JOURNAL_KEY_FILE naming a file that has every key that ` +
        'this data directory was written with, the newest last (after a rotation the old ones stay in it until what they sealed is purged)',
    );
  }
}

export class JournalFullError extends Error {
  override readonly name = 'JournalFullError';
  readonly code = 'journal-full';

  constructor(limitBytes: number) {
    super(`the journal has reached its limit of ${limitBytes} bytes; records must be shipped and purged first`);
  }
}

/** A full disk, a quota, a limit on the size of files (of the process or its file system), or the journal's own limit. */
const OUT_OF_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'journal-full']);

/** What has been shipped may be purged then, to make room. */
export function isOutOfRoom(error: Error): boolean {
  return 'code' in error && OUT_OF_ROOM.has(error.code);
}
