/**
 * What the journal holds. A record is a small `meta` and, where bytes of a peer are kept, a payload that is exactly
 * those bytes. Recovery replays records through the same state that live traffic builds.
 */
import type { EpochRecord, ListName, RefusedMove, StopAttestation } from '../../core/admin-api.ts';
import type { Platform } from '../../core/platform.ts';

/** MSA-1 as a class. `lost`: the peer may have taken the message, nobody knows. */
export type Verdict = 'positive' | 'negative' | 'other' | 'lost';

export type MessageFacts = { readonly msh10: string; readonly sha: string };

export type InputRecord = MessageFacts & {
  readonly t: 'input';
  readonly feed: string;
  readonly sender: string;
  readonly primary: Platform;
  /** The platform that gets a copy once the verdict is positive, if any. */
  readonly shadow: Platform | null;
  /** The first attempt, where this frame is another attempt of it. */
  readonly attemptOf: number | null;
  readonly at: number;
};

export type InputVerdictRecord = {
  readonly t: 'input-verdict';
  readonly feed: string;
  readonly input: number;
  readonly verdict: Verdict;
  readonly at: number;
};

export type ShadowRecord = {
  readonly t: 'shadow';
  readonly feed: string;
  readonly input: number;
  readonly platform: Platform;
  readonly verdict: Verdict | 'dropped';
  readonly at: number;
};

/** Copies that their platform will not get: so many inputs of the feed between these two. Each has a `dropped` of its own besides. */
export type ShadowGapRecord = {
  readonly t: 'shadow-gap';
  readonly feed: string;
  readonly platform: Platform;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly cause: 'disk-full' | 'unreadable';
  readonly at: number;
};

/** What becomes of an output: delivered, captured, parked (nobody's), or suppressed (its input was delivered already). */
export type OutputRole = 'deliver' | 'capture' | 'park' | 'suppress';

export type OutputRecord = MessageFacts & {
  readonly t: 'output';
  readonly connection: string;
  readonly platform: Platform;
  readonly sender: string;
  readonly role: OutputRole;
  readonly epoch: number;
  /** Offset of the input that it belongs to, where that is known. */
  readonly input: number | null;
  readonly attemptOf: number | null;
  readonly at: number;
};

export type OutputVerdictRecord = {
  readonly t: 'output-verdict';
  readonly connection: string;
  readonly output: number;
  readonly verdict: Verdict;
  /** The gateway delivered it from a capture (re-owned or resolved), no platform waits for the answer. */
  readonly reowned: boolean;
  readonly at: number;
};

/** The answer that a captured, parked or suppressed output got. `synthetic`: written by the gateway. */
export type CaptureAnswerRecord = {
  readonly t: 'capture-answer';
  readonly connection: string;
  readonly output: number;
  readonly kind: 'paired' | 'synthetic';
  readonly at: number;
};

export type RefusalRecord = MessageFacts & {
  readonly t: 'refusal';
  readonly endpoint: string;
  readonly cause: string;
  readonly at: number;
};

export type RouteEpochRecord = {
  readonly t: 'epoch';
  readonly record: EpochRecord;
  /** Forced: what the former owner owed was taken over by itself; else it went to the decision list. */
  readonly reowns: boolean;
  /**
   * Re-owned: inputs whose output the heir should have made long since. It rests on what its leg was at just then, which a
   * recovery cannot tell. Absent in a record from before it was kept.
   */
  readonly overdue?: readonly number[];
  /** A change-over at this record's own offset: outputs of earlier inputs are judged by the route before. */
  readonly atOffset: boolean;
  readonly at: number;
};

export type OperationRecord = {
  readonly t: 'operation';
  readonly connection: string;
  readonly requestId: string;
  readonly outcome: 'committed' | 'aborted';
  readonly reason: string | null;
  readonly epoch: number;
  readonly pauseMs: number;
  readonly heldMessages: number;
  readonly inFlightAtHold: number;
  readonly drainedAt: string | null;
  readonly at: number;
};

/** A move that no valid approval or sign-off stood behind. */
export type MoveRefusedRecord = Omit<RefusedMove, 'at'> & { readonly t: 'move-refused'; readonly at: number };

/** The document and signatures that a move rests on are the payload: kept even where no file of them is. */
export type ApprovalRecord = {
  readonly t: 'approval';
  readonly connection: string;
  readonly requestId: string;
  readonly digest: string;
  readonly signedBy: readonly { readonly person: string; readonly role: string; readonly fingerprint: string }[];
  readonly at: number;
};

export type ListRecord = {
  readonly t: 'list';
  readonly list: ListName;
  readonly connection: string;
  readonly message: MessageFacts;
  readonly offset: number;
  readonly cause: string;
  readonly epoch: number;
  readonly at: number;
  /** Its sender, where nothing of it had come since a crash. */
  readonly heard?: string;
};

export type DecisionRecord = {
  readonly t: 'decision';
  readonly id: string;
  readonly connection: string;
  readonly cause: string;
  readonly input: number | null;
  readonly inputFacts: MessageFacts | null;
  readonly proposals: readonly (MessageFacts & { readonly offset: number })[];
  readonly at: number;
};

export type ResolutionRecord = {
  readonly t: 'resolution';
  readonly id: string;
  readonly action: 'deliver' | 'discard';
  readonly by: string;
  readonly reason: string;
  readonly at: number;
};

/** A repair of the journal put it in the place of a record that could not be read. */
export type LostRecord = { readonly t: 'lost'; readonly at: number };

/** A gateway process began to serve. `clean`: the one before had ended as it should. */
export type StartRecord = {
  readonly t: 'start';
  readonly version: string;
  readonly clean: boolean;
  readonly at: number;
};

/** What a restored or repaired journal does not know may be the newest: its connections serve nobody until a person says so. */
export type FenceRecord = {
  readonly t: 'fence';
  readonly cause: 'restored' | 'repaired';
  readonly connections: readonly string[];
  readonly at: number;
};

export type UnfenceRecord = {
  readonly t: 'unfence';
  readonly connection: string;
  readonly by: string;
  readonly at: number;
};

/** Somebody says that a platform makes no output of this connection any more (origin: platform). */
export type StoppedRecord = {
  readonly t: 'stopped';
  readonly connection: string;
  readonly attestation: StopAttestation;
  readonly at: number;
};

/** Point of no return of a feed's way to another shard: from here on this shard refuses it. */
export type MovedOutRecord = {
  readonly t: 'moved-out';
  /** Names the move. */
  readonly move: string;
  readonly to: number;
  readonly feeds: readonly string[];
  readonly connections: readonly { readonly name: string; readonly epoch: number }[];
  /** SHA-256 of what was handed over. */
  readonly sha256: string;
  readonly at: number;
};

/** The feed has come. Its state is the payload, the epochs that it begins with follow in the journal. */
export type MovedInRecord = {
  readonly t: 'moved-in';
  readonly move: string;
  readonly from: number;
  readonly epochs: readonly EpochRecord[];
  readonly at: number;
};

export type JournalMeta =
  | InputRecord
  | InputVerdictRecord
  | ShadowRecord
  | ShadowGapRecord
  | OutputRecord
  | OutputVerdictRecord
  | CaptureAnswerRecord
  | RefusalRecord
  | RouteEpochRecord
  | OperationRecord
  | MoveRefusedRecord
  | ApprovalRecord
  | ListRecord
  | DecisionRecord
  | ResolutionRecord
  | StartRecord
  | FenceRecord
  | UnfenceRecord
  | StoppedRecord
  | LostRecord
  | MovedOutRecord
  | MovedInRecord;
