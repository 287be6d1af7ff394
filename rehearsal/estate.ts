/**
 * The estate of a rehearsal: practices with their orders and results connections, as an inventory for the product and
 * as configurations for the parties. Varied on purpose: HL7 versions, answer styles, patience, MSH-10 kept or not.
 */
import { join } from 'node:path';
import { stringify } from 'yaml';
import { randomFrom } from './hl7/random.ts';
import type { Configuration, Role } from './parties/protocol.ts';

export type EstateConnection = {
  readonly name: string;
  readonly direction: 'orders' | 'results';
  readonly practice: string;
  readonly wave: string;
  readonly index: number;
  readonly facility: string;
  /** The connection's own name, or that of a shared feed. Feed, platforms and answer styles are the feed's. */
  readonly feed: string;
  /** False (origin: platform): the platforms poll a table, one at a time; nothing of a feed holds for it. */
  readonly hasFeed: boolean;
  /** The gateway that serves its feed. */
  readonly shard: number;
  readonly feedPort: number;
  /** 10 s: patient senders; 5 s: impatient ones, as Mirth's TCP Sender by default. */
  readonly ackTimeoutMs: number;
  readonly platformPorts: { readonly legacy: number; readonly new: number };
  readonly legPorts: { readonly legacy: number; readonly new: number };
  readonly destinationPort: number;
  readonly answers: { readonly legacy: 'storage' | 'destination'; readonly new: 'storage' | 'destination' };
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly regeneratesControlId: boolean;
  /** Enhanced mode: both platforms commit at once, and acknowledge when they have passed a message on. */
  readonly defersAcknowledgement: boolean;
};

export type Estate = {
  /** By shard. */
  readonly adminPorts: readonly number[];
  readonly connections: readonly EstateConnection[];
};

type SharedPart = Omit<
  EstateConnection,
  | 'name'
  | 'feed'
  | 'hasFeed'
  | 'shard'
  | 'direction'
  | 'practice'
  | 'wave'
  | 'index'
  | 'facility'
  | 'legPorts'
  | 'destinationPort'
>;

const PORTS_PER_CONNECTION = 6;
const PORTS_OF_SHARED_FEED = 3;
const PRACTICES_PER_WAVE = 25;
const SHARD_OF_SHARED_FEED = 0;
const LEG_ACK_TIMEOUT_MS = 10_000;
/** Longer than any platform here takes from its answer to its output. */
const SHARED_SETTLE = '1s';
/** How long what polls has to be quiet once it is stopped: longer than it takes between two polls. */
const QUIET_SETTLE = '1s';
const PRACTICE_NAMES = [
  'northside',
  'riverbend',
  'lakeview',
  'hillcrest',
  'oakwood',
  'harbor',
  'summit',
  'meadow',
  'pinegrove',
  'westgate',
];

/** Ports that an estate of this size needs, those of the admin APIs included. */
export function portsNeeded({ connections, gateways }: Pick<EstateSize, 'connections' | 'gateways'>): number {
  return connections * PORTS_PER_CONNECTION + PORTS_OF_SHARED_FEED + gateways;
}

export type EstateSize = {
  readonly connections: number;
  /** The practices are shared out among them. */
  readonly gateways: number;
  /** So many practices get their results over one feed of the LIS, told apart by MSH-6. */
  readonly onSharedFeed: number;
  /** So many of the last connections have no feed. */
  readonly withoutFeed?: number;
  /** Platforms make no MSH-10 of their own: with messages of which nothing else is known to be unique. */
  readonly keepsControlIds: boolean;
};

export const SHARED_FEED = 'lis-results';

