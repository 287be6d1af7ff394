/** Stack entries: the ones that a Plan wishes for, and the ones that say what a gateway really has. */
import type { ConnectionStatus, EpochRecord } from '../../core/admin-api.ts';
import type { PlannedMove } from '../../core/plan.ts';
import type { RouteEntry } from '../../core/stack-config.ts';

export function wishedEntry({ to, reason, approval }: PlannedMove): RouteEntry {
  return withDetails({ phase: to.phase, newWeight: to.newWeight, epoch: to.epoch }, reason, approval);
}

/** `before`: the entry of the same epoch, whose approval and reason still hold. */
export function observedEntry(
  status: ConnectionStatus,
  record: EpochRecord | undefined,
  before: RouteEntry | undefined,
): RouteEntry {
  const { phase, newWeight, epoch } = status;
  const same = before?.epoch === epoch ? before : undefined;
  const approval = record?.epoch === epoch ? record.approval : (same?.approval ?? null);
  return withDetails({ phase, newWeight, epoch }, status.changed.reason, isDigest(approval) ? approval : null);
}

function isDigest(text: string | null): text is string {
  return text !== null && /^sha256:[0-9a-f]{64}$/.test(text);
}

function withDetails(entry: RouteEntry, reason: string | null, approval: string | null): RouteEntry {
  return {
    ...entry,
    ...(approval === null ? {} : { approval }),
    ...(reason === null || reason === '' ? {} : { reason }),
  };
}
