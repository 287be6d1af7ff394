/** The engine's driver over the simulated network, disk and clock. */
import type { Address, Effects, EndpointId, SocketId } from '../engine/io.ts';
import type { JournalMeta } from '../engine/records.ts';
import type { ShardEngine } from '../engine/shard.ts';
import type { Disk } from '../simulation/disk.ts';
import type { Handlers, Network, Wire } from '../simulation/network.ts';
import type { World } from '../simulation/world.ts';

export class SimulatedDriver implements Effects {
  readonly #world: World;
  readonly #network: Network;
  readonly #disk: Disk;
  readonly #wires = new Map<SocketId, Wire>();
  readonly #paused = new Map<SocketId, Buffer[]>();
  readonly #timers = new Set<number>();
  /** What the engine calls an error: nothing that a night brings is one. */
  onError: (what: string) => void = () => {};
  #engine: ShardEngine | null = null;
  #nextAccepted = 1;

  constructor(world: World, network: Network, disk: Disk) {
    this.#world = world;
    this.#network = network;
    this.#disk = disk;
  }

  attach(engine: ShardEngine): void {
    this.#engine = engine;
    this.#disk.events = {
      written: (upTo) => engine.written(this.#world.now, upTo),
      durable: (upTo) => engine.durable(this.#world.now, upTo),
      failed: () => engine.journalFailed(this.#world.now),
      giveUpBacklog: (ends) => engine.giveUpBacklog(this.#world.now, ends),
    };
  }

  listen(port: number, endpoint: EndpointId): void {
    this.#network.listen(port, (wire) => {
      const id = this.#nextAccepted;
      this.#nextAccepted += 2;
      this.#wires.set(id, wire);
      this.#world.after(0, () => this.#engine?.accepted(this.#world.now, endpoint, id, wire.ip));
      return this.#handlers(id);
    });
  }

  /** The process is killed: its peers see their connections gone, nothing of it runs any more. */
  kill(): void {
    this.#engine = null;
    this.#disk.events = null;
    this.#timers.clear();
    for (const wire of this.#wires.values()) wire.break();
    this.#wires.clear();
  }

  send(socket: SocketId, bytes: Uint8Array): void {
    this.#wires.get(socket)?.send(bytes);
  }

  connect(socket: SocketId, address: Address): void {
    this.#wires.set(socket, this.#network.connect(address.port, this.#handlers(socket)));
  }

  close(socket: SocketId): void {
    const wire = this.#wires.get(socket);
    this.#wires.delete(socket);
    wire?.close();
  }

  pause(socket: SocketId): void {
    if (!this.#paused.has(socket)) this.#paused.set(socket, []);
  }

  resume(socket: SocketId): void {
    const kept = this.#paused.get(socket) ?? [];
    this.#paused.delete(socket);
    for (const chunk of kept) this.#world.after(0, () => this.#engine?.bytes(this.#world.now, socket, chunk));
  }

  append(offset: number, meta: JournalMeta, payload: Uint8Array | null, needs: 'written' | 'durable'): void {
    this.#disk.append({ offset, meta, payload: payload === null ? null : Buffer.from(payload) }, needs);
  }

  read(offset: number, token: number): void {
    const engine = this.#engine;
    this.#world.after(this.#world.random() * 3, () => {
      if (this.#engine !== engine) return;
      void this.#disk.find(offset).then((payload) => {
        if (this.#engine === engine) engine?.payloadRead(this.#world.now, token, payload);
      });
    });
  }

  arm(timer: number, atMs: number): void {
    const engine = this.#engine;
    this.#timers.add(timer);
    this.#world.after(atMs - this.#world.now, () => {
      if (this.#engine === engine && this.#timers.delete(timer)) engine?.timerFired(this.#world.now, timer);
    });
  }

  disarm(timer: number): void {
    this.#timers.delete(timer);
  }

  log(level: 'info' | 'warn' | 'error', event: string, facts: Readonly<Record<string, unknown>>): void {
    if (level === 'error') this.onError(`${event} ${JSON.stringify(facts)}`);
  }

  #handlers(id: SocketId): Handlers {
    return {
      connected: () => this.#engine?.connected(this.#world.now, id),
      data: (chunk) => {
        const kept = this.#paused.get(id);
        if (kept !== undefined) kept.push(chunk);
        else this.#engine?.bytes(this.#world.now, id, chunk);
      },
      closed: () => {
        if (this.#wires.delete(id)) this.#engine?.closed(this.#world.now, id);
      },
    };
  }
}
