/** The one place where the time of day is read, so that everything else can be given another clock. */

export type Clock = {
  /** ISO 8601, UTC. */
  readonly now: () => string;
  /** Milliseconds of a clock that never goes back; only differences mean anything. */
  readonly elapsedMs: () => number;
};

export const systemClock: Clock = {
  now: () => new Date().toISOString(),
  elapsedMs: () => performance.now(),
};
