/**
 * What an output that has come on a leg is, before anything of it is written: the input that it belongs to, whose it is
 * (ownership.ts), and what keeps it from its destination although its platform owns it.
 */
import { otherPlatform, type Platform } from '../../core/platform.ts';
import type { Message } from './intake.ts';
import type { GivenUpInput } from './late-outputs.ts';
import { isRejected, type Obligation } from './obligation.ts';
import type { Obligations } from './obligations.ts';
import type { RejectedOutput, SuppressedFor } from './output-flow.ts';
import type { Candidate, Ownership } from './ownership.ts';
import type { OutputRole } from './records.ts';

export type JudgedOutput = {
  readonly role: OutputRole;
  readonly suppressedFor: SuppressedFor;
  /** It is its platform's to deliver, after what another one still delivers: nothing is written of it yet. */
  readonly waitsForOrder: boolean;
  /** The open input that it was found to belong to, and the same where the output settles something of it. */
  readonly found: Obligation | null;
  readonly obligation: Obligation | null;
  /** Offset of the input that it belongs to, also where that is closed. */
  readonly input: number | null;
  /** The closed input of which this may be the only output, should its sender send again: nobody has accepted it. */
  readonly unaccepted: number | null;
  /** Its input, where the destination has rejected what the other platform made of that. */
  readonly rejected: RejectedInput | null;
  /** Its platform was told that it is not delivered, and is told now that it is taken: whether it is still wanted, a person says. */
  readonly isOrphan: boolean;
};

type RejectedInput = Pick<RejectedOutput, 'input' | 'inputFacts'>;

/** How an output has found its input. */
type Found = {
  readonly obligation: Obligation | null;
  readonly input: number | null;
  readonly givenUp: GivenUpInput | null;
  /** Its first attempt was captured, and goes out in the place of what the former owner owed: once is enough. */
  readonly isTakenOver: boolean;
};

export class OutputJudge {
  readonly #correlates: boolean;
  readonly #obligations: Obligations;
  readonly #ownership: Ownership;
  readonly #isDecided: (input: number) => boolean;

  /** `isDecided`: a person is asked about this input, or has decided. */
  constructor(
    correlates: boolean,
    obligations: Obligations,
    ownership: Ownership,
    isDecided: (input: number) => boolean,
  ) {
    this.#correlates = correlates;
    this.#obligations = obligations;
    this.#ownership = ownership;
    this.#isDecided = isDecided;
  }

  judge(message: Message, platform: Platform, key: string | null): JudgedOutput {
    const found = this.#find(message, platform, key);
    const { obligation, input, isTakenOver, givenUp } = found;
    const candidate: Candidate = { platform, payload: message.frame.payload, key, obligation, input, givenUp };
    const rejected = isTakenOver ? null : this.rejectedBefore(obligation, platform, key);
    const owned = isTakenOver ? 'suppress' : this.#ownership.roleOf(candidate);
    const isDecided = owned === 'deliver' && this.#isAskedOf(found, platform, key);
    // What was not delivered when it came first has been settled without it since, and is not delivered because it comes again.
    const isSettled = message.wasKept && obligation === null && input !== null;
    const role = owned === 'deliver' && (isDecided || isSettled) ? 'suppress' : owned;
    const heldBack = givenUp !== null ? 'given-up' : rejected !== null ? 'rejected' : null;
    const unaccepted = obligation !== null || isTakenOver ? null : this.#obligations.unacceptedInput(platform, key);
    return {
      role,
      suppressedFor: isDecided ? 'decision' : heldBack,
      waitsForOrder: role === 'deliver' && this.#ownership.waitsForOrder(candidate),
      found: obligation,
      // What nobody owns settles nothing, and belongs to nothing.
      obligation: role === 'park' ? null : obligation,
      input: role === 'park' || isTakenOver ? null : (input ?? unaccepted),
      unaccepted,
      rejected,
      isOrphan: this.#isOrphan(message, role),
    };
  }

  /**
   * The input of this output, where the destination has rejected what the other platform made of it while it owned it: to
   * deliver this one is for a person, who is not asked twice.
   */
  rejectedBefore(obligation: Obligation | null, platform: Platform, key: string | null): RejectedInput | null {
    const isOpen = obligation !== null && obligation.owner === null && isRejected(obligation, otherPlatform(platform));
    const closed = obligation === null ? this.#obligations.rejectedInput(platform, key) : null;
    const input = isOpen ? obligation.input : closed;
    if (input === null || this.#isDecided(input)) return null;
    return { input, inputFacts: isOpen ? obligation.facts : null };
  }

  /** Another attempt belongs to the input of the first one, also where that is closed by now. */
  #find({ attemptOf, context }: Message, platform: Platform, key: string | null): Found {
    if (attemptOf !== null && this.#obligations.isTakenOver(attemptOf)) {
      return { obligation: null, input: context, givenUp: null, isTakenOver: true };
    }
    const obligation =
      attemptOf === null
        ? this.#obligations.match(platform, key, this.#correlates)
        : this.#obligations.get(context ?? -1);
    const givenUp = obligation === null ? this.#obligations.givenUp(platform, key) : null;
    const input = obligation?.input ?? (attemptOf === null ? (givenUp?.input ?? null) : context);
    return { obligation, input, givenUp, isTakenOver: false };
  }

  /** To deliver it, also where it is made a second time for an input that is closed, would be to decide in a person's place. */
  #isAskedOf({ obligation, input }: Found, platform: Platform, key: string | null): boolean {
    const madeBefore = obligation === null && key !== null ? this.#obligations.madeBefore(platform, key) : null;
    const about = input ?? madeBefore;
    return about !== null && this.#isDecided(about);
  }

  #isOrphan({ attemptOf }: Message, role: OutputRole): boolean {
    const isKept = role === 'capture' || role === 'park';
    return isKept && attemptOf !== null && this.#obligations.takeRejected(attemptOf);
  }
}
