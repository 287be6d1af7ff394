/**
 * What of a re-read inventory a running shard takes: new connections, and nothing else. A definition that has changed, a
 * name that has, and whatever would listen where a connection that stays listens already, waits for a restart.
 */
import type { Connection, Feed, Inventory } from '../../core/inventory.ts';
import { PLATFORMS } from '../../core/platform.ts';

export type Unchanged = { readonly connection: string; readonly message: string; readonly remedy: string };

export type Present = {
  readonly shard: number;
  readonly connections: readonly Connection[];
  readonly feeds: readonly Feed[];
  /** Connections that the journal knows and that are not served: gone to another shard, decommissioned, or renamed. */
  readonly former: ReadonlySet<string>;
};

export type Reload = {
  /** The part of the inventory that can be added to what is there. */
  readonly next: Inventory;
  readonly refused: readonly Unchanged[];
};

export function judgeReload(present: Present, next: Inventory): Reload {
  const wanted = new Map(next.connections.map((item) => [item.name, item]));
  const changed = present.connections.flatMap((config): Unchanged[] => {
    const item = wanted.get(config.name);
    const connection = config.name;
    if (item === undefined) {
      const heir = next.connections.find(({ previousNames }) => previousNames.includes(config.name));
      if (heir !== undefined) {
        const message = `it is called ${heir.name} now: it is served under its former name`;
        return [{ connection, message, remedy: 'restart the gateway: the new name takes over route and journal' }];
      }
      const remedy = 'put it back; a removal begins with its decommission';
      return [{ connection, message: 'it is gone from the inventory, and in the path: it stays', remedy }];
    }
    if (JSON.stringify(item) === JSON.stringify(config)) return [];
    const remedy = 'restart the gateway to use it';
    return [{ connection, message: 'its definition has changed: it is served as before', remedy }];
  });
  const names = new Set(present.connections.map(({ name }) => name));
  const taken = portsThatStay(present, next);
  const known = knownBefore(present, next);
  const blocked = next.connections.flatMap((item): Unchanged[] => {
    if (names.has(item.name)) return [];
    if (known.has(item.name)) {
      const message = 'it is not served: the journal knows it, or one of its feed, from before';
      return [{ connection: item.name, message, remedy: 'restart the gateway: it goes on as the journal says' }];
    }
    const former = item.previousNames.find((name) => names.has(name));
    const port = portsOf(item, next).find((one) => taken.has(one));
    if (former === undefined && port === undefined) return [];
    const message =
      former === undefined
        ? `it is not served: its port ${port} belongs to ${taken.get(port ?? 0)}, which stays as it is`
        : `it is not served yet: it is still called ${former} here`;
    return [{ connection: item.name, message, remedy: 'restart the gateway to use it' }];
  });
  const left = new Set(blocked.map(({ connection }) => connection));
  const connections = next.connections.filter(({ name }) => !left.has(name));
  const feeds = next.feeds.filter((feed) => feed.connections.some((name) => !left.has(name)));
  return { next: { ...next, connections, feeds }, refused: [...changed, ...blocked] };
}

/**
 * Only a start reads what the journal says of them: taken now, one would begin anew at epoch 1, also where another shard serves it.
 * A feed comes with all of its connections or with none.
 */
function knownBefore({ shard, connections, former }: Present, next: Inventory): ReadonlySet<string> {
  const served = new Set(connections.map(({ name }) => name));
  const added = next.connections.filter((item) => item.shard === shard && !served.has(item.name));
  const known = added.filter(({ name, previousNames }) => [name, ...previousNames].some((one) => former.has(one)));
  const feeds = new Set(known.map(({ feed }) => feed));
  const beside = added.filter(({ feed }) => feed !== null && feeds.has(feed));
  return new Set([...known, ...beside].map(({ name }) => name));
}

/** Ports on which something listens that the next inventory does not have there: by whom. */
function portsThatStay(present: Present, next: Inventory): ReadonlyMap<number, string> {
  const taken = new Map<number, string>();
  const same = new Set(next.connections.map((item) => keyOf(item, next)));
  const inventory = { feeds: present.feeds };
  for (const config of present.connections) {
    if (same.has(keyOf(config, inventory))) continue;
    for (const port of portsOf(config, inventory)) taken.set(port, config.name);
  }
  return taken;
}

function keyOf(connection: Connection, inventory: Pick<Inventory, 'feeds'>): string {
  return `${connection.name} ${portsOf(connection, inventory).join(' ')}`;
}

/** Where its feed and its legs listen; port 0 is nobody's. */
function portsOf({ feed, legs }: Connection, { feeds }: Pick<Inventory, 'feeds'>): number[] {
  const own = feeds.find(({ name }) => name === feed);
  const all = [...(own === undefined ? [] : [own]), ...PLATFORMS.map((platform) => legs[platform])];
  return all.flatMap(({ dial, port }) => (dial === null && port !== 0 ? [port] : []));
}
