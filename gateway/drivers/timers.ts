/**
 * The engine's timers over few of the system's. Nearly all of them wait seconds for an answer that comes in milliseconds,
 * so arming and disarming must cost next to nothing: a long wait shares a timer with its neighbours and ends up to
 * 50 ms late, never early. A short one has its own. Neither follows the time of day, which may be set back.
 */

const SHARED_FROM_MS = 1000;
const GRAIN_MS = 50;
/** So late is one only where the process did not run. */
const FROZEN_MS = 100;

type Bucket = { readonly timers: Set<number>; readonly handle: NodeJS.Timeout };

export class Timers {
  readonly #fired: (timer: number) => void;
  readonly #own = new Map<number, NodeJS.Timeout>();
  /** By when they are due, in grains of the clock that never goes back. */
  readonly #buckets = new Map<number, Bucket>();
  readonly #bucketOf = new Map<number, number>();

  constructor(fired: (timer: number) => void) {
    this.#fired = fired;
  }

  arm(timer: number, atMs: number, nowMs: number): void {
    const delayMs = Math.max(0, atMs - nowMs);
    if (delayMs < SHARED_FROM_MS) this.#armOwn(timer, delayMs);
    else this.#armShared(timer, Math.ceil((performance.now() + delayMs) / GRAIN_MS));
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
    const dueMs = performance.now() + delayMs;
    const fire = (): void => {
      if (this.#own.delete(timer)) this.#fired(timer);
    };
    const handle = setTimeout(() => afterWhatHasCome(dueMs, fire), delayMs);
    this.#own.set(timer, handle);
  }

  #armShared(timer: number, grain: number): void {
    this.#bucketOf.set(timer, grain);
    const known = this.#buckets.get(grain);
    if (known !== undefined) {
      known.timers.add(timer);
      return;
    }
    const dueMs = grain * GRAIN_MS;
    const handle = setTimeout(
      () => afterWhatHasCome(dueMs, () => this.#fire(grain)),
      Math.ceil(dueMs - performance.now()),
    );
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

/**
 * A process that was stopped, or whose machine was, finds every wait over and the answers to it unread: these are read
 * first, or each would count as one that never came.
 */
function afterWhatHasCome(dueMs: number, run: () => void): void {
  if (performance.now() - dueMs < FROZEN_MS) run();
  else setImmediate(run);
}
