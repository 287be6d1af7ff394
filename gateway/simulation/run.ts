/**
 * One simulated night from one seed: feeds under load, moves at random, and the faults of the scenario at any moment. The
 * oracle sees what the parties saw, what the disk holds, and what the gateway shows to everyone.
 */
import { otherPlatform } from '../../core/platform.ts';
import type { JournalMeta } from '../engine/records.ts';
import type { ShardEngine } from '../engine/shard.ts';
import { Accidents, BREAKS } from './accidents.ts';
import { Chronicle } from './chronicle.ts';
import { Disk } from './disk.ts';
import { aimsAt, type Coverage, type Fault, FaultPlan, type Standing, SWAP_STATES, type SwapState } from './faults.ts';
import { GatewayProcess } from './gateway-process.ts';
import { Oracle } from './judges/oracle.ts';
import { Promises } from './judges/promises.ts';
import { type Figures, judgeNight } from './judges/verdict.ts';
import { Witness } from './judges/witness.ts';
import { Mover } from './mover.ts';
import { Network } from './network.ts';
import { buildParties, type PartyEvents } from './parties/parties.ts';
import type { Scenario } from './scenario.ts';
import type { Setting, SimulationOptions } from './setting.ts';
import { feedsOf, inventoryOf, polledOf } from './site.ts';
import { endStage, setStage } from './stage.ts';
import { Store } from './store.ts';
import { storyOf } from './story.ts';
import { World } from './world.ts';

export type SimulationResult = Figures & {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly steps: number;
  readonly moves: { readonly committed: number; readonly aborted: number; readonly forced: number };
  readonly crashes: number;
  /** How often a write found no room, and how often copies were given up to make some. */
  readonly fullDisk: { readonly times: number; readonly gaps: number };
  readonly trace: readonly string[];
  readonly coverage: Coverage;
  /** What the journal says of one message, for the reader of a failing seed. */
  story(id: string): readonly string[];
};

const ACTION_EVERY_MS = 400;
/** Long enough for every timeout and reconnect to run its course once the faults have stopped. */
const CALM_MS = 600_000;
const AFTER_REJECTION_MS = 40;
/** Of the oldest decision being taken, at each action. */
const RESOLVED_AT_A_TIME = 0.5;
/** Of somebody at each action changing the owner of a connection without a feed. */
const OPERATED_AT_A_TIME = 0.4;

export function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return new Simulation(options).run();
}

class Simulation {
  readonly #setting: Setting;
  readonly #process: GatewayProcess;
  readonly #accidents: Accidents;
  readonly #mover: Mover;
  #isCalm = false;

