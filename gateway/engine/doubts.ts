/**
 * Rules 2 and 9: where the platform that owns an output gets its inputs as copies (a weight, a shared feed), a copy that it
 * rejects, or makes nothing of in time, is for a person, with the other platform's capture as the proposal.
 */

import { LazySet } from '../../core/lazy-collections.ts';
import { otherPlatform, type Platform } from '../../core/platform.ts';
import { hasEnded, type Obligation } from './obligation.ts';
import type { Obligations } from './obligations.ts';
import type { Ownership } from './ownership.ts';
import type { Runtime } from './runtime.ts';

/** Cause of a decision: the output of its owner of now is kept here, and nobody delivers it. */
export const OUTPUT_CAPTURED = 'output-captured';

export type DoubtOwner = {
  readonly obligations: Obligations;
  readonly ownership: Ownership;
  /** Every accepted input yields an output. */
  readonly makesOne: boolean;
  expire(): void;
  /** A person is asked about this input already, or has decided. */
  isDecided(input: number): boolean;
  doubt(cause: string, obligation: Obligation): void;
};

export class Doubts {
  readonly #owner: DoubtOwner;
  readonly #runtime: Runtime;
  readonly #rejected = new LazySet<Obligation>();
  #timer: number | null = null;

  constructor(owner: DoubtOwner, runtime: Runtime) {
    this.#owner = owner;
    this.#runtime = runtime;
  }

  /** Something of it has changed: did its owner reject its copy, or is its owner's output kept here for nobody? */
  mark(obligation: Obligation): void {
    const owner = this.#owner.ownership.ownerOfInput(obligation);
    const isAsked = owner !== null && (obligation.sides[owner].refused || isStranded(obligation, owner));
    obligation.isDoubtful = isAsked && obligation.verdict === 'positive' && !this.#owner.isDecided(obligation.input);
    if (obligation.isDoubtful) this.#rejected.add(obligation);
    else if (this.#rejected.size > 0) this.#rejected.delete(obligation);
  }

  load(): void {
    for (const obligation of this.#owner.obligations.all()) if (obligation.isDoubtful) this.#rejected.add(obligation);
  }

  /** Asks about one of them although the other platform may still come to its end. False: nothing is in doubt. */
  askNow(obligation: Obligation): boolean {
    if (!this.#rejected.delete(obligation) || !obligation.isDoubtful) return false;
    const owner = this.#owner.ownership.ownerOfInput(obligation) ?? obligation.primary;
    this.#owner.doubt(obligation.sides[owner].refused ? 'copy-rejected' : OUTPUT_CAPTURED, obligation);
    return true;
  }

  /** Asks about the copies that their owner did not take, once the other platform has its end. */
  askOfRejected(): void {
    if (this.#rejected.size === 0) return;
    const { ownership, obligations, makesOne } = this.#owner;
    for (const obligation of [...this.#rejected]) {
      const owner = ownership.ownerOfInput(obligation) ?? obligation.primary;
      const other = obligation.sides[otherPlatform(owner)];
      if (!hasEnded(other)) continue;
      this.#rejected.delete(obligation);
      const isRefused = obligation.sides[owner].refused;
      if (!isRefused && !other.delivered) this.#owner.doubt(OUTPUT_CAPTURED, obligation);
      else if (isRefused && (makesOne || other.kept)) this.#owner.doubt('copy-rejected', obligation);
      else {
        // The other platform has delivered, or has shown that nothing is owed here: not every input makes an output.
        obligation.isDoubtful = false;
        obligations.closeIfDone(obligation);
      }
    }
  }

  /** Looks at what is owed by copies, now and whenever something may be overdue. */
  watch(): void {
    this.askOfRejected();
    if (this.#timer !== null) return;
    const dueMs = this.#owner.obligations.nextDueMs(this.#runtime.now);
    if (dueMs === null) return;
    this.#timer = this.#runtime.after(dueMs - this.#runtime.now, () => {
      this.#timer = null;
      this.#owner.expire();
      this.#askOfMissing();
      this.watch();
    });
  }

  /** Asks where the owner has not made its output in time, and the other platform's is kept here. */
  #askOfMissing(): void {
    const { ownership, obligations, makesOne } = this.#owner;
    if (!makesOne) return;
    for (const obligation of [...obligations.all()]) {
      const owner = ownership.ownerOfInput(obligation);
      // What the primary itself owes is waited for: its answer says that it took the message.
      if (owner === null || owner === obligation.primary || obligation.verdict !== 'positive') continue;
      const other = obligation.sides[otherPlatform(owner)];
      if (other.kept && hasEnded(other) && obligations.isLate(obligation, owner, this.#runtime.now))
        this.#owner.doubt('output-missing', obligation);
    }
  }
}

/**
 * The other platform owned it when its owner of now made its output, which was captured; nobody had accepted the message
 * then, and a platform that knows the resend makes no second one.
 */
function isStranded({ sides, owner: heir, isPromised }: Obligation, owner: Platform): boolean {
  const { state, kept, delivered } = sides[owner];
  return heir === null && !isPromised && state === 'settled' && kept && !delivered;
}
