/**
 * Rule 6, one step further: a sender that hears nothing leaves its socket, opens another and repeats there. What it had
 * written on the former one may arrive after newer messages, where the network held it up. Such a frame is the message
 * that was answered on the newer socket, and no new one.
 */
import type { RetryDigest } from './retry-digest.ts';

/** What each socket keeps of when it was last used, on a scale of its endpoint. */
export type SocketTimes = { readonly openedAt: number; usedAt: number };

export type AnsweredElsewhere = {
  readonly msh10: string;
  readonly digest: RetryDigest;
  readonly answer: Buffer;
  readonly firstAttempt: number | null;
  readonly atMs: number;
  /** When the socket was opened that the sender reads the answer on. */
  readonly openedAt: number;
};

/** So many messages of a sender may have passed since. */
const LIMIT = 256;
/** A longer answer is not kept: its message, should it come again so late, passes. */
const ANSWER_LIMIT_BYTES = 4 * 1024;

/** The open sockets of one sender at one endpoint. */
export class SocketsOfSender {
  count = 0;
  readonly #answered: AnsweredElsewhere[] = [];

  /** A positive answer went to a socket. Not told where there is but one: then none was left. */
  answered(message: AnsweredElsewhere): void {
    if (message.answer.length > ANSWER_LIMIT_BYTES) return;
    // A copy: the answer may be a piece of a much larger buffer.
    this.#answered.push({ ...message, answer: Buffer.from(message.answer) });
    if (this.#answered.length > LIMIT) this.#answered.shift();
  }

  /** The same message, answered on a socket that was opened after this one had fallen silent. */
  find(socket: SocketTimes, msh10: string, digest: RetryDigest, sinceMs: number): AnsweredElsewhere | null {
    if (this.#answered.length === 0) return null;
    const isSame = (item: AnsweredElsewhere): boolean =>
      item.msh10 === msh10 && item.atMs >= sinceMs && socket.usedAt <= item.openedAt && item.digest.equals(digest);
    return this.#answered.findLast(isSame) ?? null;
  }
}
