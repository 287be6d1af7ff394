/** What goes wrong in a simulated night, from nothing to everything. */

import type { DestinationHabits } from './destination.ts';
import { type Aim, RARE_AIMS } from './faults.ts';
import type { PlatformHabits } from './platform.ts';
import type { SourceHabits } from './source.ts';

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

/** As the simulated inventory has it. */
const ACK_TIMEOUT_MS = 4000;
const NO_FAULTS: Faults = {
  breakConnection: 0,
  crash: 0,
  restart: 0,
  force: 0,
  crashAfterForce: 0,
  crashAfterRejection: 0,
  crashAfterMove: 0,
  failSync: 0,
  tearWrite: 0,
  loseVolume: 0,
  stallCandidate: 0,
  wedge: 0,
  die: 0,
  partition: 0,
};
const PLAIN: Habits = {
  source: {
    reusesId: 0,
    closesAfterAnswer: 0,
    sendsTwice: 0,
    keepsSocket: 0,
    leavesSocket: 0,
    skipsRejected: 0,
    isLong: 0,
    isHalved: 0,
  },
  impatient: false,
  platform: { rejects: 0, slow: 0, late: 0, doublesAnswer: 0, doublesOutput: 0 },
  destination: { rejects: 0, slow: 0, late: 0, doublesAnswer: 0 },
};
const REUSING: Habits = {
  ...PLAIN,
  source: { ...PLAIN.source, reusesId: 0.4, closesAfterAnswer: 0.4, keepsSocket: 0.5 },
};
const REJECTING: Habits = {
  ...PLAIN,
  source: { ...PLAIN.source, skipsRejected: 0.5, closesAfterAnswer: 0.4 },
  platform: { ...PLAIN.platform, rejects: 0.15 },
  destination: { ...PLAIN.destination, rejects: 0.1 },
};
const LATE: Habits = {
  ...PLAIN,
  source: { ...PLAIN.source, keepsSocket: 0.5 },
  impatient: true,
  platform: { ...PLAIN.platform, slow: 0.1, late: 0.04 },
  destination: { ...PLAIN.destination, late: 0.03 },
};
const EVERY_FAULT: Faults = {
  breakConnection: 0.2,
  crash: 0.05,
  restart: 0.05,
  force: 0.4,
  crashAfterForce: 0.1,
  crashAfterRejection: 0,
  crashAfterMove: 0,
  failSync: 0.02,
  tearWrite: 0.005,
  loseVolume: 0.2,
  stallCandidate: 0.1,
  wedge: 0.1,
  die: 0.07,
  partition: 0.08,
};

/** Every fault wherever it has met the fewest states of a swap: the coverage table rests on these nights. */
const AIMED: Faults = {
  breakConnection: 0.2,
  crash: 0.12,
  restart: 0.08,
  force: 0.3,
  crashAfterForce: 0,
  crashAfterRejection: 0,
  crashAfterMove: 0,
  failSync: 0.03,
  tearWrite: 0.01,
  loseVolume: 0.1,
  stallCandidate: 0.07,
  wedge: 0.07,
  die: 0.08,
  partition: 0.08,
};

const plain = {
  connections: 3,
  shared: 0,
  polled: 0,
  sourcesPerFeed: 1,
  atOffset: false,
  retryForMs: 0,
  dials: false,
  sharesDestination: false,
  commitsFirst: false,
  frameBudgetBytes: null,
  frameLimitBytes: 1 << 20,
  roomSegments: null,
  patienceMs: ACK_TIMEOUT_MS,
  waitLimitMs: null,
  openInputs: null,
  faults: NO_FAULTS,
  habits: PLAIN,
  isQuiet: false,
  neverDoubles: false,
  hasWeights: true,
  knowsInputs: true,
  cancels: false,
  isAimed: false,
  onlyAims: null,
};

