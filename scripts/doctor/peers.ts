/**
 * Platforms and destinations: their names must resolve here. None of their ports is opened: a TCP connection to an MLLP
 * port is a sender to the one who listens, and one that hangs up (the gateways say whether the peers answer).
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Inventory } from '../../core/inventory.ts';
import { nameList } from '../runner/name-list.ts';
import { type Finding, fine, notLooked, wrong } from './finding.ts';

export async function examinePeers(inventory: Inventory): Promise<Finding[]> {
  const peers = [
    ...inventory.feeds.flatMap(({ platforms }) => [platforms.legacy, platforms.new]),
    ...inventory.connections.map(({ destination }) => destination),
  ];
  const hosts = [...new Set(peers.flatMap((peer) => ('host' in peer ? [peer.host] : [])))];
  const names = hosts.filter((host) => isIP(host) === 0);
  const unresolved: string[] = [];
  await Promise.all(
    names.map((name) =>
      lookup(name).catch(() => {
        unresolved.push(name);
      }),
    ),
  );
  const resolved =
    unresolved.length === 0
      ? fine('peers.names', `all ${hosts.length} hosts of platforms and destinations are addresses or resolve here`)
      : wrong(
          'peers.names',
          `these do not resolve here: ${nameList(unresolved.sort())}`,
          'correct the inventory, or this host’s DNS',
        );
  const unopened = 'ports of platforms and destinations are not opened from here: that would be a sender to them';
  return [resolved, notLooked('peers.ports', unopened, 'cutover status says what their last messages proved')];
}
