/**
 * The gateway's process in a simulated night: it starts from what its disk holds, is killed or stopped at any moment, and
 * starts again. What it finds at a start is judged.
 */
import { NOTHING } from '../checkpoint/compactor.ts';
import { SimulatedDriver } from '../drivers/simulated.ts';
import { Recovery } from '../engine/recovery.ts';
import { ShardEngine } from '../engine/shard.ts';
import { isOutOfRoom, JournalCorruptError } from '../journal/errors.ts';
import type { Opened } from './disk.ts';
import { firstDifference } from './judges/difference.ts';
import type { Promises } from './judges/promises.ts';
import type { Setting } from './setting.ts';

const START_AGAIN_MS = 200;
/** Between a crash or a stop and the next start. */
const DOWN_SPAN_MS = 800;
const STOP_WITHIN_MS = 3000;
const STOP_CHECK_MS = 20;
const CRASH_AT_START = 0.15;
const CRASH_AT_START_SPAN_MS = 25;
/** By a person, where a gateway finds no room to start. */
const ROOM_MADE_SEGMENTS = 4;
/** A full replay takes time, so not at every start. */
const FULL_REPLAYS = 0.5;
const FRAME_BUDGET_BYTES = 1 << 28;

export class GatewayProcess {
  crashes = 0;
  readonly #setting: Setting;
  readonly #promises: Promises;
  #engine: ShardEngine | null = null;
  #driver: SimulatedDriver | null = null;
  #life: 'down' | 'starting' | 'serving' | 'stopping' = 'down';
  /** One for each life of the process, so that what an earlier one began touches no later one. */
  #generation = 0;
  #wasMissing = false;
  #isCalm = false;

  constructor(setting: Setting, promises: Promises) {
    this.#setting = setting;
    this.#promises = promises;
  }

  /** Null while there is none. */
  get engine(): ShardEngine | null {
    return this.#engine;
  }

  /** Null while it stops, too. */
  get serving(): ShardEngine | null {
    return this.#life === 'serving' ? this.#engine : null;
  }

  get isStarting(): boolean {
    return this.#life === 'starting';
  }

  /** Nothing stops it any more. */
  calm(): void {
    this.#isCalm = true;
  }

  /** It reads its disk, which takes time and may be cut short, and then serves. */
  start(): void {
    const { world, disk, options } = this.#setting;
    this.#life = 'starting';
    // Only this start misses it: one that is cut short finds it mounted the next time.
    this.#wasMissing = disk.isMissing;
    world.stir();
    const generation = ++this.#generation;
    disk.open().then(
      (opened) => {
        if (opened !== null && generation === this.#generation) this.#serve(opened);
      },
      (error: unknown) => {
        if (generation === this.#generation) this.#notStarted(error);
      },
    );
    // A crash may come while it still finds its feet.
    const { crash, crashAfterForce } = options.faults;
    if (!this.#isCalm && this.crashes > 0 && world.chance(CRASH_AT_START) && crash + crashAfterForce > 0)
      world.after(world.roll(CRASH_AT_START_SPAN_MS), () => this.crash('during-recovery'));
  }

  /** A disk that fails now may work later; a journal that cannot be what it was is a broken promise. */
  #notStarted(error: unknown): void {
    const { world, disk, chronicle } = this.#setting;
    const isDisk = error instanceof Error && error.message.startsWith('EIO');
    const isFull = error instanceof Error && isOutOfRoom(error);
    if (isFull) disk.roomSegments += ROOM_MADE_SEGMENTS;
    const isRefusal = this.#wasMissing && error instanceof JournalCorruptError && error.code === 'journal-missing';
    this.#wasMissing = false;
    if (!isDisk && !isRefusal && !isFull) {
      const why = error instanceof Error ? error.message : String(error);
      chronicle.violate(3, `the gateway does not start: ${why}`);
      return;
    }
    chronicle.note(`not started: ${isFull ? 'no room' : isDisk ? 'the disk fails' : 'the volume is not there'}`);
    this.#end(false);
    world.after(START_AGAIN_MS, () => this.start());
  }

  #serve(opened: Opened): void {
    const { world, network, disk, store, chronicle, parties } = this.#setting;
    const { report, checkpoint, records, firstOffset } = opened;
    if (this.#wasMissing) chronicle.violate(14, 'the gateway serves from an empty folder as if it were new');
    this.#promises.checkDurability(parties);
    const undone = store.undone(disk.archive);
    if (undone !== null) chronicle.violate(3, undone);
    const driver = new SimulatedDriver(world, network, disk);
    driver.onError = (what) => chronicle.violate(2, what);
    const engine = this.#engineOver(driver);
    engine.runtime.nextOffset = report.nextOffset;
    const recovery = new Recovery(engine);
    if (checkpoint !== null) recovery.load(checkpoint.state);
    for (const record of records) recovery.apply(record.offset, record.meta, record.payload);
    if (checkpoint !== null) this.#compareWithAll(recovery, records.length);
    driver.attach(engine);
    recovery.finish(world.now, report.clean, 'simulated', firstOffset);
    this.#listen(driver);
    engine.callOut(world.now);
    this.#engine = engine;
    this.#driver = driver;
    this.#life = 'serving';
    store.shipFrom(disk, report.nextOffset - 1);
    for (const [name, connection] of engine.connections)
      this.#promises.checkEpoch(engine, name, connection.route.epoch);
    this.#promises.askAgain(engine);
  }

  #engineOver(driver: SimulatedDriver): ShardEngine {
    const { inventory, options } = this.#setting;
    return new ShardEngine(
      {
        inventory,
        shard: 0,
        target: 'local',
        frameLimitBytes: options.frameLimitBytes,
        frameBudgetBytes: options.frameBudgetBytes ?? FRAME_BUDGET_BYTES,
        ...(options.openInputs !== null && { openInputs: options.openInputs }),
      },
      driver,
    );
  }

  #listen(driver: SimulatedDriver): void {
    const { sites, options } = this.#setting;
    for (const { name, ports } of options.dials ? [] : sites) {
      driver.listen(ports.feed, { kind: 'feed', feed: name });
      for (const port of [ports.legacyLeg, ports.newLeg]) driver.listen(port, { kind: 'leg', shard: 0, port });
    }
    for (const port of this.#polledPorts) driver.listen(port, { kind: 'leg', shard: 0, port });
  }

  get #polledPorts(): readonly number[] {
    return this.#setting.polledSites.flatMap(({ legs }) => [legs.legacy, legs.new]);
  }

