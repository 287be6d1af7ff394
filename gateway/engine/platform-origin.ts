/**
 * What the gateway knows of a connection without a feed (origin: platform): when each platform was last heard, who has said
 * that it is stopped, and what the one that does not own it has tried to send. That is refused, never kept: a platform that is
 * told AA marks its rows as sent, and nothing here could tell whether they were.
 */
import type { PlatformOriginStatus, StopAttestation } from '../../core/admin-api.ts';
import type { Platform } from '../../core/platform.ts';

/** How long a stopped platform has to be quiet where the inventory does not say. */
const QUIET_MS = 10_000;

type Side = {
  heardAtMs: number | null;
  stopped: StopAttestation | null;
  /** Messages that it has tried to send without owning the connection, since somebody said that it is stopped. */
  refused: number;
  lastRefused: string | null;
};

export type PlatformOriginState = Readonly<Record<Platform, Readonly<Side>>>;

export class PlatformOrigin {
  readonly quietMs: number;
  readonly #sides: Record<Platform, Side> = { legacy: newSide(), new: newSide() };
  /** While the gateway did not listen, silence says nothing. */
  #listeningSinceMs: number;

  constructor(settleMs: number | null, nowMs: number) {
    this.quietMs = settleMs ?? QUIET_MS;
    this.#listeningSinceMs = nowMs;
  }

  listens(nowMs: number): void {
    this.#listeningSinceMs = nowMs;
  }

  /** It sends: so it is not stopped, whatever somebody has said. */
  heard(platform: Platform, nowMs: number): void {
    const side = this.#sides[platform];
    side.heardAtMs = nowMs;
    side.stopped = null;
  }

  /** True for a message, false for one that has come again. */
  isNewRefusal(platform: Platform, sha: string): boolean {
    return this.#sides[platform].lastRefused !== sha;
  }

  refused(platform: Platform, sha: string, nowMs: number): void {
    this.heard(platform, nowMs);
    const side = this.#sides[platform];
    side.refused++;
    side.lastRefused = sha;
  }

  attested(attestation: StopAttestation): void {
    const side = this.#sides[attestation.platform];
    side.stopped = attestation;
    side.refused = 0;
    side.lastRefused = null;
  }

  stopped(platform: Platform): StopAttestation | null {
    return this.#sides[platform].stopped;
  }

  /** How much longer it has to be quiet; 0: long enough. */
  quietLeftMs(platform: Platform, nowMs: number): number {
    const since = Math.max(this.#listeningSinceMs, this.#sides[platform].heardAtMs ?? 0);
    return Math.max(0, since + this.quietMs - nowMs);
  }

  status(): PlatformOriginStatus {
    const of = ({ heardAtMs, stopped, refused }: Side): PlatformOriginStatus[Platform] => ({
      heardAt: heardAtMs === null ? null : new Date(heardAtMs).toISOString(),
      stopped,
      refused,
    });
    return { legacy: of(this.#sides.legacy), new: of(this.#sides.new) };
  }

  dump(): PlatformOriginState {
    return { legacy: { ...this.#sides.legacy }, new: { ...this.#sides.new } };
  }

  load(state: PlatformOriginState): void {
    Object.assign(this.#sides.legacy, state.legacy);
    Object.assign(this.#sides.new, state.new);
  }
}

function newSide(): Side {
  return { heardAtMs: null, stopped: null, refused: 0, lastRefused: null };
}
