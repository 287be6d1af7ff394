/** What the parts of one simulated night share: the site, its parties, the faults, and what is written down of it. */
import type { Inventory } from '../../core/inventory.ts';
import type { Chronicle } from './chronicle.ts';
import type { Disk } from './disk.ts';
import type { FaultPlan } from './faults.ts';
import type { Witness } from './judges/witness.ts';
import type { Network } from './network.ts';
import type { Parties } from './parties/parties.ts';
import type { Scenario } from './scenario.ts';
import type { FeedSite, PolledSite } from './site.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

export type SimulationOptions = Scenario & {
  readonly seed: number;
  readonly steps: number;
  /** Ends at the first violation. */
  readonly stopsAtFirst?: boolean;
};

export type Setting = {
  readonly options: SimulationOptions;
  readonly world: World;
  readonly network: Network;
  readonly disk: Disk;
  readonly store: Store;
  readonly witness: Witness;
  readonly chronicle: Chronicle;
  readonly faults: FaultPlan;
  readonly sites: readonly FeedSite[];
  readonly polledSites: readonly PolledSite[];
  readonly inventory: Inventory;
  readonly parties: Parties;
  /** Every other night only; 0: what a destination rejects is not tried again. */
  readonly retryForMs: number;
};
