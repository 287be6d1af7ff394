/**
 * Rule 15, on a full disk: the copies that wait for a platform are given up, oldest first, where nobody is owed them, and
 * the gap is recorded, shown and asked about. What a platform that owns something has to get is never given up.
 */
import { controlOf, otherPlatform, PLATFORMS, type Platform, primaryOf } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { Deciding } from './deciding.ts';
import type { AdmittedInput, FeedEngine } from './feed.ts';
import { neededBy } from './needed.ts';
import type { ShadowGapRecord } from './records.ts';
import type { ShardEngine } from './shard.ts';

export type BacklogOwner = {
  readonly deciding: Deciding;
  /** A swap of one of its connections is under way, which waits for the copies. */
  isMoving(feed: string): boolean;
  /** Something that a swap may wait for has moved. */
  moved(feed: string): void;
};

export class Backlog {
  readonly #engine: ShardEngine;
  readonly #owner: BacklogOwner;

  constructor(engine: ShardEngine, owner: BacklogOwner) {
    this.#engine = engine;
    this.#owner = owner;
  }

  /**
   * `ends`: records before which the journal could be let go, oldest first. Gives up what stands in the way of the newest
   * of them that nothing else needs; says which that is, null where there is none.
   */
  giveUp(ends: readonly number[]): number | null {
    const mayGo = (feed: FeedEngine, platform: Platform): boolean => this.#mayGo(feed, platform);
    const needed = neededBy(this.#engine, mayGo) ?? Number.POSITIVE_INFINITY;
    const upTo = ends.findLast((end) => end <= needed) ?? null;
    if (upTo === null) return null;
    for (const feed of this.#engine.feeds.values()) {
      const shadow = otherPlatform(feed.primary);
      if (!this.#mayGo(feed, shadow)) continue;
      this.#giveUp(feed, shadow, upTo, 'disk-full');
      feed.advance();
    }
    return upTo;
  }

  /** What is to be copied cannot be read: that platform will not get it, and everything behind it waits for nothing. */
  unreadable(feed: FeedEngine, platform: Platform, { offset }: AdmittedInput): void {
    this.#giveUp(feed, platform, offset + 1, 'unreadable');
    feed.advance();
  }

  /** Recovery: given up before a crash took the record of it. `firstOffset`: what is older is no longer in the journal. */
  recover(firstOffset: number): void {
    for (const feed of this.#engine.feeds.values()) {
      for (const platform of PLATFORMS) this.#giveUp(feed, platform, firstOffset, 'disk-full');
    }
  }

  #mayGo({ config }: FeedEngine, platform: Platform): boolean {
    return !isOwed(this.#engine.connectionsOf(config.name), platform) && !this.#owner.isMoving(config.name);
  }

  #giveUp(feed: FeedEngine, platform: Platform, before: number, cause: ShadowGapRecord['cause']): void {
    const { runtime } = this.#engine;
    const inputs = feed.shadows[platform].giveUp(before);
    const [first, last] = [inputs[0], inputs.at(-1)];
    if (first === undefined || last === undefined) return;
    const name = feed.config.name;
    const found = { feed: name, platform, from: first.offset, to: last.offset, count: inputs.length, cause };
    const record: ShadowGapRecord = { t: 'shadow-gap', ...found, at: runtime.now };
    runtime.append(record, null, 'durable', () => this.#owner.moved(name));
    feed.shadows[platform].recordDropped(inputs);
    runtime.fx.log('warn', 'shadow-given-up', found);
    const connections = this.#engine.connectionsOf(name);
    copiesGone(connections, inputs, record);
    for (const connection of connections) {
      connection.doubts.askOfRejected();
      connection.changeOver.look();
      this.#owner.deciding.askOfGap(connection);
    }
  }
}

/** A platform that owns a connection of the feed, or a share of its keys, or takes over what it was to deliver. */
export function isOwed(connections: readonly ConnectionEngine[], platform: Platform): boolean {
  if (primaryOf(connections.map(({ route }) => route)) === platform) return true;
  return connections.some(
    ({ route, changeOver, reowning, isFenced }) =>
      controlOf(route) === platform ||
      route.newWeight > 0 ||
      changeOver.isOpen ||
      changeOver.isCommitting ||
      reowning > 0 ||
      isFenced,
  );
}

/** What follows from a gap for the connections of its feed; recovery repeats it. */
export function copiesGone(
  connections: readonly ConnectionEngine[],
  inputs: readonly AdmittedInput[],
  record: ShadowGapRecord,
): void {
  for (const connection of connections) {
    for (const input of inputs) connection.copyGone(input, record.platform);
    if (inputs.length > 0) connection.noteGap(record);
  }
}
