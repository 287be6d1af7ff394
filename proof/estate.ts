/** What the inventory says of a connection, as far as proof needs it. What it does not know is taken as the strictest. */
import { renamedOf } from '../core/former-names.ts';
import type { Connection, Inventory, OutputCount, Predicate } from '../core/inventory.ts';
import type { Origin } from '../core/platform.ts';

export type Served = {
  readonly origin: Origin;
  /** Its own name where it has none. */
  readonly feed: string;
  readonly direction: 'orders' | 'results' | null;
  readonly outputs: OutputCount;
  readonly applies: Predicate | null;
  readonly correlate: readonly string[] | null;
  readonly orderKey: readonly string[];
  readonly settleMs: number | null;
  /** Every input of its feed is owed to it (or filtered by its predicate), whatever other connections got. */
  readonly owesAlways: boolean;
};

export type Estate = {
  readonly feeds: ReadonlyMap<string, readonly string[]>;
  readonly connections: ReadonlyMap<string, Served>;
  /** Former name → name. */
  readonly renamed: ReadonlyMap<string, string>;
};

/** Order is kept per patient unless the inventory names the key. */
const ORDER_KEY = ['PID-3.1'];

export function estateOf(inventory: Inventory): Estate {
  const shared = new Map(inventory.feeds.map(({ name, connections }) => [name, connections]));
  return {
    feeds: shared,
    connections: new Map(
      inventory.connections.map((item) => [item.name, toServed(item, shared.get(item.feed ?? '')?.length ?? 1)]),
    ),
    renamed: renamedOf(inventory.connections),
  };
}

export function servedBy(estate: Estate, connection: string): Served {
  return estate.connections.get(connection) ?? { ...UNKNOWN, feed: connection };
}

const UNKNOWN: Omit<Served, 'feed'> = {
  origin: 'feed',
  direction: null,
  outputs: 'one',
  applies: null,
  correlate: null,
  orderKey: ORDER_KEY,
  settleMs: null,
  owesAlways: true,
};

function toServed(item: Connection, ofFeed: number): Served {
  const { origin, feed, direction, outputs, applies, correlate, weightKey, settleMs } = item;
  const owesAlways = outputs === 'one' || applies !== null || ofFeed === 1;
  const orderKey = weightKey ?? ORDER_KEY;
  return { origin, feed: feed ?? item.name, direction, outputs, applies, correlate, orderKey, settleMs, owesAlways };
}
