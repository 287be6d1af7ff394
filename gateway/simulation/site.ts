/** The site that a simulated night runs at: its inventory, and which port belongs to whom. */
import { type Inventory, parseInventory } from '../../core/inventory.ts';
import type { Platform } from '../../core/platform.ts';

export type SiteOptions = {
  /** Connections with a feed of their own. */
  readonly connections: number;
  /** Connections of one shared feed, told apart by MSH-6. */
  readonly shared: number;
  /** Connections without a feed. */
  readonly polled: number;
  /** Swaps hold nothing. */
  readonly atOffset: boolean;
  /** What the gateway delivers in a platform's place and a destination rejects is tried again for so long; 0: not at all. */
  readonly retryForMs: number;
  /** The gateway calls sources and platforms, which listen. */
  readonly dials: boolean;
  /** All connections have one destination, which takes one connection at a time. */
  readonly sharesDestination: boolean;
};

export type Ports = Readonly<Record<'feed' | 'legacy' | 'new' | 'legacyLeg' | 'newLeg', number>>;
export type FeedSite = {
  readonly name: string;
  readonly ports: Ports;
  readonly connections: readonly { readonly name: string; readonly practice: string; readonly destination: number }[];
};

/** A connection without a feed. */
export type PolledSite = {
  readonly name: string;
  readonly legs: Readonly<Record<Platform, number>>;
  readonly destination: number;
};

export const SHARED_FEED = 'lis';
const DESTINATIONS_FROM = 20_000;
const POLLED_FROM = 15_000;

export function polledOf({ polled }: SiteOptions): PolledSite[] {
  return Array.from({ length: polled }, (_, index) => {
    const base = POLLED_FROM + index * 10;
    return { name: `p${index}`, legs: { legacy: base, new: base + 1 }, destination: base + 2 };
  });
}

export function feedsOf({ connections, shared, sharesDestination }: SiteOptions): FeedSite[] {
  const portOf = (index: number): number => DESTINATIONS_FROM + (sharesDestination ? 0 : index);
  const own = Array.from({ length: connections }, (_, index) => {
    const name = `c${index}`;
    const destination = portOf(index);
    return { name, ports: portsOf(index), connections: [{ name, practice: name, destination }] };
  });
  if (shared === 0) return own;
  const members = Array.from({ length: shared }, (_, index) => ({
    name: `s${index}`,
    practice: `s${index}`,
    destination: portOf(100 + index),
  }));
  return [...own, { name: SHARED_FEED, ports: portsOf(100), connections: members }];
}

export function inventoryOf(
  feeds: readonly FeedSite[],
  polled: readonly PolledSite[],
  { atOffset, retryForMs, dials, sharesDestination }: SiteOptions,
): Inventory {
  const isShared = sharesDestination ? ', shared: true' : '';
  const calls = dials ? ', connect: dial, host: sim' : '';
  const onReject = retryForMs === 0 ? '' : `, onReject: { retryFor: ${retryForMs}ms }`;
  const lines: string[] = [];
  const shared = feeds.find(({ name }) => name === SHARED_FEED);
  if (shared !== undefined) lines.push('feeds:', `  - { name: ${SHARED_FEED}, ${feedBody(shared.ports)}${calls} }`);
  lines.push('connections:');
  for (const { name: feed, ports, connections } of feeds) {
    for (const { name, practice, destination } of connections) {
      const hasShare = feed === SHARED_FEED;
      const match = hasShare ? `, match: { MSH-6: ${practice} }` : '';
      lines.push(
        `  - name: ${name}`,
        '    direction: orders',
        `    practice: ${practice}`,
        '    wave: pilot',
        `    feed: ${hasShare ? feed : `{ ${feedBody(ports)}${calls} }`}`,
        `    legs: { legacy: { port: ${ports.legacyLeg}, ackTimeout: 3s${calls}${match} }, new: { port: ${ports.newLeg}, ackTimeout: 3s${calls}${match} } }`,
        `    destination: { host: sim, port: ${destination}${isShared}${onReject} }`,
        '    weightKey: [PID-3]',
        '    correlate: [OBR-2]',
        '    settle: 1s',
      );
      if (atOffset) lines.push('    changeOver: at-offset');
      if (hasShare) lines.push(`    applies: { MSH-6: ${practice} }`);
    }
  }
  for (const { name, legs, destination } of polled)
    lines.push(
      `  - name: ${name}`,
      '    origin: platform',
      '    direction: results',
      `    practice: ${name}`,
      '    wave: pilot',
      `    legs: { legacy: { port: ${legs.legacy}, ackTimeout: 3s }, new: { port: ${legs.new}, ackTimeout: 3s } }`,
      `    destination: { host: sim, port: ${destination} }`,
      '    settle: 500ms',
    );
  const text = `deployment: simulation\ngateways: [{ shard: 0, admin: "https://sim:7443" }]\n${lines.join('\n')}\n`;
  const parsed = parseInventory(text, 'simulation.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function feedBody(ports: Ports): string {
  return `port: ${ports.feed}, ackTimeout: 4s, platforms: { legacy: { host: sim, port: ${ports.legacy} }, new: { host: sim, port: ${ports.new} } }`;
}

function portsOf(index: number): Ports {
  const base = 10_000 + index * 10;
  return { feed: base, legacy: base + 1, new: base + 2, legacyLeg: base + 3, newLeg: base + 4 };
}
