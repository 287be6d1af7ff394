/**
 * Platforms and destinations: their names must resolve here. A TCP connection to an MLLP port is a sender to the one who
 * listens, and one that hangs up: so ports are opened only where a person asks for it, and never a destination's, of which
 * many take a single connection (the gateways say whether the peers answer).
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP } from 'node:net';
import type { Inventory } from '../../core/inventory.ts';
import { nameList } from '../runner/name-list.ts';
import { type Finding, fine, notLooked, wrong } from './finding.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const MOST_AT_ONCE = 25;

type Place = { readonly host: string; readonly port: number };

export async function examinePeers(inventory: Inventory, options: { readonly connects: boolean }): Promise<Finding[]> {
  const platforms = inventory.feeds.flatMap((feed) => placesIn([feed.platforms.legacy, feed.platforms.new]));
  const destinations = placesIn(inventory.connections.map(({ destination }) => destination));
  const resolved = await examineNames([...platforms, ...destinations]);
  return [resolved, options.connects ? await examinePorts(platforms) : unopened()];
}

/** Those that the gateway dials; one that dials in has no place. */
function placesIn(peers: readonly object[]): Place[] {
  return peers.flatMap((peer) =>
    'host' in peer && 'port' in peer && typeof peer.host === 'string' && typeof peer.port === 'number'
      ? [{ host: peer.host, port: peer.port }]
      : [],
  );
}

async function examineNames(places: readonly Place[]): Promise<Finding> {
  const hosts = [...new Set(places.map(({ host }) => host))];
  const names = hosts.filter((host) => isIP(host) === 0);
  const unresolved: string[] = [];
  await Promise.all(
    names.map((name) =>
      lookup(name).catch(() => {
        unresolved.push(name);
      }),
    ),
  );
  return unresolved.length === 0
    ? fine('peers.names', `every host of platforms and destinations (${hosts.length}) is an address or resolves here`)
    : wrong(
        'peers.names',
        `these do not resolve here: ${nameList(unresolved.sort())}`,
        'correct the inventory, or this host’s DNS',
      );
}

function unopened(): Finding {
  const message = 'ports of platforms and destinations are not opened from here: that would be a sender to them';
  return notLooked(
    'peers.ports',
    message,
    'cutover doctor --connect opens those of the platforms; cutover status shows both',
  );
}

async function examinePorts(platforms: readonly Place[]): Promise<Finding> {
  const wanted = [...new Map(platforms.map((place) => [`${place.host}:${place.port}`, place])).entries()];
  const closed: string[] = [];
  const queue = [...wanted];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, place] = next;
      const why = await whyNotOpen(place);
      if (why !== null) closed.push(`${name} (${why})`);
    }
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, worker));
  if (closed.length === 0)
    return fine('peers.ports', `every port of the platforms (${wanted.length}) accepts connections`);
  const remedy = 'start the platform, or correct the inventory or the firewall between';
  return wrong('peers.ports', `these do not accept connections from here: ${nameList(closed.sort())}`, remedy);
}

/** Null: it accepted; closed again at once, nothing is sent. */
async function whyNotOpen({ host, port }: Place): Promise<string | null> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    return code === 'ABORT_ERR' ? `no answer in ${CONNECT_TIMEOUT_MS / 1000} s` : code;
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}
