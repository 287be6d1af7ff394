/**
 * Rule 6: per sender the last message and its outcome, so that a resend is recognised, conservatively: same MSH-10 and
 * the same bytes (but for fields that a resend may change). A sender is (endpoint, peer IP). One with several sockets has
 * several messages under way: those that a newer one came beside are known while they wait, and answered again after it.
 */

import type { RetryRule } from '../../core/inventory.ts';
import { LazyMap } from '../../core/lazy-collections.ts';
import type { Message } from './intake.ts';
import type { SocketId } from './io.ts';
import { RetryDigest } from './retry-digest.ts';

export type Outcome =
  | { readonly kind: 'open'; readonly message: Message }
  | { readonly kind: 'positive'; readonly answer: Buffer; readonly atMs: number; socket: SocketId | null }
  | { readonly kind: 'negative' }
  | { readonly kind: 'unknown' };

export type Remembered = {
  readonly msh10: string;
  readonly digest: RetryDigest;
  /** Offset of the first attempt, once it is in the journal. */
  firstAttempt: number | null;
  /** What the owner of the intake keeps with a message (an output's obligation). */
  context: number | null;
  /** Its owner has kept it back (an output that was captured or suppressed). */
  isKept: boolean;
  outcome: Outcome;
};

export type RetryMemoryState = readonly {
  readonly sender: string;
  readonly msh10: string;
  readonly digest: string;
  readonly firstAttempt: number | null;
  readonly context: number | null;
  /** Absent in a checkpoint from before it was kept, and where it is false. */
  readonly isKept?: boolean;
  readonly kind: 'positive' | 'negative' | 'unknown';
  readonly answer: string | null;
  readonly atMs: number | null;
}[];

export type Recognition =
  | { readonly kind: 'new'; readonly reusedId: boolean }
  | { readonly kind: 'join'; readonly message: Message }
  | { readonly kind: 'answer-again'; readonly answer: Buffer; readonly remembered: Remembered }
  | { readonly kind: 'another-attempt'; readonly remembered: Remembered };

/** A NAT in front of many senders must not grow this without bound; the longest unheard is forgotten first. */
const SENDERS_LIMIT = 10_000;
/** Messages of one sender beside its last one, and of how many senders. */
const BESIDE_LIMIT = 32;
const BESIDE_SENDERS_LIMIT = 1000;
/** A longer answer is not kept for them. */
const BESIDE_ANSWER_BYTES = 4 * 1024;
/** Senders that are looked at, at a message, for one that may be forgotten. */
const LOOKED_AT = 100;

export class RetryMemory {
  readonly #rule: RetryRule;
  readonly #senders = new LazyMap<string, Remembered>();
  /** Messages that still waited when a newer one of their sender came, oldest first. */
  readonly #beside = new LazyMap<string, readonly Remembered[]>();
  /** Goes on where it was: from the start of a `Map` it is a walk over all that were deleted before. */
  #longestUnheard: Iterator<[string, Remembered]> | null = null;

  constructor(rule: RetryRule) {
    this.#rule = rule;
  }

