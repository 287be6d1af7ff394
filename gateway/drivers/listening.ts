/** A listener as its inventory entry wants it: only from allowed addresses, plain or TLS; whatever else comes is closed and counted. */

import { once } from 'node:events';
import { BlockList, createServer, isIPv6, type Server, type ServerOpts, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { ListenerSecurity } from '../../core/endpoint-security.ts';
import { LazyMap } from '../../core/lazy-collections.ts';
import type { EndpointId } from '../engine/io.ts';
import type { TlsStore } from '../tls.ts';

const KEEP_ALIVE_AFTER_MS = 30_000;
const BACKLOG = 4096;
const HANDSHAKE_LIMIT_MS = 10_000;
/** Handshakes under way at one listener; more are closed at once, so that a storm cannot fill the memory. */
const HANDSHAKES_LIMIT = 1000;
const IPV4_IN_IPV6 = '::ffff:';

export type TurnedAway =
  | { readonly cause: 'source-not-allowed' | 'too-many-handshakes'; readonly from: string }
  | { readonly cause: 'tls-failed'; readonly from: string; readonly code: string };

/** Of all listeners: each says which one it is. */
export type ListeningEvents = {
  /** A socket that may speak; a TLS one has its handshake behind it. */
  accepted(endpoint: EndpointId, socket: Socket): void;
  turnedAway(endpoint: EndpointId, what: TurnedAway): void;
  failed(endpoint: EndpointId, error: Error): void;
};

const OPTIONS: ServerOpts = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
};

export class Listening {
  readonly #endpoint: EndpointId;
  readonly #server: Server;
  readonly #security: ListenerSecurity;
  readonly #tls: TlsServer | null;
  readonly #allowed: BlockList | null;
  readonly #events: ListeningEvents;
  /** Sockets in a handshake, by the client's address and port. */
  readonly #shaking = new LazyMap<string, Socket>();

  constructor(endpoint: EndpointId, security: ListenerSecurity, store: TlsStore, events: ListeningEvents) {
    this.#endpoint = endpoint;
    this.#security = security;
    this.#events = events;
    this.#allowed = security.sourceAllow === null ? null : allowing(security.sourceAllow);
    this.#tls = security.tls === null ? null : this.#tlsServer(security.tls.clientCa !== null);
    this.renew(store);
    this.#server = createServer(OPTIONS);
    this.#server.on('connection', (socket) => this.#arrived(socket));
  }

  /** Resolves with the port once it listens. */
  async listen(host: string, port: number): Promise<number> {
    const server = this.#server;
    server.listen({ host, port, backlog: BACKLOG });
    await once(server, 'listening');
    server.on('error', (error) => this.#events.failed(this.#endpoint, error));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Sockets to come use the present files; those that are open stay as they are. */
  renew(store: TlsStore): void {
    if (this.#security.tls !== null) this.#tls?.setSecureContext(store.listener(this.#security.tls));
  }

  /** No new connections; those that are open stay, those in a handshake end. */
  stop(): void {
    this.#server.close();
    for (const socket of this.#shaking.values()) socket.destroy();
  }

  #arrived(socket: Socket): void {
    const from = socket.remoteAddress ?? 'unknown';
    if (this.#allowed !== null && !isIn(this.#allowed, from)) {
      socket.destroy();
      this.#events.turnedAway(this.#endpoint, { cause: 'source-not-allowed', from });
      return;
    }
    if (this.#tls === null) {
      this.#events.accepted(this.#endpoint, socket);
      return;
    }
    if (this.#shaking.size >= HANDSHAKES_LIMIT) {
      socket.destroy();
      this.#events.turnedAway(this.#endpoint, { cause: 'too-many-handshakes', from });
      return;
    }
    const client = clientOf(socket);
    this.#shaking.set(client, socket);
    socket.once('close', () => {
      if (this.#shaking.get(client) === socket) this.#shaking.delete(client);
    });
    this.#tls.emit('connection', socket);
  }

  #tlsServer(asksForCertificate: boolean): TlsServer {
    const server = createTlsServer({
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate,
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
    });
    server.on('secureConnection', (socket) => {
      this.#shaking.delete(clientOf(socket));
      this.#events.accepted(this.#endpoint, socket);
    });
    server.on('tlsClientError', (error, socket) => {
      const from = socket.remoteAddress ?? 'unknown';
      socket.destroy();
      this.#events.turnedAway(this.#endpoint, { cause: 'tls-failed', from, code: codeOf(error) });
    });
    return server;
  }
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function allowing(sources: readonly string[]): BlockList {
  const list = new BlockList();
  for (const source of sources) {
    const [address = '', prefix] = source.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** An IPv4 client of a listener on all addresses shows up as `::ffff:10.0.0.1`. */
function isIn(list: BlockList, from: string): boolean {
  const address = from.startsWith(IPV4_IN_IPV6) ? from.slice(IPV4_IN_IPV6.length) : from;
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name;
}
