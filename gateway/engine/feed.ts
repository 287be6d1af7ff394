/**
 * A feed: its source's messages go to the primary, one unanswered at a time, and the primary's own answer goes back; once
 * a positive verdict is durable a copy (the shadow) goes to the other platform, in order.
 */

import type { Feed } from '../../core/inventory.ts';
import { LazySet } from '../../core/lazy-collections.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import { Correspondence } from './correspondence.ts';
import { CANNOT_STORE, FENCED, Intake, type IntakeOwner, type Message } from './intake.ts';
import { PeerLink, type StrayFrame } from './peer-link.ts';
import type { MessageFacts, Verdict } from './records.ts';
import type { Runtime } from './runtime.ts';
import { Sequence } from './sequence.ts';
import { Shadow, type ShadowOwner } from './shadow.ts';

/** What the connections of a feed are told of its inputs: each feed has one of its own. */
export type FeedObserver = {
  /** The platform that gets a copy of the next input, if any. */
  shadowOf(primary: Platform): Platform | null;
  admitted(input: AdmittedInput): void;
  answered(input: AdmittedInput, platform: Platform, verdict: Verdict, isPrimary: boolean): void;
  /** `heard`: its sender, where nothing of it had come since a crash. */
  listed(
    list: 'maybeSent' | 'answeredAgain',
    facts: MessageFacts,
    offset: number | null,
    cause: string,
    heard?: string | null,
  ): void;
  counted(
    counter:
      | 'received'
      | 'accepted'
      | 'rejected'
      | 'unanswered'
      | 'refused'
      | 'shadowed'
      | 'shadowRejected'
      | 'sequenceGaps',
  ): void;
  /** The message of a copy cannot be read back. */
  unreadable(platform: Platform, input: AdmittedInput): void;
  /** A frame that nobody waits for. */
  stray(endpoint: string, frame: StrayFrame, cause: string): void;
  /** The platform that has issued the id which this message answers (ORR, ORL, …), if it answers one. */
  issuerOf(payload: Uint8Array): Platform | null;
  /** A connection of it is fenced: nothing is taken and nothing is sent. */
  isFenced(): boolean;
  /** Something that a swap may wait for has moved. */
  moved(): void;
  /** A message is answered or given up: what its sender waited is known. */
  ended(message: Message): void;
};

export type AdmittedInput = {
  readonly feed: string;
  readonly offset: number;
  /** The first attempt's offset: what obligations are kept under. */
  readonly first: number;
  readonly facts: MessageFacts;
  readonly payload: Uint8Array | null;
  readonly primary: Platform;
  readonly shadow: Platform | null;
};

const DEFAULT_ANSWER_TIMEOUT_MS = 30_000;
/** The standard does not say how long a sender waits; 5 s is the shortest default seen in the field (Mirth's TCP sender). */
const UNKNOWN_ACK_TIMEOUT_MS = 5000;

export class FeedEngine {
  readonly config: Feed;
  readonly intake: Intake;
  readonly links: Readonly<Record<Platform, PeerLink>>;
  primary: Platform = 'legacy';
  readonly sequence = new Sequence();
  readonly #runtime: Runtime;
  readonly #observer: FeedObserver;
  readonly #waiting: Message[] = [];
  readonly #holders = new LazySet<object>();
  readonly shadows: Readonly<Record<Platform, Shadow>>;
  readonly #afterHold = new LazySet<Message>();
  readonly correspondence: Readonly<Record<Platform, Correspondence>> = {
    legacy: new Correspondence(),
    new: new Correspondence(),
  };
  #heldSinceMs: number | null = null;
  #isStopping = false;
  #current: { readonly message: Message; readonly input: AdmittedInput; isAnswered: boolean } | null = null;

