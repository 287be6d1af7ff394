/**
 * A connection without a feed (origin: platform, ADR 35) in a simulated night: a table whose rows either platform can poll,
 * and a person who stops the one, says so, has the owner changed and starts the other; who lies or is too early at times.
 */
import { controlOf, otherPlatform, PLATFORMS, type Platform } from '../../../core/platform.ts';
import type { ShardEngine } from '../../engine/shard.ts';
import type { Violate } from '../judges/oracle.ts';
import type { Witness } from '../judges/witness.ts';
import type { Network } from '../network.ts';
import type { PolledSite } from '../site.ts';
import type { World } from '../world.ts';
import type { Destination } from './destination.ts';
import { Poller, type PollerEvents, type Row } from './poller.ts';

export type PolledEvents = PollerEvents & {
  /** Null while it does not serve. */
  engine(): ShardEngine | null;
  note(text: string): void;
};

const ROW_EVERY_MS = 250;
const LOOK_MS = 40;
/** How long a person waits for a queue to run empty, and for the answer to a move. */
const PATIENCE_MS = 8000;
const LIES = 0.15;
const IS_EARLY = 0.2;
const DEAD_FROM_MS = 1000;
const DEAD_SPAN_MS = 4000;
/** In the calm what is left is dealt with, again and again, for what a platform still keeps shows only at its next attempt. */
const TIDY_EVERY_MS = 8000;
const TIDY_TIMES = 8;

export class PolledConnection {
  readonly name: string;
  readonly #world: World;
  readonly #destination: Destination;
  readonly #events: PolledEvents;
  readonly #rows: Row[] = [];
  readonly #pollers: Readonly<Record<Platform, Poller>>;
  #isBusy = false;
  #isCalm = false;
  /** What the person waits for. */
  #pending: (() => void) | null = null;

