/** What no schema of a single value can see: names, ports and shards that clash across the inventory. */
import { canonicalJson } from './canonical-json.ts';
import { toListenerSecurity, toPeerSecurity } from './endpoint-security.ts';
import type { Predicate, RawInventory } from './inventory.ts';
import { misfittingOrigins } from './inventory-origins.ts';
import type { Path } from './located-yaml.ts';
import { PLATFORMS, type Platform } from './platform.ts';

type RawPeer = Pick<RawInventory['feeds'][number]['platforms']['legacy'], 'host' | 'port' | 'tls' | 'sourceAddress'>;

export type Clash = { readonly path: Path; readonly message: string; readonly remedy: string };

export function findClashes(raw: RawInventory): readonly Clash[] {
  return [
    ...clashingNames(raw),
    ...clashingShards(raw),
    ...clashingGateways(raw),
    ...danglingFeeds(raw),
    ...misfittingOrigins(raw),
    ...clashingPorts(raw),
    ...unsettleable(raw),
    ...uncorrelated(raw),
    ...clashingPeers(raw),
    ...unevenlyShared(raw),
    ...misfittingEndpoints(raw),
  ];
}

/** Of a connection: its feed's, or its own where it has none. */
function shardIn(
  ofFeeds: ReadonlyMap<string, number>,
  { feed, shard = 0 }: Pick<RawInventory['connections'][number], 'feed' | 'shard'>,
): number {
  if (feed === undefined) return shard;
  return typeof feed === 'string' ? (ofFeeds.get(feed) ?? 0) : feed.shard;
}

/** What an endpoint says has to fit to who connects to whom. */
function misfittingEndpoints(raw: RawInventory): Clash[] {
  return sendersOf(raw).flatMap(({ what, path, sender }) =>
    sender.connect === 'dial' ? misfitsOfDialled(what, path, sender) : misfitsOfListener(what, path, sender),
  );
}

function misfitsOfDialled(what: string, path: Path, { host, port, sourceAllow, tls }: RawSender): Clash[] {
  const clashes: Clash[] = [];
  const say = (key: string, message: string, remedy: string): void => {
    clashes.push({ path: [...path, key], message: `${what}: ${message}`, remedy });
  };
  const dials = 'connect: dial makes the gateway connect to the sender';
  if (host === undefined) say('host', `${dials}, and nothing says where that listens`, 'name its `host`');
  if (port === 0) say('port', `${dials}, whose port cannot be 0`, 'name the port that the sender listens on');
  if (sourceAllow !== undefined) say('sourceAllow', `${dials}: nobody else can connect`, 'remove `sourceAllow`');
  if (tls?.clientAuth !== undefined)
    say('tls', 'with connect: dial the sender is the TLS server', 'remove `clientAuth`; `ca` says whom to trust');
  if ((tls?.cert === undefined) !== (tls?.key === undefined))
    say('tls', 'cert and key belong together', 'give both (mutual TLS) or neither');
  return clashes;
}

function misfitsOfListener(what: string, path: Path, { host, sourceAddress, tls }: RawSender): Clash[] {
  const clashes: Clash[] = [];
  const say = (key: string, message: string, remedy: string): void => {
    clashes.push({ path: [...path, key], message: `${what}: ${message}`, remedy });
  };
  const onlyDialled = 'is for `connect: dial`, and here the gateway listens';
  const remedy = 'remove it, or write `connect: dial`';
  if (host !== undefined) say('host', `\`host\` ${onlyDialled}`, remedy);
  if (sourceAddress !== undefined) say('sourceAddress', `\`sourceAddress\` ${onlyDialled}`, remedy);
  if (tls?.serverName !== undefined) say('tls', `\`serverName\` ${onlyDialled}`, remedy);
  if (tls !== undefined && (tls.cert === undefined || tls.key === undefined))
    say('tls', 'a TLS listener shows a certificate', 'name `cert` and `key`, PEM files');
  return clashes;
}

type RawSender = Pick<
  RawInventory['feeds'][number],
  'connect' | 'host' | 'port' | 'tls' | 'sourceAllow' | 'sourceAddress'
>;
type SenderUse = { readonly what: string; readonly path: Path; readonly shard: number; readonly sender: RawSender };

