/**
 * A platform: maps each input to one output, in order. Its queue survives everything but `die`: what it has answered it
 * will deliver. Its habits are those of real engines: it answers late, rejects, doubles, gives up what is rejected.
 */
import { fieldText, withField } from '../../../core/hl7/message.ts';
import { STANDARD_FRAMING } from '../../../core/inventory.ts';
import type { Platform as PlatformName } from '../../../core/platform.ts';
import { readAnswer } from '../../engine/answers.ts';
import { framed } from '../../framing.ts';
import { serialOf, type Witness } from '../judges/witness.ts';
import type { Handlers, Network, Wire } from '../network.ts';
import type { World } from '../world.ts';
import { LegLine } from './leg-line.ts';
import { frameReader } from './mllp.ts';

export type PlatformHabits = {
  /** Probabilities, per message. */
  readonly rejects: number;
  readonly slow: number;
  /** Of answering after the gateway has given up. */
  readonly late: number;
  readonly doublesAnswer: number;
  readonly doublesOutput: number;
  /** An output that the destination rejects is dropped, not sent again. */
  readonly givesUpRejected: boolean;
  /** Answers when its output has been delivered, and knows an input that it has seen. */
  readonly answersAfterDelivery: boolean;
  readonly regeneratesId: boolean;
  /** What it takes it commits to, and says in the same packet that it has taken it (enhanced mode). */
  readonly commitsFirst: boolean;
};

export type PlatformOptions = {
  readonly feed: string;
  readonly name: PlatformName;
  readonly port: number;
  readonly legPort: number;
  /** It waits to be called at the leg's port, and sends on the connection that it gets. */
  readonly listens: boolean;
  readonly habits: PlatformHabits;
};

export type PlatformEvents = {
  /** A source waits for its answers. */
  isPrimary(platform: Platform): boolean;
  received(platform: Platform, payload: Buffer): void;
  answered(platform: Platform, output: Buffer, answer: Buffer, attempt: OutputAttempt): void;
  /** It rejects a message. */
  rejected(): void;
};

/** `isFirst`: nothing went out before it on its connection. */
export type OutputAttempt = { readonly sentAtMs: number; readonly isFirst: boolean };

type Queued = { readonly payload: Buffer; readonly msh10: string; readonly done: (isDelivered: boolean) => void };

const IP = '10.0.1.1';
const ANSWER_WITHIN_MS = 3000;
const AGAIN_FROM_MS = 30;
const AGAIN_SPAN_MS = 40;
const DRAG_FROM_MS = 30;
const DRAG_SPAN_MS = 120;
const SLOW_MS = 1500;
const LATE_FROM_MS = 4100;
const LATE_SPAN_MS = 1500;

export class Platform {
  readonly feed: string;
  readonly name: PlatformName;
  /** How often it meant to send an output with these bytes, by digest. */
  readonly meant = new Map<string, number>();
  /** Outputs that the destination rejected and that it will not send again. */
  readonly givenUp = new Set<string>();
  isDead = false;
  stalledUntilMs = 0;
  /** Until then it takes its time for every message. */
  dragsUntilMs = 0;
  /** It takes and answers messages, and its outputs get stuck. */
  wedgedUntilMs = 0;
  readonly #world: World;
  readonly #network: Network;
  readonly #witness: Witness;
  readonly #options: PlatformOptions;
  readonly #events: PlatformEvents;
  readonly #queue: Queued[] = [];
  readonly #known = new Set<string>();
  readonly #line: LegLine;
  #isSending = false;
  #attempt = 0;
  #sent: OutputAttempt = { sentAtMs: 0, isFirst: true };
  #mappedAtMs = 0;
  #takenAtMs = 0;

  constructor(world: World, network: Network, witness: Witness, options: PlatformOptions, events: PlatformEvents) {
    this.#world = world;
    this.#network = network;
    this.#witness = witness;
    this.#options = options;
    this.#events = events;
    this.feed = options.feed;
    this.name = options.name;
    const { legPort: port, listens } = options;
    this.#line = new LegLine(
      network,
      { port, ip: IP, listens },
      {
        frame: (payload) => this.#answered(payload),
        lost: () => {
          if (this.#isSending) this.#again();
        },
      },
    );
    this.live();
  }

  get backlog(): number {
    return this.#queue.length;
  }

  /** An output is under way on its leg. */
  get isSending(): boolean {
    return this.#isSending;
  }

  die(): void {
    this.isDead = true;
    this.#network.unlisten(this.#options.port);
    this.#line.die();
  }

