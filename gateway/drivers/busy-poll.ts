/**
 * Busy polling (ADR 38): while one lone message is under way the loop looks once more before it sleeps. To fall asleep and be
 * woken takes the system longer than the next answer takes to come. Only where that has paid off lately, and never while
 * more than two sockets speak: then the loop has enough to do, and their peers need the processors.
 */
import { availableParallelism } from 'node:os';

/** So long for the next event. */
const LOOK_MS = 0.4;
/** Waits in vain that undo what the ones that paid off have earned, and how much of that is remembered. */
const LOSS = 4;
const MOST_SCORE = 32;
/** No socket has this number. */
const NONE = -1;
/** Events after a loss, or after a third socket, during which nothing is hoped for. */
const CALM_FIRST = 64;
const CALM_LAST = 4096;

export type BusyPollOptions = {
  /** Milliseconds that never go back. Default: `performance.now`. */
  readonly clock?: () => number;
  /** Runs it after the next look for events. Default: `setImmediate`. */
  readonly defer?: (run: () => void) => void;
  /** With one processor it would keep the others from theirs. Default: those that this process may use. */
  readonly processors?: number;
};

export class BusyPoll {
  readonly #clock: () => number;
  readonly #defer: (run: () => void) => void;
  readonly #isPossible: boolean;
  /** The last two sockets that something came on: a sender's and its platform's. */
  #newest = NONE;
  #second = NONE;
  #isLooking = false;
  #events = 0;
  #untilMs = 0;
  #score = 0;
  #calm = 0;
  #nextCalm = CALM_FIRST;

  constructor(options: BusyPollOptions = {}) {
    this.#clock = options.clock ?? ((): number => performance.now());
    this.#defer = options.defer ?? ((run): void => void setImmediate(run));
    this.#isPossible = (options.processors ?? availableParallelism()) > 1;
  }

  /** Something of a message has come: on this socket, or (null) the disk's word. */
  event(socket: number | null): void {
    this.#events++;
    if (!this.#isPossible) return;
    if (socket !== null && socket !== this.#newest) this.#hear(socket);
    if (this.#isLooking) return;
    if (this.#calm > 0) {
      this.#calm--;
      return;
    }
    this.#isLooking = true;
    this.#events = 0;
    this.#untilMs = this.#clock() + LOOK_MS;
    this.#defer(this.#look);
  }

  #hear(socket: number): void {
    if (socket !== this.#second) this.#calm = Math.max(this.#calm, CALM_FIRST);
    this.#second = this.#newest;
    this.#newest = socket;
  }

  readonly #look = (): void => {
    const events = this.#events;
    this.#events = 0;
    const nowMs = this.#clock();
    if (events === 1) {
      this.#untilMs = nowMs + LOOK_MS;
      this.#score = Math.min(MOST_SCORE, this.#score + 1);
      this.#nextCalm = CALM_FIRST;
    }
    if (events > 1 || this.#calm > 0 || nowMs >= this.#untilMs) {
      this.#isLooking = false;
      if (events === 0) this.#lose();
    } else this.#defer(this.#look);
  };

  #lose(): void {
    this.#score -= LOSS;
    if (this.#score >= 0) return;
    this.#score = 0;
    this.#calm = this.#nextCalm;
    this.#nextCalm = Math.min(CALM_LAST, this.#nextCalm * 2);
  }
}
