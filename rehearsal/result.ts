/** The pieces of `rehearse --json` (core/rehearsal-document.ts) under the names that the rehearsal uses. */
import type { z } from 'zod';
import type {
  comparedSchema,
  directionCountSchema,
  messagesSchema,
  reconciledSchema,
  rehearsalSchema,
  swapSchema,
  troubleSchema,
} from '../core/rehearsal-document.ts';
import { NOTHING_COUNTED } from './count.ts';

export type RehearsalResult = z.output<typeof rehearsalSchema>;
export type Swap = z.output<typeof swapSchema>;
export type Trouble = z.output<typeof troubleSchema>;
export type Compared = z.output<typeof comparedSchema>;
export type Reconciled = z.output<typeof reconciledSchema>;
export type Messages = z.output<typeof messagesSchema>;
export type DirectionCount = z.output<typeof directionCountSchema>;
export type Sample = RehearsalResult['samples'][number];
export type Environment = RehearsalResult['environment'];

export type Played = Pick<
  RehearsalResult,
  | 'connections'
  | 'withoutFeed'
  | 'ratePerSecond'
  | 'reachedPerSecond'
  | 'trouble'
  | 'compared'
  | 'reconciled'
  | 'messages'
  | 'directions'
  | 'swaps'
  | 'steps'
  | 'samples'
  | 'reasons'
>;

export const NOTHING_PLAYED: Played = {
  connections: 0,
  ratePerSecond: 0,
  reachedPerSecond: 0,
  trouble: null,
  compared: null,
  reconciled: null,
  messages: {
    ...NOTHING_COUNTED,
    maybeSent: 0,
    maybeSentIds: [],
    misanswered: 0,
    deferred: 0,
    deferredMissing: 0,
    exampleIds: [],
  },
  directions: [],
  swaps: [],
  steps: [],
  samples: [],
  reasons: [],
};
