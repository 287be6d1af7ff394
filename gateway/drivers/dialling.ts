/** Opens a connection to a peer as its inventory entry wants it: from a local address, plain or TLS. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { PeerSecurity } from '../../core/endpoint-security.ts';
import type { Inventory } from '../../core/inventory.ts';
import { PLATFORMS } from '../../core/platform.ts';
import type { Address } from '../engine/io.ts';
import type { TlsStore } from '../tls.ts';

const KEEP_ALIVE_AFTER_MS = 30_000;

/** One turn of the loop reads one socket at a time: they all read into this, and what came is copied out at once. */
const readBuffer = Buffer.alloc(64 * 1024);

export type DialEvents = {
  /** Messages may go out; over TLS the peer has proven who it is. */
  ready(): void;
  bytes(chunk: Buffer): void;
};

/** `allowHalfOpen`: a peer that has said its last still gets what is sent to it. */
export function dial(
  address: Address,
  security: PeerSecurity,
  store: TlsStore,
  events: DialEvents,
  allowHalfOpen = false,
): Socket {
  const { host, port } = address;
  const { tls, sourceAddress } = security;
  const where = { host, port, allowHalfOpen, ...(sourceAddress === null ? {} : { localAddress: sourceAddress }) };
  if (tls === null) {
    const plain = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS };
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number): boolean => {
        const copy = Buffer.allocUnsafe(bytes);
        readBuffer.copy(copy, 0, 0, bytes);
        events.bytes(copy);
        return true;
      },
    };
    return connect({ ...where, ...plain, onread }).once('connect', () => events.ready());
  }
  // SNI carries names only; without one the certificate is checked against the address.
  const name = tls.serverName ?? (isIP(host) === 0 ? host : null);
  const socket = connectTls({
    ...where,
    ...(name === null ? {} : { servername: name }),
    secureContext: store.peer(tls),
    rejectUnauthorized: true,
  });
  socket.once('connect', () => socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER_MS));
  socket.on('data', (chunk: Buffer) => events.bytes(chunk));
  return socket.once('secureConnect', () => events.ready());
}

/** The peers of a shard by `addressKey`; the inventory gives one address one protection. */
export function peersOf(inventory: Inventory, shard: number): ReadonlyMap<string, PeerSecurity> {
  const feeds = inventory.feeds.filter((feed) => feed.shard === shard);
  const connections = inventory.connections.filter((connection) => connection.shard === shard);
  const peers = [
    ...feeds.flatMap(({ platforms }) => PLATFORMS.map((platform) => platforms[platform])),
    ...connections.map(({ destination }) => destination),
    ...[...feeds, ...connections.flatMap(({ legs }) => [legs.legacy, legs.new])].flatMap(({ dial: sender, port }) =>
      sender === null ? [] : [{ ...sender, port }],
    ),
  ];
  return new Map(peers.map((peer) => [addressKey(peer), { tls: peer.tls, sourceAddress: peer.sourceAddress }]));
}

export function addressKey({ host, port }: Address): string {
  return `${host}:${port}`;
}
