/** The engine's driver over real sockets, real timers and the journal's files. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Address, Effects, EndpointId, SocketId } from '../engine/io.ts';
import type { JournalMeta } from '../engine/records.ts';
import type { ShardEngine } from '../engine/shard.ts';
import type { Journal, JournalEvents } from '../journal/journal.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_AFTER_MS = 30_000;
const BACKLOG = 4096;

export class RealDriver implements Effects {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #sockets = new Map<SocketId, Socket>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #servers: Server[] = [];
  #engine: ShardEngine | null = null;
  #journal: Journal | null = null;
  #nextAccepted = 1;

  constructor(logger: Logger, now: () => number) {
    this.#logger = logger;
    this.#now = now;
  }

  /** What the journal tells goes straight to the engine. */
  readonly journalEvents: JournalEvents = {
    written: (upTo) => this.#engine?.written(this.#now(), upTo),
    durable: (upTo) => this.#engine?.durable(this.#now(), upTo),
    failed: (error, lastDurable) => {
      this.#logger.error({ event: 'journal-failed', code: error.name, lastDurable }, 'the journal cannot be written');
      this.#engine?.journalFailed(this.#now());
    },
    segmentStarted: (segment) => this.#logger.info({ event: 'segment-started', segment }),
  };

  attach(engine: ShardEngine, journal: Journal): void {
    this.#engine = engine;
    this.#journal = journal;
  }

  /** Resolves with the port once it listens. */
  listen(host: string, port: number, endpoint: EndpointId): Promise<number> {
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
    });
    this.#servers.push(server);
    server.on('connection', (socket) => this.#accept(socket, endpoint));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#logger.error({ event: 'listener-failed', port, code: codeOf(error) }));
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** No new connections; those that are open stay. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
  }

  closeAll(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#timers.clear();
    this.#sockets.clear();
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  send(id: SocketId, bytes: Uint8Array): void {
    this.#sockets.get(id)?.write(bytes);
  }

  connect(id: SocketId, address: Address): void {
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
    });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
    socket.once('connect', () => {
      socket.setTimeout(0);
      this.#engine?.connected(this.#now(), id);
    });
    this.#watch(id, socket);
  }

  close(id: SocketId): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    // The engine has forgotten it: what still happens on it is nobody's business.
    this.#sockets.delete(id);
    socket.removeAllListeners('data');
    socket.end(() => socket.destroy());
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
    socket.resume();
  }

  pause(id: SocketId): void {
    this.#sockets.get(id)?.pause();
  }

  resume(id: SocketId): void {
    this.#sockets.get(id)?.resume();
  }

  append(offset: number, meta: JournalMeta, payload: Uint8Array | null, needs: 'written' | 'durable'): void {
    this.#journal?.append({ offset, meta: { ...meta }, payload }, needs);
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
    const delayMs = Math.max(0, atMs - this.#now());
    const handle = setTimeout(() => {
      this.#timers.delete(timer);
      this.#engine?.timerFired(this.#now(), timer);
    }, delayMs);
    this.#timers.set(timer, handle);
  }

  disarm(timer: number): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
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
    this.#engine?.accepted(this.#now(), endpoint, id, socket.remoteAddress ?? 'unknown');
  }

  #watch(id: SocketId, socket: Socket): void {
    this.#sockets.set(id, socket);
    socket.on('data', (chunk) => this.#engine?.bytes(this.#now(), id, chunk));
    socket.on('end', () => {
      if (this.#sockets.get(id) === socket) this.#engine?.ended(this.#now(), id);
    });
    socket.on('error', (error) => this.#logger.debug({ event: 'socket-error', code: codeOf(error) }));
    socket.on('close', () => {
      if (this.#sockets.get(id) !== socket) return;
      this.#sockets.delete(id);
      this.#engine?.closed(this.#now(), id);
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error
    ? String(error.code)
    : error instanceof Error
      ? error.name
      : 'unknown';
}
