/**
 * The dialling side: one peer, one socket, one unanswered message (rules 6 and 7). A message that is not yet written
 * waits while the link keeps connecting; one that was written is never written again by the link: no answer in time or a
 * lost connection closes the socket and is reported as lost.
 */
import type { AnswerMatch, Peer } from '../../core/inventory.ts';
import { type Frame, Framer, framed } from '../framing.ts';
import { isCredited, readAnswer, strictestMatch } from './answers.ts';
import type { FrameHolder } from './frame-budget.ts';
import type { SocketId } from './io.ts';
import type { Verdict } from './records.ts';
import type { Runtime, SocketOwner } from './runtime.ts';

export type Delivery = {
  readonly frame: { readonly payload: Uint8Array; readonly raw?: Uint8Array };
  readonly msh10: string;
  readonly timeoutMs: number;
  /** The peer's own answer, credited to this message. */
  answered(answer: Buffer, verdict: Verdict, isCommit: boolean): void;
  /** It was written, and nobody knows whether the peer took it. */
  lost(cause: 'timeout' | 'disconnected'): void;
};

export type StrayFrame = { readonly payload: Buffer; readonly isAnswer: boolean };

export const RECONNECT_FIRST_MS = 50;
export const RECONNECT_LAST_MS = 2000;

export class PeerLink implements SocketOwner {
  readonly name: string;
  readonly #peer: Peer;
  readonly #runtime: Runtime;
  readonly #onStray: (frame: StrayFrame) => void;
  readonly #onConnected: () => void;
  readonly #isOfAnother: (answer: Uint8Array) => boolean;
  readonly #frameLimitBytes: number;
  #framer: Framer;
  #socket: SocketId | null = null;
  #connected = false;
  #current: Delivery | null = null;
  #begun = false;
  /** Messages that have been written. */
  #writes = 0;
  /** Of whichever message was there when it was set; it goes on to run, and asks of the one that is there when it ends. */
  #answerTimer: number | null = null;
  #timed = 0;
  #timerEndsMs = 0;
  /** When the present message's answer is due. */
  #dueMs = 0;
  #reconnectTimer: number | null = null;
  #reconnectMs = RECONNECT_FIRST_MS;
  #wanted = false;
  /** The last attempt to connect succeeded. */
  #isReachable = false;
  /** A message has gone over the present socket. */
  #isUsed = false;
  /** Null: not known yet, as its first answer shows it. */
  #learned: AnswerMatch | null;
  /** What of an answer that is coming counts in the budget, and who is there for it where that is used up. */
  #countedBytes = 0;
  #holder: FrameHolder | null = null;

  constructor(options: {
    name: string;
    peer: Peer;
    runtime: Runtime;
    frameLimitBytes: number;
    onStray: (frame: StrayFrame) => void;
    onConnected?: () => void;
    /** It names an earlier message of ours, whose acknowledgement is still to come. */
    isOfAnother: (answer: Uint8Array) => boolean;
  }) {
    this.name = options.name;
    this.#peer = options.peer;
    this.#runtime = options.runtime;
    this.#frameLimitBytes = options.frameLimitBytes;
    this.#onStray = options.onStray;
    this.#onConnected = options.onConnected ?? (() => {});
    this.#isOfAnother = options.isOfAnother;
    this.#learned = options.peer.answer;
    this.#framer = new Framer(options.peer.framing, { frameBytes: options.frameLimitBytes });
  }

  get busy(): boolean {
    return this.#current !== null;
  }

  /** The present message has been written. */
  get begun(): boolean {
    return this.#current !== null && this.#begun;
  }

  /** A peer that wants a connection for each message counts as connected between them, as long as it could be reached. */
  get isConnected(): boolean {
    return this.#connected || (this.#peer.isOneMessagePerConnection && this.#isReachable);
  }

