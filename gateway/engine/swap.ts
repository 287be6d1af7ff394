/**
 * A move of one connection as one operation (rule 8): catch up with traffic flowing → hold → drain → the epoch record is
 * submitted (point of no return) → it is durable → release. All or nothing, bounded, and fenced by the epoch.
 */

import type { RouteResponse } from '../../core/admin-api.ts';
import type { MoveVerb } from '../../core/connection.ts';
import { counted } from '../../core/count-words.ts';
import { controlOf, type Platform, type Route } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { FeedEngine } from './feed.ts';
import type { Message } from './intake.ts';
import type { Runtime } from './runtime.ts';

export type SwapPhase = 'catching-up' | 'holding' | 'draining' | 'committing' | 'settling' | 'done';

/** `quiesce`: nothing is mid-transfer. `at-offset`: nothing is held (change-over.ts). `forced`: at once (reown.ts). */
export type SwapMethod = 'quiesce' | 'at-offset' | 'forced';

export type SwapPlan = {
  readonly verb: MoveVerb;
  readonly next: Route;
  readonly method: SwapMethod;
  readonly deadlineMs: number;
};

export type SwapHooks = {
  /** Appends the epoch record; `then` runs when it is durable and the route is what the plan says. */
  commit(then: () => void): void;
  /** The new route gives the feed another primary. */
  movesPrimary(): boolean;
  /** What blocked the drain has waited longer than it can take: a person decides. */
  overdue(): void;
  done(response: RouteResponse): void;
  /** Everyone who was held has an answer or none to wait for, which may be long after the outcome was told. */
  felt(pause: SwapPause): void;
};

/** Longest time from a message to its answer around a swap, as its sender felt it; 0: nobody was held. */
export type SwapPause = { readonly pauseMs: number; readonly isAborted: boolean };

/**
 * Copies that may be under way when the hold begins: few enough to be answered within it. Not fewer: a sender that sends without a
 * pause keeps its platform two behind.
 */
const CATCH_UP_LAG = 2;
/** Of what a hold may last, how much may go to getting in step. */
const STEP_SHARE = 0.5;
/** Inputs whose outputs may still come when a change-over at an offset begins: the new owner's outputs wait for them. */
const CATCH_UP_OPEN = 8;
const CONNECT_WITHIN_MS = 5000;
/** How long the answer to the request waits for the answers of the messages that were held. */
const REPORT_WAIT_MS = 2000;

export class Swap {
  phase: SwapPhase = 'catching-up';
  readonly #plan: SwapPlan;
  readonly #connection: ConnectionEngine;
  readonly #feed: FeedEngine;
  readonly #runtime: Runtime;
  readonly #hooks: SwapHooks;
  #deadlineTimer: number | null = null;
  #connectTimer: number | null = null;
  #stepTimer: number | null = null;
  #hasWaitedForStep = false;
  #wasOutOfStep = false;
  #holdTimer: number | null = null;
  #settleTimer: number | null = null;
  #inFlightAtHold = 0;
  #drainedAtMs: number | null = null;
  #pauseMs = 0;
  #heldMessages = 0;
  #isAborted = false;
  #isTold = false;
  #isPauseTold = false;
  readonly #held = new Set<Message>();

  constructor(plan: SwapPlan, connection: ConnectionEngine, feed: FeedEngine, runtime: Runtime, hooks: SwapHooks) {
    this.#plan = plan;
    this.#connection = connection;
    this.#feed = feed;
    this.#runtime = runtime;
    this.#hooks = hooks;
  }

