/**
 * For a sender that listens (a source or a platform in "client mode" turned round): dials it, and keeps a socket to it as
 * long as the gateway serves. What comes on that socket comes in as at a listener.
 */
import type { Intake } from './intake.ts';
import type { SocketId } from './io.ts';
import { RECONNECT_FIRST_MS, RECONNECT_LAST_MS } from './peer-link.ts';
import type { Runtime, SocketOwner } from './runtime.ts';

export class Caller implements SocketOwner {
  readonly name: string;
  readonly #host: string;
  readonly #port: number;
  readonly #runtime: Runtime;
  readonly #intake: Intake;
  #isWanted = false;
  #socket: SocketId | null = null;
  #isConnected = false;
  #timer: number | null = null;
  #waitMs = RECONNECT_FIRST_MS;

  readonly #isElsewhere: () => boolean;

  /** `isElsewhere`: another shard calls this sender, and takes what it sends. */
  constructor(
    name: string,
    where: { readonly host: string; readonly port: number },
    intake: Intake,
    runtime: Runtime,
    isElsewhere: () => boolean,
  ) {
    this.name = name;
    this.#isElsewhere = isElsewhere;
    this.#host = where.host;
    this.#port = where.port;
    this.#runtime = runtime;
    this.#intake = intake;
    intake.onGone = (hasSpoken) => this.#gone(hasSpoken);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  start(): void {
    if (this.#isWanted || this.#isElsewhere()) return;
    this.#isWanted = true;
    this.#dial();
  }

  stop(): void {
    this.#isWanted = false;
    this.#runtime.cancel(this.#timer);
    this.#timer = null;
  }

  connected(): void {
    if (this.#socket === null) return;
    this.#isConnected = true;
    this.#runtime.fx.log('info', 'sender-reached', { endpoint: this.name });
    this.#intake.opened(this.#socket, this.#host);
  }

  /** Once it is connected, the socket is the intake's. */
  bytes(): void {}

  ended(socket: SocketId): void {
    this.#runtime.close(socket);
    this.closed();
  }

  closed(): void {
    this.#gone(false);
  }

  /** A sender that hangs up after each message is called again at once; one that says nothing, more and more seldom. */
  #gone(hasSpoken: boolean): void {
    // A sender that cannot be reached is said once, not at every try.
    if (this.#isConnected || this.#waitMs === RECONNECT_FIRST_MS)
      this.#runtime.fx.log('warn', 'sender-lost', { endpoint: this.name, wasConnected: this.#isConnected });
    this.#socket = null;
    this.#isConnected = false;
    if (hasSpoken) this.#waitMs = RECONNECT_FIRST_MS;
    if (!this.#isWanted) return;
    this.#timer = this.#runtime.after(this.#waitMs, () => {
      this.#timer = null;
      this.#dial();
    });
    this.#waitMs = Math.min(this.#waitMs * 2, RECONNECT_LAST_MS);
  }

  #dial(): void {
    this.#socket = this.#runtime.dial(this.#host, this.#port, this, 'receive');
  }
}
