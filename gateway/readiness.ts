/** Adds to what the engine says of a connection what only the process knows of its way back: certificates and disk. */
import type { ConnectionStatus } from '../core/admin-api.ts';
import { readinessReasons } from '../core/rollback-readiness.ts';

export type ProcessFacts = {
  readonly nowMs: number;
  readonly startedMs: number;
  readonly certificates: readonly { readonly expiresAtMs: number }[];
  readonly disk: { readonly freeBytes: number } | null;
};

const DAY_MS = 86_400_000;

export function withReadiness(status: ConnectionStatus, facts: ProcessFacts): ConnectionStatus {
  const { nowMs, startedMs, certificates, disk } = facts;
  const { phase, observed, changed, rollbackReady } = status;
  const firstEndMs = Math.min(...certificates.map(({ expiresAtMs }) => expiresAtMs));
  const certificateDays = certificates.length === 0 ? null : (firstEndMs - nowMs) / DAY_MS;
  const diskFreeBytes = disk?.freeBytes ?? null;
  const lastLegacyMatch = status.readiness?.lastLegacyMatch ?? null;
  const reasons = readinessReasons({
    phase,
    deliveredMs: observed === null ? null : Date.parse(observed.at),
    legacyMatchMs: lastLegacyMatch === null ? null : Date.parse(lastLegacyMatch),
    sinceMs: Math.max(Date.parse(changed.at), startedMs),
    certificateDays,
    diskFreeBytes,
  });
  const all = [...rollbackReady.reasons, ...reasons];
  return {
    ...status,
    rollbackReady: { ready: all.length === 0, reasons: all },
    readiness: {
      lastLegacyMatch,
      legacyRejects: status.readiness?.legacyRejects ?? 0,
      certificateDays: certificateDays === null ? null : Math.round(certificateDays * 100) / 100,
      diskFreeBytes,
      shadowGap: status.readiness?.shadowGap ?? null,
    },
  };
}