  deliver(delivery: Delivery): void {
    if (this.#current !== null) throw new Error(`${this.name} has an unanswered message`);
    this.#current = delivery;
    this.#begun = false;
    // It stays open past a commit acknowledgement, for the one that may follow, but no longer than that.
    if (this.#peer.isOneMessagePerConnection && this.#isUsed) this.#drop();
    if (this.#connected) this.#write();
    else this.connect();
  }

  /** Keeps trying until it is connected; asks nothing of the peer. */
  connect(): void {
    this.#wanted = true;
    if (this.#socket !== null || this.#reconnectTimer !== null) return;
    this.#socket = this.#runtime.dial(this.#peer.host, this.#peer.port, this);
    this.#framer = new Framer(this.#peer.framing, { frameBytes: this.#frameLimitBytes });
  }

  /** An acknowledgement for this peer, which is no message: nobody waits for an answer to it. False: not connected. */
  passOn(payload: Uint8Array): boolean {
    if (this.#socket === null || !this.#connected) return false;
    this.#runtime.fx.send(this.#socket, framed({ payload }, this.#peer.framing));
    return true;
  }

  /** Takes the present message back. True: it was never written. False: it was; the socket is closed. */
  withdraw(): boolean {
    const wasBegun = this.begun;
    this.#settle();
    if (wasBegun) this.#drop();
    return !wasBegun;
  }

  connected(): void {
    this.#connected = true;
    this.#isReachable = true;
    this.#wanted = false;
    this.#reconnectMs = RECONNECT_FIRST_MS;
    if (this.#current !== null && !this.#begun) this.#write();
    this.#onConnected();
  }

  bytes(_socket: SocketId, chunk: Buffer): void {
    this.#framer.push(chunk);
    for (;;) {
      const taken = this.#framer.take();
      if (taken.kind === 'none') {
        this.#count();
        return;
      }
      if (taken.kind === 'too-large') {
        this.#lose('disconnected');
        return;
      }
      const before = this.#socket;
      this.#frame(taken.frame);
      if (this.#socket !== before) return;
    }
  }

  /** Rule 15: what has come of an answer that is not complete. */
  #count(): void {
    const bytes = this.#framer.bufferedBytes;
    if (bytes === 0 && this.#countedBytes === 0) return;
    const { answerBudget, answerFrames } = this.#runtime;
    const more = bytes - this.#countedBytes;
    this.#countedBytes = bytes;
    answerBudget.take(more);
    if (bytes === 0 && this.#holder !== null) {
      const holder = this.#holder;
      this.#holder = null;
      answerFrames.finished(holder, 0);
    } else if (bytes > 0 && answerBudget.isOver && this.#socket !== null) {
      this.#holder ??= this.#holderOf(this.#socket);
      answerFrames.unfinished(this.#holder, bytes);
    }
  }

  #holderOf(socket: SocketId): FrameHolder {
    const { fx } = this.#runtime;
    return {
      pause: () => fx.pause(socket),
      resume: () => fx.resume(socket),
      refuse: () => {
        fx.log('warn', 'answer-budget-refused', { endpoint: this.name });
        this.#lose('disconnected');
      },
    };
  }

  /** A peer that sends no more will not answer either. */
  ended(socket: SocketId): void {
    this.#runtime.close(socket);
    this.closed();
  }

  closed(): void {
    if (!this.#connected) this.#isReachable = false;
    this.#gone();
    if (this.#current !== null && this.#begun) {
      this.#lose('disconnected');
      return;
    }
    if (this.#wanted || this.#current !== null) this.#reconnectLater();
  }

  #frame(frame: Frame): void {
    const answer = readAnswer(frame.payload);
    const delivery = this.#current;
    if (answer === null || delivery === null || !this.#begun || !this.#credits(frame, answer.msa2, delivery.msh10)) {
      if (frame.payload.length > 0) this.#onStray({ payload: frame.payload, isAnswer: answer !== null });
      return;
    }
    // What answers a message without an id shows nothing.
    if (delivery.msh10 !== '') this.#learned ??= strictestMatch(answer.msa2, delivery.msh10);
    this.#settle();
    if (this.#peer.isOneMessagePerConnection && !answer.isCommit) this.#drop();
    delivery.answered(frame.payload, answer.verdict, answer.isCommit);
  }

  #credits({ payload }: Frame, msa2: string, msh10: string): boolean {
    if (this.#learned !== null) return isCredited(this.#learned, msa2, msh10);
    // The position is all there is, unless it names a message that it can be for: one from before a restart, say.
    return strictestMatch(msa2, msh10) !== 'position' || !this.#isOfAnother(payload);
  }

  #write(): void {
    const delivery = this.#current;
    if (delivery === null || this.#socket === null) return;
    this.#begun = true;
    this.#isUsed = true;
    this.#writes += 1;
    this.#runtime.fx.send(this.#socket, framed(delivery.frame, this.#peer.framing));
    this.#dueMs = this.#runtime.now + delivery.timeoutMs;
    if (this.#answerTimer !== null && this.#timerEndsMs <= this.#dueMs) return;
    this.#runtime.cancel(this.#answerTimer);
    this.#time(delivery.timeoutMs);
  }

  /** Answers come in milliseconds, and a timer for each of them would cost more than the rest of this file. */
  #time(forMs: number): void {
    this.#timed = this.#writes;
    this.#timerEndsMs = this.#runtime.now + forMs;
    this.#answerTimer = this.#runtime.after(forMs, () => {
      this.#answerTimer = null;
      const current = this.begun ? this.#current : null;
      if (current === null) return;
      // Not by what the clock says now: it may have been set since.
      const leftMs = Math.min(this.#dueMs - this.#timerEndsMs, current.timeoutMs);
      if (this.#timed === this.#writes || leftMs <= 0) this.#lose('timeout');
      else this.#time(leftMs);
    });
  }

  #lose(cause: 'timeout' | 'disconnected'): void {
    const delivery = this.#current;
    const wasBegun = this.#begun;
    this.#settle();
    this.#drop();
    if (delivery === null) return;
    if (wasBegun) delivery.lost(cause);
    else this.deliver(delivery);
  }

  #settle(): void {
    this.#current = null;
    this.#begun = false;
    this.#wanted = false;
  }

  #drop(): void {
    if (this.#socket !== null) this.#runtime.close(this.#socket);
    this.#gone();
  }

  #gone(): void {
    this.#socket = null;
    this.#connected = false;
    this.#isUsed = false;
    this.#framer.giveUp();
    this.#count();
  }

  #reconnectLater(): void {
    if (this.#reconnectTimer !== null) return;
    this.#reconnectTimer = this.#runtime.after(this.#reconnectMs, () => {
      this.#reconnectTimer = null;
      if (this.#wanted || this.#current !== null) this.connect();
    });
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, RECONNECT_LAST_MS);
  }
}
