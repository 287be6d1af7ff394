/**
 * The names in a journal, and what the inventory calls them now. A connection of the journal that the inventory no longer
 * has is a stranger: it may still be in the path.
 */
import { presentName, renamedOf } from '../../../core/former-names.ts';
import type { Phase } from '../../../core/platform.ts';
import type { ConnectionEngine } from '../connection.ts';
import type { FeedEngine } from '../feed.ts';
import type { ShardEngine } from '../shard.ts';

/** What the journal last said of it. */
export type Stranger = { readonly name: string; phase: Phase; wasUsed: boolean };

export class JournalNames {
  readonly #engine: ShardEngine;
  readonly #renamed: ReadonlyMap<string, string>;
  readonly #strangers = new Map<string, Stranger>();

  constructor(engine: ShardEngine) {
    this.#engine = engine;
    this.#renamed = renamedOf([...engine.connections.values()].map(({ config }) => config));
  }

  /** What the inventory calls it now. */
  nameOf(connection: string): string {
    return presentName(this.#renamed, connection);
  }

  connection(name: string): ConnectionEngine | undefined {
    return this.#engine.connections.get(this.nameOf(name));
  }

  feed(name: string): FeedEngine | undefined {
    return this.#engine.feeds.get(this.#feedName(name));
  }

  connectionsOf(feed: string): readonly ConnectionEngine[] {
    return this.#engine.connectionsOf(this.#feedName(feed));
  }

  /** A feed of its own bears the connection's name and is renamed with it. */
  #feedName(name: string): string {
    return this.#engine.feeds.has(name) ? name : this.nameOf(name);
  }

  get strangers(): readonly Stranger[] {
    return [...this.#strangers.values()];
  }

  /** Met for the first time, it is held for a connection that nothing has happened on yet. */
  stranger(name: string): Stranger {
    const known = this.#strangers.get(name) ?? { name, phase: 'legacy', wasUsed: false };
    this.#strangers.set(name, known);
    return known;
  }

  addStranger(stranger: Stranger): void {
    this.#strangers.set(stranger.name, { ...stranger });
  }
}

/** A sender of a feed that was renamed is the one that it was. */
export function senderAt(feed: string, sender: string): string {
  return `${feed}${sender.slice(Math.max(0, sender.lastIndexOf('@')))}`;
}
