/** A rehearsal that went well, for the tests of what is made from its result. */
import { NOTHING_COUNTED } from '../count.ts';
import type { RehearsalResult } from '../result.ts';

const COUNTED = { ...NOTHING_COUNTED, sent: 12_345, delivered: 12_345, fromLegacy: 6000, fromNew: 6345 };

export const GREEN: RehearsalResult = {
  verdict: 'green',
  reasons: [],
  connections: 250,
  seed: '1',
  ratePerSecond: 500,
  reachedPerSecond: 498,
  fault: null,
  trouble: null,
  compared: null,
  reconciled: null,
  messages: {
    ...COUNTED,
    maybeSent: 0,
    maybeSentIds: [],
    misanswered: 0,
    deferred: 0,
    deferredMissing: 0,
    exampleIds: [],
  },
  directions: [{ direction: 'orders', connections: 125, ...COUNTED }],
  swaps: [{ step: 'switch', connections: 250, pauseMs: { p50: 20.4, p99: 180, max: 250 }, wallMs: 8000, aborted: 0 }],
  steps: [{ name: 'switch', startedAtMs: 1200, wallMs: 8000 }],
  samples: Array.from({ length: 10 }, (_, index) => ({
    atMs: index * 1000,
    sent: index * 500,
    delivered: Math.max(0, index * 500 - 20),
  })),
  startUpMs: 5000,
  environment: {
    startedAt: '2026-01-05T22:15:00.000Z',
    node: '24.0.0',
    pulumi: '3.150.0',
    postgresql: 'embedded',
    system: 'Linux 6.1 x64',
    processors: 2,
    memoryGiB: 24,
  },
  command: 'cutover rehearse --connections 250 --rate 500 --seed 1',
  report: null,
};
