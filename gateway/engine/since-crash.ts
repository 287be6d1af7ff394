/**
 * Which senders were heard since the last crash (rule 3). What the crash forgot may have gone to its peer, and its sender
 * sends it again: so the first message of each sender after it is in doubt, whatever orderly restarts lie between.
 */
import { Newest } from '../../core/newest.ts';

/** Null: there was no crash, or it is long past. */
export type SinceCrashState = { readonly atMs: number; readonly heard: readonly string[] } | null;

/** The senders that the retry memory knows. One that is forgotten counts as not heard. */
const SENDERS_LIMIT = 10_000;
/** Who has not come back by then will not send what it sent before: a sender that is heard later is a new one. */
const LONG_PAST_MS = 30 * 86_400_000;

export class SinceCrash {
  #last: { readonly atMs: number; readonly heard: Newest<string, true> } | null = null;

  /** A start after a crash: nobody has been heard yet. */
  crashed(atMs: number): void {
    this.#last = { atMs, heard: new Newest(SENDERS_LIMIT) };
  }

  /** A message of this sender is here. True: its first since the crash. */
  hears(sender: string, nowMs: number): boolean {
    if (this.#last === null) return false;
    const { atMs, heard } = this.#last;
    if (nowMs - atMs > LONG_PAST_MS) {
      this.#last = null;
      return false;
    }
    if (heard.has(sender)) return false;
    heard.set(sender, true);
    return true;
  }

  dump(): SinceCrashState {
    return this.#last === null
      ? null
      : { atMs: this.#last.atMs, heard: [...this.#last.heard].map(([sender]) => sender) };
  }

  load(state: SinceCrashState): void {
    this.#last = null;
    if (state === null) return;
    this.crashed(state.atMs);
    for (const sender of state.heard) this.hears(sender, state.atMs);
  }
}
