/** The endpoints of a shard that listen: all of them at the start, those that a re-read inventory adds later. */
import type { ListenerSecurity } from '../core/endpoint-security.ts';
import type { Inventory, Leg } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import { peersOf } from './drivers/dialling.ts';
import type { RealDriver } from './drivers/real.ts';
import type { EndpointId } from './engine/io.ts';
import type { LegMember } from './engine/leg-port.ts';
import type { ShardEngine } from './engine/shard.ts';
import type { ShardOptions } from './shard-options.ts';

const OPEN: ListenerSecurity = { tls: null, sourceAllow: null };

export class Listening {
  /** By name, the port that each listens on. */
  readonly feeds: Record<string, number> = {};
  /** Endpoints of an inventory that was taken, whose port could not be had yet. */
  #unbound: readonly EndpointId[] = [];
  readonly #start: ShardOptions;
  readonly #engine: ShardEngine;
  readonly #driver: RealDriver;

  constructor(start: ShardOptions, engine: ShardEngine, driver: RealDriver) {
    this.#start = start;
    this.#engine = engine;
    this.#driver = driver;
  }

  async everywhere(): Promise<void> {
    for (const [name, { config }] of this.#engine.feeds) {
      if (config.dial === null) await this.#listenAt({ kind: 'feed', feed: name });
    }
    for (const { members } of this.#engine.legPorts.values()) {
      const leg = legOf(members);
      if (leg.dial === null) await this.#listenAt({ kind: 'leg', shard: 0, port: leg.port });
    }
  }

  /** Takes what is new in an inventory; what it could not take comes back, and is tried again with the next one. */
  async reload(next: Inventory): Promise<readonly Located[]> {
    const { identity, now } = this.#start;
    this.#driver.addPeers(peersOf(next, identity.shard));
    const { added, refused } = this.#engine.reload(now(), next);
    const problems = refused.map(({ connection, message, remedy }) => inInventory(connection, message, remedy));
    const endpoints = [...this.#unbound, ...added];
    const unbound: EndpointId[] = [];
    for (const endpoint of endpoints) {
      try {
        await this.#listenAt(endpoint);
      } catch (error) {
        unbound.push(endpoint);
        const message = error instanceof Error ? error.message : String(error);
        const name = endpoint.kind === 'feed' ? `feed ${endpoint.feed}` : `leg port ${endpoint.port}`;
        problems.push(
          inInventory(name, message, 'free the port, or correct it; then read the inventory again (SIGHUP)'),
        );
      }
    }
    this.#unbound = unbound;
    this.#engine.callOut(now());
    return problems;
  }

  async #listenAt(endpoint: EndpointId): Promise<void> {
    const feed = endpoint.kind === 'feed' ? this.#engine.feeds.get(endpoint.feed)?.config : undefined;
    const port = endpoint.kind === 'feed' ? (feed?.port ?? 0) : endpoint.port;
    const security =
      endpoint.kind === 'leg' ? legOf(this.#engine.legPorts.get(String(endpoint.port))?.members ?? []) : (feed ?? OPEN);
    const bound = await this.#driver.listen(hostOf(this.#start), port, endpoint, security);
    if (endpoint.kind === 'feed') this.feeds[endpoint.feed] = bound;
  }
}

/** Legs that share a port have one protection: the inventory makes sure of it. */
function legOf([member]: readonly LegMember[]): Leg {
  if (member === undefined) throw new Error('a leg port serves a connection');
  return member.connection.config.legs[member.platform];
}

/** A local gateway serves this machine only, unless it is told otherwise. */
function hostOf(start: ShardOptions): string {
  return start.listenHost ?? (start.identity.target === 'local' ? '127.0.0.1' : '0.0.0.0');
}

export function inInventory(path: string, message: string, remedy: string): Located {
  return { file: 'inventory', line: 0, path, message, remedy };
}
