/** Carries out the moves that were accepted: a swap for each, its epoch record, the new route, and the outcome on disk. */
import type { EpochRecord, RouteRequest } from '../../core/admin-api.ts';
import type { MoveVerb, RouteChanged } from '../../core/connection.ts';
import { linkEpoch } from '../../core/epoch-history.ts';
import { candidateOf, controlOf, otherPlatform, type Platform, primaryOf, type Route } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { Deciding } from './deciding.ts';
import type { FeedEngine } from './feed.ts';
import type { Message } from './intake.ts';
import type { Operations } from './operations.ts';
import type { RouteEpochRecord } from './records.ts';
import { canReown, deliverCaptures, doubtsOf, overdueOf, takeOver } from './reown.ts';
import type { Runtime } from './runtime.ts';
import { StopAndStart } from './stop-and-start.ts';
import { Swap, type SwapHooks, type SwapMethod, type SwapPause, type SwapPlan } from './swap.ts';

export type Author = {
  readonly name: string;
  /** Digest of the document that the move rests on. */
  readonly approval?: string | null;
};

export type AcceptedMove = {
  readonly connection: ConnectionEngine;
  /** Null: origin platform. */
  readonly feed: FeedEngine | null;
  readonly event: RouteChanged;
  readonly request: RouteRequest;
  readonly author: Author;
};

export type MovesOwner = {
  connectionsOf(feed: string): readonly ConnectionEngine[];
  needsShadow(feed: string): boolean;
  /** What a swap was to the senders of a connection, once the last of them that it held has its answer. */
  swapFelt(connection: string, pause: SwapPause): void;
};

export class RouteMoves {
  readonly #runtime: Runtime;
  readonly #operations: Operations;
  readonly #deciding: Deciding;
  readonly #owner: MovesOwner;
  readonly #swaps = new Map<string, Swap | StopAndStart>();
  /** They have ended, and somebody that they held still waits. */
  readonly #stillFelt = new Set<Swap>();

  constructor(runtime: Runtime, operations: Operations, deciding: Deciding, owner: MovesOwner) {
    this.#runtime = runtime;
    this.#operations = operations;
    this.#deciding = deciding;
    this.#owner = owner;
  }

  of(connection: string): Swap | StopAndStart | null {
    return this.#swaps.get(connection) ?? null;
  }