  live(): void {
    this.isDead = false;
    this.#network.listen(this.#options.port, (wire): Handlers => {
      const read = frameReader((payload) => this.#input(wire, payload));
      return { data: (chunk) => (this.isDead ? wire.break() : read(chunk)), closed: () => {} };
    });
    this.#line.listen();
    this.#pump();
  }

  #input(wire: Wire, payload: Buffer): void {
    const { habits } = this.#options;
    const receivedAtMs = this.#world.now;
    this.#events.received(this, payload);
    const slowMs = this.#world.chance(habits.slow) ? this.#world.roll(SLOW_MS) : this.#world.roll(6);
    const stallMs = this.#events.isPrimary(this) ? 0 : Math.max(0, this.stalledUntilMs - this.#world.now);
    // It takes messages in the order in which they came.
    const dragMs = this.#world.now < this.dragsUntilMs ? DRAG_FROM_MS + this.#world.roll(DRAG_SPAN_MS) : 0;
    this.#takenAtMs = Math.max(this.#takenAtMs, this.#world.now + slowMs + stallMs + dragMs);
    this.#world.after(this.#takenAtMs - this.#world.now, () => {
      if (!this.isDead) this.#take(wire, payload, receivedAtMs);
    });
  }

  #take(wire: Wire, payload: Buffer, receivedAtMs: number): void {
    const { habits } = this.#options;
    const serial = serialOf(payload);
    const answer = (code: 'AA' | 'AE' | 'AR'): void => this.#answer(wire, payload, code, receivedAtMs);
    // A platform that has seen the message answers again and makes no second output, as most engines are set up.
    if (this.#known.has(serial) && habits.answersAfterDelivery) {
      answer('AA');
      return;
    }
    if (this.#world.chance(habits.rejects)) {
      answer(this.#world.chance(0.5) ? 'AE' : 'AR');
      return;
    }
    this.#known.add(serial);
    if (!habits.answersAfterDelivery) answer('AA');
    // It maps in order: no output overtakes an earlier one.
    this.#mappedAtMs = Math.max(this.#mappedAtMs, this.#world.now + this.#world.roll(12));
    this.#world.after(this.#mappedAtMs - this.#world.now, () => {
      this.#emit(payload, (isDelivered) => {
        if (!isDelivered) this.#known.delete(serial);
        if (habits.answersAfterDelivery) answer(isDelivered ? 'AA' : 'AE');
      });
    });
  }

  #answer(wire: Wire, payload: Buffer, code: 'AA' | 'AE' | 'AR', receivedAtMs: number): void {
    const { habits, name } = this.#options;
    const lateMs = this.#world.chance(habits.late) ? LATE_FROM_MS + this.#world.roll(LATE_SPAN_MS) : 0;
    this.#world.after(lateMs, () => {
      if (this.isDead) return;
      if (habits.commitsFirst && code === 'AA') {
        this.#answerTwice(wire, payload, receivedAtMs);
        return;
      }
      const bytes = this.#witness.answer(payload, name, code, receivedAtMs, this.#world.now);
      wire.send(framed({ payload: bytes }, STANDARD_FRAMING));
      if (code !== 'AA') this.#events.rejected();
      // Only a positive one: after a rejection the same message comes again, and no rule could tell the two answers apart.
      if (code !== 'AA' || !this.#world.chance(habits.doublesAnswer)) return;
      this.#world.after(this.#world.roll(30), () => wire.send(framed({ payload: bytes }, STANDARD_FRAMING)));
    });
  }

  #answerTwice(wire: Wire, payload: Buffer, receivedAtMs: number): void {
    const { name } = this.#options;
    const [commit, application] = (['CA', 'AA'] as const).map((code) =>
      this.#witness.answer(payload, name, code, receivedAtMs, this.#world.now),
    );
    if (commit === undefined || application === undefined) return;
    this.#witness.followed(commit, application);
    wire.send(Buffer.concat([commit, application].map((bytes) => framed({ payload: bytes }, STANDARD_FRAMING))));
  }

  #emit(payload: Buffer, done: (isDelivered: boolean) => void): void {
    const { name, habits } = this.#options;
    const id = fieldText(payload, 'MSH-10') ?? '';
    const msh10 = habits.regeneratesId ? `${name}${id}` : id;
    const named = withField(payload, 'MSH-3', Buffer.from(name)) ?? payload;
    const output = Buffer.from(withField(named, 'MSH-10', Buffer.from(msh10)) ?? named);
    this.#enqueue({ payload: output, msh10, done });
    if (this.#world.chance(habits.doublesOutput)) this.#enqueue({ payload: output, msh10, done: () => {} });
    this.#pump();
  }

  #enqueue(item: Queued): void {
    const sha = this.#witness.message(item.payload);
    this.meant.set(sha, (this.meant.get(sha) ?? 0) + 1);
    this.#queue.push(item);
  }

  #pump(): void {
    const [item] = this.#queue;
    if (item === undefined || this.#isSending || this.isDead) return;
    if (this.wedgedUntilMs > this.#world.now) {
      this.#world.after(this.wedgedUntilMs - this.#world.now, () => this.#pump());
      return;
    }
    this.#isSending = true;
    const attempt = ++this.#attempt;
    const bytes = framed({ payload: item.payload }, STANDARD_FRAMING);
    this.#sent = { sentAtMs: this.#world.now, isFirst: !this.#line.isOpen };
    this.#line.send(bytes);
    this.#world.after(ANSWER_WITHIN_MS, () => {
      if (this.#attempt !== attempt) return;
      this.#line.close();
      this.#again();
    });
  }

  #again(): void {
    this.#line.takeBack();
    this.#attempt++;
    this.#world.after(AGAIN_FROM_MS + this.#world.roll(AGAIN_SPAN_MS), () => {
      this.#isSending = false;
      this.#pump();
    });
  }

  #answered(payload: Buffer): void {
    const [item] = this.#queue;
    const answer = readAnswer(payload);
    if (item === undefined || !this.#isSending || answer?.msa2 !== item.msh10) return;
    this.#events.answered(this, item.payload, payload, this.#sent);
    const isDelivered = answer.verdict === 'positive';
    // AR is the gateway's "try again": no destination of a night says it.
    const isGivenUp = this.#options.habits.givesUpRejected && fieldText(payload, 'MSA-1') !== 'AR';
    if (!isDelivered && !isGivenUp) {
      this.#again();
      return;
    }
    if (!isDelivered) this.givenUp.add(serialOf(item.payload));
    this.#attempt++;
    this.#isSending = false;
    this.#queue.shift();
    item.done(isDelivered);
    this.#pump();
  }
}
