/**
 * Rule 15: what the frames of all senders together may take. Past it a socket inside a long frame is not read; one such
 * socket at a time is, the one that has waited longest, so that somebody always gets on, however much the others hold. Who
 * has not got on within a while is told to try again.
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

/** Of its frame had come when it began to wait, and the timer of that. */
type Waiting = { readonly bytes: number; readonly timer: number };

/** `bytes`: of its frame has come; `seenBytes`: had come when it was last looked at. */
type Turn = { readonly holder: FrameHolder; readonly untilMs: number; bytes: number; seenBytes: number; timer: number };

/** So much of a frame each socket may bring all the same: an ordinary message passes. */
export const ALLOWANCE_BYTES = 16 * 1024;
const WAIT_MS = 30_000;
/** Who has the turn and brings less than the allowance in this time gives it up, where others wait. */
const TURN_LOOK_MS = 5000;

export class FrameBudget {
  readonly limits: FrameLimits;
  readonly #runtime: Runtime;
  readonly #lanes: FrameLane[] = [];
  #bytes = 0;

  constructor(limits: FrameLimits, runtime: Runtime) {
    this.limits = limits;
    this.#runtime = runtime;
  }

  /** For those whose frames wait for each other, and for nobody else's. */
  lane(): FrameLane {
    const lane = new FrameLane(this, this.#runtime);
    this.#lanes.push(lane);
    return lane;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get limitBytes(): number {
    return this.limits.budgetBytes;
  }

  get isOver(): boolean {
    return this.#bytes > this.limits.budgetBytes;
  }

  /** A sender's frames take so much more, or less. */
  take(bytes: number): void {
    this.#bytes += bytes;
    if (bytes < 0) for (const lane of this.#lanes) lane.look();
  }
}

/**
 * Inputs have one lane and outputs another: a platform may answer an input once its output is delivered, which must not
 * wait for the room that the input takes.
 */
export class FrameLane {
  readonly #budget: FrameBudget;
  readonly #runtime: Runtime;
  /** Longest waiting first. */
  readonly #waiting = new Map<FrameHolder, Waiting>();
  #turn: Turn | null = null;
  /** Whole frames that were let in past the limit, until they are answered. */
  readonly #letIn = new Map<FrameHolder, number>();
  #letInBytes = 0;

  constructor(budget: FrameBudget, runtime: Runtime) {
    this.#budget = budget;
    this.#runtime = runtime;
  }

  /** There may be more room than before. */
  look(): void {
    if (this.#waiting.size > 0 || this.#turn !== null) this.#goOn();
  }

  /** The socket is inside a frame, of which that much has come. */
  unfinished(holder: FrameHolder, frameBytes: number): void {
    if (!this.#budget.isOver || frameBytes <= ALLOWANCE_BYTES) return;
    if (this.#turn?.holder === holder) {
      this.#turn.bytes = frameBytes;
      return;
    }
    if (this.#waiting.has(holder)) return;
    holder.pause();
    const timer = this.#runtime.after(WAIT_MS, () => {
      this.#waiting.delete(holder);
      holder.refuse();
    });
    this.#waiting.set(holder, { bytes: frameBytes, timer });
    this.#goOn();
  }

  /** It may not be read now. */
  isWaiting(holder: FrameHolder): boolean {
    return this.#waiting.has(holder);
  }

  /** Its frame is complete and takes that much until it is `answered`; 0: nothing, as where its socket is gone. */
  finished(holder: FrameHolder, frameBytes: number): void {
    this.#forget(holder);
    if (this.#turn?.holder !== holder) return;
    this.#endTurn(this.#turn);
    if (frameBytes > 0 && this.#budget.isOver) {
      this.#letIn.set(holder, frameBytes);
      this.#letInBytes += frameBytes;
    }
    this.#goOn();
  }

  /** The whole frame takes nothing any more. */
  answered(holder: FrameHolder): void {
    const frameBytes = this.#letIn.get(holder);
    if (frameBytes === undefined) return;
    this.#letIn.delete(holder);
    this.#letInBytes -= frameBytes;
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#budget.isOver) {
      this.#fits();
      return;
    }
    // What is let in past the limit is bounded by two frames: those that wait for an answer, and one that is coming.
    if (this.#turn !== null || this.#letInBytes > this.#budget.limits.frameBytes) return;
    const [next] = this.#waiting;
    if (next === undefined) return;
    const [holder, { bytes }] = next;
    this.#forget(holder);
    const untilMs = this.#runtime.now + WAIT_MS;
    this.#turn = { holder, untilMs, bytes, seenBytes: bytes, timer: 0 };
    this.#lookLater(this.#turn);
    holder.resume();
  }

  /** Nothing is past the limit any more. */
  #fits(): void {
    this.#letIn.clear();
    this.#letInBytes = 0;
    if (this.#turn !== null) this.#endTurn(this.#turn);
    for (const holder of [...this.#waiting.keys()]) {
      this.#forget(holder);
      holder.resume();
    }
  }

  #lookLater(turn: Turn): void {
    turn.timer = this.#runtime.after(TURN_LOOK_MS, () => {
      const comes = turn.bytes - turn.seenBytes >= ALLOWANCE_BYTES || this.#waiting.size === 0;
      if (comes && this.#runtime.now < turn.untilMs) {
        turn.seenBytes = turn.bytes;
        this.#lookLater(turn);
        return;
      }
      this.#turn = null;
      turn.holder.refuse();
      this.#goOn();
    });
  }

  #endTurn({ timer }: Turn): void {
    this.#runtime.cancel(timer);
    this.#turn = null;
  }

  #forget(holder: FrameHolder): void {
    const waiting = this.#waiting.get(holder);
    if (waiting === undefined) return;
    this.#runtime.cancel(waiting.timer);
    this.#waiting.delete(holder);
  }
}
