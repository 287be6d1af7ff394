/** What the role operate may do, for every route and every request. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RouteRequest, routeRequestSchema } from '../../core/admin-api.ts';
import { decideMove } from '../../core/connection.ts';
import { PHASES } from '../../core/platform.ts';
import { refuseMove } from './permission.ts';

const OPERATE = { name: 'night', role: 'operate' } as const;
const MOVE = { name: 'lead', role: 'move' } as const;

const route = fc
  .record({ phase: fc.constantFrom(...PHASES), newWeight: fc.integer({ min: 0, max: 99 }) })
  .map(({ phase, newWeight }) => ({ phase, newWeight: phase === 'parallel' ? newWeight : 0 }));

function requestOf(to: { phase: RouteRequest['phase']; newWeight: number }, expectedEpoch: number): RouteRequest {
  return routeRequestSchema.parse({ requestId: 'request-1', ...to, expectedEpoch, reason: 'x' });
}

test('what it lets through is towards legacy, changes nothing, or can only be stale', () => {
  fc.assert(
    fc.property(
      route,
      route,
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 8 }),
      (from, to, epoch, expected) => {
        const request = requestOf(to, expected);
        expect(refuseMove(MOVE, request, { name: 'a', origin: 'feed', ...from, epoch })).toBeNull();
        const refused = refuseMove(OPERATE, request, { name: 'a', origin: 'feed', ...from, epoch });
        const facts = { name: 'a', unclassifiedEffects: [], hasWeightKey: true, origin: 'feed' as const };
        const decision = decideMove(request, { route: { ...from, epoch }, facts });
        if (decision.kind === 'accepted') expect(refused === null).toBe(decision.towards === 'legacy');
        if (expected > epoch) expect(refused?.error.code).toBe('stale-epoch');
        if (decision.kind === 'already-there') expect(refused).toBeNull();
      },
    ),
  );
});
