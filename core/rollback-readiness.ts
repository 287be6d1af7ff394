/**
 * The gauge of a rollback's readiness beyond what the engine itself knows (rule 9: it is watched all the time): whether legacy
 * still makes outputs, and whether certificates and disk will last. Pure: gateway and gate ask it.
 */
import { counted } from './count-words.ts';
import type { Phase } from './platform.ts';

export type ReadinessFacts = {
  readonly phase: Phase;
  /** When new's newest output of this epoch was delivered; null: none yet. */
  readonly deliveredMs: number | null;
  /** When legacy's output for an input was last captured; null: not since the gateway started. */
  readonly legacyMatchMs: number | null;
  /** Since when legacy could have made one: the present epoch, or the start of the gateway. */
  readonly sinceMs: number;
  /** Null: the gateway has no certificate of its own at an endpoint. */
  readonly certificateDays: number | null;
  /** Where captures are kept; null: it does not tell. */
  readonly diskFreeBytes: number | null;
};

const MATCH_LIMIT_MS = 5 * 60_000;
const CERTIFICATE_LIMIT_DAYS = 7;
const DISK_LIMIT_BYTES = 1024 ** 3;

/** Before the switch the last two count already: they would not get better by it. */
export function readinessReasons(facts: ReadinessFacts): string[] {
  const { phase, deliveredMs, legacyMatchMs, sinceMs } = facts;
  const reasons = lastingReasons(facts);
  if (phase !== 'switched' || deliveredMs === null) return reasons;
  const lateMs = deliveredMs - Math.max(legacyMatchMs ?? 0, sinceMs);
  if (lateMs <= MATCH_LIMIT_MS) return reasons;
  const since =
    legacyMatchMs === null ? 'none was seen' : `the last one came at ${new Date(legacyMatchMs).toISOString()}`;
  return [...reasons, `new delivers and legacy makes no outputs: ${since}`];
}

export function lastingReasons({
  certificateDays,
  diskFreeBytes,
}: Pick<ReadinessFacts, 'certificateDays' | 'diskFreeBytes'>): string[] {
  const reasons: string[] = [];
  if (certificateDays !== null && certificateDays < CERTIFICATE_LIMIT_DAYS) {
    const left = certificateDays < 0 ? 'has ended' : `ends in ${counted(Math.floor(certificateDays), 'day')}`;
    reasons.push(`a certificate of its gateway ${left}`);
  }
  if (diskFreeBytes !== null && diskFreeBytes < DISK_LIMIT_BYTES)
    reasons.push(`the disk with the captures has ${Math.floor(diskFreeBytes / 1024 ** 2)} MiB left`);
  return reasons;
}