export function planEstate(size: EstateSize, seed: string, ports: readonly number[]): Estate {
  const count = size.connections;
  const random = randomFrom(`${seed}/estate`);
  const supply = ports.values();
  const port = (): number => {
    const next = supply.next();
    if (next.done) throw new RangeError(`an estate of ${count} connections needs ${portsNeeded(size)} ports`);
    return next.value;
  };
  const style = (): 'storage' | 'destination' => (random.chance(0.5) ? 'storage' : 'destination');
  const adminPorts = Array.from({ length: size.gateways }, port);
  const drawFeed = (): SharedPart => ({
    feedPort: port(),
    ackTimeoutMs: random.chance(0.3) ? 5000 : 10_000,
    platformPorts: { legacy: port(), new: port() },
    answers: { legacy: style(), new: style() },
    latencyMs: random.integer(1, 6),
    jitterMs: random.integer(1, 12),
    regeneratesControlId: random.chance(0.3) && !size.keepsControlIds,
    defersAcknowledgement: random.chance(0.2),
  });
  // Its neighbours wait with whoever is switched: an LIS is patient.
  const shared = { ...drawFeed(), ackTimeoutMs: 10_000, defersAcknowledgement: false };
  const connections = Array.from({ length: count }, (_, index): EstateConnection => {
    const practiceIndex = Math.floor(index / 2);
    const practice = practiceName(practiceIndex);
    const direction = index % 2 === 0 ? 'orders' : 'results';
    const name = `${practice}-${direction}`;
    const isShared = direction === 'results' && practiceIndex < size.onSharedFeed;
    return {
      ...(isShared ? shared : drawFeed()),
      name,
      feed: isShared ? SHARED_FEED : name,
      hasFeed: isShared || index < count - (size.withoutFeed ?? 0),
      direction,
      practice,
      shard: isShared ? SHARD_OF_SHARED_FEED : practiceIndex % size.gateways,
      wave: practiceIndex === 0 ? 'pilot' : `wave-${Math.ceil(practiceIndex / PRACTICES_PER_WAVE)}`,
      index,
      facility: practice.toUpperCase(),
      legPorts: { legacy: port(), new: port() },
      destinationPort: port(),
    };
  });
  return { adminPorts, connections };
}

function practiceName(index: number): string {
  const name = PRACTICE_NAMES[index % PRACTICE_NAMES.length] ?? 'practice';
  const round = Math.floor(index / PRACTICE_NAMES.length);
  return round === 0 ? name : `${name}-${round + 1}`;
}

export function inventoryYaml(estate: Estate): string {
  return stringify(
    {
      deployment: 'rehearsal',
      target: 'local',
      gateways: estate.adminPorts.map((port, shard) => ({ shard, admin: `https://127.0.0.1:${port}` })),
      feeds: sharedFeeds(estate).map(([first]) => ({ name: first.feed, ...feedEntry(first) })),
      connections: estate.connections.map(inventoryEntry),
    },
    { lineWidth: 0 },
  );
}

function inventoryEntry(connection: EstateConnection): object {
  const { legPorts } = connection;
  const leg = (port: number): object => ({ port, ackTimeout: `${LEG_ACK_TIMEOUT_MS}ms` });
  const named = {
    name: connection.name,
    direction: connection.direction,
    practice: connection.practice,
    wave: connection.wave,
    owners: { legacy: 'prior-team', new: 'integration-team', lab: 'lab-ops' },
    legs: { legacy: leg(legPorts.legacy), new: leg(legPorts.new) },
    destination: { host: '127.0.0.1', port: connection.destinationPort },
    effects: [],
  };
  if (!connection.hasFeed) return { ...named, origin: 'platform', shard: connection.shard, settle: QUIET_SETTLE };
  return {
    ...named,
    feed: isShared(connection) ? connection.feed : feedEntry(connection),
    weightKey: ['PID-3.1'],
    correlate: correlationOf(connection),
    // On a shared feed a message makes an output here where it is for this practice, or copied to it.
    ...(isShared(connection) ? { outputs: 'zero-or-one', settle: SHARED_SETTLE } : { outputs: 'one' }),
  };
}

function feedEntry({ shard, feedPort, ackTimeoutMs, platformPorts }: EstateConnection): object {
  return {
    port: feedPort,
    shard,
    ackTimeout: `${ackTimeoutMs}ms`,
    platforms: {
      legacy: { host: '127.0.0.1', port: platformPorts.legacy },
      new: { host: '127.0.0.1', port: platformPorts.new },
    },
  };
}

function isShared({ feed, name }: EstateConnection): boolean {
  return feed !== name;
}

type Group = readonly [EstateConnection, ...EstateConnection[]];

/** Connections by their feed, in the estate's order. */
function byFeed(connections: readonly EstateConnection[]): Group[] {
  return [...Map.groupBy(connections, ({ feed }) => feed).values()].flatMap(([first, ...others]): Group[] =>
    first === undefined ? [] : [[first, ...others]],
  );
}

