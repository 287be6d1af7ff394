/**
 * The verbs' lease as a state machine with the time passed in: one running verb holds it, renews it, and loses it
 * when it stops. It coordinates verbs only; what fences moves is the epoch.
 */
import type { z } from 'zod';
import type { Lease, leaseRequestSchema } from '../../core/admin-api.ts';

export type LeaseRequest = z.output<typeof leaseRequestSchema>;
export type LeaseAnswer = { readonly ok: true; readonly lease: Lease } | { readonly ok: false; readonly heldBy: Lease };

/** The lease that still counts at `nowMs`, or null. */
export function leaseAt(lease: Lease | null, nowMs: number): Lease | null {
  return lease !== null && nowMs < Date.parse(lease.expiresAt) ? lease : null;
}

/** Takes a free lease or renews one's own; `since` stays that of the first taking. */
export function takeLease(lease: Lease | null, request: LeaseRequest, nowMs: number): LeaseAnswer {
  const current = leaseAt(lease, nowMs);
  if (current !== null && current.holder !== request.holder) return { ok: false, heldBy: current };
  const { holder, host, operator, verb, ttlMs } = request;
  const since = current?.since ?? new Date(nowMs).toISOString();
  return { ok: true, lease: { holder, host, operator, verb, since, expiresAt: new Date(nowMs + ttlMs).toISOString() } };
}

/** Gives it back. Without a lease there is nothing to do; another's lease stays. */
export function releaseLease(
  lease: Lease | null,
  holder: string,
  nowMs: number,
): { readonly ok: true } | { readonly ok: false; readonly heldBy: Lease } {
  const current = leaseAt(lease, nowMs);
  return current === null || current.holder === holder ? { ok: true } : { ok: false, heldBy: current };
}
