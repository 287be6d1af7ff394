/**
 * A sender at the far end: an EMR's orders or the LIS's results. One feed, one socket that stays open, stop and wait;
 * a message without an answer is sent again with the same MSH-10 until it is answered.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, randomFrom } from '../hl7/random.ts';
import { copyFacilitiesOf, type IdentityKind, identityOf, isPositive, readAnswer } from '../hl7/reading.ts';
import { MllpClient } from '../mllp.ts';
import type { SentMessage } from './records.ts';

const RECONNECT_DELAY_MS = 200;
const REFUSED_DELAY_MS = 500;
const REJECTED_ATTEMPTS_LIMIT = 3;
const LAST_ACKNOWLEDGEMENT_MS = 10_000;
const LOOK_EVERY_MS = 50;
const MISANSWERS_SHOWN = 5;

export type SourceTarget = {
  readonly connection: string;
  readonly facility: string;
  next(): { readonly bytes: Buffer };
};

export type SourceOptions = {
  readonly feed: string;
  readonly port: number;
  readonly ackTimeoutMs: number;
  readonly seed: string;
  readonly identity: IdentityKind;
  readonly defersAcknowledgement: boolean;
  /** What the feed carries: one connection, or on a shared feed several in turn. */
  readonly targets: readonly SourceTarget[];
};

type Exchange = { kind: 'accepted' } | { kind: 'rejected' } | { kind: 'again'; afterMs: number };

