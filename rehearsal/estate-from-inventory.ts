/** `--inventory F`: the user's own inventory, whose EMRs, LIS and platforms the rehearsal plays. */
import { type Connection, type Feed, type Inventory, parseInventory } from '../core/inventory.ts';
import { formatProblems } from '../core/located-yaml.ts';
import { type Estate, type EstateConnection, inventoryYaml } from './estate.ts';
import { randomFrom } from './hl7/random.ts';

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost']);
const UNKNOWN_ACK_TIMEOUT_MS = 5000;

/** `note`: what the rehearsal plays of it, where that is not all. */
export type PlayedInventory = { readonly estate: Estate; readonly inventory: string; readonly note: string | null };

/**
 * An inventory of this machine is played as it stands. One that names other hosts, or shares feeds, is played as a copy on
 * 127.0.0.1: nothing of a rehearsal may ever reach a real system. @throws Error that names what cannot be played.
 */
export async function playInventory(
  text: string,
  file: string,
  seed: string,
  freePorts: (count: number) => Promise<number[]>,
  playsWithoutFeed = true,
): Promise<PlayedInventory> {
  const parsed = parseInventory(text, file);
  if (!parsed.ok) throw new Error(formatProblems(parsed.problems));
  const { inventory, left } = playsWithoutFeed ? { inventory: parsed.value, left: '' } : onlyWithFeed(parsed.value);
  if (inventory.connections.length === 0) throw new Error(`${file}: it has no connections`);
  if (isPlayableHere(inventory) && left === '')
    return { estate: estateAsWritten(inventory, file, seed), inventory: text, note: null };
  const estate = copyOf(inventory, file, seed, await freePorts(portsOfCopy(inventory)));
  return { estate, inventory: inventoryYaml(estate), note: `${noteOf(inventory)}${left}` };
}

/** In a night with a fault nobody looks after a dead poller's rows: such connections are not in the copy, and that is said. */
function onlyWithFeed(inventory: Inventory): { readonly inventory: Inventory; readonly left: string } {
  const connections = inventory.connections.filter(({ origin }) => origin === 'feed');
  const without = inventory.connections.length - connections.length;
  if (without === 0) return { inventory, left: '' };
  return {
    inventory: { ...inventory, connections },
    left: `; without a feed, and left out of a night with a fault: ${without}`,
  };
}

function isPlayableHere({ feeds, connections }: Inventory): boolean {
  const hosts = [
    ...feeds.flatMap(({ platforms }) => [platforms.legacy.host, platforms.new.host]),
    ...connections.map(({ destination }) => destination.host),
  ];
  return hosts.every((host) => LOOPBACK_HOSTS.has(host)) && feeds.every((feed) => feed.connections.length === 1);
}

function noteOf({ connections }: Inventory): string {
  const unclassified = connections.filter(({ unclassifiedEffects }) => unclassifiedEffects.length > 0).length;
  const effects =
    unclassified === 0
      ? ''
      : `; ${unclassified} connections have unclassified effects, which really refuse \`parallel\``;
  return `a copy is played on 127.0.0.1: names, practices, waves, feeds, shards and patience are yours; addresses, TLS and framing are not${effects}`;
}

function estateAsWritten(inventory: Inventory, file: string, seed: string): Estate {
  const gateways = gatewaysOf(inventory, file);
  const draw = characters(seed);
  const connections = inventory.connections.map((connection, index): EstateConnection => {
    const feed = feedOf(inventory, connection, file);
    return {
      ...identityOf(connection, index),
      ...draw(),
      facility: connection.practice.toUpperCase(),
      feed: connection.name,
      shard: connection.shard,
      ...(feed === null ? NO_FEED : endsOf(feed)),
      legPorts: { legacy: connection.legs.legacy.port, new: connection.legs.new.port },
      destinationPort: connection.destination.port,
    };
  });
  return { adminPorts: gateways.map(({ admin }) => Number(new URL(admin).port)), connections };
}

type FeedEnds = Pick<EstateConnection, 'hasFeed' | 'feedPort' | 'ackTimeoutMs' | 'platformPorts'>;

