/**
 * One simulated night from one seed: connections under load, moves at random, broken connections, crashes. The oracle
 * sees only what sources and destinations saw, what the disk holds, and the lists that the gateway shows to everyone.
 */
import { type Inventory, parseInventory } from '../../core/inventory.ts';
import { controlOf, type Phase } from '../../core/platform.ts';
import { SimulatedDriver } from '../drivers/simulated.ts';
import { Recovery } from '../engine/recovery.ts';
import { ShardEngine } from '../engine/shard.ts';
import { Disk } from './disk.ts';
import { Network } from './network.ts';
import { Destination, Platform, Source } from './parties.ts';
import { World } from './world.ts';

export type SimulationOptions = {
  readonly seed: number;
  readonly steps: number;
  readonly connections: number;
  /** Probabilities, per random action. */
  readonly faults: {
    readonly breakConnection: number;
    readonly crash: number;
    readonly force: number;
    readonly failSync: number;
  };
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
  readonly trace: readonly string[];
  /** What the journal says of one message, for the reader of a failing seed. */
  story(id: string): readonly string[];
};

type Party = {
  readonly name: string;
  readonly source: Source;
  readonly destination: Destination;
  readonly legacy: Platform;
  readonly next: Platform;
};

const ACTION_EVERY_MS = 400;
const TRACE_LIMIT = 400;
/** Long enough for every timeout and reconnect to run its course once the faults have stopped. */
const CALM_MS = 600_000;

