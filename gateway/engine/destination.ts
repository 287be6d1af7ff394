/** The one destination of a connection: outputs queue for it in order, one unanswered at a time. */
import type { Peer } from '../../core/inventory.ts';
import { type Delivery, PeerLink, type StrayFrame } from './peer-link.ts';
import type { Runtime } from './runtime.ts';

export type OutputDelivery = Omit<Delivery, 'timeoutMs' | 'frame'> & {
  /** Null: read back from the journal when its turn comes, so that a backlog keeps its order and costs no memory. */
  readonly frame: Delivery['frame'] | null;
  readonly offset: number;
  unreadable(): void;
  /** Null: the default. */
  readonly timeoutMs: number | null;
  /** No platform waits for it (re-owned): after a lost connection the gateway sends it again. */
  readonly repeats: boolean;
  /** It was rejected: how long until it is tried again, in its place; null: not any more. */
  retryAfterMs(): number | null;
};

const DEFAULT_ANSWER_TIMEOUT_MS = 30_000;
const REPEAT_MS = 500;

export class Destination {
  readonly link: PeerLink;
  readonly #runtime: Runtime;
  readonly #queue: OutputDelivery[] = [];
  #current: OutputDelivery | null = null;

  constructor(link: PeerLink, runtime: Runtime) {
    this.link = link;
    this.#runtime = runtime;
  }

  /** An output waits and the destination cannot be reached. */
  get isBlocked(): boolean {
    return this.#current !== null && !this.link.isConnected;
  }

  deliver(delivery: OutputDelivery): void {
    // Re-owned outputs are older than whatever waits from a platform: they go first, in their own order.
    if (delivery.repeats) {
      const firstLive = this.#queue.findIndex((item) => !item.repeats);
      this.#queue.splice(firstLive < 0 ? this.#queue.length : firstLive, 0, delivery);
    } else this.#queue.push(delivery);
    this.#pump();
  }

  #pump(): void {
    if (this.#current !== null) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#current = next;
    if (next.frame !== null) {
      this.#send(next, next.frame);
      return;
    }
    this.#runtime.read(next.offset, (payload) => {
      if (payload !== null) {
        this.#send(next, { payload, raw: payload });
        return;
      }
      this.#current = null;
      next.unreadable();
      this.#pump();
    });
  }

  #send(next: OutputDelivery, frame: Delivery['frame']): void {
    this.link.deliver({
      frame,
      msh10: next.msh10,
      timeoutMs: next.timeoutMs ?? DEFAULT_ANSWER_TIMEOUT_MS,
      answered: (answer, verdict, isCommit) => {
        const retryAfterMs = verdict === 'positive' ? null : next.retryAfterMs();
        if (retryAfterMs !== null) {
          this.#repeat(next, retryAfterMs);
          return;
        }
        this.#current = null;
        next.answered(answer, verdict, isCommit);
        this.#pump();
      },
      lost: (cause) => {
        if (next.repeats) {
          next.lost(cause);
          this.#repeat(next, REPEAT_MS);
          return;
        }
        this.#current = null;
        next.lost(cause);
        this.#pump();
      },
    });
  }

  /** It keeps its place: what is newer waits. */
  #repeat(next: OutputDelivery, afterMs: number): void {
    this.#runtime.after(afterMs, () => {
      this.#current = null;
      this.#queue.unshift(next);
      this.#pump();
    });
  }
}

export function newDestination(options: {
  name: string;
  peer: Peer;
  runtime: Runtime;
  frameLimitBytes: number;
  onStray: (frame: StrayFrame) => void;
}): Destination {
  return new Destination(new PeerLink(options), options.runtime);
}
