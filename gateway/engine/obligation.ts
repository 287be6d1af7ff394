/**
 * What one input owes: on each platform's side the output that is waited for, and what has become of it; whose it is, and
 * who waits for its answer.
 */
import type { Platform } from '../../core/platform.ts';
import type { KeptOutput } from './kept-outputs.ts';
import type { MessageFacts, Verdict } from './records.ts';

/**
 * One platform's part of an obligation.
 * - `none`: no output is due from it. `expected`: one can still come. `open`: it is here, without its end.
 * - `settled`: delivered, rejected or captured. `missing`: the candidate's did not come in time; it may come late.
 */
export type Side = {
  state: 'none' | 'expected' | 'open' | 'settled' | 'missing';
  /** Offset of the newest output. */
  output: number | null;
  outputFacts: MessageFacts | null;
  /** Offset of the first attempt of that output. */
  firstOutput: number | null;
  delivered: boolean;
  /** The destination has rejected its newest output. Absent in a checkpoint from before it was kept. */
  rejected?: boolean;
  /** The newest output is kept here and was not sent to the destination. */
  kept: boolean;
  /** The platform did not take its copy of the input: it will make no output. */
  refused: boolean;
  /** When an output that is only possible counts as not coming; null until the platform has answered the input. */
  dueMs: number | null;
  answeredAtMs: number | null;
};

export type Obligation = {
  readonly input: number;
  readonly facts: MessageFacts;
  readonly key: string | null;
  readonly sides: Record<Platform, Side>;
  verdict: Verdict | null;
  /** Where its key falls among 0..99 (100: nowhere), once an output has shown it: with a weight, whose it is. */
  share: number | null;
  /** Set where re-owning has decided who delivers, whatever the route says. */
  owner: Platform | null;
  /** That owner is the one that a forced rollback has left. */
  ownerIsGone: boolean;
  /** The owner by re-owning has not delivered yet: nothing closes the obligation before it has. */
  isPromised: boolean;
  /** Its owner did not take its copy: a person decides once the other platform has its end. */
  isDoubtful: boolean;
  /** What only a person can say since a forced rollback; the decision about it follows in the journal. */
  doubt: string | null;
  /** The platform that answers the source. */
  primary: Platform;
  /** The destination's answer to the control's output: what a capture of the other platform is answered with. */
  controlAnswer: Buffer | null;
  /** Run once the control's answer is there; null: nobody waits for it. */
  onControlAnswer: (() => void)[] | null;
};

/** What a platform does on its leg, for all connections that share the port: outputs in work, and what is not overdue before. */
export type LegActivity = { waiting: number; notBeforeMs: number };

/** True where the platform's output is to be delivered, so that it is waited for without end. */
export type Owes = (obligation: Obligation, platform: Platform) => boolean;

/** Nothing of it is on its way or waited for. */
export function hasEnded({ state }: Side): boolean {
  return state === 'none' || state === 'settled' || state === 'missing';
}

export function newActivity(): LegActivity {
  return { waiting: 0, notBeforeMs: 0 };
}

export function newSide(state: Side['state']): Side {
  return {
    state,
    output: null,
    outputFacts: null,
    firstOutput: null,
    delivered: false,
    rejected: false,
    kept: false,
    refused: false,
    dueMs: null,
    answeredAtMs: null,
  };
}

/** The message was accepted, and its destination has rejected what this platform has made of it. */
export function isRejected({ verdict, sides }: Obligation, platform: Platform): boolean {
  const { rejected, delivered } = sides[platform];
  return verdict === 'positive' && rejected === true && !delivered;
}

/** Given up, and it may come all the same. */
export function hasNotCome({ state }: Side): boolean {
  return state === 'missing' || state === 'expected';
}

export function restore(obligation: Obligation, kept: KeptOutput): void {
  const { platform, output, outputFacts, firstOutput, share = null } = kept;
  Object.assign(obligation.sides[platform], { state: 'settled', kept: true, output, outputFacts, firstOutput });
  obligation.share = share;
}

/** Those who wait for the control's answer: it is there, or will not come. */
export function tellWaiting(obligation: Obligation): void {
  const waiting = obligation.onControlAnswer;
  obligation.onControlAnswer = null;
  for (const run of waiting ?? []) run();
}

export function isDue(side: Side): boolean {
  return side.state === 'expected';
}