export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #network: Network;
  readonly #disk: Disk;
  readonly #inventory: Inventory;
  readonly #parties: Party[];
  readonly #violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #moves = { committed: 0, aborted: 0, forced: 0 };
  readonly #epochs = new Map<string, number>();
  #engine: ShardEngine | null = null;
  #driver: SimulatedDriver | null = null;
  #crashes = 0;
  #requests = 0;
  #isCalm = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#world = new World(options.seed);
    this.#network = new Network(this.#world);
    this.#disk = new Disk(this.#world);
    this.#inventory = inventoryOf(options.connections);
    this.#disk.failing = options.faults.failSync;
    this.#parties = this.#inventory.connections.map((connection, index) => {
      const base = portsOf(index);
      const answersAfterDelivery = this.#world.chance(0.5);
      const platform = (name: string, port: number, legPort: number, regeneratesId: boolean): Platform =>
        new Platform(this.#world, this.#network, { name, port, legPort, answersAfterDelivery, regeneratesId });
      return {
        name: connection.name,
        source: new Source(this.#world, this.#network, { name: connection.name, port: base.feed, ackTimeoutMs: 4000 }),
        destination: new Destination(this.#world, this.#network, base.destination),
        legacy: platform('legacy', base.legacy, base.legacyLeg, false),
        next: platform('new', base.new, base.newLeg, this.#world.chance(0.5)),
      };
    });
  }

  run(): SimulationResult {
    this.#start(true);
    for (const { source } of this.#parties) source.next();
    this.#world.after(ACTION_EVERY_MS, () => this.#act());
    while (this.#world.steps < this.#options.steps && this.#world.step(Number.POSITIVE_INFINITY));
    this.#calm();
    return this.#result();
  }

  #start(clean: boolean): void {
    const driver = new SimulatedDriver(this.#world, this.#network, this.#disk);
    const engine = new ShardEngine(
      { inventory: this.#inventory, shard: 0, target: 'local', frameLimitBytes: 1 << 20, afterCrash: !clean },
      driver,
    );
    engine.runtime.nextOffset = (this.#disk.records.at(-1)?.offset ?? 0) + 1;
    const recovery = new Recovery(engine);
    for (const record of this.#disk.records) recovery.apply(record.offset, record.meta, record.payload);
    driver.attach(engine);
    recovery.finish(this.#world.now, clean, 'simulated');
    this.#inventory.connections.forEach((connection, index) => {
      const { feed, legacyLeg, newLeg } = portsOf(index);
      driver.listen(feed, { kind: 'feed', feed: connection.name });
      for (const port of [legacyLeg, newLeg]) driver.listen(port, { kind: 'leg', shard: 0, port });
    });
    this.#engine = engine;
    this.#driver = driver;
    for (const [name, connection] of engine.connections) this.#checkEpoch(name, connection.route.epoch);
  }

  #act(): void {
    if (this.#isCalm) return;
    const { faults } = this.#options;
    if (this.#world.chance(faults.crash)) this.#crash();
    else if (this.#world.chance(faults.breakConnection)) this.#network.breakOne();
    else this.#move();
    this.#world.after(this.#world.random() * 2 * ACTION_EVERY_MS, () => this.#act());
  }

  #crash(): void {
    if (this.#engine === null) return;
    const machine = this.#world.chance(0.5);
    this.#note(`crash of the ${machine ? 'machine' : 'process'}`);
    this.#crashes++;
    this.#engine = null;
    this.#driver?.kill();
    for (const index of this.#inventory.connections.keys()) {
      const { feed, legacyLeg, newLeg } = portsOf(index);
      for (const port of [feed, legacyLeg, newLeg]) this.#network.unlisten(port);
    }
    this.#disk.crash(machine);
    this.#checkDurability();
    this.#world.after(200 + this.#world.roll(800), () => this.#start(false));
  }

  #move(): void {
    const engine = this.#engine;
    const party = this.#parties[this.#world.roll(this.#parties.length)];
    if (engine === null || party === undefined) return;
    const route = engine.connections.get(party.name)?.route;
    if (route === undefined) return;
    const to = this.#nextPhase(route.phase, route.newWeight);
    if (to === null) return;
    const force =
      to.phase === 'parallel' && route.phase === 'switched' && this.#world.chance(this.#options.faults.force);
    if (force) this.#killNew(party);
    const requestId = `request-${++this.#requests}`;
    const wanted = { ...to, requestId, expectedEpoch: route.epoch, deadlineMs: 5000, origin: 'api', force } as const;
    engine.move(this.#world.now, party.name, { ...wanted, reason: 'simulated' }, { name: 'sim' }, (result) => {
      if (!result.ok) {
        this.#note(`${party.name}: refused ${result.error.code}`);
        return;
      }
      const { value } = result;
      this.#note(
        `${party.name}: ${to.phase}/${to.newWeight} ${value.aborted === true ? `aborted: ${value.reason}` : `epoch ${value.epoch}`}`,
      );
      if (value.aborted === true) this.#moves.aborted++;
      else this.#moves.committed++;
      if (value.aborted === true && engine.connections.get(party.name)?.route.epoch !== route.epoch) {
        this.#violate(8, `${party.name}: an aborted swap changed the epoch`);
      }
      this.#checkEpoch(party.name, value.epoch);
    });
  }

  #killNew(party: Party): void {
    this.#moves.forced++;
    party.next.die();
    this.#world.after(2000 + this.#world.roll(5000), () => party.next.live());
  }

  #nextPhase(phase: Phase, newWeight: number): { phase: Phase; newWeight: number } | null {
    switch (phase) {
      case 'legacy':
        return { phase: 'parallel', newWeight: 0 };
      case 'parallel': {
        const dice = this.#world.roll(10);
        if (dice < 6) return { phase: 'switched', newWeight: 0 };
        if (dice < 9) return { phase: 'parallel', newWeight: newWeight === 0 ? 1 + this.#world.roll(99) : 0 };
        return newWeight === 0 ? { phase: 'legacy', newWeight: 0 } : null;
      }
      case 'switched':
        return { phase: 'parallel', newWeight: 0 };
      case 'decommissioned':
        return null;
    }
  }

  /** The faults stop, the sources finish: everything must come to rest. */
  #calm(): void {
    this.#isCalm = true;
    this.#disk.failing = 0;
    for (const { source } of this.#parties) source.isActive = false;
    const untilMs = this.#world.now + CALM_MS;
    while (this.#world.step(untilMs));
  }

  #result(): SimulationResult {
    let accepted = 0;
    let delivered = 0;
    let doubled = 0;
    let listed = 0;
    for (const party of this.#parties) {
      const counts = this.#judge(party);
      accepted += party.source.accepted.length;
      delivered += party.destination.received.length;
      doubled += counts.doubled;
      listed += counts.listed;
    }
    return {
      seed: this.#options.seed,
      violations: this.#violations,
      steps: this.#world.steps,
      accepted,
      delivered,
      doubled,
      listed,
      moves: this.#moves,
      crashes: this.#crashes,
      trace: this.#trace,
      story: (id) => this.#story(id),
    };
  }

  #story(id: string): string[] {
    const offsets = new Set<number>();
    const lines: string[] = [];
    for (const { offset, meta } of this.#disk.records) {
      const isOf =
        ('msh10' in meta && meta.msh10.endsWith(id)) ||
        ('input' in meta && typeof meta.input === 'number' && offsets.has(meta.input)) ||
        ('output' in meta && offsets.has(meta.output)) ||
        (meta.t === 'list' && meta.message.msh10.endsWith(id)) ||
        (meta.t === 'epoch' && id.startsWith(`${meta.record.connection}-`));
      if (!isOf) continue;
      offsets.add(offset);
      lines.push(`${offset} ${JSON.stringify(meta.t === 'epoch' ? { t: 'epoch', ...meta.record } : meta)}`);
    }
    return lines;
  }

  #judge({ name, source, destination, legacy, next }: Party): { doubled: number; listed: number } {
    const connection = this.#engine?.connections.get(name);
    const lists = ['maybeSent', 'answeredAgain'] as const;
    const unsure = new Set(
      lists.flatMap((list) => connection?.lists.entries(list) ?? []).map(({ id }) => id.msh10.replace(/^new(?=c)/, '')),
    );
    const decided = new Set((this.#engine?.decisions.all() ?? []).map(({ input }) => input?.msh10 ?? ''));
    if (source.isWaiting)
      this.#violate(6, `${name}: its source still waits for an answer after everything has calmed down`);
    if (legacy.backlog + next.backlog > 0)
      this.#violate(4, `${name}: a platform still holds outputs (legacy ${legacy.backlog}, new ${next.backlog})`);

    const times = new Map<string, number>();
    for (const { id } of destination.received) times.set(id, (times.get(id) ?? 0) + 1);
    for (const id of source.accepted) {
      if (!times.has(id) && !decided.has(id))
        this.#violate(2, `${id}: answered to its source, never delivered, on no list`);
    }
    let doubled = 0;
    for (const [id, count] of times) {
      if (count === 1) continue;
      doubled++;
      if (!unsure.has(id) && !decided.has(id)) this.#violate(2, `${id}: delivered ${count} times, on no list`);
    }
    this.#judgeOrder(name, destination, unsure, decided);
    const status = this.#engine?.status(name);
    if (status && status.state !== 'steady')
      this.#violate(8, `${name}: still ${status.state} after everything has calmed down`);
    return { doubled, listed: unsure.size };
  }

  #judgeOrder(name: string, destination: Destination, unsure: ReadonlySet<string>, decided: ReadonlySet<string>): void {
    const seen = new Set<string>();
    let last = '';
    for (const { id, from } of destination.received) {
      if (seen.has(id) || unsure.has(id) || decided.has(id)) continue;
      seen.add(id);
      if (this.#weighted.has(name)) continue;
      if (id < last) this.#violate(2, `${id}: delivered after ${last} (by ${from})`);
      last = id;
    }
  }

  /** Order holds per key where a weight was ever set; the strict order is checked on the others. */
  get #weighted(): Set<string> {
    const names = new Set<string>();
    for (const { meta } of this.#disk.records)
      if (meta.t === 'epoch' && meta.record.newWeight > 0) names.add(meta.record.connection);
    return names;
  }

  /** Rule 3: whatever a source was told positively is on disk, with its verdict. */
  #checkDurability(): void {
    const durable = new Set<string>();
    const byOffset = new Map<number, string>();
    for (const { offset, meta } of this.#disk.records) {
      if (meta.t === 'input') byOffset.set(offset, meta.msh10);
      if (meta.t === 'input-verdict' && meta.verdict === 'positive') durable.add(byOffset.get(meta.input) ?? '');
    }
    for (const { source } of this.#parties) {
      for (const id of source.accepted)
        if (!durable.has(id)) this.#violate(3, `${id}: answered positively and not on disk`);
    }
  }

  #checkEpoch(name: string, epoch: number): void {
    const known = this.#epochs.get(name) ?? 0;
    if (epoch < known) this.#violate(14, `${name}: epoch went back from ${known} to ${epoch}`);
    this.#epochs.set(name, Math.max(known, epoch));
    const connection = this.#engine?.connections.get(name);
    const feed = this.#engine?.feedOf(name);
    if (connection && feed && feed.primary !== controlOf(connection.route)) {
      this.#violate(8, `${name}: the primary does not follow the route`);
    }
  }

  #violate(rule: number, text: string): void {
    if (this.#violations.length < 20) this.#violations.push(`rule ${rule}: ${text}`);
  }

  #note(text: string): void {
    this.#trace.push(`${(this.#world.now / 1000).toFixed(3)} ${text}`);
    if (this.#trace.length > TRACE_LIMIT) this.#trace.shift();
  }
}

function portsOf(index: number): Record<'feed' | 'legacy' | 'new' | 'legacyLeg' | 'newLeg' | 'destination', number> {
  const base = 10_000 + index * 10;
  return { feed: base, legacy: base + 1, new: base + 2, legacyLeg: base + 3, newLeg: base + 4, destination: base + 5 };
}

function inventoryOf(connections: number): Inventory {
  const lines = Array.from({ length: connections }, (_, index) => {
    const port = portsOf(index);
    return `  - name: c${index}
    direction: orders
    practice: p${index}
    wave: pilot
    feed: { port: ${port.feed}, ackTimeout: 4s, platforms: { legacy: { host: sim, port: ${port.legacy} }, new: { host: sim, port: ${port.new} } } }
    legs: { legacy: { port: ${port.legacyLeg}, ackTimeout: 3s }, new: { port: ${port.newLeg}, ackTimeout: 3s } }
    destination: { host: sim, port: ${port.destination} }
    weightKey: [PID-3]
    correlate: [OBR-2]
    settle: 1s
`;
  });
  const text = `deployment: simulation\ngateways: [{ shard: 0, admin: "https://sim:7443" }]\nconnections:\n${lines.join('')}`;
  const parsed = parseInventory(text, 'simulation.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}
