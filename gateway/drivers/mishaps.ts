/**
 * Sockets that were turned away or that a peer's protection refused: counted always, logged at most once in a while for
 * each endpoint and cause, because whoever is refused comes again at once.
 */
import type { Logger } from 'pino';
import type { TurnedAway } from './listening.ts';

const LOG_EVERY_MS = 10_000;

export type Mishap = { readonly endpoint: string; readonly cause: string; readonly count: number };

type Tally = { readonly endpoint: string; readonly cause: string; count: number; loggedAtMs: number; unlogged: number };

export class Mishaps {
  readonly #logger: Logger;
  readonly #now: () => number;
  /** By endpoint and cause: as many as the inventory has endpoints, times a few causes. */
  readonly #tallies = new Map<string, Tally>();

  constructor(logger: Logger, now: () => number) {
    this.#logger = logger;
    this.#now = now;
  }

  turnedAway(endpoint: string, what: TurnedAway): void {
    const code = what.cause === 'tls-failed' ? what.code : null;
    this.#note(endpoint, what.cause, { from: what.from, code });
  }

  /** A peer that is dialled over TLS or from an address of its own. `isReady`: the connection had been made. */
  peerFailed(peer: string, isReady: boolean, code: string): void {
    this.#note(`peer ${peer}`, isReady ? 'broken' : 'not-connected', { code });
  }

  counts(): readonly Mishap[] {
    return [...this.#tallies.values()].map(({ endpoint, cause, count }) => ({ endpoint, cause, count }));
  }

  #note(endpoint: string, cause: string, facts: Readonly<Record<string, string | null>>): void {
    const key = `${endpoint}\n${cause}`;
    const tally = this.#tallies.get(key) ?? { endpoint, cause, count: 0, loggedAtMs: -LOG_EVERY_MS, unlogged: 0 };
    this.#tallies.set(key, tally);
    tally.count += 1;
    const now = this.#now();
    if (now - tally.loggedAtMs < LOG_EVERY_MS) {
      tally.unlogged += 1;
      return;
    }
    this.#logger.warn({ event: 'socket-refused', endpoint, cause, ...facts, unlogged: tally.unlogged });
    tally.loggedAtMs = now;
    tally.unlogged = 0;
  }
}