function sharedFeeds(estate: Estate): Group[] {
  return byFeed(estate.connections).filter(([first]) => isShared(first));
}

/** Fields that both platforms keep and that name one message. */
function correlationOf({ regeneratesControlId, direction }: EstateConnection): string[] {
  if (!regeneratesControlId) return ['MSH-10'];
  return direction === 'orders' ? ['ORC-2'] : ['OBR-2', 'OBR-25'];
}

/** The stack's config as `gateway init` makes every connection: legacy, epoch 1. */
export function stackYaml(names: readonly string[]): string {
  const routes = Object.fromEntries(names.map((name) => [name, { phase: 'legacy', epoch: 1 }]));
  return stringify({ config: { 'lab-cutover:layer': 'routes', 'lab-cutover:routes': routes } }, { lineWidth: 0 });
}

export type PartyOptions = {
  readonly seed: string;
  readonly messagesFolder: string | null;
  /** Where the new platform keeps what it has taken, over a kill; absent: nowhere. */
  readonly queueFolder?: string | null;
  /** Where the tables are that platforms poll. */
  readonly tablesFolder: string;
};

/** EMRs send orders and receive results; the LIS the other way round. */
export function partyConfigurations(estate: Estate, options: PartyOptions): Record<Role, Configuration> {
  const of = (direction: EstateConnection['direction']): EstateConnection[] =>
    estate.connections.filter((connection) => connection.direction === direction);
  const { queueFolder = null, tablesFolder, ...shared } = options;
  const fed = estate.connections.filter(({ hasFeed }) => hasFeed);
  const unfed = estate.connections.filter(({ hasFeed }) => !hasFeed);
  const tableOf = ({ name }: EstateConnection): string => join(tablesFolder, name);
  const end = (sends: EstateConnection['direction'], receives: EstateConnection['direction']): Configuration => ({
    ...shared,
    queueFolder: null,
    sources: byFeed(of(sends).filter(({ hasFeed }) => hasFeed)).map(sourceOf),
    destinations: of(receives).map(({ name, destinationPort }) => ({ connection: name, port: destinationPort })),
    channels: [],
    writers: unfed
      .filter(({ direction }) => direction === sends)
      .map((one) => ({ table: tableOf(one), target: targetOf(one) })),
    pollers: [],
  });
  const platform = (name: 'legacy' | 'new'): Configuration => ({
    ...shared,
    queueFolder: name === 'new' ? queueFolder : null,
    sources: [],
    destinations: [],
    channels: byFeed(fed).map((group) => channelOf(group, name)),
    writers: [],
    pollers: unfed.map((one) => ({
      table: tableOf(one),
      connection: one.name,
      legPort: one.legPorts[name],
      answerTimeoutMs: LEG_ACK_TIMEOUT_MS,
    })),
  });
  return {
    emr: end('orders', 'results'),
    lis: end('results', 'orders'),
    legacy: platform('legacy'),
    new: platform('new'),
  };
}

function sourceOf(group: Group): Configuration['sources'][number] {
  const [{ feed, feedPort, ackTimeoutMs, defersAcknowledgement }] = group;
  return { feed, port: feedPort, ackTimeoutMs, targets: group.map(targetOf), defersAcknowledgement };
}

function targetOf({ name, direction, index, facility }: EstateConnection): Configuration['writers'][number]['target'] {
  return { connection: name, direction, index, facility };
}

function channelOf(group: Group, platform: 'legacy' | 'new'): Configuration['channels'][number] {
  const [first] = group;
  const { feed, platformPorts, answers, latencyMs, jitterMs, regeneratesControlId, defersAcknowledgement } = first;
  return {
    feed,
    port: platformPorts[platform],
    answers: answers[platform],
    latencyMs,
    jitterMs,
    regeneratesControlId,
    defersAcknowledgement,
    answerTimeoutMs: LEG_ACK_TIMEOUT_MS,
    outputs: group.map(({ name, facility, legPorts }) => ({
      connection: name,
      facility: isShared(first) ? facility : null,
      legPort: legPorts[platform],
    })),
  };
}
