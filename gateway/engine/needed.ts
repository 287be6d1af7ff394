/**
 * What of the journal may still be asked for: what is owed, captured for it or parked, copies that wait, decisions that are
 * open. Everything before it may be purged.
 */
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { FeedEngine } from './feed.ts';
import type { Obligation } from './obligation.ts';
import type { ShardEngine } from './shard.ts';

/** True: the copies that wait for this platform of the feed are taken for given up. */
export type MayGo = (feed: FeedEngine, platform: Platform) => boolean;

/** The oldest record that the engine's state may ask for, or `besides`; null: none. */
export function neededBy(engine: ShardEngine, mayGo: MayGo, besides: Iterable<number | null> = []): number | null {
  let oldest: number | null = null;
  const need = (offset: number | null): void => {
    if (offset !== null && offset >= 0) oldest = Math.min(oldest ?? offset, offset);
  };
  for (const offset of besides) need(offset);
  // By the input, which is of one feed only.
  const gone = new Map<number, Platform>();
  for (const feed of engine.feeds.values()) {
    for (const platform of PLATFORMS) {
      const goes = mayGo(feed, platform);
      for (const { input } of feed.shadows[platform].dump()) {
        if (goes) gone.set(input.first, platform);
        else need(input.offset);
      }
    }
  }
  for (const connection of engine.connections.values()) neededByConnection(connection, engine, gone, need);
  for (const { resolved, inputOffset, proposalOffsets } of engine.decisions.all()) {
    if (resolved === null) for (const offset of [inputOffset, ...proposalOffsets]) need(offset);
  }
  return oldest;
}

function neededByConnection(
  connection: ConnectionEngine,
  { runtime }: ShardEngine,
  gone: ReadonlyMap<number, Platform>,
  need: (offset: number | null) => void,
): void {
  const { obligations, lists } = connection;
  for (const obligation of obligations.all()) {
    const without = gone.get(obligation.input);
    if (without !== undefined && waitsForNothingElse(connection, obligation, without)) continue;
    need(obligation.input);
    for (const platform of PLATFORMS) need(obligation.sides[platform].output);
  }
  for (const output of obligations.keptOutputs(runtime.now)) need(output);
  for (const offset of lists.offsets('parked')) need(offset);
}

/** It is closed once no copy of its input is made. */
function waitsForNothingElse(connection: ConnectionEngine, obligation: Obligation, without: Platform): boolean {
  const { verdict, isPromised, isDoubtful, doubt, sides } = obligation;
  if (verdict === null || isPromised || isDoubtful || doubt !== null) return false;
  return PLATFORMS.every((platform) =>
    platform === without ? sides[platform].output === null : connection.isOver(obligation, platform),
  );
}