export const SCENARIOS = {
  healthy: { ...plain, isQuiet: true },
  'broken-connections': { ...plain, faults: { ...NO_FAULTS, breakConnection: 0.4 } },
  crashes: { ...plain, faults: { ...NO_FAULTS, crash: 0.1, restart: 0.05 } },
  'failing-disk': { ...plain, faults: { ...NO_FAULTS, failSync: 0.05, tearWrite: 0.01, crash: 0.03, restart: 0.03 } },
  partitions: { ...plain, faults: { ...NO_FAULTS, partition: 0.3, breakConnection: 0.05 } },
  'left-sockets': {
    ...plain,
    habits: { ...PLAIN, source: { ...PLAIN.source, keepsSocket: 1, leavesSocket: 0.8 }, impatient: true },
    faults: { ...NO_FAULTS, partition: 0.6 },
  },
  cancels: { ...plain, hasWeights: false, cancels: true, faults: { ...NO_FAULTS, wedge: 0.35, crash: 0.03 } },
  aimed: { ...plain, isAimed: true, faults: AIMED },
  'aimed-shared': { ...plain, isAimed: true, connections: 1, shared: 2, sourcesPerFeed: 2, faults: AIMED },
  'aimed-at-offset': { ...plain, isAimed: true, connections: 1, shared: 2, atOffset: true, faults: AIMED },
  'aimed-rare': { ...plain, isAimed: true, onlyAims: RARE_AIMS, faults: AIMED },
  'lost-volume': { ...plain, faults: { ...NO_FAULTS, restart: 0.1, loseVolume: 0.6 } },
  'dead-platform': { ...plain, faults: { ...NO_FAULTS, force: 0.7 } },
  'dead-platform-slow-destination': {
    ...plain,
    hasWeights: false,
    neverDoubles: true,
    faults: { ...NO_FAULTS, force: 0.7 },
    habits: { ...PLAIN, destination: { ...PLAIN.destination, slow: 0.95 } },
  },
  everything: {
    ...plain,
    faults: EVERY_FAULT,
  },
  'slow-candidate': { ...plain, faults: { ...NO_FAULTS, stallCandidate: 0.4 }, isQuiet: true },
  'slow-candidate-dies': { ...plain, faults: { ...NO_FAULTS, stallCandidate: 0.3, force: 0.7, crash: 0.03 } },
  'reused-ids': { ...plain, habits: REUSING, faults: { ...NO_FAULTS, breakConnection: 0.2 } },
  'sent-twice': { ...plain, knowsInputs: false, habits: { ...PLAIN, source: { ...PLAIN.source, sendsTwice: 0.2 } } },
  rejections: {
    ...plain,
    hasWeights: false,
    habits: REJECTING,
    faults: { ...NO_FAULTS, breakConnection: 0.1, crash: 0.03 },
  },
  'rejections-and-crashes': {
    ...plain,
    hasWeights: false,
    habits: { ...REJECTING, source: { ...PLAIN.source, closesAfterAnswer: 0.6 } },
    faults: { ...NO_FAULTS, crashAfterRejection: 0.08 },
  },
  'late-answers': { ...plain, habits: LATE },
  'doubled-answers': {
    ...plain,
    habits: {
      ...PLAIN,
      platform: { ...PLAIN.platform, doublesAnswer: 0.2 },
      destination: { ...PLAIN.destination, doublesAnswer: 0.2 },
    },
    isQuiet: true,
  },
  'shared-feed': {
    ...plain,
    connections: 1,
    shared: 3,
    sourcesPerFeed: 2,
    isQuiet: true,
  },
  'shared-feed-everything': {
    ...plain,
    connections: 0,
    shared: 3,
    sourcesPerFeed: 2,
    knowsInputs: false,
    faults: EVERY_FAULT,
  },
  'rollback-and-crash': {
    ...plain,
    faults: { ...NO_FAULTS, stallCandidate: 0.1, force: 0.8, crashAfterForce: 0.6 },
    habits: { ...PLAIN, destination: { ...PLAIN.destination, slow: 0.5 } },
  },
  'weights-and-rejections': {
    ...plain,
    habits: REJECTING,
    faults: { ...NO_FAULTS, force: 0.3, crash: 0.03 },
  },
  'weights-and-stuck-outputs': { ...plain, faults: { ...NO_FAULTS, wedge: 0.3, force: 0.3, crash: 0.03 } },
  'shared-feed-rejections': {
    ...plain,
    connections: 0,
    shared: 3,
    sourcesPerFeed: 2,
    habits: REJECTING,
    faults: { ...NO_FAULTS, wedge: 0.1, force: 0.2, crash: 0.03 },
  },
  'shared-feed-rejections-rolled-back': {
    ...plain,
    connections: 0,
    shared: 3,
    sourcesPerFeed: 2,
    habits: REJECTING,
    faults: { ...NO_FAULTS, wedge: 0.1, force: 0.2 },
  },
  'at-offset': { ...plain, connections: 1, shared: 3, sourcesPerFeed: 2, atOffset: true, isQuiet: true },
  'at-offset-crashes': {
    ...plain,
    connections: 1,
    shared: 2,
    atOffset: true,
    faults: { ...NO_FAULTS, crash: 0.1, restart: 0.05, breakConnection: 0.1 },
  },
  'at-offset-crashes-while-open': {
    ...plain,
    connections: 2,
    atOffset: true,
    hasWeights: false,
    faults: { ...NO_FAULTS, crashAfterMove: 0.6 },
    habits: { ...PLAIN, destination: { ...PLAIN.destination, slow: 0.8 } },
  },
  'at-offset-stuck-outputs': {
    ...plain,
    atOffset: true,
    faults: { ...NO_FAULTS, wedge: 0.2, stallCandidate: 0.2, force: 0.3, crash: 0.03 },
  },
  'at-offset-rejections': {
    ...plain,
    connections: 1,
    shared: 2,
    atOffset: true,
    habits: REJECTING,
    faults: { ...NO_FAULTS, crash: 0.03, force: 0.3 },
  },
  'at-offset-everything': {
    ...plain,
    connections: 1,
    shared: 2,
    sourcesPerFeed: 2,
    atOffset: true,
    knowsInputs: false,
    faults: EVERY_FAULT,
  },
  'rejected-and-tried-again': {
    ...plain,
    hasWeights: false,
    knowsInputs: false,
    retryForMs: 1000,
    faults: { ...NO_FAULTS, stallCandidate: 0.1, force: 0.8, crashAfterForce: 0.1 },
    habits: { ...PLAIN, destination: { ...PLAIN.destination, rejects: 0.5 } },
  },
  dialled: {
    ...plain,
    dials: true,
    faults: { ...NO_FAULTS, breakConnection: 0.3, crash: 0.04, restart: 0.04, die: 0.05, partition: 0.05 },
    habits: { ...PLAIN, source: { ...PLAIN.source, closesAfterAnswer: 0.3 } },
  },
  'shared-destination': {
    ...plain,
    connections: 1,
    shared: 2,
    sourcesPerFeed: 2,
    sharesDestination: true,
    faults: { ...NO_FAULTS, breakConnection: 0.2, crash: 0.03, force: 0.2, wedge: 0.1 },
    habits: { ...PLAIN, destination: { ...PLAIN.destination, slow: 0.3 } },
  },
  'commits-first': { ...plain, sourcesPerFeed: 2, commitsFirst: true, isQuiet: true },
  'few-open-inputs': {
    ...plain,
    openInputs: 4,
    hasWeights: false,
    faults: { ...NO_FAULTS, stallCandidate: 0.2, wedge: 0.25, force: 0.4, crash: 0.03 },
  },
  'few-open-inputs-at-offset': {
    ...plain,
    connections: 1,
    shared: 2,
    openInputs: 3,
    atOffset: true,
    faults: { ...NO_FAULTS, stallCandidate: 0.2, wedge: 0.25, force: 0.3, crash: 0.03 },
  },
  'full-disk': {
    ...plain,
    roomSegments: 8,
    hasWeights: false,
    faults: { ...NO_FAULTS, stallCandidate: 0.1, die: 0.15, wedge: 0.05, force: 0.3, crash: 0.04, restart: 0.02 },
  },
  'without-feed': {
    ...plain,
    connections: 1,
    polled: 3,
    faults: { ...NO_FAULTS, breakConnection: 0.2, crash: 0.06, restart: 0.04, force: 0.4, failSync: 0.01 },
    habits: { ...PLAIN, destination: { ...PLAIN.destination, slow: 0.5 } },
  },
  'small-frame-budget': {
    ...plain,
    connections: 2,
    sourcesPerFeed: 4,
    frameBudgetBytes: 40_000,
    habits: { ...PLAIN, source: { ...PLAIN.source, isLong: 0.5, closesAfterAnswer: 0.2 } },
    isQuiet: true,
  },
  'many-half-frames': {
    ...plain,
    connections: 2,
    sourcesPerFeed: 8,
    frameBudgetBytes: 40_000,
    frameLimitBytes: 40_000,
    habits: { ...PLAIN, source: { ...PLAIN.source, isLong: 0.7, isHalved: 0.8 } },
    patienceMs: 60_000,
    waitLimitMs: 15_000,
  },
} satisfies Record<string, Scenario>;