  /** Something of a feed with these connections has moved that a swap may wait for. */
  look(connections: readonly ConnectionEngine[]): void {
    if (this.#swaps.size === 0) return;
    for (const { config } of connections) this.#swaps.get(config.name)?.check();
  }

  /** Something of a connection without a feed has. */
  lookAt(connection: string): void {
    this.#swaps.get(connection)?.check();
  }

  ended(connections: readonly ConnectionEngine[], message: Message): void {
    for (const swap of this.#stillFelt) swap.ended(message);
    if (this.#swaps.size === 0) return;
    for (const { config } of connections) {
      const swap = this.#swaps.get(config.name);
      if (swap instanceof Swap) swap.ended(message);
    }
  }

  /** The gateway stops: what can be undone is. */
  abortAll(reason: string): void {
    for (const swap of this.#swaps.values()) swap.abortIfPossible(reason);
  }

  /** A forced rollback of it has come. */
  giveWay(connection: string): void {
    this.#swaps.get(connection)?.giveWay('a forced rollback came in between');
  }

  start(move: AcceptedMove): void {
    const { connection, feed, event, request } = move;
    const { name } = connection.config;
    const method = methodOf(move);
    const plan = { verb: event.verb, next: event.route, method, deadlineMs: request.deadlineMs };
    const swap = this.#swapOf(plan, connection, feed, {
      commit: (then) => {
        connection.changeOver.submitted();
        this.#appendEpoch(move, method, (offset, record) => {
          this.#apply(move, offset, record);
          then();
        });
      },
      movesPrimary: () => feed !== null && this.#primaryByRecords(move, feed) !== feed.primary,
      overdue: () => this.#deciding.openOverdue(connection),
      done: (response) => {
        this.#swaps.delete(name);
        if (swap instanceof Swap && swap.isStillFelt) this.#stillFelt.add(swap);
        const { epoch, pauseMs, heldMessages, inFlightAtHold, drainedAt } = response;
        const { requestId } = request;
        const outcome = response.aborted === true ? 'aborted' : 'committed';
        const reason = response.reason ?? null;
        const figures = { epoch, pauseMs, heldMessages, inFlightAtHold, drainedAt, at: this.#runtime.now };
        const record = { t: 'operation', connection: name, requestId, outcome, reason, ...figures } as const;
        this.#runtime.append(record, null, 'durable', () => {
          this.#operations.end(requestId, { ok: true, value: response });
        });
      },
      felt: (pause) => {
        if (swap instanceof Swap) this.#stillFelt.delete(swap);
        this.#owner.swapFelt(name, pause);
      },
    });
    this.#swaps.set(name, swap);
    swap.start();
  }

  #swapOf(
    plan: SwapPlan,
    connection: ConnectionEngine,
    feed: FeedEngine | null,
    hooks: SwapHooks,
  ): Swap | StopAndStart {
    if (feed !== null) return new Swap(plan, connection, feed, this.#runtime, hooks);
    const { platformOrigin } = connection;
    if (platformOrigin === null) throw new Error(`${connection.config.name} has neither a feed nor origin: platform`);
    return new StopAndStart(plan, connection, platformOrigin, this.#runtime, hooks);
  }

  #appendEpoch(
    { connection, event, request, author }: AcceptedMove,
    method: SwapMethod,
    then: (offset: number, record: RouteEpochRecord) => void,
  ): void {
    const { epoch, phase, newWeight } = event.route;
    const epochRecord = linkEpoch(connection.epochs.at(-1) ?? null, {
      connection: connection.config.name,
      epoch,
      phase,
      newWeight,
      verb: event.verb,
      by: author.name,
      origin: request.origin,
      requestId: request.requestId,
      reason: request.reason ?? null,
      changeId: request.changeId ?? null,
      approval: author.approval ?? null,
      forced: request.force,
      ...this.#originOf(connection, request.force ? null : event.verb),
      at: new Date(this.#runtime.now).toISOString(),
    });
    const reowns = request.force && canReown(connection, 'legacy');
    const atOffset = method === 'at-offset';
    const record: RouteEpochRecord = {
      t: 'epoch',
      record: epochRecord,
      reowns,
      ...(reowns ? { overdue: overdueOf(connection, 'legacy', this.#runtime.now) } : {}),
      atOffset,
      at: this.#runtime.now,
    };
    const offset = this.#runtime.append(record, null, 'durable', () => {
      connection.epochs.push(epochRecord);
      then(offset, record);
    });
  }

  /** What the epochs of a connection without a feed say beside the others. */
  #originOf({ platformOrigin, route }: ConnectionEngine, unforced: MoveVerb | null): Partial<EpochRecord> {
    if (platformOrigin === null) return {};
    const outputsFrom = 'platform' as const;
    const attested = unforced === null || unforced === 'decommission' ? null : platformOrigin.stopped(controlOf(route));
    return attested === null ? { outputsFrom } : { outputsFrom, attested };
  }

  /** The platform that answers the feed's source once this move is made. */
  /**
   * By the record that is about to be written and those before it, also where these are still on their way to the disk: two
   * connections of a feed may switch at once, and neither would move its primary alone.
   */
  #primaryByRecords({ connection, event }: AcceptedMove, feed: FeedEngine): Platform {
    const all = this.#owner.connectionsOf(feed.config.name);
    return primaryOf(all.map((item) => (item === connection ? event.route : this.#newestOf(item))));
  }

  #newestOf({ config, route }: ConnectionEngine): Route {
    const swap = this.#swaps.get(config.name);
    return swap instanceof Swap ? (swap.committing ?? route) : route;
  }

  #primaryAfter({ connection, event }: AcceptedMove, feed: FeedEngine): Platform {
    const all = this.#owner.connectionsOf(feed.config.name);
    return primaryOf(all.map((item) => (item === connection ? event.route : item.route)));
  }

  #apply(move: AcceptedMove, offset: number, record: RouteEpochRecord): void {
    const { connection, feed, event, request } = move;
    const former = connection.route;
    const ownedBefore = connection.ownership.remembered();
    connection.route = event.route;
    if (feed === null) {
      connection.changeOver.committed(null);
      return;
    }
    const candidate = candidateOf(event.route);
    const roles = candidate === null ? [controlOf(event.route)] : [controlOf(event.route), candidate];
    const { name } = feed.config;
    const primary = this.#primaryAfter(move, feed);
    if (request.force && primary !== feed.primary) feed.abandonCurrent();
    feed.setPrimary(primary);
    if (!this.#owner.needsShadow(name)) feed.shadows[otherPlatform(primary)].drop();
    connection.obligations.keepOnly(roles);
    if (request.force) {
      // A forced move leads back to legacy: new is the platform that may be dead.
      takeOver(connection, 'new', ownedBefore, record);
      for (const { cause, input } of doubtsOf(connection)) this.#deciding.open(connection, cause, input);
      deliverCaptures(connection, 'legacy');
    }
    connection.changeOver.committed(record.atOffset ? { offset, former } : null);
  }
}

/** A move towards legacy must not fail for want of a correlation: it then quiesces. */
function methodOf({ connection, event, request }: AcceptedMove): SwapMethod {
  if (request.force) return 'forced';
  const moves = event.verb === 'switch' || event.verb === 'rollback' || event.verb === 'weight';
  return moves && connection.config.changeOver === 'at-offset' && connection.canChangeAtOffset
    ? 'at-offset'
    : 'quiesce';
}
