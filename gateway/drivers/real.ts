/** The engine's driver over real sockets, real timers and the journal's files. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { ListenerSecurity, PeerSecurity } from '../../core/endpoint-security.ts';
import type { Address, Effects, EndpointId, Purpose, SocketId } from '../engine/io.ts';
import type { JournalMeta } from '../engine/records.ts';
import type { ShardEngine } from '../engine/shard.ts';
import type { Journal, JournalEvents } from '../journal/journal.ts';
import type { TlsStore } from '../tls.ts';
import { BusyPoll } from './busy-poll.ts';
import { addressKey, type DialEvents, dial } from './dialling.ts';
import { Listening, type ListeningEvents } from './listening.ts';
import { Mishaps } from './mishaps.ts';
import { readStraight } from './straight-reading.ts';
import { Timers } from './timers.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const UNREAD_LIMIT_BYTES = 1024 * 1024;
const PLAIN: PeerSecurity = { tls: null, sourceAddress: null };

export class RealDriver implements Effects {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #sockets = new Map<SocketId, Socket>();
  /** Paused by the engine; and because their peers do not read. */
  readonly #paused = new Set<SocketId>();
  readonly #unread = new Set<SocketId>();
  readonly #dialledSenders = new Set<SocketId>();
  readonly #poll = new BusyPoll();
  readonly #timers = new Timers((timer) => this.#engine?.timerFired(this.#now(), timer));
  readonly #listening: Listening[] = [];
  readonly #listeningEvents: ListeningEvents = {
    accepted: (endpoint, socket) => this.#accept(socket, endpoint),
    turnedAway: (endpoint, what) => this.mishaps.turnedAway(nameOf(endpoint), what),
    failed: (endpoint, error) =>
      this.#logger.error({ event: 'listener-failed', endpoint: nameOf(endpoint), code: codeOf(error) }),
  };
  readonly #tls: TlsStore;
  /** By `addressKey`. */
  #peers: ReadonlyMap<string, PeerSecurity> = new Map();
  readonly mishaps: Mishaps;
  /** Told with every offset that is on disk, after the engine. */
  onDurable: (upTo: number) => void = () => {};
  /** Told when a segment is full and the next one is in use, with the newest offset that is on disk. */
  onSegment: (durableUpTo: number) => void = () => {};
  /** Told when the journal cannot be written. */
  onFailed: (error: Error) => void = () => {};
  #durableUpTo = 0;
  #engine: ShardEngine | null = null;
  #journal: Journal | null = null;
  #nextAccepted = 1;
  #isClosed = false;

  constructor(logger: Logger, now: () => number, tls: TlsStore) {
    this.#logger = logger;
    this.#now = now;
    this.#tls = tls;
    this.mishaps = new Mishaps(logger, now);
  }

  /** What the journal tells goes straight to the engine. */
  readonly journalEvents: JournalEvents = {
    written: (upTo) => this.#engine?.written(this.#now(), upTo),
    durable: (upTo) => {
      this.#poll.event(null);
      this.#engine?.durable(this.#now(), upTo);
      this.#durableUpTo = upTo;
      this.onDurable(upTo);
    },
    failed: (error, lastDurable) => {
      this.#logger.error(
        { event: 'journal-failed', code: codeOf(error), lastDurable },
        'the journal cannot be written',
      );
      this.#engine?.journalFailed(this.#now());
      this.onFailed(error);
    },
    segmentStarted: (segment) => {
      this.#logger.info({ event: 'segment-started', segment });
      this.onSegment(this.#durableUpTo);
    },
  };

  /** The newest record that is on disk. */
  get durableUpTo(): number {
    return this.#durableUpTo;
  }

  attach(engine: ShardEngine, journal: Journal): void {
    this.#engine = engine;
    this.#journal = journal;
  }

  /** How new peers are to be dialled; those that are known stay as they are. Their TLS files are in the store. */
  addPeers(peers: ReadonlyMap<string, PeerSecurity>): void {
    this.#peers = new Map([...peers, ...this.#peers]);
  }

  /** Resolves with the port once it listens. */
  listen(host: string, port: number, endpoint: EndpointId, security: ListenerSecurity): Promise<number> {
    const listening = new Listening(endpoint, security, this.#tls, this.#listeningEvents);
    this.#listening.push(listening);
    return listening.listen(host, port);
  }

  /** Listeners show renewed certificates to whoever comes next. */
  renewTls(): void {
    for (const listening of this.#listening) listening.renew(this.#tls);
  }

  /** No new connections; those that are open stay. */
  stopListening(): void {
    for (const listening of this.#listening) listening.stop();
  }

  /** For good: the engine may still hear from the journal, and nothing that it begins then leaves. */
  closeAll(): void {
    this.#isClosed = true;
    this.#timers.clear();
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#sockets.clear();
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  send(id: SocketId, bytes: Uint8Array): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.write(bytes)) return;
    if (!this.#isSender(id) || this.#unread.has(id) || socket.writableLength < UNREAD_LIMIT_BYTES) return;
    // Who does not read its answers is not heard either, so that they do not pile up here.
    this.#unread.add(id);
    socket.pause();
    socket.once('drain', () => {
      this.#unread.delete(id);
      if (!this.#paused.has(id)) socket.resume();
    });
  }

  connect(id: SocketId, address: Address, purpose: Purpose): void {
    if (this.#isClosed) return;
    const key = addressKey(address);
    const security = this.#peers.get(key) ?? PLAIN;
    let isReady = false;
    const isSender = purpose === 'receive';
    if (isSender) this.#dialledSenders.add(id);
    const events: DialEvents = {
      ready: () => {
        isReady = true;
        socket.setTimeout(0);
        this.#engine?.connected(this.#now(), id);
      },
      // After a `close` the engine has forgotten it, and what still comes is nobody's business.
      bytes: (chunk) => {
        if (this.#sockets.get(id) === socket) this.#bytes(id, chunk);
      },
    };
    const socket = dial(address, security, this.#tls, events, isSender);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
    const isSpecial = security.tls !== null || security.sourceAddress !== null;
    if (isSpecial) socket.on('error', (error) => this.mishaps.peerFailed(key, isReady, codeOf(error)));
    this.#watch(id, socket);
  }

  close(id: SocketId): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    // The engine has forgotten it: what still happens on it is nobody's business.
    this.#forget(id);
    socket.removeAllListeners('data');
    socket.end(() => socket.destroy());
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
    socket.resume();
  }

  pause(id: SocketId): void {
    this.#paused.add(id);
    this.#sockets.get(id)?.pause();
  }

  resume(id: SocketId): void {
    this.#paused.delete(id);
    if (!this.#unread.has(id)) this.#sockets.get(id)?.resume();
  }

  append(offset: number, meta: JournalMeta, payload: Uint8Array | null, needs: 'written' | 'durable'): void {
    this.#journal?.append({ offset, meta, payload }, needs);
  }

  read(offset: number, token: number): void {
    const done = (payload: Uint8Array | null): void => {
      const buffer = payload === null ? null : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      this.#engine?.payloadRead(this.#now(), token, buffer);
    };
    this.#journal?.read(offset).then(
      (record) => done(record.payload),
      (error: unknown) => {
        this.#logger.error({ event: 'journal-read-failed', offset, code: codeOf(error) });
        done(null);
      },
    );
  }

  arm(timer: number, atMs: number): void {
    if (!this.#isClosed) this.#timers.arm(timer, atMs, this.#now());
  }

  disarm(timer: number): void {
    this.#timers.disarm(timer);
  }

  log(
    level: 'info' | 'warn' | 'error',
    event: string,
    facts: Readonly<Record<string, string | number | boolean | null>>,
  ): void {
    this.#logger[level]({ event, ...facts });
  }

  #accept(socket: Socket, endpoint: EndpointId): void {
    const id = this.#nextAccepted;
    this.#nextAccepted += 2;
    this.#watch(id, socket);
    readStraight(socket, (chunk) => {
      if (this.#sockets.get(id) === socket) this.#bytes(id, chunk);
    });
    this.#engine?.accepted(this.#now(), endpoint, id, socket.remoteAddress ?? 'unknown');
  }

  #bytes(id: SocketId, chunk: Buffer): void {
    this.#poll.event(id);
    this.#engine?.bytes(this.#now(), id, chunk);
  }

  #watch(id: SocketId, socket: Socket): void {
    this.#sockets.set(id, socket);
    socket.on('end', () => {
      if (this.#sockets.get(id) === socket) this.#engine?.ended(this.#now(), id);
    });
    // A reset is told at once: `close` comes only after this turn's messages, and one of them might be written to it.
    socket.on('error', (error) => {
      this.#logger.debug({ event: 'socket-error', code: codeOf(error) });
      this.#gone(id, socket);
    });
    socket.on('close', () => this.#gone(id, socket));
  }

  #gone(id: SocketId, socket: Socket): void {
    if (this.#sockets.get(id) !== socket) return;
    this.#forget(id);
    this.#engine?.closed(this.#now(), id);
  }

  #forget(id: SocketId): void {
    this.#sockets.delete(id);
    this.#paused.delete(id);
    this.#unread.delete(id);
    this.#dialledSenders.delete(id);
  }

  /** The driver's own numbers are odd, the engine's even (io.ts): whoever connects here is a sender. */
  #isSender(id: SocketId): boolean {
    return id % 2 === 1 || this.#dialledSenders.has(id);
  }
}

function nameOf(endpoint: EndpointId): string {
  return endpoint.kind === 'feed' ? `feed ${endpoint.feed}` : `leg port ${endpoint.port}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error
    ? String(error.code)
    : error instanceof Error
      ? error.name
      : 'unknown';
}
