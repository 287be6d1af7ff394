/** How strong the faults of a night and the habits of its parties are, as several scenarios have them. */
import type { Faults, Habits } from './scenario.ts';

export const NO_FAULTS: Faults = {
  breakConnection: 0,
  crash: 0,
  restart: 0,
  force: 0,
  crashAfterForce: 0,
  crashAfterRejection: 0,
  crashWhenSuppressed: 0,
  crashAfterMove: 0,
  failSync: 0,
  tearWrite: 0,
  loseVolume: 0,
  stallCandidate: 0,
  wedge: 0,
  die: 0,
  partition: 0,
};
export const PLAIN: Habits = {
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
export const REUSING: Habits = {
  ...PLAIN,
  source: { ...PLAIN.source, reusesId: 0.4, closesAfterAnswer: 0.4, keepsSocket: 0.5 },
};
export const REJECTING: Habits = {
  ...PLAIN,
  source: { ...PLAIN.source, skipsRejected: 0.5, closesAfterAnswer: 0.4 },
  platform: { ...PLAIN.platform, rejects: 0.15 },
  destination: { ...PLAIN.destination, rejects: 0.1 },
};
export const LATE: Habits = {
  ...PLAIN,
  source: { ...PLAIN.source, keepsSocket: 0.5 },
  impatient: true,
  platform: { ...PLAIN.platform, slow: 0.1, late: 0.04 },
  destination: { ...PLAIN.destination, late: 0.03 },
};
export const EVERY_FAULT: Faults = {
  breakConnection: 0.2,
  crash: 0.05,
  restart: 0.05,
  force: 0.4,
  crashAfterForce: 0.1,
  crashAfterRejection: 0,
  crashWhenSuppressed: 0,
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
export const AIMED: Faults = {
  breakConnection: 0.2,
  crash: 0.12,
  restart: 0.08,
  force: 0.3,
  crashAfterForce: 0,
  crashAfterRejection: 0,
  crashWhenSuppressed: 0,
  crashAfterMove: 0,
  failSync: 0.03,
  tearWrite: 0.01,
  loseVolume: 0.1,
  stallCandidate: 0.07,
  wedge: 0.07,
  die: 0.08,
  partition: 0.08,
};
