/** Puts the parties of a simulated night at their ports, each with the habits that chance gives it. */

import { fieldText } from '../../../core/hl7/message.ts';
import type { Witness } from '../judges/witness.ts';
import type { Network } from '../network.ts';
import type { Habits, Scenario } from '../scenario.ts';
import type { FeedSite, PolledSite } from '../site.ts';
import type { World } from '../world.ts';
import { Destination, type DestinationHabits, openDestination } from './destination.ts';
import { Platform, type PlatformEvents, type PlatformHabits } from './platform.ts';
import { PolledConnection, type PolledEvents } from './polled.ts';
import { type Attempt, Source, type SourceHabits } from './source.ts';

export type PartyEvents = {
  isPrimary: PlatformEvents['isPrimary'];
  received: PlatformEvents['received'];
  outputAnswered: PlatformEvents['answered'];
  destinationReceived(connection: string, payload: Buffer): void;
  /** A second connection to a destination, while the gateway has one. */
  connectedTwice(port: number): void;
  /** A platform or a destination rejects a message. */
  rejected(): void;
  sourceAnswered(source: Source, feed: string, attempt: Attempt, answer: Buffer): void;
  acknowledged(source: Source, payload: Buffer): void;
  tooManyAnswers(source: Source, serial: string): void;
  readonly polled: PolledEvents;
};

export type ConnectionParty = { readonly name: string; readonly practice: string; readonly destination: Destination };

export type FeedParty = {
  readonly name: string;
  readonly sources: readonly Source[];
  readonly platforms: readonly Platform[];
  readonly connections: readonly ConnectionParty[];
};

export type Parties = {
  readonly feeds: readonly FeedParty[];
  readonly polled: readonly PolledConnection[];
};

const IMPATIENT_MS = 900;

export function buildParties(
  world: World,
  network: Network,
  witness: Witness,
  sites: readonly FeedSite[],
  polledSites: readonly PolledSite[],
  scenario: Scenario,
  events: PartyEvents,
): Parties {
  const site: Site = { world, network, witness, scenario, events };
  const boxes = new Boxes(site);
  const feeds = sites.map((feed, index) => feedParty(site, boxes, feed, index));
  const polled = polledSites.map((one) => {
    const destination = boxes.open(one.name, one.name, one.destination);
    return new PolledConnection(world, network, witness, one, destination, events.polled);
  });
  return { feeds, polled };
}

type Site = {
  readonly world: World;
  readonly network: Network;
  readonly witness: Witness;
  readonly scenario: Scenario;
  readonly events: PartyEvents;
};

type Box = { readonly connection: string; readonly destination: Destination };

/** The destinations: one for each connection, or one port for all, where MSH-6 tells whose a message is. */
class Boxes {
  readonly #site: Site;
  readonly #byPractice = new Map<string, Box>();
  readonly #opened = new Set<number>();

  constructor(site: Site) {
    this.#site = site;
  }

