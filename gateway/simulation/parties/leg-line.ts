/**
 * The one connection of a platform to its leg: dialled when there is something to send, or waited for where the gateway
 * calls. What its owner sends is its business; here it goes out, and what comes back or that the connection is lost is told.
 */

import type { Handlers, Network, Wire } from '../network.ts';
import { frameReader } from './mllp.ts';

export type LegLineOptions = {
  readonly port: number;
  readonly ip: string;
  /** It waits to be called at the port. */
  readonly listens: boolean;
};

export type LegLineEvents = {
  frame(payload: Buffer): void;
  lost(): void;
};

export class LegLine {
  readonly #network: Network;
  readonly #options: LegLineOptions;
  readonly #events: LegLineEvents;
  #wire: Wire | null = null;
  /** Goes out as soon as the gateway calls. */
  #unsent: Uint8Array | null = null;

  constructor(network: Network, options: LegLineOptions, events: LegLineEvents) {
    this.#network = network;
    this.#options = options;
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#wire?.isOpen === true;
  }

  listen(): void {
    if (this.#options.listens) this.#network.listen(this.#options.port, (wire) => this.#called(wire));
  }

  /** Nobody is called, or can call, any more. */
  die(): void {
    if (this.#options.listens) this.#network.unlisten(this.#options.port);
    this.break();
  }

  send(bytes: Uint8Array): void {
    if (this.isOpen) this.#wire?.send(bytes);
    else if (this.#options.listens) this.#unsent = bytes;
    else this.#dial(bytes);
  }

  /** What has not gone out for want of a call goes out no more. */
  takeBack(): void {
    this.#unsent = null;
  }

  /** Its owner is not told that it is lost. */
  close(): void {
    this.#wire?.close();
    this.#wire = null;
  }

  /** Its owner is. */
  break(): void {
    this.#wire?.break();
  }

  #dial(bytes: Uint8Array): void {
    const handlers: Handlers = { ...this.#handlers(() => wire), connected: () => wire.send(bytes) };
    const wire = this.#network.connect(this.#options.port, handlers, this.#options.ip);
    this.#wire = wire;
  }

  #called(wire: Wire): Handlers {
    this.#wire = wire;
    const bytes = this.#unsent;
    this.#unsent = null;
    if (bytes !== null) wire.send(bytes);
    return this.#handlers(() => wire);
  }

  #handlers(wireOf: () => Wire): Handlers {
    const read = frameReader((payload) => this.#events.frame(payload));
    return {
      data: (chunk) => {
        if (this.#wire === wireOf()) read(chunk);
      },
      closed: () => {
        if (this.#wire !== wireOf()) return;
        this.#wire = null;
        this.#events.lost();
      },
    };
  }
}
