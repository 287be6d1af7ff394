/** What a simulated night is made of: its site, its faults, the habits of its parties, and what is promised of it. */

import type { Aim } from './faults.ts';
import type { DestinationHabits } from './parties/destination.ts';
import type { PlatformHabits } from './parties/platform.ts';
import type { SourceHabits } from './parties/source.ts';

/** Probabilities, per random action (`failSync`: per sync; `tearWrite`: per write and change of a name). */
export type Faults = {
  readonly breakConnection: number;
  readonly crash: number;
  readonly restart: number;
  /** Of a rollback being forced, with new dead. */
  readonly force: number;
  /** Of a crash while a forced rollback is being carried out or has just been. */
  readonly crashAfterForce: number;
  /** Of a crash right after a platform or a destination has rejected a message. */
  readonly crashAfterRejection: number;
  /** Of the process dying between an output that is suppressed and its answer. */
  readonly crashWhenSuppressed: number;
  /** Of a crash right after a move was made. */
  readonly crashAfterMove: number;
  readonly failSync: number;
  readonly tearWrite: number;
  /** Of the volume not being there when the gateway starts after a stop. */
  readonly loseVolume: number;
  /** Of the candidate standing still for a while. */
  readonly stallCandidate: number;
  /** Of a platform's outputs being stuck for a while, although it takes and answers messages. */
  readonly wedge: number;
  /** Of a platform being away for a while. */
  readonly die: number;
  /** Of nothing coming through on a connection for a while. */
  readonly partition: number;
};

/** Each party has each habit or not, by chance; these are the strengths. */
export type Habits = {
  readonly source: Omit<SourceHabits, 'ackTimeoutMs'>;
  readonly impatient: boolean;
  readonly platform: Omit<
    PlatformHabits,
    'answersAfterDelivery' | 'regeneratesId' | 'givesUpRejected' | 'commitsFirst'
  >;
  readonly destination: DestinationHabits;
};

export type Scenario = {
  readonly connections: number;
  readonly shared: number;
  /** Connections without a feed (origin: platform). */
  readonly polled: number;
  readonly sourcesPerFeed: number;
  readonly atOffset: boolean;
  readonly retryForMs: number;
  readonly dials: boolean;
  readonly sharesDestination: boolean;
  /** Platforms answer with a commit and an application's acknowledgement in one packet. */
  readonly commitsFirst: boolean;
  /** What the frames of all senders together may take; null: as ever. */
  readonly frameBudgetBytes: number | null;
  /** What one frame may take. */
  readonly frameLimitBytes: number;
  /** Segments of the journal that the disk has room for; null: as many as there are. */
  readonly roomSegments: number | null;
  /** How many inputs may wait for their outputs, in all connections; null: as ever. */
  readonly openInputs: number | null;
  readonly faults: Faults;
  readonly habits: Habits;
  /** How long sources wait for an answer. */
  readonly patienceMs: number;
  /** No source waits longer or has to send again; null: that may be, but in a quiet night. */
  readonly waitLimitMs: number | null;
  /** Nothing happens that a sender could feel: no resend, nothing on any list. */
  readonly isQuiet: boolean;
  /** Nothing happens that could leave it unknown whether a destination has taken an output: none is delivered twice. */
  readonly neverDoubles: boolean;
  /** A share of keys may be moved to new. */
  readonly hasWeights: boolean;
  /** Platforms may answer when their output is delivered, and make no second output of an input that they know. */
  readonly knowsInputs: boolean;
  /** Parallel runs are often cancelled, and outputs are stuck for long: what is late comes when its platform has another role. */
  readonly cancels: boolean;
  /** Every fault is aimed at each state of a swap in turn, and the site is brought there. */
  readonly isAimed: boolean;
  /** Where it is aimed, it is at these only; null: at all. */
  readonly onlyAims: readonly Aim[] | null;
};