/** Every endpoint that messages come in at. */
function sendersOf(raw: RawInventory): SenderUse[] {
  const shardOf = new Map(raw.feeds.map((feed) => [feed.name, feed.shard]));
  const feeds = raw.feeds.map((feed, index): SenderUse => {
    return { what: `feed ${feed.name}`, path: ['feeds', index], shard: feed.shard, sender: feed };
  });
  const own = raw.connections.flatMap((item, index): SenderUse[] => {
    const { feed, name, legs } = item;
    const shard = shardIn(shardOf, item);
    const path = ['connections', index];
    const ofLegs = PLATFORMS.map((platform): SenderUse => {
      return { what: `leg ${platform} of ${name}`, path: [...path, 'legs', platform], shard, sender: legs[platform] };
    });
    return typeof feed === 'object'
      ? [{ what: `feed of ${name}`, path: [...path, 'feed'], shard, sender: feed }, ...ofLegs]
      : ofLegs;
  });
  return [...feeds, ...own];
}

/** Without keys nobody can say which input an output belongs to. */
function uncorrelated(raw: RawInventory): Clash[] {
  return raw.connections.flatMap(({ changeOver, correlate }, index) => {
    if (changeOver !== 'at-offset' || correlate !== undefined) return [];
    const message = 'changeOver: at-offset judges outputs by their inputs, and nothing says how to tell them';
    const remedy = 'name `correlate`, or use changeOver: quiesce';
    return [{ path: ['connections', index, 'changeOver'], message, remedy }];
  });
}

function clashingNames(raw: RawInventory): Clash[] {
  const remedy = 'give it a name of its own (names are immutable: choose for good)';
  const taken = new Map<string, string>();
  const clashes: Clash[] = [];
  const claim = (name: string, what: string, path: Path): void => {
    const holder = taken.get(name);
    if (holder === undefined) taken.set(name, what);
    else clashes.push({ path, message: `the name '${name}' of this ${what} is already that of a ${holder}`, remedy });
  };
  raw.feeds.forEach((feed, index) => {
    claim(feed.name, 'feed', ['feeds', index, 'name']);
  });
  raw.connections.forEach((item, index) => {
    claim(item.name, 'connection', ['connections', index, 'name']);
    item.previousNames.forEach((name, at) => {
      claim(name, 'previous name', ['connections', index, 'previousNames', at]);
    });
  });
  return clashes;
}

function clashingShards(raw: RawInventory): Clash[] {
  const clashes: Clash[] = [];
  const shards = new Set<number>();
  raw.gateways.forEach((gateway, index) => {
    if (shards.has(gateway.shard)) {
      const message = `shard ${gateway.shard} has two gateways`;
      clashes.push({ path: ['gateways', index, 'shard'], message, remedy: 'one gateway a shard: number them apart' });
    }
    shards.add(gateway.shard);
  });
  const need = (shard: number, path: Path): void => {
    if (shards.has(shard)) return;
    const message = `no gateway has shard ${shard}`;
    clashes.push({ path, message, remedy: 'add it under `gateways`, or move the feed to a shard that has one' });
  };
  const judge = (
    { shard, movedFrom }: { readonly shard: number; readonly movedFrom?: number | undefined },
    path: Path,
  ): void => {
    need(shard, [...path, 'shard']);
    if (movedFrom !== shard) return;
    const message = `it is of shard ${shard}, and cannot come from there`;
    clashes.push({ path: [...path, 'movedFrom'], message, remedy: 'name the shard that has served it before' });
  };
  raw.feeds.forEach((feed, index) => {
    judge(feed, ['feeds', index]);
  });
  raw.connections.forEach((item, index) => {
    if (typeof item.feed === 'object') judge(item.feed, ['connections', index, 'feed']);
    else if (item.origin === 'platform') need(item.shard ?? 0, ['connections', index, 'shard']);
  });
  return clashes;
}

function clashingGateways(raw: RawInventory): Clash[] {
  const shardAt = new Map<string, number>();
  return raw.gateways.flatMap(({ shard, admin }, index) => {
    const holder = shardAt.get(new URL(admin).href);
    shardAt.set(new URL(admin).href, holder ?? shard);
    if (holder === undefined) return [];
    const message = `the gateways of shard ${shard} and shard ${holder} have one address (${admin})`;
    return [{ path: ['gateways', index, 'admin'], message, remedy: 'give each the address of its own admin API' }];
  });
}

