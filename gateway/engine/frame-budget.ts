/**
 * Rule 15: what the frames of all senders together may take. Past it a socket inside a long frame is not read; one such
 * socket at a time is, so that somebody always gets on. Who has not got on within a while is told to try again.
 */
import type { Runtime } from './runtime.ts';

export type FrameHolder = {
  pause(): void;
  resume(): void;
  /** It has waited too long: answered with AR, and closed. */
  refuse(): void;
};

export type FrameLimits = {
  /** Of all senders together. */
  readonly budgetBytes: number;
  readonly frameBytes: number;
};

/** So much of a frame each socket may bring all the same: an ordinary message passes. */
const ALLOWANCE_BYTES = 16 * 1024;
const WAIT_MS = 30_000;

export class FrameBudget {
  readonly #limits: FrameLimits;
  readonly #runtime: Runtime;
  /** Longest waiting first, with their timers. */
  readonly #waiting = new Map<FrameHolder, number>();
  #turn: { readonly holder: FrameHolder; readonly timer: number } | null = null;
  #bytes = 0;

  constructor(limits: FrameLimits, runtime: Runtime) {
    this.#limits = limits;
    this.#runtime = runtime;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get limitBytes(): number {
    return this.#limits.budgetBytes;
  }

  get isOver(): boolean {
    return this.#bytes > this.#limits.budgetBytes;
  }

  /** A sender's frames take so much more, or less. */
  take(bytes: number): void {
    this.#bytes += bytes;
    if (bytes < 0 && this.#waiting.size > 0) this.#goOn();
  }

  /** The socket is inside a frame, of which that much has come. */
  unfinished(holder: FrameHolder, frameBytes: number): void {
    if (!this.isOver || frameBytes <= ALLOWANCE_BYTES) return;
    if (this.#turn?.holder === holder || this.#waiting.has(holder)) return;
    holder.pause();
    const timer = this.#runtime.after(WAIT_MS, () => {
      this.#waiting.delete(holder);
      holder.refuse();
    });
    this.#waiting.set(holder, timer);
    this.#goOn();
  }

  /** Its frame is complete, or its socket is gone. */
  finished(holder: FrameHolder): void {
    const timer = this.#waiting.get(holder);
    if (timer !== undefined) {
      this.#runtime.cancel(timer);
      this.#waiting.delete(holder);
    }
    if (this.#turn?.holder !== holder) return;
    this.#runtime.cancel(this.#turn.timer);
    this.#turn = null;
    this.#goOn();
  }

  #goOn(): void {
    if (!this.isOver) {
      for (const [holder, timer] of [...this.#waiting]) {
        this.#runtime.cancel(timer);
        this.#waiting.delete(holder);
        holder.resume();
      }
      return;
    }
    // One at a time beyond the limit, and only while what it may still bring is bounded by one frame.
    if (this.#turn !== null || this.#bytes > this.#limits.budgetBytes + this.#limits.frameBytes) return;
    for (const [holder, timer] of this.#waiting) {
      this.#runtime.cancel(timer);
      this.#waiting.delete(holder);
      const turnTimer = this.#runtime.after(WAIT_MS, () => {
        this.#turn = null;
        holder.refuse();
        this.#goOn();
      });
      this.#turn = { holder, timer: turnTimer };
      holder.resume();
      return;
    }
  }
}
