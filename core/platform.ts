/** The two platforms and the phases of a connection: the words that everything else is said in. */

export const PLATFORMS = ['legacy', 'new'] as const;
export type Platform = (typeof PLATFORMS)[number];

export const PHASES = ['legacy', 'parallel', 'switched', 'decommissioned'] as const;
export type Phase = (typeof PHASES)[number];

/**
 * What makes a connection's outputs: the messages of its feed, or a platform by itself (it polls a table or a folder), of which
 * the gateway sees nothing but the output.
 */
export const ORIGINS = ['feed', 'platform'] as const;
export type Origin = (typeof ORIGINS)[number];

/** How ownership changes: with the feed held and everything settled, or at an offset, with nothing held. */
export const CHANGE_OVERS = ['quiesce', 'at-offset'] as const;
export type ChangeOverMethod = (typeof CHANGE_OVERS)[number];

/** What a connection is set to. `newWeight` is 0 outside `parallel`; `epoch` counts committed changes, from 1. */
export type Route = { readonly phase: Phase; readonly newWeight: number; readonly epoch: number };

export const FIRST_ROUTE: Route = { phase: 'legacy', newWeight: 0, epoch: 1 };

export function otherPlatform(platform: Platform): Platform {
  return platform === 'legacy' ? 'new' : 'legacy';
}

/** The platform whose outputs are delivered (with a weight: of every key that is not new's). */
export function controlOf(route: Pick<Route, 'phase'>): Platform {
  switch (route.phase) {
    case 'legacy':
    case 'parallel':
      return 'legacy';
    case 'switched':
    case 'decommissioned':
      return 'new';
  }
}

/** The platform whose outputs are captured, if one runs beside the control. */
export function candidateOf(route: Pick<Route, 'phase'>): Platform | null {
  switch (route.phase) {
    case 'parallel':
      return 'new';
    case 'switched':
      return 'legacy';
    case 'legacy':
    case 'decommissioned':
      return null;
  }
}

/**
 * The platform that answers a feed's source. It is `new` while every connection of the feed that is not
 * decommissioned has control `new`; a share on legacy (any weight below 100 in `parallel`) keeps it at `legacy`.
 */
export function primaryOf(routes: readonly Pick<Route, 'phase'>[]): Platform {
  if (routes.length === 0) return 'legacy';
  return routes.every((route) => controlOf(route) === 'new') ? 'new' : 'legacy';
}
