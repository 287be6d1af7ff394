/**
 * The engine's border: it does no I/O, has no clock and no randomness. What happens reaches it as a call of `ShardEngine`
 * (each with the time), what it wants done leaves it through `Effects`. Two drivers stand on the other side: real sockets
 * and files, and a simulation.
 */
import type { JournalMeta } from './records.ts';

/** Sockets are numbered by whoever opens them: accepted ones by the driver (odd), dialled ones by the engine (even). */
export type SocketId = number;

export type Address = { readonly host: string; readonly port: number };

/** What a dialled socket is for: messages go out on it, or a sender that listens sends its own on it. */
export type Purpose = 'deliver' | 'receive';

export type Effects = {
  /** Bytes leave in the order of the calls. Sending to a socket that is gone is no error. */
  send(socket: SocketId, bytes: Uint8Array): void;
  /** Answered by `connected` or `closed`. */
  connect(socket: SocketId, address: Address, purpose: Purpose): void;
  /** Sends what is queued, then closes. No event follows. */
  close(socket: SocketId): void;
  /** Stops or resumes reading: backpressure instead of buffers. */
  pause(socket: SocketId): void;
  resume(socket: SocketId): void;
  /** Appends with the offset that the engine gave; answered by `written`, and by `durable` where that is needed. */
  append(offset: number, meta: JournalMeta, payload: Uint8Array | null, needs: 'written' | 'durable'): void;
  /** Reads a payload back; answered by `payloadRead` with the same token. */
  read(offset: number, token: number): void;
  /** Answered by `timerFired` at or after that time, once, unless disarmed. */
  arm(timer: number, atMs: number): void;
  disarm(timer: number): void;
  /** Something for the log: names, ids and counts, never content. */
  log(
    level: 'info' | 'warn' | 'error',
    event: string,
    facts: Readonly<Record<string, string | number | boolean | null>>,
  ): void;
};

/** What an endpoint that the gateway listens on is for. */
export type EndpointId =
  | { readonly kind: 'feed'; readonly feed: string }
  | { readonly kind: 'leg'; readonly shard: number; readonly port: number };
