/** A host of one connection for the tests of the admin API. */
import type { Info } from '../../core/admin-api.ts';
import { statusExample } from '../../core/connection-status.example.ts';
import { controlOf, type Route } from '../../core/platform.ts';
import type { AdminHost } from './host.ts';

const INFO: Info = {
  apiVersion: 1,
  version: '0.1.0',
  deployment: 'lab-1',
  shard: 0,
  incarnation: 'i',
  target: 'local',
  startedAt: new Date(0).toISOString(),
  inventoryDigest: 'sha256:0',
  feeds: { a: 1 },
  legs: { a: { legacy: 2, new: 3 } },
  connections: 1,
};

/** Says yes to everything; `over` replaces what a test is about. */
export function fakeHost(over: Partial<AdminHost> = {}): AdminHost {
  const route: Route = { phase: 'switched', newWeight: 0, epoch: 3 };
  const known = (name: string) => name === 'a';
  return {
    info: () => INFO,
    connections: () => [statusExample(route)],
    connection: (name) => (known(name) ? statusExample(route) : null),
    routeOf: (name) => (known(name) ? { name, ...route, origin: 'feed' } : null),
    epochs: (name) => (known(name) ? [] : null),
    newestEpochs: () => [],
    list: (name) => (known(name) ? { entries: [], total: 0 } : null),
    decisions: () => [],
    refusedMoves: () => ({ entries: [], total: 0 }),
    move: async (_, { phase, newWeight, expectedEpoch }) => ({
      ok: true,
      value: {
        epoch: expectedEpoch + 1,
        phase,
        newWeight,
        control: controlOf({ phase }),
        pauseMs: 1,
        heldMessages: 0,
        inFlightAtHold: 0,
        drainedAt: null,
      },
    }),
    hold: async () => ({ ok: true, value: { heldUntil: new Date(0).toISOString() } }),
    release: async () => ({ ok: true, value: {} }),
    stopped: async (_, { platform, by, evidence = null }, { name: recordedBy }) => ({
      ok: true,
      value: { platform, by, recordedBy, evidence, epoch: 3, at: new Date(0).toISOString() },
    }),
    resolve: async () => ({
      ok: false,
      status: 404,
      error: { code: 'unknown-decision', message: 'there is no such decision', next: [] },
    }),
    ready: () => ({ ready: true, reasons: [] }),
    figures: async () => ({ families: [], text: 'cutover_connections 1\n' }),
    ...over,
  };
}
