/**
 * Config is a wish: what the stack file, Pulumi's state, the gateway and the newest message at the egress say of one
 * connection, side by side, and whether they agree. What nobody has proven yet is not agreement.
 */
import type { ConnectionStatus } from './admin-api.ts';
import { controlOf, type Platform, type Route } from './platform.ts';

export type Observed = Platform | 'not-yet-proven' | 'unknown';

export type Truth = {
  /** Null: no entry (or the stack file could not be read). */
  readonly config: Route | null;
  /** Null: no Route in the state (or the state could not be read). */
  readonly pulumi: Route | null;
  /** Null: the gateway could not be asked. */
  readonly gateway: Route | null;
  readonly observed: Observed;
  /** Null: nothing disagrees, but not everything is known or proven. */
  readonly agree: boolean | null;
};

export type Claims = {
  /** 'unknown': the stack file, or the state, was not read. */
  readonly config: Route | null | 'unknown';
  readonly pulumi: Route | null | 'unknown';
  readonly status: ConnectionStatus | null;
};

export function judgeTruth({ config, pulumi, status }: Claims): Truth {
  const gateway = status === null ? null : routeOf(status);
  const observed = observe(status);
  const known = { config: nullIfUnknown(config), pulumi: nullIfUnknown(pulumi), gateway, observed };
  if (gateway === null) return { ...known, agree: null };
  const recorded = [config, pulumi];
  if (recorded.some((claim) => claim === null || (claim !== 'unknown' && !isSameRoute(claim, gateway))))
    return { ...known, agree: false };
  if (contradicts(observed, gateway)) return { ...known, agree: false };
  return { ...known, agree: recorded.includes('unknown') || observed === 'not-yet-proven' ? null : true };
}

function nullIfUnknown(claim: Route | null | 'unknown'): Route | null {
  return claim === 'unknown' ? null : claim;
}

export function routeOf(claim: Route): Route {
  return { phase: claim.phase, newWeight: claim.newWeight, epoch: claim.epoch };
}

export function isSameRoute(a: Route, b: Route): boolean {
  return a.phase === b.phase && a.newWeight === b.newWeight && a.epoch === b.epoch;
}

function observe(status: ConnectionStatus | null): Observed {
  if (status === null) return 'unknown';
  if (status.observed === null || status.observed.epoch !== status.epoch) return 'not-yet-proven';
  return status.observed.deliveredFrom;
}

/** With a weight both platforms deliver, each its own keys. */
function contradicts(observed: Observed, route: Route): boolean {
  if (observed === 'unknown' || observed === 'not-yet-proven' || route.newWeight > 0) return false;
  return observed !== controlOf(route);
}
