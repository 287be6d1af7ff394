/**
 * A change-over at an offset (DESIGN "Change-over methods"): nothing is held. From its epoch record on, outputs are judged
 * by the offset of their input until every earlier input has settled on both platforms; the new owner's outputs wait for
 * that, in their sockets and not in the journal, for a bounded time. What is then unsettled is for a person.
 */
import type { Platform, Route } from '../../core/platform.ts';
import type { Intake, Message } from './intake.ts';
import type { Obligation } from './obligation.ts';
import type { Obligations } from './obligations.ts';
import type { Runtime } from './runtime.ts';

/** An output that has come on a leg. */
export type Arrival = { readonly message: Message; readonly platform: Platform; readonly intake: Intake };

export type ChangeOverOwner = {
  readonly obligations: Obligations;
  /** Outputs that waited are judged again. */
  again(arrival: Arrival): void;
  /** An earlier input is still unsettled when the wait is over. */
  giveUp(obligation: Obligation): void;
  /** What can no longer come by its time is ended. */
  expire(): void;
  moved(): void;
};

export type ChangeOverState = { readonly offset: number; readonly former: Route } | null;

export class ChangeOver {
  readonly #owner: ChangeOverOwner;
  readonly #runtime: Runtime;
  readonly #orderWaitMs: number;
  #isCommitting = false;
  #open: ChangeOverState = null;
  #waiting: Arrival[] = [];
  #orderTimer: number | null = null;
  #dueTimer: number | null = null;

  constructor(owner: ChangeOverOwner, runtime: Runtime, orderWaitMs: number) {
    this.#owner = owner;
    this.#runtime = runtime;
    this.#orderWaitMs = orderWaitMs;
  }

  /** Inputs of the former epoch are not settled yet. */
  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** An epoch is on its way to the disk: until it is there, nobody can say whose an output is. */
  get isCommitting(): boolean {
    return this.#isCommitting;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  state(): ChangeOverState {
    return this.#open;
  }

  /** The route that judges the outputs of this input. */
  routeFor(input: number | null, now: Route): Route {
    const open = this.#open;
    return open !== null && input !== null && input < open.offset ? open.former : now;
  }

  /** The route before, while a change-over is open. */
  get former(): Route | null {
    return this.#open?.former ?? null;
  }

  wait(arrival: Arrival): void {
    this.#waiting.push(arrival);
  }

  submitted(): void {
    this.#isCommitting = true;
  }

  /** The epoch is durable. `at`: the change-over happens at this offset; null: everything was settled, or is re-owned. */
  committed(at: ChangeOverState): void {
    this.#isCommitting = false;
    this.restore(at);
    this.look();
    if (this.#open !== null) this.#watch();
    this.#judgeAgain();
  }

  /** Recovery: as the journal has it. */
  restore(at: ChangeOverState): void {
    this.#stopTimers();
    this.#open = at;
  }

  /** Recovery is over: what is open goes on. */
  resume(): void {
    this.look();
    if (this.#open !== null) this.#watch();
  }

  /** Closes the change-over once everything before it has settled: called whenever something has moved. */
  look(): void {
    if (this.#open === null || this.#earlier().length > 0) return;
    this.#stopTimers();
    this.#open = null;
    this.#judgeAgain();
  }

  #earlier(): readonly Obligation[] {
    const { offset } = this.#open ?? { offset: 0 };
    return [...this.#owner.obligations.all()].filter(({ input }) => input < offset);
  }

  #watch(): void {
    this.#orderTimer = this.#runtime.after(this.#orderWaitMs, () => {
      this.#orderTimer = null;
      for (const obligation of this.#earlier()) this.#owner.giveUp(obligation);
      this.#stopTimers();
      this.#open = null;
      this.#judgeAgain();
      this.#owner.moved();
    });
    this.#lookWhenDue();
  }

  /** Outputs that are only possible end by time, not by an event. */
  #lookWhenDue(): void {
    const dueMs = this.#owner.obligations.nextDueMs(this.#runtime.now);
    if (dueMs === null || this.#dueTimer !== null) return;
    this.#dueTimer = this.#runtime.after(dueMs - this.#runtime.now, () => {
      this.#dueTimer = null;
      this.#owner.expire();
      this.look();
      if (this.#open === null) this.#owner.moved();
      else this.#lookWhenDue();
    });
  }

  #judgeAgain(): void {
    for (const arrival of this.#waiting.splice(0)) this.#owner.again(arrival);
  }

  #stopTimers(): void {
    this.#runtime.cancel(this.#orderTimer);
    this.#runtime.cancel(this.#dueTimer);
    this.#orderTimer = null;
    this.#dueTimer = null;
  }
}