export class Source {
  readonly log = new Map<string, SentMessage[]>();
  /** Answers whose MSA-2 is not the MSH-10 of the message on the wire: never acceptable. */
  misanswered = 0;
  /** The first of them, in words. */
  readonly misanswers: string[] = [];
  /** Acknowledgements that came after the commit of their message. */
  deferred = 0;
  /** MSH-10 of messages that were committed and not acknowledged yet. */
  readonly #committed = new Set<string>();
  /** Positively answered, by connection. */
  readonly accepted = new Map<string, number>();
  readonly #options: SourceOptions;
  readonly #client: MllpClient;
  readonly #random: Random;
  #intervalMs = 1000;
  #turn = 0;
  #state: 'idle' | 'sending' | 'paused' | 'draining' | 'stopped' = 'idle';
  #running: Promise<void> | null = null;
  #wake: AbortController = new AbortController();
  #waitingSince: number | null = null;
  #longestPauseMs = 0;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#client = new MllpClient(options.port, (frame) => this.#isAcknowledgement(frame));
    this.#random = randomFrom(`${options.seed}/pace/${options.feed}`);
    for (const { connection } of options.targets) {
      this.log.set(connection, []);
      this.accepted.set(connection, 0);
    }
  }

  /** Committed, and never acknowledged since. */
  get deferredMissing(): number {
    return this.#committed.size;
  }

  get feed(): string {
    return this.#options.feed;
  }

  /** Each connection gets a message this often. */
  start(intervalMs: number): void {
    this.#intervalMs = intervalMs / this.#options.targets.length;
    this.#state = 'sending';
    this.#running ??= this.#run();
    this.#wakeUp();
  }

  pause(): void {
    if (this.#state === 'sending') this.#state = 'paused';
  }

  /** Sends nothing new; resolves when the message under way is answered, or `withinMs` later. */
  async drain(withinMs: number): Promise<void> {
    this.#state = 'draining';
    this.#wakeUp();
    const limit = new AbortController();
    const late = sleep(withinMs, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([this.#running ?? Promise.resolve(), late]);
    limit.abort();
    if (withinMs > 0) await this.#acknowledged();
    this.#state = 'stopped';
    this.#client.close();
    await this.#running;
  }

  beginWindow(): void {
    this.#longestPauseMs = 0;
  }

  /** The longest wait for an answer since `beginWindow`, that of a message still unanswered included. */
  longestPauseMs(): number {
    const open = this.#waitingSince === null ? 0 : performance.now() - this.#waitingSince;
    return Math.max(this.#longestPauseMs, open);
  }

  async #run(): Promise<void> {
    let dueAt = performance.now() + this.#random.next() * this.#intervalMs;
    while (this.#state === 'sending' || this.#state === 'paused') {
      const waitMs = this.#state === 'paused' ? 1000 : dueAt - performance.now();
      if (waitMs > 0) {
        await this.#sleep(waitMs);
        continue;
      }
      // After a pause a sender works off its queue a little, it does not flood.
      dueAt =
        Math.max(dueAt, performance.now() - 5 * this.#intervalMs) + this.#intervalMs * (0.5 + this.#random.next());
      await this.#sendOne();
    }
  }

  async #sendOne(): Promise<void> {
    const target = this.#options.targets[this.#turn++ % this.#options.targets.length];
    if (target === undefined) throw new Error('a source has a target');
    const { bytes } = target.next();
    const identity = identityOf(bytes, this.#options.identity);
    const startedAt = performance.now();
    this.#waitingSince = startedAt;
    const record: SentMessage = { ...identity, outcome: 'unanswered', attempts: 0, pauseMs: 0 };
    const owed = this.#owedBy(target, bytes);
    for (const connection of owed) this.log.get(connection)?.push(record);
    while (this.#state !== 'stopped') {
      record.attempts++;
      const result = await this.#attempt(bytes, identity.controlId);
      if (result.kind === 'accepted' || (result.kind === 'rejected' && record.attempts >= REJECTED_ATTEMPTS_LIMIT)) {
        record.outcome = result.kind;
        break;
      }
      await sleep(result.kind === 'again' ? result.afterMs : REFUSED_DELAY_MS);
    }
    record.pauseMs = performance.now() - startedAt;
    this.#waitingSince = null;
    this.#longestPauseMs = Math.max(this.#longestPauseMs, record.pauseMs);
    if (record.outcome !== 'accepted') return;
    for (const connection of owed) this.accepted.set(connection, (this.accepted.get(connection) ?? 0) + 1);
  }

  /** Every connection on which this message has to arrive: its own, and on a shared feed those of its copies. */
  #owedBy(target: SourceTarget, bytes: Buffer): string[] {
    const { targets, identity } = this.#options;
    if (targets.length === 1 || identity !== 'sequence') return [target.connection];
    const copies = new Set(copyFacilitiesOf(bytes));
    const others = targets.filter(
      ({ facility, connection }) => connection !== target.connection && copies.has(facility),
    );
    return [target.connection, ...others.map(({ connection }) => connection)];
  }

  async #attempt(bytes: Buffer, controlId: string): Promise<Exchange> {
    const outcome = await this.#client.exchange(bytes, this.#options.ackTimeoutMs);
    if (outcome.kind === 'timeout') return { kind: 'again', afterMs: 0 };
    if (outcome.kind !== 'answer') return { kind: 'again', afterMs: RECONNECT_DELAY_MS };
    const answer = readAnswer(outcome.bytes);
    if (answer === null || answer.controlId !== controlId) {
      this.misanswered++;
      if (this.misanswers.length < MISANSWERS_SHOWN) {
        const got = answer === null ? 'a frame without MSA' : `${answer.code} for ${answer.controlId}`;
        this.misanswers.push(`${this.feed}: ${controlId} got ${got}`);
      }
      this.#client.close();
      return { kind: 'again', afterMs: REFUSED_DELAY_MS };
    }
    if (isPositive(answer)) return { kind: 'accepted' };
    // AR and CR mean: try again later. AE and CE mean: not this message, as it stands.
    if (answer.code === 'AR' || answer.code === 'CR') return { kind: 'again', afterMs: REFUSED_DELAY_MS };
    return { kind: 'rejected' };
  }

  /** What was committed last is acknowledged in a moment. */
  async #acknowledged(): Promise<void> {
    const endsAt = performance.now() + LAST_ACKNOWLEDGEMENT_MS;
    while (this.#committed.size > 0 && performance.now() < endsAt) await sleep(LOOK_EVERY_MS);
  }

  /** In enhanced mode: of a message committed before, whatever is waited for now. */
  #isAcknowledgement(frame: Buffer): boolean {
    if (!this.#options.defersAcknowledgement) return false;
    const answer = readAnswer(frame);
    // Noted here, because the acknowledgement may come in the same chunk of bytes.
    if (answer?.code === 'CA') this.#committed.add(answer.controlId);
    if (answer === null || !answer.code.startsWith('A') || !this.#committed.delete(answer.controlId)) return false;
    this.deferred++;
    return true;
  }

  async #sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  #wakeUp(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }
}