  open(connection: string, practice: string, port: number): Destination {
    const { world, network, witness, scenario, events } = this.#site;
    const own: Box = { connection, destination: new Destination() };
    this.#byPractice.set(practice, own);
    const habits = destinationHabits(world, scenario.habits);
    if (this.#opened.has(port)) return own.destination;
    this.#opened.add(port);
    const boxOf = (payload: Buffer): Box => (scenario.sharesDestination ? this.#boxOf(payload) : own);
    openDestination(
      world,
      network,
      witness,
      { port, habits },
      {
        of: (payload) => boxOf(payload).destination,
        received: (payload) => events.destinationReceived(boxOf(payload).connection, payload),
        rejected: events.rejected,
        connectedTwice: () => events.connectedTwice(port),
      },
    );
    return own.destination;
  }

  #boxOf(payload: Buffer): Box {
    const box = this.#byPractice.get(fieldText(payload, 'MSH-6') ?? '');
    if (box === undefined) throw new Error('an output of no practice');
    return box;
  }
}

function feedParty(site: Site, boxes: Boxes, feed: FeedSite, index: number): FeedParty {
  const { world, scenario } = site;
  const { ports, connections } = feed;
  // A platform that knows what it has seen cannot tell a message sent twice on purpose from a resend.
  const answersAfterDelivery = scenario.knowsInputs && world.chance(0.5);
  const sources = Array.from({ length: scenario.sourcesPerFeed }, (_, number) =>
    sourceParty(site, feed, { number, ip: `10.0.2.${index * 10 + number}` }),
  );
  const platforms = [
    platformParty(site, feed.name, 'legacy', { port: ports.legacy, legPort: ports.legacyLeg }, answersAfterDelivery),
    platformParty(site, feed.name, 'new', { port: ports.new, legPort: ports.newLeg }, answersAfterDelivery),
  ];
  return {
    name: feed.name,
    sources,
    platforms,
    connections: connections.map(({ name, practice, destination }) => ({
      name,
      practice,
      destination: boxes.open(name, practice, destination),
    })),
  };
}

function sourceParty(
  { world, network, witness, scenario, events }: Site,
  { name, ports, connections }: FeedSite,
  { number, ip }: { readonly number: number; readonly ip: string },
): Source {
  const options = {
    name: `${name}.${number}`,
    port: ports.feed,
    isEnhanced: scenario.commitsFirst,
    listens: scenario.dials,
    ip,
    practices: connections.map(({ practice }) => practice),
    habits: sourceHabits(world, scenario),
  };
  return new Source(world, network, witness, options, {
    answered: (source, attempt, answer) => events.sourceAnswered(source, name, attempt, answer),
    acknowledged: events.acknowledged,
    tooManyAnswers: events.tooManyAnswers,
  });
}

function platformParty(
  { world, network, witness, scenario, events }: Site,
  feed: string,
  name: 'legacy' | 'new',
  ports: { readonly port: number; readonly legPort: number },
  answersAfterDelivery: boolean,
): Platform {
  const { commitsFirst, dials, habits } = scenario;
  return new Platform(
    world,
    network,
    witness,
    {
      feed,
      name,
      ...ports,
      listens: dials,
      habits: { ...platformHabits(world, habits, name, answersAfterDelivery), commitsFirst },
    },
    {
      isPrimary: events.isPrimary,
      received: events.received,
      answered: events.outputAnswered,
      rejected: events.rejected,
    },
  );
}

function sourceHabits(world: World, { habits, patienceMs }: Scenario): SourceHabits {
  const { source, impatient } = habits;
  const some = (strength: number): number => (world.chance(0.6) ? strength : 0);
  return {
    reusesId: some(source.reusesId),
    closesAfterAnswer: some(source.closesAfterAnswer),
    sendsTwice: some(source.sendsTwice),
    keepsSocket: some(source.keepsSocket),
    leavesSocket: source.leavesSocket,
    isLong: source.isLong,
    isHalved: source.isHalved,
    skipsRejected: some(source.skipsRejected),
    ackTimeoutMs: impatient && world.chance(0.5) ? IMPATIENT_MS : patienceMs,
  };
}

function platformHabits(
  world: World,
  { platform }: Habits,
  which: 'legacy' | 'new',
  answersAfterDelivery: boolean,
): Omit<PlatformHabits, 'commitsFirst'> {
  const some = (strength: number): number => (world.chance(0.6) ? strength : 0);
  return {
    rejects: some(platform.rejects),
    slow: some(platform.slow),
    late: some(platform.late),
    doublesAnswer: some(platform.doublesAnswer),
    doublesOutput: some(platform.doublesOutput),
    givesUpRejected: world.chance(0.5),
    answersAfterDelivery,
    regeneratesId: which === 'new' && world.chance(0.5),
  };
}

function destinationHabits(world: World, { destination }: Habits): DestinationHabits {
  const some = (strength: number): number => (world.chance(0.6) ? strength : 0);
  return {
    rejects: some(destination.rejects),
    slow: some(destination.slow),
    late: some(destination.late),
    doublesAnswer: some(destination.doublesAnswer),
  };
}