const NO_FEED: FeedEnds = {
  hasFeed: false,
  feedPort: 0,
  ackTimeoutMs: UNKNOWN_ACK_TIMEOUT_MS,
  platformPorts: { legacy: 0, new: 0 },
};

function endsOf({ port, ackTimeoutMs, platforms }: Feed): FeedEnds {
  return {
    hasFeed: true,
    feedPort: port,
    ackTimeoutMs: ackTimeoutMs ?? UNKNOWN_ACK_TIMEOUT_MS,
    platformPorts: { legacy: platforms.legacy.port, new: platforms.new.port },
  };
}

const PORTS_OF_FEED = 3;
const PORTS_OF_CONNECTION = 3;

function portsOfCopy({ gateways, feeds, connections }: Inventory): number {
  return gateways.length + feeds.length * PORTS_OF_FEED + connections.length * PORTS_OF_CONNECTION;
}

function copyOf(inventory: Inventory, file: string, seed: string, ports: readonly number[]): Estate {
  const gateways = gatewaysOf(inventory, file);
  const supply = ports.values();
  const port = (): number => {
    const next = supply.next();
    if (next.done) throw new RangeError(`a copy of ${file} needs ${portsOfCopy(inventory)} ports`);
    return next.value;
  };
  const draw = characters(seed);
  const feeds = new Map(
    inventory.feeds.map((feed) => {
      const ackTimeoutMs = feed.ackTimeoutMs ?? UNKNOWN_ACK_TIMEOUT_MS;
      const platformPorts = { legacy: port(), new: port() };
      return [feed.name, { feed, ...draw(), hasFeed: true, feedPort: port(), ackTimeoutMs, platformPorts }] as const;
    }),
  );
  const adminPorts = gateways.map(port);
  const connections = inventory.connections.map((connection, index): EstateConnection => {
    const known = feeds.get(connection.feed ?? '');
    const { feed, ...traits } = known ?? { feed: null, ...draw(), ...NO_FEED };
    return {
      ...identityOf(connection, index),
      ...traits,
      // Told apart by it on a shared feed, so each has one of its own.
      facility: connection.name.toUpperCase(),
      feed: feed !== null && feed.connections.length > 1 ? feed.name : connection.name,
      shard: connection.shard,
      legPorts: { legacy: port(), new: port() },
      destinationPort: port(),
    };
  });
  return { adminPorts, connections };
}

type Identity = Pick<EstateConnection, 'name' | 'direction' | 'practice' | 'wave' | 'index'>;

function identityOf({ name, direction, practice, wave }: Connection, index: number): Identity {
  return { name, direction, practice, wave, index };
}

type Character = Pick<
  EstateConnection,
  'answers' | 'latencyMs' | 'jitterMs' | 'regeneratesControlId' | 'defersAcknowledgement'
>;

/** How the platforms of one feed after the other behave. */
function characters(seed: string): () => Character {
  const random = randomFrom(`${seed}/estate`);
  const style = (): 'storage' | 'destination' => (random.chance(0.5) ? 'storage' : 'destination');
  return () => ({
    answers: { legacy: style(), new: style() },
    latencyMs: random.integer(1, 6),
    jitterMs: random.integer(1, 12),
    regeneratesControlId: false,
    defersAcknowledgement: false,
  });
}

function gatewaysOf({ gateways }: Inventory, file: string): Inventory['gateways'] {
  const sorted = gateways.toSorted((a, b) => a.shard - b.shard);
  if (sorted.some(({ shard }, index) => shard !== index))
    throw new Error(`${file}: a rehearsal plays gateways whose shards are 0, 1, … without a gap`);
  return sorted;
}

/** Null: it has none. */
function feedOf(inventory: Inventory, connection: Connection, file: string): Feed | null {
  const feed = inventory.feeds.find(({ name }) => name === connection.feed) ?? null;
  const { legacy, new: next } = connection.legs;
  if (feed?.port === 0 || legacy.port === 0 || next.port === 0) {
    throw new Error(`${file}: ${connection.name} leaves a port to the gateway (0); the rehearsal needs to know it`);
  }
  return feed;
}
