/**
 * Rule 7: frames that go to a sender although it waits for none of them: later acknowledgements and responses. What it
 * says to one of them is for the peer that it came from, and no message.
 */

import { LazyMap } from '../../core/lazy-collections.ts';
import { Newest } from '../../core/newest.ts';
import { factsOf, readAnswer } from './answers.ts';

/** What a sender answers to a frame that was passed back to it. */
export type AnswerTaker = (payload: Buffer) => void;

/** Frames for a sender that has no socket open wait for its next one: so many for each, so many bytes for all of an endpoint. */
const PENDING_LIMIT = 100;
const PENDING_LIMIT_BYTES = 64 * 1024 * 1024;
/** At least half of them. */
const AWAITED_LIMIT = 2000;

export class PassedBack {
  readonly #pending = new LazyMap<string, Buffer[]>();
  #pendingBytes = 0;
  /** By the MSH-10 of the frame. */
  readonly #awaited = new Newest<string, AnswerTaker>(AWAITED_LIMIT);

  /** Keeps a frame for the sender's next socket. False: too many wait for it already. */
  keep(sender: string, payload: Buffer): boolean {
    const pending = this.#pending.get(sender) ?? [];
    if (pending.length >= PENDING_LIMIT || this.#pendingBytes + payload.length > PENDING_LIMIT_BYTES) return false;
    this.#pendingBytes += payload.length;
    this.#pending.set(sender, [...pending, payload]);
    return true;
  }

  /** What was kept for this sender, which is here now. */
  takeKept(sender: string): readonly Buffer[] {
    const pending = this.#pending.get(sender) ?? [];
    if (pending.length > 0) this.#pending.delete(sender);
    for (const { length } of pending) this.#pendingBytes -= length;
    return pending;
  }

  /** The frame is on its way: its sender may say something to it. */
  await(payload: Buffer, then: AnswerTaker): void {
    this.#awaited.set(factsOf(payload).msh10, then);
  }

  /** True where the frame acknowledges one that was passed back: it is for the peer that had sent that, and needs no answer. */
  isAnswer(payload: Buffer): boolean {
    if (this.#awaited.size === 0) return false;
    const answer = readAnswer(payload);
    const then = answer === null ? undefined : this.#awaited.get(answer.msa2);
    if (answer === null || then === undefined) return false;
    this.#awaited.delete(answer.msa2);
    then(payload);
    return true;
  }
}