  start(): void {
    if (this.#plan.method === 'forced') {
      this.#commit();
      return;
    }
    this.#deadlineTimer = this.#runtime.after(this.#plan.deadlineMs, () => this.#abort(this.#whyNotReady()));
    if (this.#drains) this.#requireConnection();
    this.check();
  }

  /** A platform that cannot even be reached is no reason to use up the whole deadline. */
  #requireConnection(): void {
    this.#feed.links[this.#target].connect();
    this.#connectTimer = this.#runtime.after(CONNECT_WITHIN_MS, () => {
      if (this.phase === 'catching-up' && !this.#feed.links[this.#target].isConnected) this.#abort(this.#whyNotReady());
    });
  }

  /** Looks again whether the next step can be taken: called whenever something has moved. */
  check(): void {
    if (this.phase === 'catching-up' && this.#isCaughtUp()) {
      if (this.#needsStep() && !this.#feed.isInStep) this.#getInStep();
      else this.#proceed();
    }
    if (this.phase === 'catching-up' && this.#isBehindWithOutputs) this.#lookAgainWhenDue();
    if (this.phase === 'holding') this.#lookWhetherInStep();
    if (this.phase === 'draining') this.#drain();
  }

  /** The route whose epoch record is on its way to the disk: it will be, whatever happens; null: none is. */
  get committing(): Route | null {
    return this.phase === 'committing' ? this.#plan.next : null;
  }

  /** A message that was held has been answered or given up. */
  ended(message: Message): void {
    if (!this.#held.delete(message)) return;
    this.#pauseMs = Math.max(this.#pauseMs, this.#runtime.now - message.receivedAtMs);
    if (this.#held.size === 0 && this.phase === 'settling') this.#finish();
    else this.#tellPause();
  }

  /** Some who were held wait for their answers. */
  get isStillFelt(): boolean {
    return this.#held.size > 0;
  }

  /** The gateway stops: nothing has happened unless the epoch record was submitted. */
  abortIfPossible(reason: string): void {
    if (this.#canBeUndone) this.#abort(reason);
  }

  /** Another move is not to wait for this one: it is given up, or, where it has been made, its figures are. */
  giveWay(reason: string): void {
    if (this.phase === 'settling') this.#finish();
    else this.abortIfPossible(reason);
  }

  get #canBeUndone(): boolean {
    return this.phase === 'catching-up' || this.phase === 'holding' || this.phase === 'draining';
  }

  /** Ownership moves, so nothing may be mid-transfer; other moves only change what runs beside the control. */
  get #drains(): boolean {
    return this.#plan.verb === 'switch' || this.#plan.verb === 'rollback' || this.#plan.verb === 'weight';
  }

  /** The platform that must be able to take over. */
  get #target(): Platform {
    return this.#plan.verb === 'weight' && this.#plan.next.newWeight > 0 ? 'new' : controlOf(this.#plan.next);
  }

  #isCaughtUp(): boolean {
    // One change-over after the other: outputs are judged by two routes at most.
    if (this.#connection.changeOver.isOpen) return false;
    if (this.#plan.method !== 'at-offset' && !this.#feed.canBeHeld) return false;
    if (!this.#drains) return true;
    const canConnect = this.#feed.links[this.#target].isConnected;
    if (this.#feed.lag > CATCH_UP_LAG || !canConnect || this.#connection.destination.isBlocked) return false;
    return !this.#isBehindWithOutputs;
  }

  /**
   * What is on its way now would not be through within a hold: an output that has already been waited for longer than one may
   * last says so of those behind it. Nobody is held for a queue that traffic can work off.
   */
  get #isBehindWithOutputs(): boolean {
    if (!this.#drains) return false;
    const { obligations } = this.#connection;
    if (this.#plan.method === 'at-offset') return obligations.size > CATCH_UP_OPEN;
    return obligations.behindMs(this.#runtime.now) > this.#feed.holdLimitMs;
  }

  /** A change-over at an offset holds nobody, unless it moves the primary. */
  #needsStep(): boolean {
    if (!this.#drains || this.#hasWaitedForStep) return false;
    return this.#plan.method !== 'at-offset' || (this.#hooks.movesPrimary() && this.#feed.canBeHeld);
  }

  /**
   * A sender that sends without a pause leaves the other platform no time to get in step: its next message would wait for two
   * copies behind each other. So one message waits for the first of them, and goes the old way; the next waits for the second.
   */
  #getInStep(): void {
    this.#hasWaitedForStep = true;
    this.phase = 'holding';
    this.#stepTimer = this.#runtime.after(Math.floor(this.#feed.holdLeftMs * STEP_SHARE), () => this.#stepOverdue());
    this.#feed.hold(this);
    this.#inFlightAtHold = this.#feed.inFlight;
  }

  #lookWhetherInStep(): void {
    if (!this.#feed.isInStep) {
      this.#wasOutOfStep ||= this.#feed.inFlight === 0;
      return;
    }
    const passed = this.#wasOutOfStep ? this.#feed.letOnePass(this) : null;
    if (passed !== null) this.#held.add(passed);
    this.#proceed();
  }

  /** Then as far as it is: behind by so little as a swap can bear, or not caught up any more. */
  #stepOverdue(): void {
    this.phase = 'catching-up';
    if (!this.#isCaughtUp()) this.#feed.release(this);
    this.check();
  }

  #proceed(): void {
    this.#runtime.cancel(this.#stepTimer);
    this.#stepTimer = null;
    if (this.#plan.method === 'at-offset') this.#commit();
    else this.#hold();
  }

  #hold(): void {
    const leftMs = this.#feed.holdLeftMs;
    this.phase = 'draining';
    this.#feed.hold(this);
    if (!this.#hasWaitedForStep) this.#inFlightAtHold = this.#feed.inFlight;
    this.#holdTimer = this.#runtime.after(leftMs, () => {
      const reason = this.#whyNotDrained();
      this.#abort(reason, () => this.#hooks.overdue());
    });
  }

  #drain(): void {
    if (this.#drains && !(this.#feed.isQuiet && this.#connection.isSettled())) {
      this.#lookAgainWhenDue();
      return;
    }
    this.#drainedAtMs = this.#runtime.now;
    this.#commit();
  }

  /** Outputs that are only possible end by time, not by an event. */
  #lookAgainWhenDue(): void {
    const dueMs = this.#connection.obligations.nextDueMs(this.#runtime.now);
    if (dueMs === null || this.#settleTimer !== null) return;
    this.#settleTimer = this.#runtime.after(dueMs - this.#runtime.now, () => {
      this.#settleTimer = null;
      this.check();
    });
  }

  #commit(): void {
    this.phase = 'committing';
    this.#stopTimers();
    if (this.#plan.method === 'at-offset') {
      if (!this.#hasWaitedForStep) this.#inFlightAtHold = this.#feed.inFlight;
      for (const message of this.#feed.unanswered) this.#held.add(message);
      // Only while the record is on its way to the disk: by it the next message has another primary.
      if (this.#hooks.movesPrimary()) this.#feed.hold(this);
    } else this.#feed.hold(this);
    this.#hooks.commit(() => this.#committed());
  }

  #committed(): void {
    this.phase = 'settling';
    if (this.#plan.method !== 'at-offset') {
      for (const message of this.#feed.waiting) this.#held.add(message);
      this.#heldMessages = this.#held.size;
    }
    this.#feed.release(this);
    // A forced rollback returns when the epoch is durable; the figure of what was held is then not waited for.
    if (this.#held.size === 0 || this.#plan.method === 'forced') this.#finish();
    else this.#deadlineTimer = this.#runtime.after(REPORT_WAIT_MS, () => this.#finish());
  }

  #finish(): void {
    if (this.phase === 'done') return;
    for (const message of this.#held) this.#pauseMs = Math.max(this.#pauseMs, this.#runtime.now - message.receivedAtMs);
    this.phase = 'done';
    this.#stopTimers();
    this.#told(this.#response(this.#plan.next));
  }

  #told(response: RouteResponse): void {
    this.#isTold = true;
    this.#hooks.done(response);
    this.#tellPause();
  }

  /** Once, after the outcome. */
  #tellPause(): void {
    if (!this.#isTold || this.#isPauseTold || this.isStillFelt) return;
    this.#isPauseTold = true;
    this.#hooks.felt({ pauseMs: Math.round(this.#pauseMs), isAborted: this.#isAborted });
  }

  #abort(reason: string, afterwards?: () => void): void {
    if (!this.#canBeUndone) return;
    this.phase = 'done';
    this.#stopTimers();
    this.#isAborted = true;
    this.#heldMessages = this.#feed.waiting.length;
    for (const message of this.#feed.waiting) {
      this.#held.add(message);
      this.#pauseMs = Math.max(this.#pauseMs, this.#runtime.now - message.receivedAtMs);
    }
    this.#feed.release(this);
    this.#told({ ...this.#response(this.#connection.route), aborted: true, reason });
    afterwards?.();
  }

  #response(route: Route): RouteResponse {
    return responseOf(route, {
      pauseMs: Math.round(this.#pauseMs),
      heldMessages: this.#heldMessages,
      inFlightAtHold: this.#inFlightAtHold,
      drainedAtMs: this.#drainedAtMs,
    });
  }

  #whyNotReady(): string {
    if (this.phase === 'draining') return this.#whyNotDrained();
    if (this.phase === 'holding' && this.#feed.inFlight > 0)
      return `${this.#feed.primary} has not answered the message in flight`;
    if (this.#connection.changeOver.isOpen) return 'outputs of the last change-over are still settling';
    const target = this.#target;
    if (!this.#feed.links[target].isConnected) {
      const { host, port } = this.#feed.config.platforms[target];
      return `${target} does not accept connections at ${host}:${port}`;
    }
    const { lag } = this.#feed;
    if (lag > CATCH_UP_LAG || this.phase === 'holding')
      return `the shadow cannot catch up: ${counted(lag, 'message')} behind`;
    const { size } = this.#connection.obligations;
    if (this.#isBehindWithOutputs) return `the platforms are behind with the outputs of ${counted(size, 'input')}`;
    if (this.#connection.destination.isBlocked) return 'the destination does not answer';
    return 'the feed is still answering what waited for the last hold';
  }

  #whyNotDrained(): string {
    const open: string[] = [];
    if (this.#feed.inFlight > 0) open.push(`${this.#feed.primary} has not answered the message in flight`);
    for (const platform of ['legacy', 'new'] as const) {
      const lag = this.#feed.shadows[platform].lag;
      if (lag > 0) open.push(`the shadow to ${platform} is ${lag} behind`);
    }
    const { openOutputs, owedOutputs, obligations } = this.#connection;
    if (openOutputs > 0) open.push(`${counted(openOutputs, 'output is', 'outputs are')} on their way`);
    if (owedOutputs > 0)
      open.push(
        `${counted(owedOutputs, 'output')} of ${controlOf(this.#connection.route)} ${owedOutputs === 1 ? 'is' : 'are'} owed`,
      );
    else if (obligations.size > 0) open.push(`outputs of ${counted(obligations.size, 'input')} can still come`);
    const after = `not drained within ${this.#feed.holdLimitMs} ms (half of the sender's ackTimeout)`;
    return `${after}: ${open.length > 0 ? open.join('; ') : 'nothing is open any more'}`;
  }

  #stopTimers(): void {
    const timers = [this.#deadlineTimer, this.#connectTimer, this.#stepTimer, this.#holdTimer, this.#settleTimer];
    for (const timer of timers) this.#runtime.cancel(timer);
    this.#stepTimer = null;
    this.#deadlineTimer = null;
    this.#connectTimer = null;
    this.#holdTimer = null;
    this.#settleTimer = null;
  }
}

/** What a move came to: the route as it is now, and what its senders and outputs felt. */
export function responseOf(
  route: Route,
  felt: Pick<RouteResponse, 'pauseMs' | 'heldMessages' | 'inFlightAtHold'> & { readonly drainedAtMs: number | null },
): RouteResponse {
  const { drainedAtMs, ...figures } = felt;
  return {
    epoch: route.epoch,
    phase: route.phase,
    newWeight: route.newWeight,
    control: controlOf(route),
    ...figures,
    drainedAt: drainedAtMs === null ? null : new Date(drainedAtMs).toISOString(),
  };
}
