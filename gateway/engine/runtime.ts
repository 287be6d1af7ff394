/** What every part of the engine stands on: the time of the present event, timers, socket numbers, the journal's tail. */
import { FrameBudget, type FrameLane, type FrameLimits } from './frame-budget.ts';
import type { Effects, Purpose, SocketId } from './io.ts';
import { OpenInputs, type OpenInputsLimits } from './open-inputs.ts';
import type { JournalMeta } from './records.ts';

/** Who gets what happens on a socket. */
export type SocketOwner = {
  connected?(): void;
  bytes(socket: SocketId, chunk: Buffer): void;
  /** The peer sends no more, but may still read. */
  ended(socket: SocketId): void;
  closed(socket: SocketId): void;
};

type Waiter = { readonly offset: number; readonly run: () => void };

export class Runtime {
  readonly fx: Effects;
  /** What the frames of senders may take, and what the answers of peers may. */
  readonly budget: FrameBudget;
  readonly answerBudget: FrameBudget;
  readonly inputFrames: FrameLane;
  readonly outputFrames: FrameLane;
  readonly answerFrames: FrameLane;
  readonly openInputs: OpenInputs;
  /** Records of the journal are read: nothing new follows from them. */
  isReplaying = false;
  /** Milliseconds since 1970, of the event that is being handled. */
  now = 0;
  nextOffset = 0;
  /** After a failed sync nothing new is admitted until the journal is durable again. */
  journalFailed = false;
  /** It has failed for so long that senders are told to try again, rather than left to wait. */
  isRefusing = false;
  readonly sockets = new Map<SocketId, SocketOwner>();
  readonly #timers = new Map<number, () => void>();
  #nextTimer = 1;
  #nextSocket = 2;
  #written: Waiter[] = [];
  #durable: Waiter[] = [];
  #reads = new Map<number, (payload: Buffer | null) => void>();
  #nextRead = 1;

  constructor(fx: Effects, limits: FrameLimits, openInputs: OpenInputsLimits) {
    this.fx = fx;
    this.budget = new FrameBudget(limits, this);
    this.answerBudget = new FrameBudget(limits, this);
    this.inputFrames = this.budget.lane();
    this.outputFrames = this.budget.lane();
    this.answerFrames = this.answerBudget.lane();
    this.openInputs = new OpenInputs(openInputs);
  }

  after(delayMs: number, run: () => void): number {
    const timer = this.#nextTimer++;
    this.#timers.set(timer, run);
    this.fx.arm(timer, this.now + delayMs);
    return timer;
  }

  cancel(timer: number | null): void {
    if (timer !== null && this.#timers.delete(timer)) this.fx.disarm(timer);
  }

  timerFired(timer: number): void {
    const run = this.#timers.get(timer);
    if (run === undefined) return;
    this.#timers.delete(timer);
    run();
  }

  dial(host: string, port: number, owner: SocketOwner, purpose: Purpose = 'deliver'): SocketId {
    const socket = this.#nextSocket;
    this.#nextSocket += 2;
    this.sockets.set(socket, owner);
    this.fx.connect(socket, { host, port }, purpose);
    return socket;
  }

  close(socket: SocketId): void {
    this.sockets.delete(socket);
    this.fx.close(socket);
  }

  /** Appends a record; `then` runs once it is written or durable, in the order of the appends. */
  append(meta: JournalMeta, payload: Uint8Array | null, needs: 'written' | 'durable', then?: () => void): number {
    const offset = this.nextOffset++;
    if (then !== undefined) (needs === 'written' ? this.#written : this.#durable).push({ offset, run: then });
    this.fx.append(offset, meta, payload, needs);
    return offset;
  }

  written(upTo: number): void {
    this.#written = release(this.#written, upTo);
  }

  durable(upTo: number): void {
    this.journalFailed = false;
    this.isRefusing = false;
    // Durable implies written: a waiter for the weaker promise never runs after one for the stronger.
    this.#written = release(this.#written, upTo);
    this.#durable = release(this.#durable, upTo);
  }

  /** Runs once the record that was appended last is in its file: a kill forgets nothing of what is said then. */
  afterWritten(run: () => void): void {
    this.#written.push({ offset: this.nextOffset - 1, run });
  }

  /** Runs once everything that waits for the disk now has gone on, so that what comes later does not overtake it. */
  afterDurable(run: () => void): void {
    const last = this.#durable.at(-1);
    if (last === undefined) run();
    else this.#durable.push({ offset: last.offset, run });
  }

  read(offset: number, then: (payload: Buffer | null) => void): void {
    const token = this.#nextRead++;
    this.#reads.set(token, then);
    this.fx.read(offset, token);
  }

  payloadRead(token: number, payload: Buffer | null): void {
    const then = this.#reads.get(token);
    this.#reads.delete(token);
    then?.(payload);
  }
}

/** Runs the waiters up to the offset; callbacks may append more meanwhile. */
function release(waiters: Waiter[], upTo: number): Waiter[] {
  let count = 0;
  while (count < waiters.length && (waiters[count]?.offset ?? Number.POSITIVE_INFINITY) <= upTo) count++;
  if (count === 0) return waiters;
  const ready = waiters.splice(0, count);
  for (const waiter of ready) waiter.run();
  return waiters;
}
