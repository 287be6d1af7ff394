/**
 * Destinations: outputs queue for each in order, one unanswered at a time. One that takes a single TCP connection is
 * shared by the connections that name its address: each has its own order there, and none waits for another's repeats.
 */

import { fieldText } from '../../core/hl7/message.ts';
import type { Connection } from '../../core/inventory.ts';
import { LazySet } from '../../core/lazy-collections.ts';
import { Newest } from '../../core/newest.ts';
import { type Delivery, PeerLink, type StrayFrame } from './peer-link.ts';
import type { Runtime } from './runtime.ts';

export type OutputDelivery = Omit<Delivery, 'timeoutMs' | 'frame'> & {
  /** Whose output it is. */
  readonly connection: string;
  /** Null: read back from the journal when its turn comes, so that a backlog keeps its order and costs no memory. */
  readonly frame: Delivery['frame'] | null;
  readonly offset: number;
  /** Offset of the input that it belongs to; null: not known. */
  readonly input: number | null;
  unreadable(): void;
  /** The process ends while it is at the destination, and it will be sent again. */
  interrupted(): void;
  /** Null: the default. */
  readonly timeoutMs: number | null;
  /** No platform waits for it (re-owned): after a lost connection the gateway sends it again. */
  readonly repeats: boolean;
  /** It was rejected: how long until it is tried again, in its place; null: not any more. */
  retryAfterMs(): number | null;
};

/** A connection, for what its destination says without being asked. */
export type StrayTaker = {
  readonly connection: string;
  /** It names an output of this connection whose application acknowledgement is still to come. */
  awaits(answer: Uint8Array): boolean;
  /** False: it is not for a platform of this connection. */
  passBack(frame: StrayFrame): boolean;
  keep(frame: StrayFrame): void;
};

/** One whose input is not known counts as newer. */
function isNewer(input: number | null, than: number | null): boolean {
  return input === null || than === null || input > than;
}

const DEFAULT_ANSWER_TIMEOUT_MS = 30_000;
const REPEAT_MS = 500;
const COMMITS_REMEMBERED = 1000;

export class Destination {
  readonly link: PeerLink;
  readonly #runtime: Runtime;
  readonly #queue: OutputDelivery[] = [];
  /** Connections whose first output waits to be sent again. */
  readonly #resting = new LazySet<string>();
  #current: OutputDelivery | null = null;
  /** By id: the connections whose output the destination has only committed to, in the order of its answers. */
  readonly #committed = new Newest<string, readonly string[]>(COMMITS_REMEMBERED);

  readonly #isShared: boolean;

  constructor(link: PeerLink, runtime: Runtime, isShared: boolean) {
    this.#isShared = isShared;
    this.link = link;
    this.#runtime = runtime;
  }

  /** An output waits and the destination cannot be reached. */
  get isBlocked(): boolean {
    return this.#current !== null && !this.link.isConnected;
  }

  /** Whose output of this id it has committed to first, and not acknowledged since; null: nobody's that is remembered. */
  committedFirst(id: string): string | null {
    const [first, ...others] = this.#committed.get(id) ?? [];
    if (others.length === 0) this.#committed.delete(id);
    else this.#committed.set(id, others);
    return first ?? null;
  }

  /** The process ends. What a platform waits for is found without its end at the next start. */
  listInterrupted(): void {
    if (this.#current?.repeats === true && this.link.begun) this.#current.interrupted();
  }

  deliver(delivery: OutputDelivery): void {
    // Re-owned outputs go before what waits from a platform, in their own order, but not before an output of an earlier input:
    // the former owner's own may still be among it.
    const isBehind = ({ connection, repeats, input }: OutputDelivery): boolean =>
      delivery.repeats && !repeats && connection === delivery.connection && isNewer(input, delivery.input);
    const at = this.#queue.findIndex(isBehind);
    this.#queue.splice(at < 0 ? this.#queue.length : at, 0, delivery);
    this.#pump();
  }

  #pump(): void {
    if (this.#current !== null) return;
    const at = this.#queue.findIndex(({ connection }) => !this.#resting.has(connection));
    const [next] = at < 0 ? [] : this.#queue.splice(at, 1);
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
        this.#current = null;
        if (isCommit && this.#isShared) {
          const before = this.#committed.get(next.msh10) ?? [];
          this.#committed.set(next.msh10, [...before, next.connection].slice(-COMMITS_REMEMBERED));
        }
        const retryAfterMs = verdict === 'positive' ? null : next.retryAfterMs();
        if (retryAfterMs === null) next.answered(answer, verdict, isCommit);
        else this.#repeat(next, retryAfterMs);
        this.#pump();
      },
      lost: (cause) => {
        this.#current = null;
        next.lost(cause);
        if (next.repeats) this.#repeat(next, REPEAT_MS);
        this.#pump();
      },
    });
  }

  /** It keeps its place: what is newer of its connection waits. */
  #repeat(next: OutputDelivery, afterMs: number): void {
    this.#queue.unshift(next);
    this.#resting.add(next.connection);
    this.#runtime.after(afterMs, () => {
      this.#resting.delete(next.connection);
      this.#pump();
    });
  }
}

/** The destinations of a shard: one for each connection, and one for all that share an address. */
export class Destinations {
  readonly #runtime: Runtime;
  readonly #frameLimitBytes: number;
  readonly #shared = new Map<string, { readonly destination: Destination; readonly takers: StrayTaker[] }>();

  constructor(runtime: Runtime, frameLimitBytes: number) {
    this.#runtime = runtime;
    this.#frameLimitBytes = frameLimitBytes;
  }

  of({ name, destination: peer }: Connection, taker: StrayTaker): Destination {
    if (!peer.isShared) return this.#new(`${name}/destination`, peer, [taker]);
    const address = `${peer.host}:${peer.port}`;
    const known = this.#shared.get(address);
    if (known !== undefined) {
      known.takers.push(taker);
      return known.destination;
    }
    const takers = [taker];
    const destination = this.#new(`${name}/destination (shared)`, peer, takers);
    this.#shared.set(address, { destination, takers });
    return destination;
  }

  #new(name: string, peer: Connection['destination'], takers: readonly StrayTaker[]): Destination {
    const runtime = this.#runtime;
    // Right behind a commit acknowledgement, which is not on the disk yet, its application acknowledgement may come.
    const onStray = (frame: StrayFrame): void =>
      runtime.afterDurable(() => {
        // Two connections may have sent the same id: the destination acknowledges in the order in which it took them.
        const first = peer.isShared ? destination.committedFirst(fieldText(frame.payload, 'MSA-2') ?? '') : null;
        const own = takers.find(({ connection }) => connection === first);
        if (own?.passBack(frame) === true) return;
        if (!takers.some((taker) => taker.passBack(frame))) takers[0]?.keep(frame);
      });
    const isOfAnother = (answer: Uint8Array): boolean => takers.some((taker) => taker.awaits(answer));
    const link = new PeerLink({ name, peer, runtime, frameLimitBytes: this.#frameLimitBytes, onStray, isOfAnother });
    const destination = new Destination(link, runtime, peer.isShared);
    return destination;
  }
}
