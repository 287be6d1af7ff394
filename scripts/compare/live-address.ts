/**
 * Where old messages must never be sent: every address of the live path, under whatever name. A feed or a leg of the gateway is
 * one too: what comes in there goes to the platforms, and on to destinations.
 */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Inventory, Listener } from '../../core/inventory.ts';

export type Address = { readonly host: string; readonly port: number };
type Live = Address & { readonly of: string };

/** What it is of; null: nothing of the inventory is there. */
export async function livePlaceAt(inventory: Inventory, asked: Address): Promise<string | null> {
  const samePort = liveAddressesOf(inventory).filter(({ port }) => port === asked.port);
  if (samePort.length === 0) return null;
  const own = await placesOf(asked.host);
  for (const { host, of } of samePort) {
    const theirs = await placesOf(host);
    if ([...own].some((place) => theirs.has(place))) return of;
  }
  return null;
}

function liveAddressesOf({ feeds, connections, gateways }: Inventory): readonly Live[] {
  const listening = ({ port, dial }: Listener, shard: number, of: string): Live[] => {
    const hosts = dial === null ? gateways.filter((one) => one.shard === shard).map(hostOfGateway) : [dial.host];
    return hosts.map((host) => ({ host, port, of }));
  };
  return [
    ...feeds.flatMap((feed) => [
      ...Object.entries(feed.platforms).map(([name, peer]) => ({
        ...placeOf(peer),
        of: `${name} of feed ${feed.name}`,
      })),
      ...listening(feed, feed.shard, `the feed ${feed.name}`),
    ]),
    ...connections.flatMap(({ name, destination, legs, shard }) => [
      { ...placeOf(destination), of: `the destination of ${name}` },
      ...Object.entries(legs).flatMap(([platform, leg]) => listening(leg, shard, `the leg of ${platform} of ${name}`)),
    ]),
  ];
}

function placeOf({ host, port }: Address): Address {
  return { host, port };
}

function hostOfGateway({ admin }: Inventory['gateways'][number]): string {
  return new URL(admin).hostname.replace(/^\[|\]$/g, '');
}

/** Its name and its addresses; all those of this machine are one place. A name that cannot be resolved is itself alone. */
async function placesOf(host: string): Promise<ReadonlySet<string>> {
  const name = host.toLowerCase().replace(/^\[|\]$|\.$/g, '');
  const found = await lookup(name, { all: true }).catch(() => []);
  const addresses = found.map(({ address }) => address);
  const isHere = addresses.some((address) => /^(127\.|0\.0\.0\.0$|::1?$)/.test(address) || OWN.has(address));
  return new Set([name, ...addresses, ...(isHere ? ['this machine'] : [])]);
}

const OWN: ReadonlySet<string> = new Set(
  Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []),
);
