/**
 * The listening side of a feed or a leg: sockets, frames one at a time, senders and their resends. What to do with a
 * message is its owner's business; the owner ends each message by `answer` or `abandon`.
 */

import type { Listener } from '../../core/inventory.ts';
import { LazyMap } from '../../core/lazy-collections.ts';
import { type Frame, Framer, framed } from '../framing.ts';
import { factsOf, ownAnswer, readAnswer } from './answers.ts';
import { ALLOWANCE_BYTES, type FrameHolder, type FrameLane } from './frame-budget.ts';
import type { SocketId } from './io.ts';
import { SocketsOfSender } from './left-sockets.ts';
import { type AnswerTaker, PassedBack } from './passed-back.ts';
import type { MessageFacts, Verdict } from './records.ts';
import { RetryDigest } from './retry-digest.ts';
import { type Remembered, RetryMemory } from './retry-memory.ts';
import type { Runtime, SocketOwner } from './runtime.ts';
import { SinceCrash } from './since-crash.ts';

/** A frame from the moment it is complete to the moment it is answered or given up. */
export type Message = {
  readonly sender: string;
  readonly frame: Frame;
  readonly facts: MessageFacts;
  readonly digest: RetryDigest;
  readonly receivedAtMs: number;
  /** Sockets that wait for its answer: the one it came on, and those on which it came again. */
  readonly waiters: SocketId[];
  /** Offset in the journal, once it is admitted. */
  offset: number | null;
  /** Where this is another attempt: the first attempt, and what the owner kept with it. */
  readonly attemptOf: number | null;
  readonly context: number | null;
  /** The attempt before was kept back. */
  readonly wasKept: boolean;
  /** What is remembered of it; null: not yet. */
  remembered: Remembered | null;
};

export type IntakeOwner = {
  message(message: Message): void;
  /** The recorded answer was sent again. `heard`: its sender, where nothing of it had come since a crash. */
  answeredAgain(message: MessageFacts, firstAttempt: number | null, heard: string | null): void;
  /** The same MSH-10 came with other bytes: it passes, and is flagged. */
  reusedId(message: Message): void;
  /** After an unclean start, the first message of a sender that nothing recognises. */
  firstAfterCrash(message: Message): void;
  refused(facts: MessageFacts, cause: string): void;
  /** The last socket that waited for a message is gone. */
  deserted(message: Message): void;
  /** It was answered or given up. */
  ended(message: Message): void;
};

type Socket = {
  readonly id: SocketId;
  readonly sender: string;
  readonly framer: Framer;
  current: Message | null;
  paused: boolean;
  pumping: boolean;
  ended: boolean;
  /** Its sender has closed its half. */
  isLast: boolean;
  /** Nothing of the next frame had arrived when the last answer was written: the next frame proves it was read. */
  provesReading: boolean;
  hasSpoken: boolean;
  /** What was passed back to it since it has spoken last. */
  passedBytes: number;
  readonly siblings: SocketsOfSender;
  /** Later acknowledgements of the message whose answer its sender may never have seen. */
  late: readonly Buffer[];
  lateTimer: number | null;
  readonly openedAt: number;
  usedAt: number;
  /** What of it counts in the budget of frames, and who is there for it where that is used up. */
  countedBytes: number;
  holder: FrameHolder | null;
  /** The message in work whose frame had waited for room. */
  hadWaited: { readonly holder: FrameHolder; readonly message: Message } | null;
};

const NOTHING = (): void => {};
const NOTHING_BEFORE = { firstAttempt: null, context: null, isKept: false } as const;

/** What a refusal says while the journal cannot be written. */
export const FENCED = 'the gateway is fenced and takes nothing yet';
export const CANNOT_STORE = 'the gateway cannot store messages at the moment';
const NO_ROOM = 'the gateway has no room for more at the moment';
/** A sender that has seen the answer has nothing to send again. */
const LATE_WAIT_MS = 1000;
const PAUSE_ABOVE_BYTES = 256 * 1024;
/** More of it a sender that says nothing itself does not get: it may not be reading, and it would pile up here. */
const PASSED_LIMIT_BYTES = 64 * 1024 * 1024;
/** One socket's frames are taken in turns, so that a pipelining sender cannot starve others or grow the stack. */
const FRAMES_PER_TURN = 1000;