  constructor(options: SimulationOptions) {
    this.#setting = this.#settingOf(options);
    const promises = new Promises(this.#setting);
    this.#process = new GatewayProcess(this.#setting, promises);
    this.#accidents = new Accidents(this.#setting, this.#process);
    this.#mover = new Mover(this.#setting, this.#process, promises);
  }

  /** What stands in it tells the process and the oracle of itself once the night has begun. */
  #settingOf(options: SimulationOptions): Setting {
    const world = new World(options.seed);
    const network = new Network(world);
    const witness = new Witness();
    const chronicle = new Chronicle(world);
    const sites = feedsOf(options);
    const polledSites = polledOf(options);
    const retryForMs = options.seed % 2 === 0 ? 0 : options.retryForMs;
    const inventory = inventoryOf(sites, polledSites, { ...options, retryForMs });
    const disk = new Disk(world, inventory);
    const store = new Store(world);
    const members = new Map(sites.map(({ name, connections }) => [name, connections.map((item) => item.name)]));
    const oracle = new Oracle(disk, witness, members, (rule, text) => chronicle.violate(rule, text));
    const aims = options.onlyAims ?? aimsAt(statesOf(options));
    const faults = new FaultPlan(world, options.seed, aims, () => this.#standings());
    disk.faults = options.faults;
    disk.roomSegments = options.roomSegments ?? Number.POSITIVE_INFINITY;
    disk.onDurable = (upTo) => store.durable(upTo);
    disk.onWritten = (meta) => this.#afterWritten(meta);
    disk.onFailed = (what) => faults.note(what);
    disk.onBroken = (what) => chronicle.violate(3, what);
    disk.onAdmittedWhileFailed = (id) => chronicle.violate(3, `${id}: admitted between a failed sync and a good one`);
    const events = this.#eventsOf(oracle, witness, chronicle);
    const parties = buildParties(world, network, witness, sites, polledSites, options, events);
    const things = { world, network, disk, store, witness, chronicle, faults };
    return { options, ...things, sites, polledSites, inventory, parties, retryForMs };
  }

  #eventsOf(oracle: Oracle, witness: Witness, chronicle: Chronicle): PartyEvents {
    return {
      isPrimary: ({ feed, name }) => this.#process.engine?.feeds.get(feed)?.primary === name,
      received: (platform, payload) => oracle.platformReceived(platform, payload),
      outputAnswered: (platform, output, answer, attempt) => oracle.outputAnswered(platform, output, answer, attempt),
      rejected: () => this.#afterRejection(),
      connectedTwice: (port) => chronicle.violate(2, `destination ${port}: the gateway has two connections to it`),
      destinationReceived: (connection, payload) => oracle.destinationReceived(connection, payload),
      sourceAnswered: (source, feed, attempt, answer) =>
        oracle.sourceAnswered(source, feed, attempt, answer, (sha) => this.#isAnsweredAgain(witness, feed, sha)),
      acknowledged: (source, payload) => oracle.sourceAcknowledged(source, payload),
      tooManyAnswers: (source, serial) =>
        chronicle.violate(7, `${serial}: ${source.name} got two answers to one message`),
      polled: {
        engine: () => this.#process.serving,
        answered: (name, output, answer, attempt) => oracle.outputAnswered({ name }, output, answer, attempt),
        note: (text) => chronicle.note(text),
      },
    };
  }

  async run(): Promise<SimulationResult> {
    const { world, options, parties, faults } = this.#setting;
    this.#process.start();
    await world.settle();
    while (this.#process.isStarting && world.step(Number.POSITIVE_INFINITY)) await world.settle();
    for (const { sources } of parties.feeds) for (const source of sources) source.next();
    world.after(ACTION_EVERY_MS, () => this.#act());
    while (world.steps < options.steps && world.step(Number.POSITIVE_INFINITY)) {
      await world.settle();
      faults.check();
      if (this.#isOver) break;
    }
    await this.#calm();
    return this.#result();
  }

  get #isOver(): boolean {
    const { options, chronicle } = this.#setting;
    return options.stopsAtFirst === true && chronicle.violations.length > 0;
  }

  #act(): void {
    if (this.#isCalm) return;
    const { world, options, faults } = this.#setting;
    const engine = this.#process.serving;
    if (engine !== null) {
      if (options.roomSegments !== null) this.#resolveOne(engine);
      if (this.#setting.polledSites.length > 0) this.#actWithoutFeed();
      const fault = options.isAimed ? null : this.#nextFault();
      if (options.isAimed) this.#aim();
      if (fault !== null) faults.plan(fault, this.#accidents.strikeOf(fault));
      else this.#mover.move();
    }
    // A fault that waits for a swap gets one.
    const pace = options.isAimed ? 0.2 : faults.isArmed ? 0.4 : 1;
    world.after(world.random() * 2 * ACTION_EVERY_MS * pace, () => this.#act());
  }

  /** By chance; null: none this time. */
  #nextFault(): Fault | null {
    const { world, options } = this.#setting;
    const { faults } = options;
    const happens = (probability: number): boolean => world.chance(probability);
    if (happens(faults.crash)) return happens(0.5) ? 'crash-machine' : 'crash-process';
    if (happens(faults.restart)) return 'restart';
    if (happens(faults.breakConnection)) return BREAKS[world.roll(BREAKS.length)] ?? 'break-source';
    if (happens(faults.partition)) return 'partition';
    if (happens(faults.stallCandidate)) return 'stalled-candidate';
    if (happens(faults.wedge)) return 'stuck-outputs';
    if (happens(faults.die)) return 'dead-platform';
    if (happens(faults.failSync * 2)) return 'failed-sync';
    if (happens(faults.tearWrite * 5)) return 'torn-write';
    return null;
  }

  /** The next fault of the list, with the site made ready for the state that it is to meet. */
  #aim(): void {
    const { world, disk, faults, parties } = this.#setting;
    if (faults.isArmed) return;
    const aim = faults.aim((fault) => {
      const strike = this.#accidents.strikeOf(fault);
      return (target, state) => {
        endStage(parties, disk);
        strike(target, state);
      };
    });
    if (aim !== null) setStage(aim, parties, disk, world);
  }

  /** What waits for a person keeps its part of the journal. */
  #resolveOne(engine: ShardEngine): void {
    const { world } = this.#setting;
    const open = engine.decisions.all().find(({ resolved }) => resolved === null);
    if (open === undefined || !world.chance(RESOLVED_AT_A_TIME)) return;
    const action = world.chance(0.5) ? 'deliver' : 'discard';
    engine.resolve(world.now, open.id, action, 'sim', 'simulated', () => {});
  }

  /** Somebody changes the owner of a connection without a feed, or something happens on its sockets. */
  #actWithoutFeed(): void {
    const { world, network, parties, polledSites, options } = this.#setting;
    const connection = parties.polled[world.roll(parties.polled.length)];
    const { breakConnection, force } = options.faults;
    if (world.chance(breakConnection)) {
      const legs = polledSites.flatMap((site) => [site.legs.legacy, site.legs.new]);
      network.breakOne([...legs, ...polledSites.map(({ destination }) => destination)]);
    }
    if (world.chance(OPERATED_AT_A_TIME)) connection?.operate(world.chance(force));
  }

  #standings(): Standing[] {
    const { engine } = this.#process;
    if (engine === null) return [];
    return this.#setting.parties.feeds.flatMap(({ name: feed, platforms, connections }) => {
      const underWay = { legacy: false, new: false };
      for (const platform of platforms) underWay[platform.name] = platform.isSending;
      const secondary = otherPlatform(engine.feeds.get(feed)?.primary ?? 'legacy');
      return connections.flatMap(({ name }) => {
        const state = engine.stateOf(name);
        return state === null ? [] : [{ feed, secondary, state, underWay }];
      });
    });
  }

  /** The rejection may be on the disk by then, and its sender not have asked again. */
  #afterRejection(): void {
    const { world, options } = this.#setting;
    const { crashAfterRejection } = options.faults;
    if (crashAfterRejection === 0 || this.#isCalm || !world.chance(crashAfterRejection)) return;
    world.after(world.roll(AFTER_REJECTION_MS), () => this.#process.crash('after a rejection'));
  }

  /** Only the process: the output is in the file, and its platform sends it again for want of an answer. */
  #afterWritten(meta: JournalMeta): void {
    const { world, options } = this.#setting;
    const { crashWhenSuppressed } = options.faults;
    if (crashWhenSuppressed === 0 || meta.t !== 'output' || meta.role !== 'suppress') return;
    if (world.chance(crashWhenSuppressed)) world.after(0, () => this.#process.crash('an output is suppressed', false));
  }

  #isAnsweredAgain(witness: Witness, feed: string, sha: string): boolean {
    const serial = witness.serialBy(sha);
    return (this.#process.engine?.connectionsOf(feed) ?? []).some(({ lists }) =>
      lists.entries('answeredAgain').some(({ id }) => witness.serialBy(id.sha256) === serial),
    );
  }

  /** The faults stop, the sources finish: everything must come to rest. */
  async #calm(): Promise<void> {
    const { world, disk, parties } = this.#setting;
    this.#isCalm = true;
    this.#process.calm();
    disk.faults = { failSync: 0, tearWrite: 0 };
    disk.roomSegments = Number.POSITIVE_INFINITY;
    for (const { sources } of parties.feeds) for (const source of sources) source.isActive = false;
    for (const connection of parties.polled) connection.calm();
    const untilMs = world.now + CALM_MS;
    while (!this.#isOver && world.step(untilMs)) await world.settle();
  }

  #result(): SimulationResult {
    const { options, world, disk, witness, chronicle, faults } = this.#setting;
    const { engine, crashes } = this.#process;
    let figures: Figures = { accepted: 0, delivered: 0, doubled: 0, listed: 0 };
    if (engine === null) chronicle.violate(6, 'the gateway does not run after everything has calmed down');
    else if (!this.#isOver) figures = judgeNight(this.#setting, engine);
    return {
      seed: options.seed,
      violations: chronicle.violations,
      steps: world.steps,
      ...figures,
      moves: this.#mover.moves,
      crashes,
      fullDisk: {
        times: disk.timesFull,
        gaps: disk.archive.filter(({ meta }) => meta.t === 'shadow-gap').length,
      },
      trace: chronicle.trace,
      coverage: faults.coverage,
      story: (id) => storyOf(disk.archive, witness, id),
    };
  }
}

/** A change-over at an offset drains nothing. */
function statesOf({ atOffset }: Scenario): readonly SwapState[] {
  return atOffset ? SWAP_STATES.filter((state) => state !== 'draining') : SWAP_STATES;
}
