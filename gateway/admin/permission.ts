/**
 * Which moves the role `operate` may make: those towards legacy. It is judged against the epoch that the request
 * names, so that a change in between makes the move stale and never something else.
 */
import type { ApiError, RouteRequest } from '../../core/admin-api.ts';
import { verbOf } from '../../core/connection.ts';
import type { Caller, HostError, RouteOfConnection } from './host.ts';

/** Null where the caller may ask the gateway for this move. */
export function refuseMove(caller: Caller, request: RouteRequest, route: RouteOfConnection): HostError | null {
  if (caller.role === 'move') return null;
  // Epochs never go back: a request for an earlier one can only get its old answer, or be stale.
  if (request.expectedEpoch < route.epoch) return null;
  if (request.expectedEpoch > route.epoch) {
    const message = `it is at epoch ${route.epoch}; the request expected epoch ${request.expectedEpoch}`;
    return { status: 409, error: { ...errorOf('stale-epoch', message, route), epoch: route.epoch } };
  }
  const sameRoute = request.phase === route.phase && request.newWeight === route.newWeight;
  const verb = verbOf(route, request, route.origin);
  const towardsLegacy = verb === 'rollback' || (verb === 'weight' && request.newWeight < route.newWeight);
  if (sameRoute || towardsLegacy) return null;
  const message = `credential '${caller.name}' has the role operate, which allows moves towards legacy only`;
  return {
    status: 403,
    error: { ...errorOf('forbidden', message, route), next: ['use a credential with the role move'] },
  };
}

function errorOf(code: string, message: string, route: RouteOfConnection): ApiError {
  return { code, message, connection: route.name, next: [] };
}