export class Intake implements SocketOwner {
  readonly memory: RetryMemory;
  readonly sinceCrash = new SinceCrash();
  /** Told when a socket is gone; `hasSpoken`: a whole frame had come on it. */
  onGone: (hasSpoken: boolean) => void = NOTHING;
  readonly #name: string;
  readonly #listener: Listener;
  readonly #runtime: Runtime;
  readonly #owner: IntakeOwner;
  readonly #frameLimitBytes: number;
  readonly #frames: FrameLane;
  readonly #sockets = new LazyMap<SocketId, Socket>();
  readonly #senders = new LazyMap<string, SocketsOfSender>();
  /** Counts what happens on sockets: one comes, is heard or is answered. */
  #uses = 0;
  readonly #passedBack = new PassedBack();

  constructor(options: {
    name: string;
    listener: Listener;
    runtime: Runtime;
    owner: IntakeOwner;
    frameLimitBytes: number;
    frames: FrameLane;
  }) {
    this.#name = options.name;
    this.#listener = options.listener;
    this.#runtime = options.runtime;
    this.#owner = options.owner;
    this.#frameLimitBytes = options.frameLimitBytes;
    this.#frames = options.frames;
    this.memory = new RetryMemory(options.listener.retry);
  }

  opened(id: SocketId, peerIp: string): void {
    const framer = new Framer(this.#listener.framing, { frameBytes: this.#frameLimitBytes });
    const sender = `${this.#name}@${peerIp}`;
    this.#runtime.sockets.set(id, this);
    const siblings = this.#senders.get(sender) ?? new SocketsOfSender();
    this.#senders.set(sender, siblings);
    siblings.count++;
    const openedAt = ++this.#uses;
    const socket: Socket = {
      id,
      sender,
      framer,
      current: null,
      paused: false,
      pumping: false,
      ended: false,
      isLast: false,
      provesReading: false,
      hasSpoken: false,
      passedBytes: 0,
      siblings,
      late: [],
      lateTimer: null,
      openedAt,
      usedAt: openedAt,
      countedBytes: 0,
      holder: null,
      hadWaited: null,
    };
    this.#sockets.set(id, socket);
    this.#passKept(socket);
  }

  /** What was kept for the sender, which is here again. */
  #passKept(socket: Socket): void {
    for (const payload of this.#passedBack.takeKept(socket.sender)) this.#passTo(socket, null, payload);
  }

  /**
   * What acknowledges its sender's last message comes after the answer to that: on a socket that is not the message's own and has
   * said nothing yet, its sender may be about to ask for the answer again.
   */
  #passTo(socket: Socket, ofMessage: SocketId | null, payload: Buffer): void {
    const last = this.memory.last(socket.sender);
    const isAnswered = last?.outcome.kind === 'positive' && readAnswer(payload)?.msa2 === last.msh10;
    if (!isAnswered || socket.hasSpoken || socket.id === ofMessage) {
      this.#send(socket, payload);
      return;
    }
    if (socket.late.length === 0) socket.lateTimer = this.#runtime.after(LATE_WAIT_MS, () => this.#passLate(socket));
    socket.late = [...socket.late, payload];
  }

