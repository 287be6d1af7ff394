/**
 * One simulated night from one seed: feeds under load, moves at random, and the faults of the scenario at any moment. The
 * oracle sees what the parties saw, what the disk holds, and what the gateway shows to everyone.
 */
import type { RouteResponse } from '../../core/admin-api.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { Inventory } from '../../core/inventory.ts';
import { controlOf, otherPlatform, type Phase, type Platform } from '../../core/platform.ts';
import { NOTHING } from '../checkpoint/compactor.ts';
import { SimulatedDriver } from '../drivers/simulated.ts';
import { Recovery } from '../engine/recovery.ts';
import { ShardEngine } from '../engine/shard.ts';
import { isOutOfRoom, JournalCorruptError } from '../journal/errors.ts';
import { Disk, type Opened } from './disk.ts';
import {
  aimsAt,
  type Coverage,
  type Fault,
  FaultPlan,
  type Standing,
  type Strike,
  SWAP_STATES,
  type SwapState,
  type Target,
} from './faults.ts';
import { Judgement } from './judgement.ts';
import { Network } from './network.ts';
import { Oracle } from './oracle.ts';
import { buildParties, type Parties } from './parties.ts';
import type { Platform as PlatformParty } from './platform.ts';
import type { Scenario } from './scenarios.ts';
import { type FeedSite, feedsOf, inventoryOf, type PolledSite, polledOf } from './site.ts';
import { endStage, setStage } from './stage.ts';
import { Store } from './store.ts';
import { storyOf } from './story.ts';
import { Witness } from './witness.ts';
import { World } from './world.ts';

export type SimulationOptions = Scenario & {
  readonly seed: number;
  readonly steps: number;
  /** Ends at the first violation. */
  readonly stopsAtFirst?: boolean;
};

export type SimulationResult = {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly steps: number;
  readonly accepted: number;
  readonly delivered: number;
  readonly doubled: number;
  readonly listed: number;
  readonly moves: { readonly committed: number; readonly aborted: number; readonly forced: number };
  readonly crashes: number;
  /** How often a write found no room, and how often copies were given up to make some. */
  readonly fullDisk: { readonly times: number; readonly gaps: number };
  readonly trace: readonly string[];
  readonly coverage: Coverage;
  /** What the journal says of one message, for the reader of a failing seed. */
  story(id: string): readonly string[];
};

const BREAKS = ['break-source', 'break-platform', 'break-leg', 'break-destination'] as const;
const ACTION_EVERY_MS = 400;
const TRACE_LIMIT = 400;
const VIOLATIONS_LIMIT = 20;
/** Long enough for every timeout and reconnect to run its course once the faults have stopped. */
const CALM_MS = 600_000;
/** Half of the sources' ackTimeout, and what an answer takes. */
const HOLD_LIMIT_MS = 2400;
const AFTER_FORCE_MS = 150;
const AFTER_REJECTION_MS = 40;
const AFTER_MOVE_MS = 60;
/** A person whose rollback is refused because another move is under way tries again. */
const FORCE_AGAIN_MS = 60;
const STOP_WITHIN_MS = 3000;
const STOP_CHECK_MS = 20;
const DEAD_FROM_MS = 500;
const DEAD_SPAN_MS = 4000;
/** Long enough for the copies that wait to fill the disk. */
const DEAD_LONG_SPAN_MS = 20_000;
/** Of the oldest decision being taken, at each action. */
const RESOLVED_AT_A_TIME = 0.5;
/** By a person, where a gateway finds no room to start. */
const ROOM_MADE_SEGMENTS = 4;
/** A full replay takes time, so not at every start. */
const FULL_REPLAYS = 0.5;

type Wish = { readonly phase: Phase; readonly newWeight: number };

