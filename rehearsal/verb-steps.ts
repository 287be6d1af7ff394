/** The night as it is rehearsed, verb by verb. */
import type { Phase } from '../core/platform.ts';

export type VerbStep = {
  readonly step: string;
  readonly verb: string;
  readonly args: readonly string[];
  /** Where every connection has to be afterwards. */
  readonly phase: Phase;
  /** Senders wait already when the verb begins: for this. */
  readonly outage?: string;
};

export const SYNC: VerbStep = {
  step: 'sync',
  verb: 'sync',
  args: ['--reason', 'rehearsal: take the routes into Pulumi'],
  phase: 'legacy',
};
export const ROLLBACK: VerbStep = {
  step: 'rollback',
  verb: 'rollback',
  args: ['--reason', 'rehearsal: the way back'],
  phase: 'parallel',
};

export const VERB_STEPS: readonly VerbStep[] = [
  SYNC,
  { step: 'parallel', verb: 'parallel', args: ['--reason', 'rehearsal: run both platforms'], phase: 'parallel' },
  { step: 'switch', verb: 'switch', args: ['--reason', 'rehearsal: the night'], phase: 'switched' },
  ROLLBACK,
  { step: 'switch again', verb: 'switch', args: ['--reason', 'rehearsal: the night again'], phase: 'switched' },
  {
    step: 'decommission',
    verb: 'decommission',
    args: ['--reason', 'rehearsal: legacy retires'],
    phase: 'decommissioned',
  },
];
