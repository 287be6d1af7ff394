/** Feeds that a person holds by hand, never longer than their senders can wait. */
import type { FeedEngine } from './feed.ts';
import type { Runtime } from './runtime.ts';

export class HandHolds {
  readonly #runtime: Runtime;
  /** By the connection that it was asked for. */
  readonly #held = new Map<string, { readonly timer: number; readonly feed: FeedEngine }>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  has(connection: string): boolean {
    return this.#held.has(connection);
  }

  /** However often and by whichever of its connections it is asked for; null: it still answers what waited for the last hold. */
  hold(connection: string, feed: FeedEngine, forMs: number): { readonly untilMs: number } | null {
    if (!feed.canBeHeld) return null;
    const boundedMs = Math.min(forMs, feed.holdLeftMs);
    const known = this.#held.get(connection);
    if (known !== undefined) this.#runtime.cancel(known.timer);
    feed.hold(feed);
    const timer = this.#runtime.after(boundedMs, () => this.release(connection));
    this.#held.set(connection, { timer, feed });
    return { untilMs: this.#runtime.now + boundedMs };
  }

  release(connection: string): void {
    const held = this.#held.get(connection);
    if (held === undefined) return;
    this.#held.delete(connection);
    this.#runtime.cancel(held.timer);
    const isHeldByAnother = [...this.#held.values()].some(({ feed }) => feed === held.feed);
    if (!isHeldByAnother) held.feed.release(held.feed);
  }
}