export function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #network: Network;
  readonly #disk: Disk;
  readonly #store: Store;
  readonly #witness = new Witness();
  readonly #oracle: Oracle;
  readonly #faults: FaultPlan;
  readonly #sites: readonly FeedSite[];
  readonly #polledSites: readonly PolledSite[];
  /** Every other night only. */
  readonly #retryForMs: number;
  readonly #inventory: Inventory;
  readonly #parties: Parties;
  readonly #violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #moves = { committed: 0, aborted: 0, forced: 0 };
  readonly #epochs = new Map<string, number>();
  readonly #told = new Map<string, { readonly connection: string; readonly response: RouteResponse }>();
  #engine: ShardEngine | null = null;
  #driver: SimulatedDriver | null = null;
  #crashes = 0;
  #requests = 0;
  #isCalm = false;
  #life: 'down' | 'starting' | 'serving' | 'stopping' = 'down';
  /** One for each life of the process, so that what an earlier one began touches no later one. */
  #generation = 0;
  #wasMissing = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#world = new World(options.seed);
    this.#network = new Network(this.#world);
    this.#sites = feedsOf(options);
    this.#retryForMs = options.seed % 2 === 0 ? 0 : options.retryForMs;
    this.#polledSites = polledOf(options);
    this.#inventory = inventoryOf(this.#sites, this.#polledSites, { ...options, retryForMs: this.#retryForMs });
    this.#disk = new Disk(this.#world, this.#inventory);
    this.#disk.faults = options.faults;
    this.#disk.roomSegments = options.roomSegments ?? Number.POSITIVE_INFINITY;
    this.#store = new Store(this.#world);
    this.#disk.onDurable = (upTo) => this.#store.durable(upTo);
    const members = new Map(this.#sites.map(({ name, connections }) => [name, connections.map((item) => item.name)]));
    this.#oracle = new Oracle(this.#disk, this.#witness, members, (rule, text) => this.#violate(rule, text));
    this.#faults = new FaultPlan(this.#world, options.seed, options.onlyAims ?? aimsAt(statesOf(options)), () =>
      this.#standings(),
    );
    this.#disk.onFailed = (what) => this.#faults.note(what);
    this.#disk.onBroken = (what) => this.#violate(3, what);
    this.#disk.onAdmittedWhileFailed = (id) => this.#violate(3, `${id}: admitted between a failed sync and a good one`);
    const oracle = this.#oracle;
    this.#parties = buildParties(this.#world, this.#network, this.#witness, this.#sites, this.#polledSites, options, {
      isPrimary: ({ feed, name }) => this.#engine?.feeds.get(feed)?.primary === name,
      received: (platform, payload) => oracle.platformReceived(platform, payload),
      outputAnswered: (platform, output, answer, attempt) => oracle.outputAnswered(platform, output, answer, attempt),
      rejected: () => this.#afterRejection(),
      connectedTwice: (port) => this.#violate(2, `destination ${port}: the gateway has two connections to it`),
      destinationReceived: (connection, payload) => oracle.destinationReceived(connection, payload),
      sourceAnswered: (source, feed, attempt, answer) =>
        oracle.sourceAnswered(source, feed, attempt, answer, (sha) => this.#isAnsweredAgain(feed, sha)),
      acknowledged: (source, payload) => oracle.sourceAcknowledged(source, payload),
      tooManyAnswers: (source, serial) => this.#violate(7, `${serial}: ${source.name} got two answers to one message`),
      polled: {
        engine: () => (this.#life === 'serving' ? this.#engine : null),
        answered: (name, output, answer, attempt) => oracle.outputAnswered({ name }, output, answer, attempt),
        note: (text) => this.#note(text),
      },
    });
  }

  async run(): Promise<SimulationResult> {
    this.#start();
    await this.#world.settle();
    while (this.#life === 'starting' && this.#world.step(Number.POSITIVE_INFINITY)) await this.#world.settle();
    for (const { sources } of this.#parties.feeds) for (const source of sources) source.next();
    this.#world.after(ACTION_EVERY_MS, () => this.#act());
    while (this.#world.steps < this.#options.steps && this.#world.step(Number.POSITIVE_INFINITY)) {
      await this.#world.settle();
      this.#faults.check();
      if (this.#isOver) break;
    }
    await this.#calm();
    return this.#result();
  }

  get #isOver(): boolean {
    return this.#options.stopsAtFirst === true && this.#violations.length > 0;
  }

  /** The process starts: it reads its disk, which takes time and may be cut short, and then serves. */
  #start(): void {
    this.#life = 'starting';
    // Only this start misses it: one that is cut short finds it mounted the next time.
    this.#wasMissing = this.#disk.isMissing;
    this.#world.stir();
    const generation = ++this.#generation;
    this.#disk.open().then(
      (opened) => {
        if (opened !== null && generation === this.#generation) this.#serve(opened);
      },
      (error: unknown) => {
        if (generation === this.#generation) this.#notStarted(error);
      },
    );
    // A crash may come while it still finds its feet.
    const { crash, crashAfterForce } = this.#options.faults;
    if (!this.#isCalm && this.#crashes > 0 && this.#world.chance(0.15) && crash + crashAfterForce > 0)
      this.#world.after(this.#world.roll(25), () => this.#crash('during-recovery'));
  }

  /** A disk that fails now may work later; a journal that cannot be what it was is a broken promise. */
  #notStarted(error: unknown): void {
    const isDisk = error instanceof Error && error.message.startsWith('EIO');
    const isFull = error instanceof Error && isOutOfRoom(error);
    if (isFull) this.#disk.roomSegments += ROOM_MADE_SEGMENTS;
    const isRefusal = this.#wasMissing && error instanceof JournalCorruptError && error.code === 'journal-missing';
    this.#wasMissing = false;
    if (!isDisk && !isRefusal && !isFull) {
      this.#violate(3, `the gateway does not start: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#note(`not started: ${isFull ? 'no room' : isDisk ? 'the disk fails' : 'the volume is not there'}`);
    this.#end(false);
    this.#world.after(200, () => this.#start());
  }

  #serve({ report, checkpoint, records, firstOffset }: Opened): void {
    if (this.#wasMissing) this.#violate(14, 'the gateway serves from an empty folder as if it were new');
    this.#checkDurability();
    const undone = this.#store.undone(this.#disk.archive);
    if (undone !== null) this.#violate(3, undone);
    const driver = new SimulatedDriver(this.#world, this.#network, this.#disk);
    driver.onError = (what) => this.#violate(2, what);
    const { clean } = report;
    const engine = new ShardEngine(
      {
        inventory: this.#inventory,
        shard: 0,
        target: 'local',
        frameLimitBytes: this.#options.frameLimitBytes,
        frameBudgetBytes: this.#options.frameBudgetBytes ?? 1 << 28,
        ...(this.#options.openInputs !== null && { openInputs: this.#options.openInputs }),
        afterCrash: !clean,
      },
      driver,
    );
    engine.runtime.nextOffset = report.nextOffset;
    const recovery = new Recovery(engine);
    if (checkpoint !== null) recovery.load(checkpoint.state);
    for (const record of records) recovery.apply(record.offset, record.meta, record.payload);
    if (checkpoint !== null) this.#compareWithAll(recovery, records.length);
    driver.attach(engine);
    recovery.finish(this.#world.now, clean, 'simulated', firstOffset);
    for (const { name, ports } of this.#options.dials ? [] : this.#sites) {
      driver.listen(ports.feed, { kind: 'feed', feed: name });
      for (const port of [ports.legacyLeg, ports.newLeg]) driver.listen(port, { kind: 'leg', shard: 0, port });
    }
    for (const port of this.#polledPorts) driver.listen(port, { kind: 'leg', shard: 0, port });
    engine.callOut(this.#world.now);
    this.#engine = engine;
    this.#driver = driver;
    this.#life = 'serving';
    this.#store.shipFrom(this.#disk, report.nextOffset - 1);
    for (const [name, connection] of engine.connections) this.#checkEpoch(name, connection.route.epoch);
    this.#askAgain(engine);
  }

  /** A checkpoint and the records after it are the same state as all records. */
  #compareWithAll(recovery: Recovery, after: number): void {
    if (!this.#world.chance(FULL_REPLAYS)) return;
    const options = { inventory: this.#inventory, shard: 0, target: 'local', frameLimitBytes: 1 << 20 } as const;
    const whole = new Recovery(new ShardEngine({ ...options, afterCrash: true }, NOTHING));
    for (const { offset, meta, payload } of this.#disk.archive) whole.apply(offset, meta, payload);
    const difference = firstDifference(plain(recovery.dump()), plain(whole.dump()), '');
    if (difference !== null)
      this.#violate(
        3,
        `a start from the checkpoint (${after} records after it) differs from one of all: ${difference}`,
      );
  }

  #act(): void {
    if (this.#isCalm) return;
    const { faults } = this.#options;
    const happens = (probability: number): boolean => this.#world.chance(probability);
    if (this.#engine !== null && this.#life === 'serving') {
      if (this.#options.roomSegments !== null) this.#resolveOne(this.#engine);
      if (this.#polledSites.length > 0) this.#actWithoutFeed();
      if (this.#options.isAimed) this.#aim();
      else if (happens(faults.crash)) this.#plan(this.#world.chance(0.5) ? 'crash-machine' : 'crash-process');
      else if (happens(faults.restart)) this.#plan('restart');
      else if (happens(faults.breakConnection)) this.#plan(BREAKS[this.#world.roll(BREAKS.length)] ?? 'break-source');
      else if (happens(faults.partition)) this.#plan('partition');
      else if (happens(faults.stallCandidate)) this.#plan('stalled-candidate');
      else if (happens(faults.wedge)) this.#plan('stuck-outputs');
      else if (happens(faults.die)) this.#plan('dead-platform');
      else if (happens(faults.failSync * 2)) this.#plan('failed-sync');
      else if (happens(faults.tearWrite * 5)) this.#plan('torn-write');
      else this.#move();
    }
    // A fault that waits for a swap gets one.
    const pace = this.#options.isAimed ? 0.2 : this.#faults.isArmed ? 0.4 : 1;
    this.#world.after(this.#world.random() * 2 * ACTION_EVERY_MS * pace, () => this.#act());
  }

  /** What waits for a person keeps its part of the journal. */
  #resolveOne(engine: ShardEngine): void {
    const open = engine.decisions.all().find(({ resolved }) => resolved === null);
    if (open === undefined || !this.#world.chance(RESOLVED_AT_A_TIME)) return;
    const action = this.#world.chance(0.5) ? 'deliver' : 'discard';
    engine.resolve(this.#world.now, open.id, action, 'sim', 'simulated', () => {});
  }

  #standings(): Standing[] {
    const engine = this.#engine;
    if (engine === null) return [];
    return this.#parties.feeds.flatMap(({ name: feed, platforms, connections }) => {
      const underWay = { legacy: false, new: false };
      for (const platform of platforms) underWay[platform.name] = platform.isSending;
      const secondary = otherPlatform(engine.feeds.get(feed)?.primary ?? 'legacy');
      return connections.flatMap(({ name }) => {
        const state = engine.stateOf(name);
        return state === null ? [] : [{ feed, secondary, state, underWay }];
      });
    });
  }

  #plan(fault: Fault): void {
    this.#faults.plan(fault, this.#strikeOf(fault));
  }

  /** The next fault of the list, with the site made ready for the state that it is to meet. */
  #aim(): void {
    if (!this.#faults.isArmed) {
      const aim = this.#faults.aim((fault) => {
        const strike = this.#strikeOf(fault);
        return (target, state) => {
          endStage(this.#parties, this.#disk);
          strike(target, state);
        };
      });
      if (aim !== null) setStage(aim, this.#parties, this.#disk, this.#world);
    }
    this.#move();
  }

  #strikeOf(fault: Fault): Strike {
    switch (fault) {
      case 'crash-process':
      case 'crash-machine':
        return (_, state) => this.#crash(state, fault === 'crash-machine');
      case 'restart':
        return (_, state) => this.#stop(state);
      case 'failed-sync':
        return () => this.#disk.failNext('sync');
      case 'torn-write':
        return () => this.#disk.failNext('write');
      case 'break-source':
      case 'break-platform':
      case 'break-leg':
      case 'break-destination':
        return (target) => this.#break(fault, target);
      case 'partition':
        return (target) => this.#partition(target);
      case 'dead-platform':
        return (target) => this.#die(target);
      case 'stalled-candidate':
        return (target) => this.#stall(target);
      case 'stuck-outputs':
        return (target) => this.#wedge(target);
    }
  }

  /** The rejection may be on the disk by then, and its sender not have asked again. */
  #afterRejection(): void {
    const { crashAfterRejection } = this.#options.faults;
    if (crashAfterRejection === 0 || this.#isCalm || !this.#world.chance(crashAfterRejection)) return;
    this.#world.after(this.#world.roll(AFTER_REJECTION_MS), () => this.#crash('after a rejection'));
  }

  #crash(state: string, machine = this.#world.chance(0.5)): void {
    if (this.#life === 'down' || this.#isCalm) return;
    const what = machine ? 'crash-machine' : 'crash-process';
    this.#faults.note(what);
    this.#note(`${what} (${state})`);
    this.#crashes++;
    this.#end(machine);
    this.#world.after(200 + this.#world.roll(800), () => this.#start());
  }

  get #polledPorts(): readonly number[] {
    return this.#polledSites.flatMap(({ legs }) => [legs.legacy, legs.new]);
  }

  /** Somebody changes the owner of a connection without a feed, or something happens on its sockets. */
  #actWithoutFeed(): void {
    const { polled } = this.#parties;
    const connection = polled[this.#world.roll(polled.length)];
    const { breakConnection, force } = this.#options.faults;
    if (this.#world.chance(breakConnection))
      this.#network.breakOne([...this.#polledPorts, ...this.#polledSites.map(({ destination }) => destination)]);
    if (this.#world.chance(0.4)) connection?.operate(this.#world.chance(force));
  }

  /** An orderly stop: what is in flight ends, the disk comes to rest. */
  #stop(state: string): void {
    const engine = this.#engine;
    if (engine === null || this.#life !== 'serving' || this.#isCalm) return;
    this.#faults.note('restart');
    this.#note(`restart (${state})`);
    this.#life = 'stopping';
    const generation = this.#generation;
    engine.stopping(this.#world.now);
    const untilMs = this.#world.now + STOP_WITHIN_MS;
    const look = (): void => {
      if (generation !== this.#generation) return;
      if (engine.isIdle || this.#world.now > untilMs) void this.#stopped(engine, generation);
      else this.#world.after(STOP_CHECK_MS, look);
    };
    look();
  }

  async #stopped(engine: ShardEngine, generation: number): Promise<void> {
    engine.stopped(this.#world.now);
    this.#driver?.kill();
    this.#engine = null;
    // A disk that fails to the end leaves an unclean one.
    await this.#disk.close().catch(() => undefined);
    if (generation !== this.#generation) return;
    this.#end(false);
    this.#disk.isMissing = this.#world.chance(this.#options.faults.loseVolume);
    this.#world.after(200 + this.#world.roll(800), () => this.#start());
  }

  #end(machine: boolean): void {
    this.#generation++;
    this.#life = 'down';
    this.#store.gone();
    this.#engine = null;
    this.#driver?.kill();
    for (const { ports } of this.#options.dials ? [] : this.#sites)
      for (const port of [ports.feed, ports.legacyLeg, ports.newLeg]) this.#network.unlisten(port);
    for (const port of this.#polledPorts) this.#network.unlisten(port);
    this.#disk.crash(machine);
  }

  #break(kind: (typeof BREAKS)[number], target: Target): void {
    if (!this.#network.breakOne(this.#portsOf(kind, target))) return;
    const isOneLegs = kind === 'break-platform' || kind === 'break-leg';
    this.#faults.note(kind, isOneLegs ? target : { feed: target.feed });
  }

  #portsOf(kind: string, { feed, leg }: Target): readonly number[] {
    const site = this.#sites.find(({ name }) => name === feed);
    if (site === undefined) return [];
    const { ports, connections } = site;
    if (kind === 'break-source') return [ports.feed];
    if (kind === 'break-platform') return [ports[leg]];
    if (kind === 'break-leg') return [leg === 'legacy' ? ports.legacyLeg : ports.newLeg];
    return connections.map(({ destination }) => destination);
  }

  /** Nothing comes through on one connection for a while, and nobody is told. */
  #partition(target: Target): void {
    const forMs = 200 + this.#world.roll(6000);
    const first = this.#world.roll(BREAKS.length);
    for (let next = 0; next < BREAKS.length; next++) {
      const ports = this.#portsOf(BREAKS[(first + next) % BREAKS.length] ?? '', target);
      if (!this.#network.stallOne(ports, forMs)) continue;
      this.#faults.note('partition', { feed: target.feed });
      this.#note(`${target.feed}: nothing comes through to port ${ports[0]} for ${forMs} ms`);
      return;
    }
  }

  /** Only a platform that no source waits for: what a slow one may cost its neighbours is what is looked at. */
  #stall({ feed }: Target): void {
    const platform = this.#platform(feed, otherPlatform(this.#engine?.feeds.get(feed)?.primary ?? 'legacy'));
    if (platform === undefined) return;
    platform.stalledUntilMs = this.#world.now + 500 + this.#world.roll(3000);
    this.#faults.note('stalled-candidate', { feed, leg: platform.name });
    this.#note(`${feed}: ${platform.name} stands still`);
  }

  #wedge({ feed, leg }: Target): void {
    const platform = this.#platform(feed, leg);
    if (platform === undefined) return;
    platform.wedgedUntilMs = this.#world.now + 500 + this.#world.roll(this.#options.cancels ? 10_000 : 3000);
    this.#faults.note('stuck-outputs', { feed, leg });
    this.#note(`${feed}: the outputs of ${leg} are stuck`);
  }

  #die({ feed, leg }: Target): void {
    const platform = this.#platform(feed, leg);
    if (platform === undefined || platform.isDead) return;
    this.#faults.note('dead-platform', { feed, leg });
    this.#note(`${feed}: ${leg} dies`);
    platform.die();
    const span = this.#options.roomSegments === null ? DEAD_SPAN_MS : DEAD_LONG_SPAN_MS;
    this.#world.after(DEAD_FROM_MS + this.#world.roll(span), () => platform.live());
  }

  #platform(feed: string, name: Platform): PlatformParty | undefined {
    return this.#parties.feeds.find((party) => party.name === feed)?.platforms.find((one) => one.name === name);
  }

  #move(): void {
    const engine = this.#engine;
    const feed = this.#parties.feeds[this.#world.roll(this.#parties.feeds.length)];
    const party = feed?.connections[this.#world.roll(feed.connections.length)];
    if (engine === null || feed === undefined || party === undefined) return;
    if (this.#options.isAimed && engine.stateOf(party.name) !== 'steady') return;
    const route = engine.connections.get(party.name)?.route;
    if (route === undefined) return;
    const to = this.#nextPhase(route.phase, route.newWeight);
    if (to === null) return;
    const { wanted } = this.#faults;
    // An output is under way while an epoch is on its way to the disk, or taken over, above all where a move is forced.
    const isWanted = (wanted?.state === 'reowning' || wanted?.state === 'committing') && this.#options.faults.force > 0;
    const force = isRollback(route, to) && (isWanted || this.#world.chance(this.#options.faults.force));
    if (this.#world.chance(0.05)) this.#askStale(engine, party.name, to);
    if (force) this.#lose(feed, () => this.#ask(party.name, to, true));
    else this.#ask(party.name, to, false);
  }

  #ask(connection: string, to: { phase: Phase; newWeight: number }, force: boolean): void {
    const engine = this.#engine;
    const route = engine?.connections.get(connection)?.route;
    if (engine === null || route === undefined || (force && !isRollback(route, to))) return;
    const requestId = `request-${++this.#requests}`;
    const wanted = { ...to, requestId, expectedEpoch: route.epoch, deadlineMs: 5000, origin: 'api', force } as const;
    engine.move(this.#world.now, connection, { ...wanted, reason: 'simulated' }, { name: 'sim' }, (result) => {
      if (!result.ok) {
        this.#note(`${connection}: refused ${result.error.code}`);
        if (force && this.#options.isAimed && result.error.code === 'operation-in-flight')
          this.#world.after(FORCE_AGAIN_MS, () => this.#ask(connection, to, true));
        return;
      }
      this.#replied(connection, requestId, result.value, `${to.phase}/${to.newWeight}${force ? ' forced' : ''}`);
    });
  }

  /** Rule 8: whoever has not seen the newest epoch moves nothing. */
  #askStale(engine: ShardEngine, connection: string, to: { phase: Phase; newWeight: number }): void {
    const expectedEpoch = (engine.connections.get(connection)?.route.epoch ?? 1) + 1;
    const wish = { ...to, requestId: `stale-${++this.#requests}`, expectedEpoch, deadlineMs: 5000 } as const;
    const request = { ...wish, origin: 'api', force: false, reason: 'stale' } as const;
    engine.move(this.#world.now, connection, request, { name: 'sim' }, (result) => {
      if (result.ok) this.#violate(8, `${connection}: a request with another epoch was carried out`);
    });
  }

  #replied(connection: string, requestId: string, response: RouteResponse, wish: string): void {
    const isAborted = response.aborted === true;
    this.#note(`${connection}: ${wish} ${isAborted ? `aborted: ${response.reason}` : `epoch ${response.epoch}`}`);
    this.#moves[isAborted ? 'aborted' : 'committed']++;
    this.#told.set(requestId, { connection, response });
    const { view } = this.#disk;
    const epoch = (view.epochs.get(connection) ?? []).find(({ record }) => record.requestId === requestId);
    const isOnDisk = (view.operations.get(requestId) ?? []).some((offset) => view.isDurable(offset));
    if (!isOnDisk) this.#violate(8, `${connection}: the outcome of ${requestId} was told before it was durable`);
    if (isAborted && epoch !== undefined)
      this.#violate(8, `${connection}: ${requestId} aborted, and its epoch is on disk`);
    if (!isAborted && (epoch === undefined || !view.isDurable(epoch.offset)))
      this.#violate(8, `${connection}: ${requestId} committed, and its epoch is not durable`);
    this.#checkEpoch(connection, response.epoch);
    const { crashAfterMove } = this.#options.faults;
    if (!isAborted && crashAfterMove > 0 && this.#world.chance(crashAfterMove))
      this.#world.after(this.#world.roll(AFTER_MOVE_MS), () => this.#crash('after a move'));
  }

  /** The same request id gets the same answer, also from the next process. */
  #askAgain(engine: ShardEngine): void {
    for (const [requestId, { connection, response }] of [...this.#told].slice(-5)) {
      const wish = { requestId, phase: 'legacy', newWeight: 0, expectedEpoch: 1, deadlineMs: 5000 } as const;
      const request = { ...wish, origin: 'api', force: false, reason: 'asked again' } as const;
      engine.move(this.#world.now, connection, request, { name: 'sim' }, (result) => {
        const isSame = result.ok && result.value.epoch === response.epoch && result.value.aborted === response.aborted;
        if (!isSame) this.#violate(8, `${connection}: ${requestId} got another answer after a restart`);
      });
    }
  }

  /** New dies, at once or after its outputs have been stuck for a while; a forced rollback follows. */
  #lose(feed: Parties['feeds'][number], then: () => void): void {
    const next = feed.platforms.find(({ name }) => name === 'new');
    if (next === undefined) return;
    this.#moves.forced++;
    const { wanted } = this.#faults;
    const isWanted = wanted?.state === 'reowning';
    const wedgedMs = isWanted || this.#world.chance(0.6) ? 300 + this.#world.roll(1500) : 0;
    const heir = feed.platforms.find(({ name }) => name === 'legacy');
    // What legacy has not made yet is taken over later.
    if (isWanted && heir !== undefined) heir.stalledUntilMs = this.#world.now + wedgedMs + this.#world.roll(1500);
    const deadMs = 2000 + this.#world.roll(5000);
    next.wedgedUntilMs = this.#world.now + wedgedMs + (this.#world.chance(0.5) ? deadMs : 0);
    this.#world.after(wedgedMs, () => {
      this.#faults.note('dead-platform', { feed: feed.name, leg: 'new' });
      if (this.#world.chance(isWanted ? 0.4 : 0.7)) next.die();
      then();
      if (this.#world.chance(this.#options.faults.crashAfterForce))
        this.#world.after(this.#world.roll(AFTER_FORCE_MS), () => this.#crash('after a forced rollback'));
      this.#world.after(deadMs, () => next.live());
    });
  }

  #nextPhase(phase: Phase, newWeight: number): { phase: Phase; newWeight: number } | null {
    switch (phase) {
      case 'legacy':
        return { phase: 'parallel', newWeight: 0 };
      case 'parallel': {
        const dice = this.#world.roll(10);
        if (this.#options.cancels && newWeight === 0 && dice % 2 === 0) return { phase: 'legacy', newWeight: 0 };
        if (dice < 6 || (this.#options.isAimed && dice === 9)) return { phase: 'switched', newWeight: 0 };
        if (dice < 9 && this.#options.hasWeights)
          return { phase: 'parallel', newWeight: newWeight === 0 ? 1 + this.#world.roll(99) : 0 };
        return newWeight === 0 ? { phase: 'legacy', newWeight: 0 } : null;
      }
      case 'switched':
        return { phase: 'parallel', newWeight: 0 };
      case 'decommissioned':
        return null;
    }
  }

  /** The faults stop, the sources finish: everything must come to rest. */
  async #calm(): Promise<void> {
    this.#isCalm = true;
    this.#disk.faults = { failSync: 0, tearWrite: 0 };
    this.#disk.roomSegments = Number.POSITIVE_INFINITY;
    for (const { sources } of this.#parties.feeds) for (const source of sources) source.isActive = false;
    for (const connection of this.#parties.polled) connection.calm();
    const untilMs = this.#world.now + CALM_MS;
    while (!this.#isOver && this.#world.step(untilMs)) await this.#world.settle();
  }

  #result(): SimulationResult {
    const figures = { accepted: 0, delivered: 0, doubled: 0, listed: 0 };
    const engine = this.#engine;
    if (engine === null) this.#violate(6, 'the gateway does not run after everything has calmed down');
    else if (!this.#isOver) this.#judge(engine, figures);
    return {
      seed: this.#options.seed,
      violations: this.#violations,
      steps: this.#world.steps,
      ...figures,
      moves: this.#moves,
      crashes: this.#crashes,
      fullDisk: {
        times: this.#disk.timesFull,
        gaps: this.#disk.archive.filter(({ meta }) => meta.t === 'shadow-gap').length,
      },
      trace: this.#trace,
      coverage: this.#faults.coverage,
      story: (id) => storyOf(this.#disk.archive, this.#witness, id),
    };
  }

  #judge(engine: ShardEngine, figures: { accepted: number; delivered: number; doubled: number; listed: number }): void {
    const violate = (rule: number, text: string): void => this.#violate(rule, text);
    const waitLimitMs = this.#options.waitLimitMs ?? (this.#options.isQuiet ? HOLD_LIMIT_MS : null);
    const judgement = new Judgement(engine, this.#disk, this.#witness, this.#retryForMs > 0, violate);
    for (const feed of this.#parties.feeds) {
      const { delivered, doubled, listed } = judgement.feed(feed);
      figures.delivered += delivered;
      figures.doubled += doubled;
      figures.listed += listed;
      for (const source of feed.sources) {
        figures.accepted += source.accepted.size;
        const resent = source.attempts - [...source.meant.values()].reduce((sum, count) => sum + count, 0);
        if (waitLimitMs !== null && resent > 0)
          violate(8, `${source.name}: had to send ${resent} times again in a night without faults on its path`);
      }
      if (waitLimitMs !== null && feed.sources.some(({ longestWaitMs }) => longestWaitMs > waitLimitMs))
        violate(8, `${feed.name}: a source waited longer than ${waitLimitMs} ms`);
      if (this.#options.neverDoubles && doubled > 0)
        violate(9, `${feed.name}: ${doubled} delivered twice, in a night in which only the platform died`);
      if (this.#options.isQuiet && listed > 0) violate(2, `${feed.name}: ${listed} listed in a night without faults`);
    }
    for (const connection of this.#parties.polled)
      figures.delivered += connection.judge(engine, this.#witness, violate);
    if (this.#options.isQuiet && engine.decisions.all().length > 0)
      violate(9, 'a person has to decide after a night without faults');
    if (this.#options.isQuiet)
      for (const { serial, read } of this.#witness.notReadOnce())
        violate(7, `${serial}: its source got the application's acknowledgement ${read} times`);
    const heldBytes = engine.runtime.budget.bytes + engine.runtime.answerBudget.bytes;
    if (heldBytes !== 0) violate(15, `${heldBytes} bytes of frames are still counted after everything has calmed down`);
    judgement.disk();
    judgement.reports();
    judgement.repeats(this.#parties.feeds);
  }

  #isAnsweredAgain(feed: string, sha: string): boolean {
    const serial = this.#witness.serialBy(sha);
    return (this.#engine?.connectionsOf(feed) ?? []).some(({ lists }) =>
      lists.entries('answeredAgain').some(({ id }) => this.#witness.serialBy(id.sha256) === serial),
    );
  }

  /** Rule 3: whatever a source was told positively is on disk, with its verdict. */
  #checkDurability(): void {
    const accepted = new Set<string>();
    const { view } = this.#disk;
    for (const { meta } of view.all()) {
      if (meta.t !== 'input-verdict' || meta.verdict !== 'positive') continue;
      const input = view.at(meta.input)?.meta;
      if (input?.t === 'input') accepted.add(this.#witness.serialBy(input.sha) ?? '');
    }
    for (const { sources } of this.#parties.feeds)
      for (const source of sources)
        for (const id of source.accepted.keys())
          if (!accepted.has(id)) this.#violate(3, `${id}: answered positively and not on disk`);
    for (const [requestId, { connection, response }] of this.#told) {
      if (response.aborted === true || response.alreadyThere === true) continue;
      const isThere = (view.epochs.get(connection) ?? []).some(({ record }) => record.requestId === requestId);
      if (!isThere) this.#violate(8, `${connection}: ${requestId} was told committed, a crash undid it`);
    }
  }

  #checkEpoch(name: string, epoch: number): void {
    const known = this.#epochs.get(name) ?? 0;
    if (epoch < known) this.#violate(14, `${name}: epoch went back from ${known} to ${epoch}`);
    this.#epochs.set(name, Math.max(known, epoch));
    const feed = this.#engine?.feedOf(name);
    if (!this.#engine || !feed) return;
    const routes = this.#engine.connectionsOf(feed.config.name).map(({ route }) => route);
    if (feed.primary !== (routes.every((route) => controlOf(route) === 'new') ? 'new' : 'legacy'))
      this.#violate(8, `${name}: the primary does not follow the route`);
  }

  #violate(rule: number, text: string): void {
    if (this.#violations.length < VIOLATIONS_LIMIT) this.#violations.push(`rule ${rule}: ${text}`);
  }

  #note(text: string): void {
    this.#trace.push(`${(this.#world.now / 1000).toFixed(3)} ${text}`);
    if (this.#trace.length > TRACE_LIMIT) this.#trace.shift();
  }
}

/** A change-over at an offset drains nothing. */
function statesOf({ atOffset }: Scenario): readonly SwapState[] {
  return atOffset ? SWAP_STATES.filter((state) => state !== 'draining') : SWAP_STATES;
}

function isRollback(from: Wish, to: Wish): boolean {
  if (to.phase !== 'parallel' || to.newWeight > 0) return false;
  return from.phase === 'switched' || (from.phase === 'parallel' && from.newWeight > 0);
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

/** Where two documents differ first, as a path; null: nowhere. */
function firstDifference(a: Json, b: Json, path: string): string | null {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b ? null : `${path}: ${JSON.stringify(a)?.slice(0, 80)} and ${JSON.stringify(b)?.slice(0, 80)}`;
  }
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(key), right.get(key)];
    if (one === undefined || other === undefined) return `${path}.${key} is only in one`;
    const found = firstDifference(one, other, `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