function danglingFeeds(raw: RawInventory): Clash[] {
  const known = new Set(raw.feeds.map((feed) => feed.name));
  return raw.connections.flatMap((item, index) => {
    if (typeof item.feed !== 'string' || known.has(item.feed)) return [];
    const message = `no feed is named '${item.feed}'`;
    return [
      { path: ['connections', index, 'feed'], message, remedy: 'declare it under `feeds`, or write the feed here' },
    ];
  });
}

/** `leg` is null for a feed. Legs share a port only within one platform, told apart by what they match. */
type PortUse = {
  readonly what: string;
  readonly path: Path;
  readonly leg: { readonly platform: Platform; readonly match: Predicate | null; readonly security: string } | null;
};

const HTTPS_PORT = '443';

function clashingPorts(raw: RawInventory): Clash[] {
  const uses = new Map<string, PortUse[]>();
  const clashes: Clash[] = [];
  const claim = (shard: number, { connect, host, port }: RawSender, use: PortUse): void => {
    if (port === 0) return;
    // A sender that is dialled takes no port here, and one caller.
    const key = connect === 'dial' ? `${host}:${port}` : `${shard}/${port}`;
    const where = connect === 'dial' ? `the sender at ${host}:${port}` : `port ${port} of shard ${shard}`;
    const holders = uses.get(key) ?? [];
    const clash = holders.map((holder) => clashOfUses(where, use, holder)).find(isClash);
    if (clash !== undefined) clashes.push(clash);
    uses.set(key, [...holders, use]);
  };
  const shardOfFeed = new Map(raw.feeds.map((feed) => [feed.name, feed.shard]));
  raw.feeds.forEach((feed, index) => {
    claim(feed.shard, feed, { what: `feed ${feed.name}`, path: ['feeds', index, 'port'], leg: null });
  });
  raw.connections.forEach((item, index) => {
    const shard = shardIn(shardOfFeed, item);
    if (typeof item.feed === 'object') {
      const path = ['connections', index, 'feed', 'port'];
      claim(shard, item.feed, { what: `feed of ${item.name}`, path, leg: null });
    }
    for (const platform of PLATFORMS) {
      const leg = item.legs[platform];
      const path = ['connections', index, 'legs', platform, 'port'];
      const what = `leg ${platform} of ${item.name}`;
      const { match = null } = leg;
      const { tls, sourceAddress } = toPeerSecurity(leg);
      const own = leg.connect === 'dial' ? { tls, sourceAddress } : toListenerSecurity(leg);
      const security = canonicalJson(own);
      claim(shard, leg, { what, path, leg: { platform, match, security } });
    }
  });
  for (const gateway of raw.gateways) {
    const [holder] = uses.get(`${gateway.shard}/${new URL(gateway.admin).port || HTTPS_PORT}`) ?? [];
    if (holder === undefined) continue;
    const message = `${holder.what} wants the port of the admin API of shard ${gateway.shard} (${gateway.admin})`;
    clashes.push({ path: holder.path, message, remedy: 'give one of them another port' });
  }
  return clashes;
}

function clashOfUses(port: string, use: PortUse, holder: PortUse): Clash | null {
  const { what, path } = use;
  const [mine, theirs] = [use.leg, holder.leg];
  if (mine === null || theirs === null || mine.platform !== theirs.platform || !mine.match || !theirs.match) {
    const remedy = 'give one of them another port (legs of one platform may share a port where each has `match`)';
    return { path, message: `${port} is wanted by ${what} and by ${holder.what}`, remedy };
  }
  if (mine.security !== theirs.security) {
    const remedy = 'write the same `tls` and `sourceAllow` for every leg of a shared port: it is one endpoint';
    return { path, message: `${what} and ${holder.what} share ${port} and differ in its protection`, remedy };
  }
  if (areApart(mine.match, theirs.match)) return null;
  const isSame = canonicalJson(mine.match) === canonicalJson(theirs.match);
  const how = isSame ? 'the same `match`' : 'a `match` each that one output can fit at once';
  const message = `${what} and ${holder.what} share ${port} with ${how}: nothing tells their outputs apart`;
  return { path, message, remedy: 'match each on a field of the output that differs, or give one another port' };
}

