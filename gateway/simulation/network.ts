/** The simulation's network: ordered byte pipes with delay, cut at random places, and connections that can break. */
import type { World } from './world.ts';

export type Handlers = {
  connected?: () => void;
  data: (chunk: Buffer) => void;
  closed: () => void;
};

const MAX_DELAY_MS = 8;
export const GATEWAY_IP = '10.0.0.1';
/** Nothing is ever safe because the network is slow. */
const AT_ONCE = 0.3;

/** One end of a connection. What is sent before `close` arrives before the other end sees the close. */
export class Wire {
  handlers: Handlers | null = null;
  peer: Wire | null = null;
  isOpen = true;
  /** The address that the other end sees. */
  readonly ip: string;
  readonly port: number;
  readonly #world: World;
  /** Deliveries keep their order: none is earlier than the one before. */
  #lastMs = 0;
  #stalledUntilMs = 0;
  #isReset = false;

  constructor(world: World, ip: string, port: number) {
    this.#world = world;
    this.ip = ip;
    this.port = port;
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    const copy = Buffer.from(bytes);
    const cut = this.#world.chance(0.2) ? 1 + this.#world.roll(copy.length) : copy.length;
    for (const part of [copy.subarray(0, cut), copy.subarray(cut)]) {
      if (part.length > 0) this.#later(() => this.#isReset || this.peer?.receive(part));
    }
  }

  /** Who gives up a connection on which nothing comes through resets it: what was under way is lost. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#isReset = this.#world.now < this.#stalledUntilMs;
    this.#later(() => this.peer?.sever());
  }

  /** Both ends see the connection gone; what was under way is lost. */
  break(): void {
    this.sever();
    this.peer?.sever();
  }

  /** What is sent from now on arrives later. */
  stall(forMs: number): void {
    this.#stalledUntilMs = this.#world.now + forMs;
    this.#lastMs = Math.max(this.#lastMs, this.#stalledUntilMs);
  }

  receive(chunk: Buffer): void {
    if (this.isOpen) this.handlers?.data(chunk);
  }

  sever(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.handlers?.closed();
  }

  #later(run: () => void): void {
    const delayMs = this.#world.chance(AT_ONCE) ? 0 : this.#world.random() * MAX_DELAY_MS;
    const atMs = Math.max(this.#lastMs, this.#world.now + delayMs);
    this.#lastMs = atMs;
    this.#world.after(atMs - this.#world.now, run);
  }
}

export class Network {
  readonly #world: World;
  readonly #listeners = new Map<number, (wire: Wire) => Handlers>();
  readonly #wires = new Set<Wire>();

  constructor(world: World) {
    this.#world = world;
  }

  listen(port: number, accept: (wire: Wire) => Handlers): void {
    this.#listeners.set(port, accept);
  }

  unlisten(port: number): void {
    this.#listeners.delete(port);
  }

  connect(port: number, handlers: Handlers, ip = GATEWAY_IP): Wire {
    const here = new Wire(this.#world, ip, port);
    here.handlers = handlers;
    this.#world.after(1 + this.#world.random() * MAX_DELAY_MS, () => {
      if (!here.isOpen) return;
      const accept = this.#listeners.get(port);
      if (accept === undefined) {
        here.sever();
        return;
      }
      const there = new Wire(this.#world, ip, port);
      here.peer = there;
      there.peer = here;
      this.#wires.add(here);
      there.handlers = accept(there);
      here.handlers?.connected?.();
    });
    return here;
  }

  /** Breaks one open connection to these ports by chance; false where there is none. */
  breakOne(ports: readonly number[]): boolean {
    const wire = this.#anyOf(ports);
    wire?.break();
    return wire !== null;
  }

  /** On one open connection to these ports nothing arrives for a while, at either end, and no end is told. */
  stallOne(ports: readonly number[], forMs: number): boolean {
    const wire = this.#anyOf(ports);
    wire?.stall(forMs);
    wire?.peer?.stall(forMs);
    return wire !== null;
  }

  #anyOf(ports: readonly number[]): Wire | null {
    for (const wire of this.#wires) if (!wire.isOpen && wire.peer?.isOpen !== true) this.#wires.delete(wire);
    const open = [...this.#wires].filter(({ port }) => ports.includes(port));
    return open[this.#world.roll(Math.max(1, open.length))] ?? null;
  }
}
