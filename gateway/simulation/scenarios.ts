/** What goes wrong in a simulated night, from nothing to everything. */
import type { SimulationOptions } from './run.ts';

type Scenario = Omit<SimulationOptions, 'seed' | 'steps'>;

const NONE = { breakConnection: 0, crash: 0, force: 0, failSync: 0 };

export const SCENARIOS = {
  healthy: { connections: 3, faults: NONE },
  'broken-connections': { connections: 3, faults: { ...NONE, breakConnection: 0.4 } },
  crashes: { connections: 3, faults: { ...NONE, crash: 0.1 } },
  'failing-syncs': { connections: 3, faults: { ...NONE, failSync: 0.05 } },
  'dead-platform': { connections: 3, faults: { ...NONE, force: 0.7 } },
  everything: { connections: 3, faults: { breakConnection: 0.2, crash: 0.05, force: 0.4, failSync: 0.02 } },
} satisfies Record<string, Scenario>;
