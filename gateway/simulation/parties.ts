/** Puts the parties of a simulated night at their ports, each with the habits that chance gives it. */

import { fieldText } from '../../core/hl7/message.ts';
import { Destination, type DestinationHabits, openDestination } from './destination.ts';
import type { FeedParty } from './judgement.ts';
import type { Network } from './network.ts';
import { Platform, type PlatformEvents, type PlatformHabits } from './platform.ts';
import { PolledConnection, type PolledEvents } from './polled.ts';
import type { Habits, Scenario } from './scenarios.ts';
import type { FeedSite, PolledSite } from './site.ts';
import { type Attempt, Source, type SourceHabits } from './source.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

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
  const boxes = new Map<string, { readonly connection: string; readonly destination: Destination }>();
  const boxOf = (payload: Buffer): { readonly connection: string; readonly destination: Destination } => {
    const box = boxes.get(fieldText(payload, 'MSH-6') ?? '');
    if (box === undefined) throw new Error('an output of no practice');
    return box;
  };
  const opened = new Set<number>();
  const destinationOf = (connection: string, practice: string, port: number): Destination => {
    const destination = new Destination();
    boxes.set(practice, { connection, destination });
    const habits = destinationHabits(world, scenario.habits);
    if (opened.has(port)) return destination;
    opened.add(port);
    openDestination(
      world,
      network,
      witness,
      { port, habits },
      {
        of: (payload) => (scenario.sharesDestination ? boxOf(payload).destination : destination),
        received: (payload) =>
          events.destinationReceived(scenario.sharesDestination ? boxOf(payload).connection : connection, payload),
        rejected: events.rejected,
        connectedTwice: () => events.connectedTwice(port),
      },
    );
    return destination;
  };
  const feeds = sites.map((site, index): FeedParty => {
    const { name, ports, connections } = site;
    // A platform that knows what it has seen cannot tell a message sent twice on purpose from a resend.
    const answersAfterDelivery = scenario.knowsInputs && world.chance(0.5);
    const platform = (which: 'legacy' | 'new', port: number, legPort: number): Platform =>
      new Platform(
        world,
        network,
        witness,
        {
          feed: name,
          name: which,
          port,
          legPort,
          listens: scenario.dials,
          habits: {
            ...platformHabits(world, scenario.habits, which, answersAfterDelivery),
            commitsFirst: scenario.commitsFirst,
          },
        },
        {
          isPrimary: events.isPrimary,
          received: events.received,
          answered: events.outputAnswered,
          rejected: events.rejected,
        },
      );
    const practices = connections.map(({ practice }) => practice);
    return {
      name,
      sources: Array.from({ length: scenario.sourcesPerFeed }, (_, number) => {
        const options = {
          name: `${name}.${number}`,
          port: ports.feed,
          isEnhanced: scenario.commitsFirst,
          listens: scenario.dials,
          ip: `10.0.2.${index * 10 + number}`,
          practices,
          habits: sourceHabits(world, scenario),
        };
        return new Source(world, network, witness, options, {
          answered: (source, attempt, answer) => events.sourceAnswered(source, name, attempt, answer),
          acknowledged: events.acknowledged,
          tooManyAnswers: events.tooManyAnswers,
        });
      }),
      platforms: [platform('legacy', ports.legacy, ports.legacyLeg), platform('new', ports.new, ports.newLeg)],
      connections: connections.map(({ name: connection, practice, destination }) => ({
        name: connection,
        practice,
        destination: destinationOf(connection, practice, destination),
      })),
    };
  });
  const polled = polledSites.map((site) => {
    const destination = destinationOf(site.name, site.name, site.destination);
    return new PolledConnection(world, network, witness, site, destination, events.polled);
  });
  return { feeds, polled };
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