  /** A checkpoint and the records after it are the same state as all records. */
  #compareWithAll(recovery: Recovery, after: number): void {
    const { world, disk, inventory, chronicle } = this.#setting;
    if (!world.chance(FULL_REPLAYS)) return;
    const options = { inventory, shard: 0, target: 'local', frameLimitBytes: 1 << 20 } as const;
    const whole = new Recovery(new ShardEngine(options, NOTHING));
    for (const { offset, meta, payload } of disk.archive) whole.apply(offset, meta, payload);
    const difference = firstDifference(recovery.dump(), whole.dump());
    if (difference !== null) {
      const start = `a start from the checkpoint (${after} records after it)`;
      chronicle.violate(3, `${start} differs from one of all: ${difference}`);
    }
  }

  crash(state: string, machine = this.#setting.world.chance(0.5)): void {
    if (this.#life === 'down' || this.#isCalm) return;
    const { faults, chronicle } = this.#setting;
    const what = machine ? 'crash-machine' : 'crash-process';
    faults.note(what);
    chronicle.note(`${what} (${state})`);
    this.crashes++;
    this.#end(machine);
    this.#startLater();
  }

  /** An orderly stop: what is in flight ends, the disk comes to rest. */
  stop(state: string): void {
    const { world, faults, chronicle } = this.#setting;
    const engine = this.serving;
    if (engine === null || this.#isCalm) return;
    faults.note('restart');
    chronicle.note(`restart (${state})`);
    this.#life = 'stopping';
    const generation = this.#generation;
    engine.stopping(world.now);
    const untilMs = world.now + STOP_WITHIN_MS;
    const look = (): void => {
      if (generation !== this.#generation) return;
      if (engine.isIdle || world.now > untilMs) void this.#stopped(engine, generation);
      else world.after(STOP_CHECK_MS, look);
    };
    look();
  }

  async #stopped(engine: ShardEngine, generation: number): Promise<void> {
    const { world, disk, options } = this.#setting;
    engine.stopped(world.now);
    this.#driver?.kill();
    this.#engine = null;
    // A disk that fails to the end leaves an unclean one.
    await disk.close().catch(() => undefined);
    if (generation !== this.#generation) return;
    this.#end(false);
    disk.isMissing = world.chance(options.faults.loseVolume);
    this.#startLater();
  }

  #startLater(): void {
    const { world } = this.#setting;
    world.after(START_AGAIN_MS + world.roll(DOWN_SPAN_MS), () => this.start());
  }

  #end(machine: boolean): void {
    const { network, disk, store, sites, options } = this.#setting;
    this.#generation++;
    this.#life = 'down';
    store.gone();
    this.#engine = null;
    this.#driver?.kill();
    for (const { ports } of options.dials ? [] : sites)
      for (const port of [ports.feed, ports.legacyLeg, ports.newLeg]) network.unlisten(port);
    for (const port of this.#polledPorts) network.unlisten(port);
    disk.crash(machine);
  }
}
