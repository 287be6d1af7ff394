/**
 * A move of a connection without a feed (origin: platform): the owner is stopped, which a person attests → empty, which the
 * gateway measures → the epoch record (point of no return). Nothing is held: nobody waits before the gateway. The other
 * platform is started by a person afterwards; until the record is durable what it sends is refused.
 */

import type { RouteResponse } from '../../core/admin-api.ts';
import { counted } from '../../core/count-words.ts';
import { controlOf, type Route } from '../../core/platform.ts';
import { notStopped } from '../../core/platform-origin.ts';
import type { ConnectionEngine } from './connection.ts';
import type { PlatformOrigin } from './platform-origin.ts';
import type { Runtime } from './runtime.ts';
import { responseOf, type SwapHooks, type SwapPhase, type SwapPlan } from './swap.ts';

export class StopAndStart {
  phase: SwapPhase = 'draining';
  readonly #plan: SwapPlan;
  readonly #connection: ConnectionEngine;
  readonly #origin: PlatformOrigin;
  readonly #runtime: Runtime;
  readonly #hooks: Pick<SwapHooks, 'commit' | 'done' | 'felt'>;
  #inFlightAtStart = 0;
  #emptyAtMs: number | null = null;
  #deadlineTimer: number | null = null;
  #quietTimer: number | null = null;

  constructor(
    plan: SwapPlan,
    connection: ConnectionEngine,
    origin: PlatformOrigin,
    runtime: Runtime,
    hooks: Pick<SwapHooks, 'commit' | 'done' | 'felt'>,
  ) {
    this.#plan = plan;
    this.#connection = connection;
    this.#origin = origin;
    this.#runtime = runtime;
    this.#hooks = hooks;
  }

  start(): void {
    this.#inFlightAtStart = this.#connection.openOutputs;
    const { verb, method } = this.#plan;
    // Nothing is owed without inputs: a dead platform has what it has, and a decommission moves no ownership.
    if (method === 'forced' || verb === 'decommission') {
      this.#commit();
      return;
    }
    this.#deadlineTimer = this.#runtime.after(this.#plan.deadlineMs, () => this.#abort(this.#whyNotEmpty()));
    this.check();
  }

  /** Looks again whether it is empty: called whenever something has moved. */
  check(): void {
    if (this.phase !== 'draining') return;
    const { route, openOutputs } = this.#connection;
    const bar = notStopped(this.#connection.config.name, this.#plan.verb, route, this.#origin.status());
    if (bar !== null) {
      this.#abort(bar.reason);
      return;
    }
    if (openOutputs > 0) return;
    const leftMs = this.#origin.quietLeftMs(controlOf(route), this.#runtime.now);
    if (leftMs > 0) {
      this.#quietTimer ??= this.#runtime.after(leftMs, () => {
        this.#quietTimer = null;
        this.check();
      });
      return;
    }
    this.#emptyAtMs = this.#runtime.now;
    this.#commit();
  }

  /** The gateway stops: nothing has happened unless the epoch record was submitted. */
  abortIfPossible(reason: string): void {
    if (this.phase === 'draining') this.#abort(reason);
  }

  giveWay(reason: string): void {
    this.abortIfPossible(reason);
  }

  #commit(): void {
    this.phase = 'committing';
    this.#stopTimers();
    this.#hooks.commit(() => {
      this.phase = 'done';
      this.#hooks.done(this.#response(this.#plan.next));
      this.#hooks.felt({ pauseMs: 0, isAborted: false });
    });
  }

  #abort(reason: string): void {
    this.phase = 'done';
    this.#stopTimers();
    this.#hooks.done({ ...this.#response(this.#connection.route), aborted: true, reason });
    this.#hooks.felt({ pauseMs: 0, isAborted: true });
  }

  #whyNotEmpty(): string {
    const { openOutputs, route } = this.#connection;
    const owner = controlOf(route);
    if (openOutputs > 0)
      return `not empty: ${counted(openOutputs, 'output')} of ${owner} ${openOutputs === 1 ? 'is' : 'are'} on their way to the destination`;
    const leftMs = this.#origin.quietLeftMs(owner, this.#runtime.now);
    return `not empty: ${owner} has to be quiet for ${this.#origin.quietMs} ms (settle), ${leftMs} ms are left`;
  }

  #response(route: Route): RouteResponse {
    const inFlightAtHold = this.#inFlightAtStart;
    return responseOf(route, { pauseMs: 0, heldMessages: 0, inFlightAtHold, drainedAtMs: this.#emptyAtMs });
  }

  #stopTimers(): void {
    this.#runtime.cancel(this.#deadlineTimer);
    this.#runtime.cancel(this.#quietTimer);
    this.#deadlineTimer = null;
    this.#quietTimer = null;
  }
}
