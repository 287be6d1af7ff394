/** Somebody who moves connections at random all night, and at times asks by an epoch that is not the newest. */
import type { RouteResponse } from '../../core/admin-api.ts';
import type { Route } from '../../core/platform.ts';
import type { ShardEngine } from '../engine/shard.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { Promises } from './judges/promises.ts';
import type { FeedParty } from './parties/parties.ts';
import type { Setting } from './setting.ts';

type Wish = Pick<Route, 'phase' | 'newWeight'>;

const ASKS_STALE = 0.05;
const AFTER_FORCE_MS = 150;
const AFTER_MOVE_MS = 60;
/** A person whose rollback is refused because another move is under way tries again. */
const FORCE_AGAIN_MS = 60;
const STUCK_FIRST = 0.6;
const STUCK_FROM_MS = 300;
const STUCK_SPAN_MS = 1500;
const DEAD_FROM_MS = 2000;
const DEAD_SPAN_MS = 5000;

export class Mover {
  readonly moves = { committed: 0, aborted: 0, forced: 0 };
  readonly #setting: Setting;
  readonly #process: GatewayProcess;
  readonly #promises: Promises;
  #requests = 0;

  constructor(setting: Setting, process: GatewayProcess, promises: Promises) {
    this.#setting = setting;
    this.#process = process;
    this.#promises = promises;
  }

  move(): void {
    const { world, parties, options, faults } = this.#setting;
    const { engine } = this.#process;
    const feed = parties.feeds[world.roll(parties.feeds.length)];
    const party = feed?.connections[world.roll(feed.connections.length)];
    if (engine === null || feed === undefined || party === undefined) return;
    if (options.isAimed && engine.stateOf(party.name) !== 'steady') return;
    const route = engine.connections.get(party.name)?.route;
    if (route === undefined) return;
    const to = this.#nextPhase(route);
    if (to === null) return;
    const { wanted } = faults;
    // An output is under way while an epoch is on its way to the disk, or taken over, above all where a move is forced.
    const isWanted = (wanted?.state === 'reowning' || wanted?.state === 'committing') && options.faults.force > 0;
    const force = isRollback(route, to) && (isWanted || world.chance(options.faults.force));
    if (world.chance(ASKS_STALE)) this.#askStale(engine, party.name, to);
    if (force) this.#lose(feed, () => this.#ask(party.name, to, true));
    else this.#ask(party.name, to, false);
  }

  #nextPhase({ phase, newWeight }: Wish): Wish | null {
    const { world, options } = this.#setting;
    switch (phase) {
      case 'legacy':
        return { phase: 'parallel', newWeight: 0 };
      case 'parallel': {
        const dice = world.roll(10);
        if (options.cancels && newWeight === 0 && dice % 2 === 0) return { phase: 'legacy', newWeight: 0 };
        if (dice < 6 || (options.isAimed && dice === 9)) return { phase: 'switched', newWeight: 0 };
        if (dice < 9 && options.hasWeights)
          return { phase: 'parallel', newWeight: newWeight === 0 ? 1 + world.roll(99) : 0 };
        return newWeight === 0 ? { phase: 'legacy', newWeight: 0 } : null;
      }
      case 'switched':
        return { phase: 'parallel', newWeight: 0 };
      case 'decommissioned':
        return null;
    }
  }

  #ask(connection: string, to: Wish, force: boolean): void {
    const { world, chronicle, options } = this.#setting;
    const { engine } = this.#process;
    const route = engine?.connections.get(connection)?.route;
    if (engine === null || route === undefined || (force && !isRollback(route, to))) return;
    const requestId = `request-${++this.#requests}`;
    const wanted = { ...to, requestId, expectedEpoch: route.epoch, deadlineMs: 5000, origin: 'api', force } as const;
    engine.move(world.now, connection, { ...wanted, reason: 'simulated' }, { name: 'sim' }, (result) => {
      if (!result.ok) {
        chronicle.note(`${connection}: refused ${result.error.code}`);
        if (force && options.isAimed && result.error.code === 'operation-in-flight')
          world.after(FORCE_AGAIN_MS, () => this.#ask(connection, to, true));
        return;
      }
      this.#replied(connection, requestId, result.value, `${to.phase}/${to.newWeight}${force ? ' forced' : ''}`);
    });
  }

  /** Rule 8: whoever has not seen the newest epoch moves nothing. */
  #askStale(engine: ShardEngine, connection: string, to: Wish): void {
    const { world, chronicle } = this.#setting;
    const expectedEpoch = (engine.connections.get(connection)?.route.epoch ?? 1) + 1;
    const wish = { ...to, requestId: `stale-${++this.#requests}`, expectedEpoch, deadlineMs: 5000 } as const;
    const request = { ...wish, origin: 'api', force: false, reason: 'stale' } as const;
    engine.move(world.now, connection, request, { name: 'sim' }, (result) => {
      if (result.ok) chronicle.violate(8, `${connection}: a request with another epoch was carried out`);
    });
  }

  #replied(connection: string, requestId: string, response: RouteResponse, wish: string): void {
    const { world, chronicle, options } = this.#setting;
    const isAborted = response.aborted === true;
    chronicle.note(`${connection}: ${wish} ${isAborted ? `aborted: ${response.reason}` : `epoch ${response.epoch}`}`);
    this.moves[isAborted ? 'aborted' : 'committed']++;
    this.#promises.told(connection, requestId, response);
    this.#promises.checkEpoch(this.#process.engine, connection, response.epoch);
    const { crashAfterMove } = options.faults;
    if (!isAborted && crashAfterMove > 0 && world.chance(crashAfterMove))
      world.after(world.roll(AFTER_MOVE_MS), () => this.#process.crash('after a move'));
  }

  /** New dies, at once or after its outputs have been stuck for a while; a forced rollback follows. */
  #lose(feed: FeedParty, then: () => void): void {
    const { world, faults, options } = this.#setting;
    const next = feed.platforms.find(({ name }) => name === 'new');
    if (next === undefined) return;
    this.moves.forced++;
    const isWanted = faults.wanted?.state === 'reowning';
    const stuckMs = isWanted || world.chance(STUCK_FIRST) ? STUCK_FROM_MS + world.roll(STUCK_SPAN_MS) : 0;
    const heir = feed.platforms.find(({ name }) => name === 'legacy');
    // What legacy has not made yet is taken over later.
    if (isWanted && heir !== undefined) heir.stalledUntilMs = world.now + stuckMs + world.roll(STUCK_SPAN_MS);
    const deadMs = DEAD_FROM_MS + world.roll(DEAD_SPAN_MS);
    next.wedgedUntilMs = world.now + stuckMs + (world.chance(0.5) ? deadMs : 0);
    world.after(stuckMs, () => {
      faults.note('dead-platform', { feed: feed.name, leg: 'new' });
      if (world.chance(isWanted ? 0.4 : 0.7)) next.die();
      then();
      if (world.chance(options.faults.crashAfterForce))
        world.after(world.roll(AFTER_FORCE_MS), () => this.#process.crash('after a forced rollback'));
      world.after(deadMs, () => next.live());
    });
  }
}

function isRollback(from: Wish, to: Wish): boolean {
  if (to.phase !== 'parallel' || to.newWeight > 0) return false;
  return from.phase === 'switched' || (from.phase === 'parallel' && from.newWeight > 0);
}