  constructor(config: Feed, runtime: Runtime, observer: FeedObserver, frameLimitBytes: number) {
    this.config = config;
    this.#runtime = runtime;
    this.#observer = observer;
    const link = (platform: Platform): PeerLink =>
      new PeerLink({
        name: `${config.name}/${platform}`,
        peer: config.platforms[platform],
        runtime,
        frameLimitBytes,
        // Right behind a commit acknowledgement, which is not on the disk yet, its application acknowledgement may come.
        onStray: (frame) => runtime.afterDurable(() => this.#stray(platform, frame)),
        onConnected: () => observer.moved(),
        isOfAnother: (answer) => this.correspondence[platform].awaits(answer),
      });
    this.links = { legacy: link('legacy'), new: link('new') };
    const shadow = (platform: Platform): Shadow => new Shadow(platform, this.#shadowOwner(platform), runtime);
    this.shadows = { legacy: shadow('legacy'), new: shadow('new') };
    const owner = this.#intakeOwner();
    const frames = runtime.inputFrames;
    this.intake = new Intake({
      name: config.name,
      listener: config,
      runtime,
      owner,
      frameLimitBytes,
      frames,
    });
  }

  get isHeld(): boolean {
    return this.#holders.size > 0;
  }

  get inFlight(): number {
    return this.#current === null ? 0 : 1;
  }

  /** Messages that wait for their turn or for the end of a hold; none of them is in the journal. */
  get waiting(): readonly Message[] {
    return this.#waiting;
  }

  /** Messages whose senders wait for an answer: the one in flight, and those behind it. */
  get unanswered(): readonly Message[] {
    return this.#current === null ? this.#waiting : [this.#current.message, ...this.#waiting];
  }

  /** Nothing is on its way to a platform. */
  get isQuiet(): boolean {
    return this.#current === null && this.lag === 0;
  }

  /** Copies that have no answer yet. */
  get lag(): number {
    return this.shadows.legacy.lag + this.shadows.new.lag;
  }

  /**
   * Whoever takes over now has one copy to answer before the first message of its own, not two behind each other: what is in
   * flight comes as one too.
   */
  get isInStep(): boolean {
    return this.inFlight + this.lag <= 1;
  }

  /** Half of what the sender waits for its answer: no hold of this feed lasts longer (rule 8). */
  get holdLimitMs(): number {
    return Math.floor((this.config.ackTimeoutMs ?? UNKNOWN_ACK_TIMEOUT_MS) / 2);
  }

  /** What the hold that is on may still last; the whole limit where there is none. */
  get holdLeftMs(): number {
    if (this.#heldSinceMs === null) return this.holdLimitMs;
    return Math.max(0, this.#heldSinceMs + this.holdLimitMs - this.#runtime.now);
  }

  /** A new hold begins only once everything that waited for the end of the last one has been answered. */
  get canBeHeld(): boolean {
    return this.#heldSinceMs !== null ? this.holdLeftMs > 0 : this.#afterHold.size === 0;
  }

  hold(holder: object): void {
    if (this.#holders.size === 0) this.#heldSinceMs = this.#runtime.now;
    this.#holders.add(holder);
  }

  /** Returns the messages that were kept waiting. */
  release(holder: object): readonly Message[] {
    if (!this.#holders.delete(holder)) return [];
    const held = [...this.#waiting];
    for (const message of held) this.#afterHold.add(message);
    if (this.#holders.size === 0) {
      this.#heldSinceMs = null;
      this.advance();
    }
    return held;
  }

  /** While this one alone holds it, the message that has waited longest goes to its platform; null: none could. */
  letOnePass(holder: object): Message | null {
    if (this.#holders.size > 1 || !this.#holders.has(holder)) return null;
    const message = this.#admitNext();
    if (message !== null) this.#afterHold.add(message);
    return message;
  }

  setPrimary(primary: Platform): void {
    this.primary = primary;
  }

  /** A forced change: what is on its way to the former primary is not waited for; what was not written yet goes again. */
  abandonCurrent(): void {
    const current = this.#current;
    // What the former primary has answered needs nothing more of it: it ends as always, once that is durable.
    if (current === null || current.isAnswered) return;
    const neverWritten = this.links[current.input.primary].withdraw();
    this.#current = null;
    if (neverWritten) {
      this.#record(current.input, 'other');
      this.#observer.answered(current.input, current.input.primary, 'negative', true);
      this.#waiting.unshift(current.message);
      current.message.offset = null;
      return;
    }
    this.#record(current.input, 'lost');
    this.#observer.listed('maybeSent', current.message.facts, current.input.offset, 'forced-rollback');
    this.#observer.counted('unanswered');
    this.#observer.answered(current.input, current.input.primary, 'lost', true);
    this.intake.abandon(current.message);
  }

  advance(): void {
    this.shadows.legacy.pump();
    this.shadows.new.pump();
    if (!this.isHeld) this.#admitNext();
  }

  #admitNext(): Message | null {
    if (this.#current !== null || this.#runtime.journalFailed) return null;
    const [message] = this.#waiting;
    if (message === undefined) return null;
    const primary = this.#primaryOf(message);
    // Order wins over latency: the backlog of the platform that has become primary goes first (rule 9).
    if (this.shadows[primary].lag > 0) return null;
    this.#waiting.shift();
    this.#admit(message, primary);
    return message;
  }

  /** Rule 7: a response goes to the platform that has asked, whatever the epoch; where it is not there, to the primary. */
  #primaryOf(message: Message): Platform {
    const issuer = this.#observer.issuerOf(message.frame.payload);
    return issuer !== null && this.links[issuer].isConnected ? issuer : this.primary;
  }

  /** Rule 7: frames of a platform that answer nothing in flight: a later acknowledgement or a response is for its source. */
  #stray(platform: Platform, frame: StrayFrame): void {
    const endpoint = `${this.config.name}/${platform}`;
    const to = frame.isAnswer ? this.correspondence[platform].addressee(frame.payload) : null;
    if (to === null) this.#observer.stray(endpoint, frame, 'unasked');
    else if (to.sender === null) this.#observer.stray(endpoint, frame, 'to-copy');
    else {
      const { sender, socket } = to;
      const isPassed = this.intake.passBack({ sender, socket }, frame.payload, (payload) => {
        if (!this.links[platform].passOn(payload))
          this.#observer.stray(this.config.name, { payload, isAnswer: true }, 'platform-gone');
      });
      if (!isPassed) this.#observer.stray(endpoint, frame, 'source-gone');
    }
  }

  /** The journal cannot be written: whoever waits unjournaled is told to try again. */
  refuseWaiting(): void {
    for (const message of this.#waiting.splice(0)) this.intake.refuse(message, 'AR', CANNOT_STORE);
  }

  /** Nothing new is begun; what is under way may end. */
  stop(): void {
    this.#isStopping = true;
    this.hold(this.shadows);
  }

  get shadowsInFlight(): number {
    return PLATFORMS.filter((platform) => this.shadows[platform].isWritten).length;
  }

  /** Stopped or after a crash: copies that may be under way. */
  listInterruptedShadows(cause: 'crash' | 'stop'): void {
    for (const platform of PLATFORMS) {
      const shadow = this.shadows[platform];
      if (cause === 'crash' || shadow.isWritten) shadow.listFirst(cause);
    }
  }

  #shadowOwner(platform: Platform): ShadowOwner {
    const feed = this.config.name;
    return {
      feed,
      link: this.links[platform],
      timeoutMs: this.#answerTimeoutMs(platform),
      // A response may be on its way to the platform that has asked.
      maySend: () => !this.#isStopping && !this.#observer.isFenced() && this.#current?.input.primary !== platform,
      committed: (msh10) =>
        this.correspondence[platform].remember(msh10, { sender: null, socket: null, isCommitted: true }),
      repeated: (facts, offset, cause) => this.#observer.listed('maybeSent', facts, offset, cause),
      ended: (input, verdict) => {
        this.#observer.counted(verdict === 'positive' ? 'shadowed' : 'shadowRejected');
        this.#observer.answered(input, platform, verdict, false);
        this.advance();
        this.#observer.moved();
      },
      unreadable: (input) => this.#observer.unreadable(platform, input),
      advance: () => this.advance(),
    };
  }

  #intakeOwner(): IntakeOwner {
    const feed = this.config.name;
    return {
      message: (message) => {
        if (this.#observer.isFenced()) {
          this.intake.refuse(message, 'AR', FENCED);
          return;
        }
        this.#waiting.push(message);
        this.advance();
      },
      answeredAgain: (facts, offset, heard) => this.#observer.listed('answeredAgain', facts, offset, 'resent', heard),
      reusedId: (message) => {
        this.#runtime.fx.log('warn', 'reused-id', { feed, sha: message.facts.sha.slice(0, 12) });
      },
      firstAfterCrash: ({ facts, sender }) => this.#observer.listed('maybeSent', facts, null, 'before-crash', sender),
      refused: (facts, cause) => {
        const at = this.#runtime.now;
        // Where the journal cannot be written, records of refusals would only pile up in memory.
        if (!this.#runtime.journalFailed) {
          this.#runtime.append({ t: 'refusal', endpoint: feed, cause, at, ...facts }, null, 'written');
        }
        this.#observer.counted('refused');
      },
      deserted: (message) => {
        const index = this.#waiting.indexOf(message);
        if (index < 0) return;
        this.#waiting.splice(index, 1);
        this.intake.abandon(message);
      },
      ended: (message) => {
        this.#afterHold.delete(message);
        this.#observer.ended(message);
      },
    };
  }

  #admit(message: Message, primary: Platform): void {
    const { facts, sender, attemptOf } = message;
    const shadow = primary === this.primary ? this.#observer.shadowOf(primary) : null;
    const at = this.#runtime.now;
    const feed = this.config.name;
    const { msh10, sha } = facts;
    const offset = this.#runtime.append(
      { t: 'input', feed, sender, primary, shadow, attemptOf, at, msh10, sha },
      message.frame.payload,
      'written',
      () => this.#forward(message),
    );
    const first = attemptOf ?? offset;
    const payload = message.frame.payload;
    const input: AdmittedInput = { feed, offset, first, facts, payload, primary, shadow };
    this.#current = { message, input, isAnswered: false };
    this.intake.admitted(message, offset, null);
    this.#observer.counted('received');
    const missing = attemptOf === null ? this.sequence.missingBefore(sender, payload) : 0;
    if (missing > 0) {
      this.#runtime.fx.log('warn', 'sequence-gap', { feed, sender, missing });
      this.#observer.counted('sequenceGaps');
    }
    this.#observer.admitted(input);
  }

  #forward(message: Message): void {
    const current = this.#current;
    // A forced change may have taken it back while it was being written.
    if (current === null || current.message !== message || current.input.offset !== message.offset) return;
    const { input } = current;
    this.links[input.primary].deliver({
      frame: message.frame,
      msh10: message.facts.msh10,
      timeoutMs: this.#answerTimeoutMs(input.primary),
      answered: (answer, verdict, isCommit) => {
        if (isCommit) this.#remember(message, input.primary);
        this.#answered(message, input, answer, verdict);
      },
      lost: (cause) => this.#lost(message, input, cause),
    });
  }

  #remember({ facts, sender, waiters }: Message, platform: Platform): void {
    const socket = waiters.at(-1) ?? null;
    this.correspondence[platform].remember(facts.msh10, { sender, socket, isCommitted: true });
  }

  #answered(message: Message, input: AdmittedInput, answer: Buffer, verdict: Verdict): void {
    if (this.#current !== null) this.#current.isAnswered = true;
    this.#record(input, verdict, answer, () => {
      this.#current = null;
      if (verdict === 'positive' && input.shadow !== null) {
        this.shadows[input.shadow].add(input, message.frame);
      }
      this.#observer.counted(verdict === 'positive' ? 'accepted' : 'rejected');
      this.#observer.answered(input, input.primary, verdict, true);
      this.intake.answer(message, answer, verdict);
      this.advance();
      this.#observer.moved();
    });
  }

  #lost(message: Message, input: AdmittedInput, cause: 'timeout' | 'disconnected'): void {
    this.#current = null;
    this.#record(input, 'lost');
    this.#observer.listed('maybeSent', message.facts, input.offset, `primary-${cause}`);
    this.#observer.counted('unanswered');
    this.#observer.answered(input, input.primary, 'lost', true);
    this.intake.abandon(message);
    this.advance();
    this.#observer.moved();
  }

  #record(input: AdmittedInput, verdict: Verdict, answer: Buffer | null = null, then?: () => void): void {
    const needs = then === undefined ? 'written' : 'durable';
    const at = this.#runtime.now;
    this.#runtime.append(
      { t: 'input-verdict', feed: input.feed, input: input.offset, verdict, at },
      answer,
      needs,
      then,
    );
  }

  #answerTimeoutMs(platform: Platform): number {
    const { answerTimeoutMs } = this.config.platforms[platform];
    return answerTimeoutMs ?? this.config.ackTimeoutMs ?? DEFAULT_ANSWER_TIMEOUT_MS;
  }
}
