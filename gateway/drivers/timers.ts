/**
 * The engine's timers over few of the system's. Nearly all of them wait seconds for an answer that comes in milliseconds,
 * so arming and disarming must cost next to nothing: a long wait shares a timer with its neighbours and ends up to
 * 50 ms late, never early. A short one has its own.
 */

const SHARED_FROM_MS = 1000;
const GRAIN_MS = 50;

type Bucket = { readonly timers: Set<number>; readonly handle: NodeJS.Timeout };

export class Timers {
  readonly #fired: (timer: number) => void;
  readonly #own = new Map<number, NodeJS.Timeout>();
  /** By the time at which they are due, in grains. */
  readonly #buckets = new Map<number, Bucket>();
  readonly #bucketOf = new Map<number, number>();

  constructor(fired: (timer: number) => void) {
    this.#fired = fired;
  }

  arm(timer: number, atMs: number, nowMs: number): void {
    const delayMs = atMs - nowMs;
    if (delayMs < SHARED_FROM_MS) this.#armOwn(timer, Math.max(0, delayMs));
    else this.#armShared(timer, Math.ceil(atMs / GRAIN_MS), nowMs);
  }

  disarm(timer: number): void {
    const grain = this.#bucketOf.get(timer);
    if (grain !== undefined) {
      // The bucket's own timer runs out and finds nothing: cheaper than to look after it each time.
      this.#bucketOf.delete(timer);
      this.#buckets.get(grain)?.timers.delete(timer);
      return;
    }
    clearTimeout(this.#own.get(timer));
    this.#own.delete(timer);
  }

  clear(): void {
    for (const handle of this.#own.values()) clearTimeout(handle);
    for (const { handle } of this.#buckets.values()) clearTimeout(handle);
    this.#own.clear();
    this.#buckets.clear();
    this.#bucketOf.clear();
  }

  #armOwn(timer: number, delayMs: number): void {
    const handle = setTimeout(() => {
      this.#own.delete(timer);
      this.#fired(timer);
    }, delayMs);
    this.#own.set(timer, handle);
  }

  #armShared(timer: number, grain: number, nowMs: number): void {
    this.#bucketOf.set(timer, grain);
    const known = this.#buckets.get(grain);
    if (known !== undefined) {
      known.timers.add(timer);
      return;
    }
    const handle = setTimeout(() => this.#fire(grain), grain * GRAIN_MS - nowMs);
    this.#buckets.set(grain, { timers: new Set([timer]), handle });
  }

  #fire(grain: number): void {
    const bucket = this.#buckets.get(grain);
    this.#buckets.delete(grain);
    for (const timer of bucket?.timers ?? []) {
      // One that fires may disarm others.
      if (this.#bucketOf.delete(timer)) this.#fired(timer);
    }
  }
}
