/**
 * Inputs that are closed, by their key: who delivered their output, and whose output did not come in its time and may
 * still come. So a late output is told from a new one. Of those that nothing can come of any more only that the key has
 * come is kept, and of fewer.
 */

import { Newest } from '../../core/newest.ts';
import { PLATFORMS, type Platform, type Route } from '../../core/platform.ts';
import { RecentKeys } from '../../core/recent-keys.ts';

/** Those that something may still come of. In former checkpoints also the others, with nothing missing. */
export type LateState = readonly {
  readonly key: string;
  readonly input: number;
  readonly deliveredBy: Platform | null;
  readonly missing: readonly Platform[];
  readonly parks: boolean;
  /** Absent in a checkpoint from before it was kept: nothing of it is waited for. */
  readonly isAccepted?: boolean;
  /** Absent where they are null, and in a checkpoint from before they were kept. */
  readonly rejectedFrom?: Platform;
  readonly givenUp?: GivenUp;
}[];

/** Whose the output of an input was when it was given up (rule 15): somebody's whatever the route, or by that route. */
export type GivenUp = { readonly owner: Platform | null; readonly route: Route };

/** A closed input that was given up and that a late output belongs to. */
export type GivenUpInput = GivenUp & { readonly input: number };

type Closed = {
  readonly input: number;
  deliveredBy: Platform | null;
  /** The destination has rejected its output, and nothing of the input was delivered. */
  readonly rejectedFrom: Platform | null;
  legacyIsMissing: boolean;
  newIsMissing: boolean;
  /** A change-over has not waited for it: what comes now is out of order. */
  readonly parks: boolean;
  /** Its sender got a positive answer; else it may send the message again. */
  readonly isAccepted: boolean;
  readonly givenUp: GivenUp | null;
};

const LATE_LIMIT = 10_000;
const DONE_LIMIT = 2000;

export class LateOutputs {
  readonly #byKey = new Newest<string, Closed>(LATE_LIMIT);
  readonly #done = new RecentKeys(DONE_LIMIT);

  /** An input with this key is closed. What is given is kept, and changed here. */
  add(key: string, closed: Closed): void {
    const { legacyIsMissing, newIsMissing } = closed;
    if (!legacyIsMissing && !newIsMissing) {
      this.#byKey.delete(key);
      this.#done.add(key);
    } else this.#byKey.set(key, closed);
  }

  has(key: string): boolean {
    return this.#byKey.has(key) || this.#done.has(key);
  }

  /**
   * Once, for the late output of a closed input: `suppress` where the other platform has delivered, or its output was
   * rejected, `park` where a change-over has not waited for it.
   */
  take(platform: Platform, key: string): 'suppress' | 'park' | null {
    const closed = this.#byKey.get(key);
    if (closed === undefined || closed.deliveredBy === platform || !isMissing(closed, platform)) return null;
    const { deliveredBy, parks } = closed;
    const role = deliveredBy !== null || isRejectedFromOther(closed, platform) ? 'suppress' : parks ? 'park' : null;
    if (role === null) return null;
    if (platform === 'legacy') closed.legacyIsMissing = false;
    else closed.newIsMissing = false;
    return role;
  }

  /** The closed input that a late output of this platform belongs to, where its sender may send the message again. */
  unacceptedInput(platform: Platform, key: string): number | null {
    const closed = this.#byKey.get(key);
    if (closed === undefined || closed.isAccepted || closed.parks) return null;
    return closed.deliveredBy === null && isMissing(closed, platform) ? closed.input : null;
  }

  /** The input that a late output of this platform belongs to, where that was given up and nothing of it was delivered. */
  givenUp(platform: Platform, key: string): GivenUpInput | null {
    const closed = this.#byKey.get(key);
    if (closed === undefined || closed.givenUp === null || closed.deliveredBy !== null) return null;
    if (!isMissing(closed, platform)) return null;
    return { ...closed.givenUp, input: closed.input };
  }

  /** The closed input of which the destination has rejected the other platform's output, and this one's is late. */
  rejectedInput(platform: Platform, key: string): number | null {
    const closed = this.#byKey.get(key);
    if (closed === undefined || !isMissing(closed, platform)) return null;
    return closed.deliveredBy === null && isRejectedFromOther(closed, platform) ? closed.input : null;
  }

  /** The closed input that this platform has made its output of, where the other one's may still come. */
  madeBefore(platform: Platform, key: string): number | null {
    const closed = this.#byKey.get(key);
    return closed === undefined || isMissing(closed, platform) ? null : closed.input;
  }

  /** A person had the captures for this input delivered: an output that has not come is no longer wanted. */
  decided(input: number): void {
    for (const [, closed] of this.#byKey) {
      if (closed.input !== input) continue;
      closed.deliveredBy = PLATFORMS.find((platform) => !isMissing(closed, platform)) ?? null;
    }
  }

  /** Another attempt of the output was delivered. */
  deliveredBy(input: number, platform: Platform): void {
    for (const [, closed] of this.#byKey) if (closed.input === input) closed.deliveredBy = platform;
  }

  dump(): LateState {
    return [...this.#byKey].map(([key, closed]) => {
      const { input, deliveredBy, rejectedFrom, parks, isAccepted, givenUp } = closed;
      const former = { ...(rejectedFrom !== null && { rejectedFrom }), ...(givenUp !== null && { givenUp }) };
      const missing = PLATFORMS.filter((platform) => isMissing(closed, platform));
      return { key, input, deliveredBy, missing, parks, isAccepted, ...former };
    });
  }

  /** The keys that nothing can come of any more: a busy connection has thousands of them. */
  dumpDone(): readonly number[] {
    return this.#done.dump();
  }

  load(state: LateState, done: readonly (number | string)[]): void {
    this.#done.load(done);
    for (const { key, missing, isAccepted = true, rejectedFrom = null, givenUp = null, ...rest } of state) {
      const [legacyIsMissing, newIsMissing] = [missing.includes('legacy'), missing.includes('new')];
      this.add(key, { ...rest, rejectedFrom, legacyIsMissing, newIsMissing, isAccepted, givenUp });
    }
  }
}

function isRejectedFromOther({ rejectedFrom }: Closed, platform: Platform): boolean {
  return rejectedFrom !== null && rejectedFrom !== platform;
}

function isMissing(closed: Closed, platform: Platform): boolean {
  return platform === 'legacy' ? closed.legacyIsMissing : closed.newIsMissing;
}