/** No output fits both: a field has to have two values. */
function areApart(one: Predicate, other: Predicate): boolean {
  return Object.entries(one).some(([path, value]) => Object.hasOwn(other, path) && other[path] !== value);
}

function isClash(clash: Clash | null): clash is Clash {
  return clash !== null;
}

function unsettleable(raw: RawInventory): Clash[] {
  return raw.connections.flatMap((item, index) => {
    if (typeof item.feed !== 'string' || (item.outputs ?? 'one') !== 'one' || item.applies !== undefined) return [];
    const message = "outputs: 'one' on a shared feed needs `applies`, else nobody knows which inputs owe an output";
    const remedy = 'write `applies: {path: value}` (a predicate on the input), or `outputs: zero-or-one`';
    return [{ path: ['connections', index, 'outputs'], message, remedy }];
  });
}

/** A gateway dials a peer by its address: what is spoken there cannot depend on who asks. */
function clashingPeers(raw: RawInventory): Clash[] {
  const known = new Map<string, { readonly what: string; readonly security: string }>();
  const clashes: Clash[] = [];
  const claim = (shard: number, peer: RawPeer, what: string, path: Path): void => {
    const address = `${peer.host}:${peer.port}`;
    const security = canonicalJson(toPeerSecurity(peer));
    const holder = known.get(`${shard} ${address}`);
    if (holder === undefined) known.set(`${shard} ${address}`, { what, security });
    else if (holder.security !== security) {
      const message = `${what} and ${holder.what} are one peer (${address}) and differ in \`tls\` or \`sourceAddress\``;
      clashes.push({ path, message, remedy: 'write the same for both, or give one its own host name or port' });
    }
  };
  const shardOf = new Map(raw.feeds.map((feed) => [feed.name, feed.shard]));
  raw.feeds.forEach((feed, index) => {
    for (const platform of PLATFORMS) {
      const path = ['feeds', index, 'platforms', platform];
      claim(feed.shard, feed.platforms[platform], `platform ${platform} of feed ${feed.name}`, path);
    }
  });
  raw.connections.forEach((item, index) => {
    const { feed, name, destination } = item;
    const shard = shardIn(shardOf, item);
    for (const platform of PLATFORMS) {
      const path = ['connections', index, 'feed', 'platforms', platform];
      if (typeof feed === 'object') claim(shard, feed.platforms[platform], `platform ${platform} of ${name}`, path);
    }
    claim(shard, destination, `the destination of ${name}`, ['connections', index, 'destination']);
  });
  for (const { what, path, shard, sender } of sendersOf(raw)) {
    const { connect, host = '', port, tls, sourceAddress } = sender;
    if (connect === 'dial') claim(shard, { host, port, tls, sourceAddress }, what, path);
  }
  return clashes;
}

/** Destinations that connections share: each of them says so, in the same words, and one gateway has them all. */
function unevenlyShared(raw: RawInventory): Clash[] {
  const shardOf = new Map(raw.feeds.map((feed) => [feed.name, feed.shard]));
  const uses = raw.connections.map((item, index) => {
    const { name, destination } = item;
    const { host, port, shared, answer = null, framing = null, messagesPerConnection } = destination;
    const shard = shardIn(shardOf, item);
    const ways = canonicalJson({ answer, framing, messagesPerConnection });
    return { name, address: `${host}:${port}`, shared, shard, ways, path: ['connections', index, 'destination'] };
  });
  return uses.flatMap(({ name, address, shared, shard, ways, path }, index) => {
    const holder = uses.slice(0, index).find((use) => use.address === address && (use.shared || shared));
    if (holder === undefined) return [];
    const both = `the destinations of ${name} and ${holder.name} are one (${address})`;
    if (shared !== holder.shared) {
      const message = `${both}, and only one of them says \`shared\``;
      return [{ path: [...path, 'shared'], message, remedy: 'write `shared: true` for both, or for none' }];
    }
    if (shard !== holder.shard) {
      const message = `${both} and shared, and shards ${holder.shard} and ${shard} would each connect to it`;
      return [{ path: [...path, 'shared'], message, remedy: 'put both connections into one shard' }];
    }
    if (ways === holder.ways) return [];
    const message = `${both} and shared, and differ in \`answer\`, \`framing\` or \`messagesPerConnection\``;
    return [{ path, message, remedy: 'write the same for both' }];
  });
}
