/**
 * What the worker has found out so far, as the verbs read it from the proof store: comparison by connection, epoch,
 * basis and day, differences in groups, obligations by class, and how far the worker is. Ids, digests, paths and counts
 * only, never message content.
 */
import type { MessageId } from './admin-api.ts';
import type { Phase, Platform } from './platform.ts';

/** What became of one obligation (an input, a connection). Every owed one is in exactly one class. */
export const OBLIGATION_CLASSES = [
  'delivered',
  'destinationRejected',
  'filtered',
  'unexplained',
  'decisions',
  'pending',
] as const;
export type ObligationClass = (typeof OBLIGATION_CLASSES)[number];

/** What became of one arrival at a feed. Together they are all attempts. */
export const INGRESS_OUTCOMES = ['accepted', 'rejected', 'unanswered', 'refused', 'answeredAgain', 'open'] as const;
export type IngressOutcome = (typeof INGRESS_OUTCOMES)[number];

/** How a pair of control and candidate stands. `accepted`: every difference has a rule. */
export const PAIR_STATES = [
  'matched',
  'accepted',
  'differing',
  'missingCandidate',
  'extraCandidate',
  'missingBoth',
] as const;
export type PairState = (typeof PAIR_STATES)[number];

/** Upper ends of the delay buckets in milliseconds; one more bucket holds what is longer. */
export const DELAY_BUCKETS_MS = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000] as const;

export type ComparisonCounts = {
  /** Both outputs were there and were compared: matched + accepted + differing. */
  readonly pairs: number;
  readonly matched: number;
  readonly accepted: number;
  readonly differing: number;
  readonly missingCandidate: number;
  readonly extraCandidate: number;
  /** Neither platform sent an output within its time. */
  readonly missingBoth: number;
  /** Pairs among the above whose platforms answered the input differently. */
  readonly answersDiffering: number;
  /** The candidate's output came at another connection than the control's. */
  readonly destinationsDiffering: number;
  /** The candidate sent it before one that the control sent earlier, with the same key. */
  readonly outOfOrder: number;
  /** By `DELAY_BUCKETS_MS`: how much later than the control's the candidate's output came, in either direction. */
  readonly delays: readonly number[];
};

/** One connection, epoch, basis and day (UTC). `basis` names what was compared by: rules and code. */
export type ComparisonDay = ComparisonCounts & {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly day: string;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
};

/** Differences of one shape. `rule`: the one that accepts it, or null. */
export type DifferenceGroup = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly path: string;
  readonly kind: string;
  /** The code of the observation or order that it is in, where there is one. */
  readonly code: string | null;
  readonly shape: string;
  readonly rule: string | null;
  readonly count: number;
  /** Distinct pairs in which it occurs. */
  readonly pairs: number;
  /** The largest numeric difference, where the values are numbers. */
  readonly magnitude: number | null;
  readonly exampleIds: readonly MessageId[];
  readonly firstAtMs: number;
  readonly lastAtMs: number;
};

/** What was seen in single outputs: a breach of a contract, a path or code that occurs. Counted by area and name. */
export type OutputFinding = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly platform: Platform;
  readonly area: string;
  readonly name: string;
  readonly count: number;
  readonly exampleIds: readonly MessageId[];
  readonly firstAtMs: number;
  readonly lastAtMs: number;
};

/** What occurred in one platform's outputs of one epoch: names of an area of findings. */
export type SeenNames = {
  readonly connection: string;
  readonly epoch: number;
  readonly platform: Platform;
  readonly names: readonly string[];
};

export type ObligationCount = {
  readonly connection: string;
  readonly class: ObligationClass;
  readonly count: number;
};

export type IngressCount = { readonly feed: string; readonly outcome: IngressOutcome; readonly count: number };

export type RouteChange = {
  readonly connection: string;
  readonly epoch: number;
  readonly phase: Phase;
  readonly newWeight: number;
  readonly forced: boolean;
  readonly atMs: number;
};

/** How far the worker is in one journal. Offsets begin at 1; 0: nothing. */
export type JournalProgress = {
  readonly shard: number;
  readonly incarnation: string;
  readonly position: number;
  readonly shippedUpTo: number;
  /** Time of the newest record that is accounted for; null: none that has one. */
  readonly newestAtMs: number | null;
  /** Time of the oldest record that waits; null: none waits. */
  readonly waitingSinceMs: number | null;
  /** Records that were never shipped. */
  readonly missingRecords: number;
};

export type WorkerView = {
  readonly id: string;
  readonly host: string;
  readonly version: string;
  readonly basis: string;
  readonly startedAtMs: number;
  /** By the database's clock. */
  readonly heartbeatAgeMs: number;
};

export type WorkerState = {
  /** Null: none has ever run for this deployment. */
  readonly worker: WorkerView | null;
  /** The database's clock. */
  readonly nowMs: number;
  readonly journals: readonly JournalProgress[];
};
