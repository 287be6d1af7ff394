/** What a gateway says of a connection that is well, for tests and for stand-ins of a gateway. */
import { type ConnectionStatus, noCounters } from './admin-api.ts';
import { candidateOf, controlOf, type Route } from './platform.ts';

const NIGHT = '2026-03-01T22:00:00.000Z';

export function statusExample(route: Route, more: Partial<ConnectionStatus> = {}): ConnectionStatus {
  return {
    name: 'a',
    feed: 'a',
    ...route,
    control: controlOf(route),
    candidate: candidateOf(route),
    primary: controlOf(route),
    state: 'steady',
    inFlight: 0,
    owedOutputs: 0,
    shadowLag: 0,
    rollbackReady: { ready: true, reasons: [] },
    decisions: 0,
    changed: { by: 'someone', at: NIGHT, reason: null },
    observed: null,
    counters: noCounters(),
    ...more,
  };
}
