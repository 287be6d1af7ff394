/** What the gateway has told, which every later process of it must stand by: answers, outcomes of moves, epochs (rules 3, 8, 14). */
import type { RouteResponse } from '../../../core/admin-api.ts';
import { controlOf } from '../../../core/platform.ts';
import type { ShardEngine } from '../../engine/shard.ts';
import type { Setting } from '../setting.ts';

/** How many of the newest outcomes are asked for again after a restart. */
const ASKED_AGAIN = 5;

export class Promises {
  readonly #setting: Pick<Setting, 'world' | 'disk' | 'witness' | 'chronicle'>;
  readonly #epochs = new Map<string, number>();
  readonly #told = new Map<string, { readonly connection: string; readonly response: RouteResponse }>();

  constructor(setting: Pick<Setting, 'world' | 'disk' | 'witness' | 'chronicle'>) {
    this.#setting = setting;
  }

  /** The outcome of a move is told: it is durable by now. */
  told(connection: string, requestId: string, response: RouteResponse): void {
    const { disk, chronicle } = this.#setting;
    const { view } = disk;
    this.#told.set(requestId, { connection, response });
    const isAborted = response.aborted === true;
    const epoch = (view.epochs.get(connection) ?? []).find(({ record }) => record.requestId === requestId);
    const isOnDisk = (view.operations.get(requestId) ?? []).some((offset) => view.isDurable(offset));
    if (!isOnDisk) chronicle.violate(8, `${connection}: the outcome of ${requestId} was told before it was durable`);
    if (isAborted && epoch !== undefined)
      chronicle.violate(8, `${connection}: ${requestId} aborted, and its epoch is on disk`);
    if (!isAborted && (epoch === undefined || !view.isDurable(epoch.offset)))
      chronicle.violate(8, `${connection}: ${requestId} committed, and its epoch is not durable`);
  }

  /** The same request id gets the same answer, also from the next process. */
  askAgain(engine: ShardEngine): void {
    const { world, chronicle } = this.#setting;
    for (const [requestId, { connection, response }] of [...this.#told].slice(-ASKED_AGAIN)) {
      // The same move as then: an id that comes with another one is refused. Of one that was given up only the id is known.
      const { phase, newWeight } = response;
      const wish = { requestId, phase, newWeight, expectedEpoch: 1, deadlineMs: 5000 } as const;
      const request = { ...wish, origin: 'api', force: false, reason: 'asked again' } as const;
      engine.move(world.now, connection, request, { name: 'sim' }, (result) => {
        const isSame = result.ok && result.value.epoch === response.epoch && result.value.aborted === response.aborted;
        if (!isSame) chronicle.violate(8, `${connection}: ${requestId} got another answer after a restart`);
      });
    }
  }

  /** Rule 3: whatever a source was told positively is on disk, with its verdict. */
  checkDurability({ feeds }: Setting['parties']): void {
    const { disk, witness, chronicle } = this.#setting;
    const { view } = disk;
    const accepted = new Set<string>();
    for (const { meta } of view.all()) {
      if (meta.t !== 'input-verdict' || meta.verdict !== 'positive') continue;
      const input = view.at(meta.input)?.meta;
      if (input?.t === 'input') accepted.add(witness.serialBy(input.sha) ?? '');
    }
    for (const { sources } of feeds)
      for (const source of sources)
        for (const id of source.accepted.keys())
          if (!accepted.has(id)) chronicle.violate(3, `${id}: answered positively and not on disk`);
    for (const [requestId, { connection, response }] of this.#told) {
      if (response.aborted === true || response.alreadyThere === true) continue;
      const isThere = (view.epochs.get(connection) ?? []).some(({ record }) => record.requestId === requestId);
      if (!isThere) chronicle.violate(8, `${connection}: ${requestId} was told committed, a crash undid it`);
    }
  }

  checkEpoch(engine: ShardEngine | null, name: string, epoch: number): void {
    const { chronicle } = this.#setting;
    const known = this.#epochs.get(name) ?? 0;
    if (epoch < known) chronicle.violate(14, `${name}: epoch went back from ${known} to ${epoch}`);
    this.#epochs.set(name, Math.max(known, epoch));
    const feed = engine?.feedOf(name);
    if (!engine || !feed) return;
    // Worked out here, not asked of the code that is judged.
    const routes = engine.connectionsOf(feed.config.name).map(({ route }) => route);
    if (feed.primary !== (routes.every((route) => controlOf(route) === 'new') ? 'new' : 'legacy'))
      chronicle.violate(8, `${name}: the primary does not follow the route`);
  }
}
