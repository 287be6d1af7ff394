/** The lease: given, when, then. */
import { expect, test } from 'vitest';
import type { Lease } from '../../core/admin-api.ts';
import { type LeaseRequest, leaseAt, releaseLease, takeLease } from './lease.ts';

const ONE: LeaseRequest = { holder: 'one', host: 'h', operator: 'ann', verb: 'switch', ttlMs: 30_000 };
const TWO: LeaseRequest = { ...ONE, holder: 'two', operator: 'bob' };

function taken(lease: Lease | null, request: LeaseRequest, nowMs: number): Lease {
  const answer = takeLease(lease, request, nowMs);
  if (!answer.ok) throw new Error(`held by ${answer.heldBy.operator}`);
  return answer.lease;
}

test('a free lease is taken, renewed by its holder, refused to another until it ends', () => {
  const first = taken(null, ONE, 1000);
  expect(first).toMatchObject({
    holder: 'one',
    since: new Date(1000).toISOString(),
    expiresAt: new Date(31_000).toISOString(),
  });
  const renewed = taken(first, ONE, 20_000);
  expect(renewed).toMatchObject({ since: first.since, expiresAt: new Date(50_000).toISOString() });
  expect(takeLease(renewed, TWO, 49_999)).toEqual({ ok: false, heldBy: renewed });
  const second = taken(renewed, TWO, 50_000);
  expect(second).toMatchObject({ holder: 'two', since: new Date(50_000).toISOString() });
});

test('a lease that ended is none, and its late holder takes it anew', () => {
  const first = taken(null, ONE, 0);
  expect(leaseAt(first, 29_999)).toBe(first);
  expect(leaseAt(first, 30_000)).toBeNull();
  expect(taken(first, ONE, 40_000).since).toBe(new Date(40_000).toISOString());
});

test('only its holder gives it back; without one there is nothing to do', () => {
  const first = taken(null, ONE, 0);
  expect(releaseLease(first, 'two', 10)).toEqual({ ok: false, heldBy: first });
  expect(releaseLease(first, 'one', 10)).toEqual({ ok: true });
  expect(releaseLease(first, 'two', 30_000)).toEqual({ ok: true });
  expect(releaseLease(null, 'two', 0)).toEqual({ ok: true });
});