  constructor(
    world: World,
    network: Network,
    witness: Witness,
    site: PolledSite,
    destination: Destination,
    events: PolledEvents,
  ) {
    this.name = site.name;
    this.#world = world;
    this.#destination = destination;
    this.#events = events;
    const poller = (platform: Platform): Poller =>
      new Poller(world, network, witness, { platform, port: site.legs[platform], rows: this.#rows }, events);
    this.#pollers = { legacy: poller('legacy'), new: poller('new') };
    this.#pollers.legacy.start();
    this.#fill();
  }

  #fill(): void {
    if (this.#isCalm) return;
    const serial = `${this.name}-${String(this.#rows.length + 1).padStart(6, '0')}`;
    this.#rows.push({ serial, takenBy: null, isSent: false, wasRefused: false, isOutOfOrder: false });
    for (const platform of PLATFORMS) this.#pollers[platform].pump();
    this.#world.after(this.#world.roll(2 * ROW_EVERY_MS), () => this.#fill());
  }

  /** A person begins to change the owner, unless one is at it. `forces`: with new dead, where it is the owner. */
  operate(forces: boolean): void {
    const engine = this.#events.engine();
    const route = engine?.connections.get(this.name)?.route;
    if (this.#isBusy || this.#isCalm || route === undefined) return;
    this.#isBusy = true;
    const owner = controlOf(route);
    if (forces && owner === 'new') {
      this.#pollers.new.die();
      this.#world.after(DEAD_FROM_MS + this.#world.roll(DEAD_SPAN_MS), () => this.#pollers.new.live());
      this.#ask(true);
      return;
    }
    const lies = this.#world.chance(LIES);
    if (!lies) this.#pollers[owner].stop();
    if (this.#world.chance(IS_EARLY)) this.#pollers[otherPlatform(owner)].start();
    const untilMs = this.#world.now + PATIENCE_MS;
    const look = (): void => {
      if (lies || this.#pollers[owner].isEmpty) this.#attest(owner, () => this.#ask(false));
      else if (this.#world.now > untilMs) this.#tidy();
      else this.#world.after(LOOK_MS, look);
    };
    look();
  }

  #attest(platform: Platform, then: () => void): void {
    const word = { platform, by: 'a person' } as const;
    const engine = this.#events.engine();
    if (engine?.attestStopped(this.#world.now, this.name, word, 'sim', then) === true) this.#giveUpLater(then);
    else this.#world.after(LOOK_MS, () => this.#tidy());
  }

  /** A crash may take the answer to whatever was asked. */
  #giveUpLater(asked: () => void): void {
    this.#pending = asked;
    this.#world.after(PATIENCE_MS, () => {
      if (this.#pending !== asked) return;
      this.#pending = null;
      this.#tidy();
    });
  }

  #ask(force: boolean): void {
    this.#pending = null;
    const engine = this.#events.engine();
    const route = engine?.connections.get(this.name)?.route;
    if (engine === null || route === undefined) {
      this.#world.after(LOOK_MS, () => this.#tidy());
      return;
    }
    const phase = route.phase === 'legacy' ? 'switched' : 'legacy';
    const requestId = `${this.name} ${route.epoch} ${this.#world.steps}`;
    const wish = { phase, newWeight: 0, requestId, expectedEpoch: route.epoch, deadlineMs: 4000, force } as const;
    const asked = (): void => {};
    this.#giveUpLater(asked);
    engine.move(
      this.#world.now,
      this.name,
      { ...wish, origin: 'api', reason: 'simulated' },
      { name: 'sim' },
      (told) => {
        const said = told.ok
          ? told.value.aborted === true
            ? `aborted: ${told.value.reason}`
            : 'done'
          : told.error.code;
        this.#events.note(`${this.name}: ${phase}${force ? ' forced' : ''} ${said}`);
        if (this.#pending !== asked) return;
        this.#pending = null;
        this.#tidy();
      },
    );
  }

  /** Whoever owns it now polls; the other is stopped, and gives back the rows that were refused to it. */
  #tidy(): void {
    const engine = this.#events.engine();
    const route = engine?.connections.get(this.name)?.route;
    if (engine === null || route === undefined) {
      this.#world.after(LOOK_MS, () => this.#tidy());
      return;
    }
    const owner = controlOf(route);
    const stranger = otherPlatform(owner);
    this.#pollers[stranger].stop();
    this.#pollers[stranger].giveBack();
    this.#pollers[owner].start();
    this.#isBusy = false;
    if (this.#pollers[stranger].isEmpty)
      engine.attestStopped(this.#world.now, this.name, { platform: stranger, by: 'a person' }, 'sim', () => {});
  }

  calm(): void {
    this.#isCalm = true;
    for (let turn = 1; turn <= TIDY_TIMES; turn++)
      this.#world.after(turn * TIDY_EVERY_MS, () => {
        for (const platform of PLATFORMS) this.#pollers[platform].live();
        this.#tidy();
      });
  }

  /** Every row is delivered, once and in order but for what a platform had kept; what was refused is on its list. */
  judge(engine: ShardEngine, witness: Witness, violate: Violate): number {
    const lists = engine.connections.get(this.name)?.lists;
    const named = (list: 'maybeSent' | 'answeredAgain' | 'refused'): Set<string> =>
      new Set((lists?.entries(list) ?? []).map(({ id }) => witness.serialBy(id.sha256) ?? ''));
    const unsure = new Set([...named('maybeSent'), ...named('answeredAgain')]);
    const refused = named('refused');
    const times = new Map<string, number>();
    for (const { id } of this.#destination.received) times.set(id, (times.get(id) ?? 0) + 1);
    const free = new Set(unsure);
    for (const { serial, wasRefused, isOutOfOrder } of this.#rows) {
      const count = times.get(serial) ?? 0;
      if (count === 0) violate(2, `${serial}: polled, and never delivered`);
      if (count > 1 && !unsure.has(serial)) violate(2, `${serial}: delivered ${count} times, on no list`);
      if (wasRefused && !refused.has(serial)) violate(2, `${serial}: refused, and on no list`);
      if (wasRefused || isOutOfOrder) free.add(serial);
    }
    const inOrder = this.#destination.received.map(({ id }) => id).filter((id) => !free.has(id));
    const late = inOrder.find((id, index) => id < (inOrder[index - 1] ?? ''));
    if (late !== undefined) violate(2, `${late}: delivered after newer ones`);
    const state = engine.stateOf(this.name);
    if (state !== 'steady') violate(8, `${this.name}: still ${state} after everything has calmed down`);
    return this.#destination.received.length;
  }
}
