/** Sources, platforms and destinations of the simulation: stop-and-wait, patient or not, and honest in what they saw. */
import { fieldText, withField } from '../../core/hl7/message.ts';
import { STANDARD_FRAMING } from '../../core/inventory.ts';
import { readAnswer } from '../engine/answers.ts';
import { Framer, framed } from '../framing.ts';
import type { Handlers, Network, Wire } from './network.ts';
import type { World } from './world.ts';

const LIMITS = { frameBytes: 1 << 20 };

function reader(onFrame: (payload: Buffer) => void): (chunk: Buffer) => void {
  const framer = new Framer(STANDARD_FRAMING, LIMITS);
  return (chunk) => {
    framer.push(chunk);
    for (let taken = framer.take(); taken.kind === 'frame'; taken = framer.take()) onFrame(taken.frame.payload);
  };
}

function acknowledge(payload: Buffer, code: 'AA' | 'AE'): Uint8Array {
  const id = fieldText(payload, 'MSH-10') ?? '';
  return framed(
    { payload: Buffer.from(`MSH|^~\\&|P|P|||2026||ACK|A${id}|P|2.5\rMSA|${code}|${id}\r`) },
    STANDARD_FRAMING,
  );
}

/** Sends message after message, resends with the same bytes on a fresh connection, never goes on without an answer. */
export class Source {
  /** Ids in the order in which their positive answers came. */
  readonly accepted: string[] = [];
  attempts = 0;
  isActive = true;
  readonly #world: World;
  readonly #network: Network;
  readonly #port: number;
  readonly #name: string;
  readonly #ackTimeoutMs: number;
  #count = 0;
  #current: { readonly id: string; readonly bytes: Uint8Array } | null = null;
  #wire: Wire | null = null;
  #attempt = 0;

  constructor(world: World, network: Network, options: { name: string; port: number; ackTimeoutMs: number }) {
    this.#world = world;
    this.#network = network;
    this.#name = options.name;
    this.#port = options.port;
    this.#ackTimeoutMs = options.ackTimeoutMs;
  }

  get isWaiting(): boolean {
    return this.#current !== null;
  }

  get sent(): number {
    return this.#count;
  }

  next(): void {
    if (this.#current !== null || !this.isActive) return;
    this.#count++;
    const id = `${this.#name}-${String(this.#count).padStart(6, '0')}`;
    const key = `K${this.#world.roll(50)}`;
    const payload = Buffer.from(`MSH|^~\\&|SRC|F|D|F|2026||ORM^O01|${id}|P|2.5\rPID|1||${key}\rOBR|1|${id}\r`);
    this.#current = { id, bytes: framed({ payload }, STANDARD_FRAMING) };
    this.#send();
  }

  #send(): void {
    const { current, wire } = { current: this.#current, wire: this.#wire };
    if (current === null) return;
    const attempt = ++this.#attempt;
    this.attempts++;
    if (wire?.isOpen === true) wire.send(current.bytes);
    else this.#dial(current.bytes);
    this.#world.after(this.#ackTimeoutMs, () => {
      if (this.#attempt !== attempt || this.#current !== current) return;
      this.#wire?.close();
      this.#wire = null;
      this.#send();
    });
  }

  #dial(bytes: Uint8Array): void {
    const read = reader((payload) => this.#answer(payload));
    const wire = this.#network.connect(this.#port, {
      connected: () => wire.send(bytes),
      data: (chunk) => {
        if (this.#wire === wire) read(chunk);
      },
      closed: () => {
        if (this.#wire !== wire) return;
        this.#wire = null;
        this.#world.after(20 + this.#world.roll(30), () => {
          if (this.#wire === null && this.#current !== null) this.#send();
        });
      },
    });
    this.#wire = wire;
  }

  #answer(payload: Buffer): void {
    const answer = readAnswer(payload);
    const current = this.#current;
    if (current === null || answer?.msa2 !== current.id) return;
    if (answer.verdict !== 'positive') {
      this.#world.after(10, () => this.#send());
      return;
    }
    this.#attempt++;
    this.#current = null;
    this.accepted.push(current.id);
    const pause = this.#world.chance(0.3) ? this.#world.roll(200) : 0;
    this.#world.after(pause, () => this.next());
  }
}

export type Received = { readonly id: string; readonly from: string; readonly atMs: number };

/** Takes what comes, in order, and remembers which platform made it. */
export class Destination {
  readonly received: Received[] = [];
  /** Probability of an AE instead of an AA. */
  rejecting = 0;

