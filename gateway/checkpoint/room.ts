/**
 * What of the journal may go, as the last checkpoint has it, and what goes when the disk is full: first whatever nothing
 * needs, however much history was to be kept; then what only copies need that nobody is owed (ADR 34).
 */
import type { SegmentPlace } from '../journal/types.ts';

/** Below these records nothing is needed to recover or to deliver: now, and were copies given up that nobody is owed. */
export type Free = { readonly now: number; readonly besidesBacklog: number };

/** A checkpoint: the first record that it does not have, and what is still needed beside it. */
export type Made = { readonly offset: number; readonly neededFrom: number; readonly neededBesidesBacklog: number };

export type RoomOptions = {
  /** What the checkpoint that was read at the start lets go, and would, were copies given up; 0: nothing. */
  readonly freeAtStart: Free;
  segments(): readonly Pick<SegmentPlace, 'firstOffset'>[];
  /**
   * Copies that nobody is owed are given up so that the journal before one of these records may go: the newest one that
   * nothing else needs, which it returns; null: none of them.
   */
  giveUpBacklog(ends: readonly number[]): number | null;
  purgeBefore(offset: number): Promise<number>;
  /** The newest record that may go because a database has it; infinity: there is none, and it need not. */
  shippedUpTo(): number;
  /** The newest record that is on disk. */
  durableUpTo(): number;
  /** The last checkpoint may be old, or have found no room: another one is to be made. */
  checkpoint(durableUpTo: number): void;
};

/** Segments that are let go together with the copies that they hold: one to go on in, one for the checkpoint after it. */
const GIVEN_UP_AT_ONCE = 2;

export class Room {
  readonly #options: RoomOptions;
  /** Below it nothing is needed to recover or to deliver; 0: no checkpoint has said so yet. */
  #free: number;
  #freeBesidesBacklog: number;
  #isPressed = false;
  /** The first record that is in no checkpoint of this process. */
  #madeUpTo = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#free = options.freeAtStart.now;
    this.#freeBesidesBacklog = options.freeAtStart.besidesBacklog;
  }

  get free(): number {
    return this.#free;
  }

  made({ offset, neededFrom, neededBesidesBacklog }: Made): void {
    this.#madeUpTo = offset;
    this.#free = Math.min(offset, neededFrom);
    this.#freeBesidesBacklog = Math.min(offset, neededBesidesBacklog);
  }

  /** The disk is full. Says how many segments have gone. */
  async pressed(): Promise<number> {
    if (this.#isPressed) return 0;
    this.#isPressed = true;
    try {
      const purged = await this.purgeUnneeded();
      return purged > 0 ? purged : await this.#purgeBacklog();
    } finally {
      this.#isPressed = false;
    }
  }

  async purgeUnneeded(): Promise<number> {
    if (this.#free === 0) return 0;
    return this.#options.purgeBefore(Math.min(this.#free, this.#options.shippedUpTo() + 1));
  }

  async #purgeBacklog(): Promise<number> {
    const { segments, giveUpBacklog, shippedUpTo, durableUpTo, checkpoint } = this.#options;
    const most = Math.min(this.#freeBesidesBacklog, shippedUpTo() + 1);
    // A segment may go as a whole, where its successor begins.
    const ends = segments().flatMap(({ firstOffset }, index) =>
      index > 0 && firstOffset <= most ? [firstOffset] : [],
    );
    const upTo = ends.length === 0 ? null : giveUpBacklog(ends.slice(0, GIVEN_UP_AT_ONCE));
    if (upTo === null) {
      const durable = durableUpTo();
      if (durable >= this.#madeUpTo) checkpoint(durable);
      return 0;
    }
    this.#free = Math.max(this.#free, upTo);
    return this.purgeUnneeded();
  }
}
