/** What has come with a feed from another shard, beside its connections themselves. */
import type { MovedState } from '../moving.ts';
import type { Replay } from './replay.ts';
import { loadSenders } from './state.ts';

/** Under the names of now. A feed or leg that this inventory does not have is left out. */
export function loadMoved(
  { engine, names }: Pick<Replay, 'engine' | 'names'>,
  { feeds, legPorts, legsSinceCrash = {}, decisions, operations }: MovedState,
): void {
  for (const [name, senders] of Object.entries(feeds)) {
    const feed = names.feed(name);
    if (feed !== undefined) loadSenders(feed, senders);
  }
  for (const [key, memory] of Object.entries(legPorts)) {
    const intake = engine.legPorts.get(key)?.intake;
    intake?.memory.load(memory);
    const sinceCrash = legsSinceCrash[key] ?? null;
    // Another connection of this shard may have the same leg.
    if (sinceCrash !== null) intake?.sinceCrash.load(sinceCrash);
  }
  engine.decisions.load(decisions.map((one) => ({ ...one, connection: names.nameOf(one.connection) })));
  engine.operations.load(operations.map((one) => ({ ...one, connection: names.nameOf(one.connection) })));
}