  constructor(world: World, network: Network, port: number) {
    network.listen(port, (wire): Handlers => {
      const read = reader((payload) => {
        if (world.chance(this.rejecting)) {
          world.after(world.roll(5), () => wire.send(acknowledge(payload, 'AE')));
          return;
        }
        const id = fieldText(payload, 'OBR-2') ?? '';
        this.received.push({ id, from: fieldText(payload, 'MSH-3') ?? '', atMs: world.now });
        world.after(world.roll(5), () => wire.send(acknowledge(payload, 'AA')));
      });
      return { data: read, closed: () => {} };
    });
  }
}

export type PlatformOptions = {
  readonly name: string;
  readonly port: number;
  readonly legPort: number;
  readonly answersAfterDelivery: boolean;
  readonly regeneratesId: boolean;
};

/** Maps each input to one output. Its queue survives everything but `die`: what it has answered it will deliver. */
export class Platform {
  /** Ids that it answered positively, in order. */
  readonly taken: string[] = [];
  isDead = false;
  readonly #world: World;
  readonly #network: Network;
  readonly #options: PlatformOptions;
  readonly #queue: { readonly bytes: Uint8Array; readonly msh10: string; readonly done: () => void }[] = [];
  readonly #known = new Set<string>();
  #wire: Wire | null = null;
  #isSending = false;
  #attempt = 0;
  #mappedAtMs = 0;

  constructor(world: World, network: Network, options: PlatformOptions) {
    this.#world = world;
    this.#network = network;
    this.#options = options;
    this.live();
  }

  get backlog(): number {
    return this.#queue.length;
  }

  die(): void {
    this.isDead = true;
    this.#network.unlisten(this.#options.port);
    this.#wire?.break();
  }

  live(): void {
    this.isDead = false;
    this.#network.listen(this.#options.port, (wire): Handlers => {
      const read = reader((payload) => this.#input(wire, payload));
      return { data: (chunk) => (this.isDead ? wire.break() : read(chunk)), closed: () => {} };
    });
    this.#pump();
  }

  #input(wire: Wire, payload: Buffer): void {
    const id = fieldText(payload, 'MSH-10') ?? '';
    const answer = (): void => {
      if (!this.isDead) wire.send(acknowledge(payload, 'AA'));
    };
    this.#world.after(this.#world.roll(6), () => {
      if (this.isDead) return;
      this.taken.push(id);
      // A platform that has seen the id answers again and makes no second output, as most engines are set up.
      if (this.#known.has(id) && this.#options.answersAfterDelivery) {
        answer();
        return;
      }
      this.#known.add(id);
      if (!this.#options.answersAfterDelivery) answer();
      // It maps in order: no output overtakes an earlier one.
      this.#mappedAtMs = Math.max(this.#mappedAtMs, this.#world.now + this.#world.roll(12));
      this.#world.after(this.#mappedAtMs - this.#world.now, () =>
        this.#emit(id, payload, this.#options.answersAfterDelivery ? answer : () => {}),
      );
    });
  }

  #emit(id: string, payload: Buffer, done: () => void): void {
    const { name, regeneratesId } = this.#options;
    const msh10 = regeneratesId ? `${name}${id}` : id;
    const named = withField(payload, 'MSH-3', Buffer.from(name)) ?? payload;
    const output = withField(named, 'MSH-10', Buffer.from(msh10)) ?? named;
    this.#queue.push({ bytes: framed({ payload: output }, STANDARD_FRAMING), msh10, done });
    this.#pump();
  }

  #pump(): void {
    const [item] = this.#queue;
    if (item === undefined || this.#isSending || this.isDead) return;
    this.#isSending = true;
    const attempt = ++this.#attempt;
    if (this.#wire?.isOpen === true) this.#wire.send(item.bytes);
    else this.#dial(item.bytes);
    this.#world.after(3000, () => {
      if (this.#attempt !== attempt) return;
      this.#wire?.close();
      this.#wire = null;
      this.#again();
    });
  }

  #dial(bytes: Uint8Array): void {
    const read = reader((payload) => this.#answered(payload));
    const wire = this.#network.connect(this.#options.legPort, {
      connected: () => wire.send(bytes),
      data: (chunk) => {
        if (this.#wire === wire) read(chunk);
      },
      closed: () => {
        if (this.#wire !== wire) return;
        this.#wire = null;
        if (this.#isSending) this.#again();
      },
    });
    this.#wire = wire;
  }

  #again(): void {
    this.#attempt++;
    this.#world.after(30 + this.#world.roll(40), () => {
      this.#isSending = false;
      this.#pump();
    });
  }

  #answered(payload: Buffer): void {
    const [item] = this.#queue;
    const answer = readAnswer(payload);
    if (item === undefined || !this.#isSending || answer?.msa2 !== item.msh10) return;
    if (answer.verdict !== 'positive') {
      this.#again();
      return;
    }
    this.#attempt++;
    this.#isSending = false;
    this.#queue.shift();
    item.done();
    this.#pump();
  }
}