  #passLate(socket: Socket): void {
    if (socket.late.length === 0) return;
    this.#runtime.cancel(socket.lateTimer);
    for (const payload of socket.late) this.#send(socket, payload);
    socket.late = [];
  }

  /**
   * Rule 7: a frame that is for this sender and answers nothing that it waits for now: on the socket of its message, else
   * on its newest, else on its next. False: too much waits for it already.
   */
  passBack(
    to: { readonly sender: string; readonly socket: SocketId | null },
    payload: Buffer,
    then: AnswerTaker,
  ): boolean {
    const socket = this.#socketOf(to.sender, to.socket);
    if (socket !== null) {
      if (socket.passedBytes + payload.length > PASSED_LIMIT_BYTES) return false;
      socket.passedBytes += payload.length;
      this.#passTo(socket, to.socket, payload);
    } else if (!this.#passedBack.keep(to.sender, payload)) return false;
    this.#passedBack.await(payload, then);
    return true;
  }

  #send({ id }: Socket, payload: Buffer): void {
    this.#runtime.fx.send(id, framed({ payload }, this.#listener.framing));
  }

  #socketOf(sender: string, preferred: SocketId | null): Socket | null {
    const same = preferred === null ? undefined : this.#sockets.get(preferred);
    if (same !== undefined && same.sender === sender) return same;
    return [...this.#sockets.values()].findLast((socket) => socket.sender === sender) ?? null;
  }

  bytes(id: SocketId, chunk: Buffer): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    socket.framer.push(chunk);
    if (socket.current === null) this.#pump(socket);
    else if (!socket.paused && socket.framer.bufferedBytes > this.#pauseAboveBytes) {
      socket.paused = true;
      this.#runtime.fx.pause(id);
    }
    this.#count(socket);
  }

  get #pauseAboveBytes(): number {
    return this.#runtime.budget.isOver ? ALLOWANCE_BYTES : PAUSE_ABOVE_BYTES;
  }

  /** Rule 15: what the frame that is coming and the message in work take. */
  #count(socket: Socket): void {
    const { budget } = this.#runtime;
    const comingBytes = socket.ended ? 0 : socket.framer.bufferedBytes;
    const bytes = comingBytes + (socket.current?.frame.raw.length ?? 0);
    if (bytes !== socket.countedBytes) {
      const more = bytes - socket.countedBytes;
      socket.countedBytes = bytes;
      budget.take(more);
    }
    const { current, hadWaited } = socket;
    if (hadWaited !== null && hadWaited.message !== current) {
      socket.hadWaited = null;
      this.#frames.answered(hadWaited.holder);
    }
    const isUnfinished = current === null && comingBytes > 0;
    if (!isUnfinished && socket.holder !== null) {
      const { holder } = socket;
      socket.holder = null;
      if (current !== null) socket.hadWaited = { holder, message: current };
      this.#frames.finished(holder, current?.frame.raw.length ?? 0);
    } else if (isUnfinished && budget.isOver) {
      socket.holder ??= this.#holderOf(socket);
      this.#frames.unfinished(socket.holder, comingBytes);
    }
  }

  #holderOf(socket: Socket): FrameHolder {
    return {
      pause: () => this.#runtime.fx.pause(socket.id),
      resume: () => {
        if (!socket.ended && !socket.paused) this.#runtime.fx.resume(socket.id);
      },
      refuse: () => {
        this.#runtime.fx.log('warn', 'frame-budget-refused', { endpoint: this.#name });
        this.#turnOff(socket, socket.framer.giveUp(), NO_ROOM);
      },
    };
  }

  /** A sender that has said its last still gets the answer that it waits for. */
  ended(id: SocketId): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    socket.isLast = true;
    // Frames of its last packet may not have had their turn yet.
    if (socket.current === null) this.#pump(socket);
  }

  closed(id: SocketId): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    this.#forget(socket);
  }

  /** The message's end: its answer goes to every socket that waits for it. */
  answer(message: Message, answer: Buffer, verdict: Verdict): void {
    const bytes = framed({ payload: answer }, this.#listener.framing);
    const waiters: Socket[] = [];
    for (const id of message.waiters) {
      const socket = this.#sockets.get(id);
      if (socket !== undefined) waiters.push(socket);
    }
    message.waiters.length = 0;
    // The newest socket is the one that the sender still listens on.
    const reader = waiters.at(-1) ?? null;
    const remembered = openEntryOf(message);
    if (remembered !== null) {
      remembered.outcome =
        verdict === 'positive'
          ? { kind: 'positive', answer, atMs: this.#runtime.now, socket: reader?.id ?? null }
          : { kind: verdict === 'negative' ? 'negative' : 'unknown' };
    }
    if (reader !== null && verdict === 'positive' && reader.siblings.count > 1) {
      const { facts, digest, attemptOf, offset } = message;
      const { siblings, openedAt } = reader;
      const { now: atMs } = this.#runtime;
      siblings.answered({ msh10: facts.msh10, digest, answer, firstAttempt: attemptOf ?? offset, atMs, openedAt });
    }
    for (const socket of waiters) {
      this.#runtime.fx.send(socket.id, bytes);
      this.#passLate(socket);
      socket.usedAt = ++this.#uses;
      socket.current = null;
      this.#swallowResends(socket, message.digest);
      socket.provesReading = socket.framer.bufferedBytes === 0;
    }
    this.#owner.ended(message);
    for (const socket of waiters) this.#pump(socket);
  }

  /** No answer will come: the sockets are closed without one, the sender's resend is its next attempt. */
  abandon(message: Message): void {
    const remembered = openEntryOf(message);
    if (remembered !== null) remembered.outcome = { kind: 'unknown' };
    for (const id of message.waiters) {
      this.#runtime.close(id);
      const socket = this.#sockets.get(id);
      if (socket !== undefined) {
        socket.current = null;
        this.#sockets.delete(id);
        socket.ended = true;
        this.#leave(socket);
        this.#count(socket);
        this.onGone(socket.hasSpoken);
      }
    }
    message.waiters.length = 0;
    this.#owner.ended(message);
  }

  /** Tells the memory where the message stands in the journal, so that its resends are told as attempts of it. */
  admitted(message: Message, offset: number, context: number | null, isKept = false): void {
    message.offset = offset;
    const remembered = openEntryOf(message);
    if (remembered !== null) {
      remembered.firstAttempt ??= offset;
      remembered.context = context;
      remembered.isKept = isKept;
    }
  }

  /** Refuses a message with an answer of the gateway's own (rule 1). */
  refuse(message: Message, code: 'AE' | 'AR', cause: string): void {
    this.#owner.refused(message.facts, cause);
    this.answer(message, ownAnswer(message.frame.payload, code, cause, this.#runtime.now), 'negative');
  }

  #pump(socket: Socket): void {
    if (socket.pumping) return;
    socket.pumping = true;
    let turns = 0;
    for (; turns < FRAMES_PER_TURN && socket.current === null && !socket.ended; turns++) {
      const taken = socket.framer.take();
      if (taken.kind === 'none') break;
      // An empty frame is a keep-alive of some senders: there is nothing to pass on or to answer.
      if (taken.kind === 'too-large') this.#turnOff(socket, taken.head, 'frame over the limit');
      else if (taken.frame.payload.length > 0) this.#accept(socket, taken.frame);
    }
    socket.pumping = false;
    this.#count(socket);
    if (socket.current !== null || socket.ended) return;
    if (turns < FRAMES_PER_TURN && socket.isLast) {
      this.#end(socket);
      return;
    }
    if (turns === FRAMES_PER_TURN) this.#runtime.after(0, () => this.#pump(socket));
    else if (socket.paused) {
      socket.paused = false;
      const isWaiting = socket.holder !== null && this.#frames.isWaiting(socket.holder);
      if (!isWaiting) this.#runtime.fx.resume(socket.id);
    }
  }

  #accept(socket: Socket, frame: Frame): void {
    socket.hasSpoken = true;
    socket.passedBytes = 0;
    if (this.#passedBack.isAnswer(frame.payload)) return;
    const facts = factsOf(frame.payload);
    const digest = RetryDigest.of(frame.payload, this.#listener.retry.ignore);
    const proof = socket.provesReading ? socket.id : null;
    const { now } = this.#runtime;
    const recognition = this.memory.recognise(socket.sender, facts.msh10, digest, proof, now);
    const sinceMs = now - this.#listener.retry.withinMs;
    const late = recognition.kind === 'new' ? socket.siblings.find(socket, facts.msh10, digest, sinceMs) : null;
    socket.usedAt = ++this.#uses;
    if (late !== null) {
      this.#answerAgain(socket, facts, late, null);
      return;
    }
    const isKnown = recognition.kind === 'join' || recognition.kind === 'answer-again';
    if (this.#runtime.isRefusing && !isKnown) {
      this.#turnAway(socket, frame, facts);
      return;
    }
    if (!isKnown) this.#passLate(socket);
    const isFirst = this.sinceCrash.hears(socket.sender, now);
    switch (recognition.kind) {
      case 'join':
        socket.current = recognition.message;
        recognition.message.waiters.push(socket.id);
        return;
      case 'answer-again':
        if (recognition.remembered.outcome.kind === 'positive') recognition.remembered.outcome.socket = socket.id;
        this.#answerAgain(
          socket,
          facts,
          { ...recognition.remembered, answer: recognition.answer },
          isFirst ? socket.sender : null,
        );
        return;
      case 'another-attempt': {
        const { outcome } = recognition.remembered;
        const message = this.#open(socket, frame, facts, digest, recognition.remembered);
        // An attempt after the refused one may have gone out, and its record with it in the crash.
        if (isFirst && outcome.kind === 'negative') this.#owner.firstAfterCrash(message);
        this.#owner.message(message);
        return;
      }
      case 'new': {
        const message = this.#open(socket, frame, facts, digest, null);
        if (recognition.reusedId) this.#owner.reusedId(message);
        if (isFirst) this.#owner.firstAfterCrash(message);
        this.#owner.message(message);
        return;
      }
    }
  }

  #answerAgain(
    socket: Socket,
    facts: MessageFacts,
    { answer, firstAttempt }: { readonly answer: Buffer; readonly firstAttempt: number | null },
    heard: string | null,
  ): void {
    this.#owner.answeredAgain(facts, firstAttempt, heard);
    this.#send(socket, answer);
    this.#passLate(socket);
    socket.provesReading = socket.framer.bufferedBytes === 0;
  }

  /** Nothing is remembered of it: it was never here. */
  #turnAway(socket: Socket, frame: Frame, facts: MessageFacts): void {
    this.#owner.refused(facts, CANNOT_STORE);
    const answer = ownAnswer(frame.payload, 'AR', CANNOT_STORE, this.#runtime.now);
    this.#send(socket, answer);
    socket.provesReading = socket.framer.bufferedBytes === 0;
  }

  #open(socket: Socket, frame: Frame, facts: MessageFacts, digest: RetryDigest, before: Remembered | null): Message {
    const { firstAttempt: attemptOf, context, isKept } = before ?? NOTHING_BEFORE;
    const message: Message = {
      sender: socket.sender,
      frame,
      facts,
      digest,
      receivedAtMs: this.#runtime.now,
      waiters: [socket.id],
      offset: null,
      attemptOf,
      context,
      wasKept: isKept,
      remembered: null,
    };
    socket.current = message;
    const outcome = { kind: 'open', message } as const;
    const { msh10 } = facts;
    const remembered: Remembered = { msh10, digest, firstAttempt: attemptOf, context, isKept, outcome };
    message.remembered = remembered;
    this.memory.remember(socket.sender, remembered);
    return message;
  }

  /** Resends of the message that came on the same socket while it was in flight: one message, one answer. */
  #swallowResends(socket: Socket, digest: RetryDigest): void {
    if (socket.framer.bufferedBytes === 0) return;
    for (let turn = 0; turn < FRAMES_PER_TURN; turn++) {
      const taken = socket.framer.take();
      if (taken.kind !== 'frame') return;
      if (RetryDigest.of(taken.frame.payload, this.#listener.retry.ignore).equals(digest)) continue;
      socket.framer.putBack(taken.frame);
      return;
    }
  }

  /** Refuses a frame that is not complete, by what has come of it; what follows of it is nobody's. */
  #turnOff(socket: Socket, head: Buffer, cause: string): void {
    const facts = factsOf(head);
    this.#owner.refused(facts, cause);
    const answer = ownAnswer(head, 'AR', cause, this.#runtime.now);
    this.#send(socket, answer);
    this.#end(socket);
  }

  #leave(socket: Socket): void {
    const { sender, siblings, lateTimer, late } = socket;
    siblings.count--;
    if (siblings.count === 0) this.#senders.delete(sender);
    this.#runtime.cancel(lateTimer);
    for (const payload of late) this.#passedBack.keep(sender, payload);
    socket.late = [];
  }

  #end(socket: Socket): void {
    this.#runtime.close(socket.id);
    this.#forget(socket);
  }

  #forget(socket: Socket): void {
    if (this.#sockets.delete(socket.id)) this.#leave(socket);
    socket.ended = true;
    this.onGone(socket.hasSpoken);
    const message = socket.current;
    socket.current = null;
    this.#count(socket);
    if (message === null) return;
    const index = message.waiters.indexOf(socket.id);
    if (index >= 0) message.waiters.splice(index, 1);
    if (message.waiters.length === 0) this.#owner.deserted(message);
  }
}

/** What is remembered of a message that waits for its answer; null where it has been given up meanwhile. */
function openEntryOf(message: Message): Remembered | null {
  const { remembered } = message;
  const outcome = remembered?.outcome;
  return outcome?.kind === 'open' && outcome.message === message ? remembered : null;
}