  recognise(
    sender: string,
    msh10: string,
    digest: RetryDigest,
    readProof: SocketId | null,
    nowMs: number,
  ): Recognition {
    const beside = this.#knownBeside(sender, msh10, digest, readProof, nowMs);
    const last = this.#senders.get(sender);
    if (last === undefined || last.msh10 !== msh10) return beside ?? { kind: 'new', reusedId: false };
    if (!last.digest.equals(digest)) return beside ?? { kind: 'new', reusedId: msh10 !== '' };
    const { outcome } = last;
    switch (outcome.kind) {
      case 'open':
        return { kind: 'join', message: outcome.message };
      case 'positive': {
        const hasRead = outcome.socket !== null && outcome.socket === readProof;
        if (hasRead || nowMs - outcome.atMs > this.#rule.withinMs) return { kind: 'new', reusedId: false };
        return { kind: 'answer-again', answer: outcome.answer, remembered: last };
      }
      case 'negative':
      case 'unknown':
        return { kind: 'another-attempt', remembered: last };
    }
  }

  #knownBeside(
    sender: string,
    msh10: string,
    digest: RetryDigest,
    readProof: SocketId | null,
    nowMs: number,
  ): Recognition | null {
    const all = this.#beside.size === 0 ? undefined : this.#beside.get(sender);
    if (all === undefined) return null;
    const kept = all.filter(({ outcome }) => {
      if (outcome.kind !== 'positive') return outcome.kind === 'open';
      const isRead = outcome.socket !== null && outcome.socket === readProof;
      const isKept = outcome.answer.length <= BESIDE_ANSWER_BYTES && nowMs - outcome.atMs <= this.#rule.withinMs;
      return isKept && !isRead;
    });
    if (kept.length === 0) this.#beside.delete(sender);
    else this.#beside.set(sender, kept);
    const remembered = kept.find((one) => one.msh10 === msh10 && one.digest.equals(digest));
    if (remembered?.outcome.kind === 'open') return { kind: 'join', message: remembered.outcome.message };
    if (remembered?.outcome.kind !== 'positive') return null;
    return { kind: 'answer-again', answer: remembered.outcome.answer, remembered };
  }

  remember(sender: string, entry: Remembered): void {
    const before = this.#senders.get(sender);
    if (before?.outcome.kind === 'open') this.#putBeside(sender, before);
    // The newest comes last; where there is but one sender it is in its place already.
    if (this.#senders.size > 1) this.#senders.delete(sender);
    this.#senders.set(sender, entry);
    if (this.#senders.size > SENDERS_LIMIT) this.#forgetUnheard();
  }

  #putBeside(sender: string, entry: Remembered): void {
    const others = this.#beside.get(sender) ?? [];
    if (others.length === 0 && this.#beside.size >= BESIDE_SENDERS_LIMIT) return;
    this.#beside.set(sender, [...others, entry].slice(-BESIDE_LIMIT));
  }

  #forgetUnheard(): void {
    for (let turn = 0; turn < LOOKED_AT && this.#senders.size > SENDERS_LIMIT; turn++) {
      this.#longestUnheard ??= this.#senders[Symbol.iterator]();
      const next = this.#longestUnheard.next();
      if (next.done === true) {
        this.#longestUnheard = null;
        continue;
      }
      const [sender, remembered] = next.value;
      this.#senders.delete(sender);
      if (remembered.outcome.kind !== 'open') this.#beside.delete(sender);
      // It waits for its answer, and its resend is to join: it is as new as any.
      if (remembered.outcome.kind === 'open') this.#senders.set(sender, remembered);
    }
  }

  /** For a checkpoint: what recovery knows of each sender; nothing is open then. */
  dump(): RetryMemoryState {
    return [...this.#senders].map(([sender, { msh10, digest, firstAttempt, context, isKept, outcome }]) => ({
      sender,
      msh10,
      digest: digest.text,
      firstAttempt,
      context,
      ...(isKept ? { isKept } : {}),
      kind: outcome.kind === 'open' ? 'unknown' : outcome.kind,
      answer: outcome.kind === 'positive' ? outcome.answer.toString('base64') : null,
      atMs: outcome.kind === 'positive' ? outcome.atMs : null,
    }));
  }

  load(state: RetryMemoryState): void {
    for (const { sender, kind, answer, atMs, digest, isKept = false, ...rest } of state) {
      const outcome: Outcome =
        kind === 'positive'
          ? { kind, answer: Buffer.from(answer ?? '', 'base64'), atMs: atMs ?? 0, socket: null }
          : { kind };
      this.#senders.set(sender, { ...rest, isKept, digest: RetryDigest.from(digest), outcome });
    }
  }

  last(sender: string): Remembered | null {
    return this.#senders.get(sender) ?? null;
  }
}
