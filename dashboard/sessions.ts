/** Who is logged in: in memory only, bounded, over after a quarter of an hour without an action. A token is in no file and no answer. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Known } from './login.ts';

export type Session = Known & { readonly csrf: string };

const SESSIONS_LIMIT = 20;
const IDLE_MS = 15 * 60_000;
const FAILURES_LIMIT = 10;
const FAILURES_IN_MS = 60_000;

type Kept = { readonly session: Session; usedMs: number };

export class Sessions {
  /** By the digest of what the cookie holds. */
  readonly #kept = new Map<string, Kept>();
  #failures: number[] = [];

  /** What the cookie is to hold. The one that was idle longest gives way. */
  open(who: Known, nowMs: number): { readonly cookie: string; readonly session: Session } {
    const cookie = randomBytes(32).toString('base64url');
    const session = { ...who, csrf: randomBytes(32).toString('base64url') };
    this.#kept.set(digestOf(cookie), { session, usedMs: nowMs });
    const [oldest] = [...this.#kept].sort(([, a], [, b]) => a.usedMs - b.usedMs);
    if (this.#kept.size > SESSIONS_LIMIT && oldest !== undefined) this.#kept.delete(oldest[0]);
    return { cookie, session };
  }

  find(cookie: string, nowMs: number): Session | null {
    for (const [id, { usedMs }] of this.#kept) if (nowMs - usedMs > IDLE_MS) this.#kept.delete(id);
    return this.#kept.get(digestOf(cookie))?.session ?? null;
  }

  /** An action keeps it open; a page that only looks does not. */
  use(cookie: string, nowMs: number): void {
    const kept = this.#kept.get(digestOf(cookie));
    if (kept !== undefined) kept.usedMs = nowMs;
  }

  close(cookie: string): void {
    this.#kept.delete(digestOf(cookie));
  }

  /** Too many wrong tokens within a minute: nobody logs in until it is over. */
  isBlocked(nowMs: number): boolean {
    this.#failures = this.#failures.filter((atMs) => nowMs - atMs < FAILURES_IN_MS);
    return this.#failures.length >= FAILURES_LIMIT;
  }

  noteFailure(nowMs: number): void {
    this.#failures.push(nowMs);
  }
}

export function isSame(offered: string, wanted: string): boolean {
  const [a, b] = [digestOf(offered), digestOf(wanted)].map((text) => Buffer.from(text));
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
