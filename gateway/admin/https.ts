/** The admin API's HTTPS: certificates, credentials, bounds of what is read and sent. What is asked, the desk answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { authenticate } from './authenticate.ts';
import type { AdminServerTls, Question, Renewable, TextReply, WorkerOptions } from './messages.ts';
import { failure, type Reply } from './reply.ts';

/** Rejects where nobody can answer any more. */
export type Desk = {
  ask(question: Exclude<Question, { about: 'figures' }>): Promise<TextReply>;
  /** In the Prometheus text format; a reply where they cannot be had. */
  metrics(): Promise<Buffer | TextReply>;
  failed(method: string, error: unknown): void;
};

/** A request with its approval; far more than any approval needs. */
const BODY_LIMIT_BYTES = 512 * 1024;
/** A wave of 250 moves keeps one each; whoever looks meanwhile has his beside them. */
const CONNECTION_LIMIT = 1024;
const HANDSHAKE_LIMIT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
/** No more of an answer is encrypted before its reader has taken what came before it. */
const PIECE_BYTES = 64 * 1024;
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

export class AdminHttps {
  readonly #server: Server;
  readonly #desk: Desk;
  readonly #readLimitMs: number;
  readonly #asksForCertificates: boolean;
  #credentials: Renewable['credentials'];
  #isClosing = false;

  constructor(
    { tls, credentials, readLimitMs }: Pick<WorkerOptions, 'tls' | 'credentials' | 'readLimitMs'>,
    desk: Desk,
  ) {
    this.#desk = desk;
    this.#readLimitMs = readLimitMs;
    this.#credentials = credentials;
    this.#asksForCertificates = (tls.clientAuthorities ?? null) !== null;
    this.#server = createServer(
      {
        ...secureContextOf(tls),
        // Health checks and scrapes show none: whether one is needed depends on what is asked.
        ...(this.#asksForCertificates ? { requestCert: true, rejectUnauthorized: false } : {}),
        handshakeTimeout: HANDSHAKE_LIMIT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = CONNECTION_LIMIT;
    // Who comes in vain comes again, and finds the room of those that only kept their connection open.
    this.#server.on('drop', () => this.#server.closeIdleConnections());
  }

  /** The port; rejects where it cannot be had. */
  async listen(port: number, address: string): Promise<number> {
    const listening = Promise.withResolvers<void>();
    this.#server.once('error', listening.reject);
    this.#server.listen(port, address, listening.resolve);
    await listening.promise;
    this.#server.off('error', listening.reject);
    return portOf(this.#server.address());
  }

  /** For connections to come, and requests. Whether clients show a certificate stays as it was at the start. Throws where TLS cannot use them. */
  renew({ tls, credentials }: Renewable): void {
    this.#server.setSecureContext(secureContextOf(tls));
    this.#credentials = credentials;
    // Who keeps a connection open shows its certificate again on the next one.
    this.#server.closeIdleConnections();
  }

  /** Answers what is in flight for at most `boundMs`, then closes every connection. */
  close(boundMs: number): Promise<void> {
    return new Promise((resolve) => {
      const bound = setTimeout(() => this.#server.closeAllConnections(), boundMs);
      this.#isClosing = true;
      this.#server.close(() => {
        clearTimeout(bound);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('close', () => {
      // A socket that was busy when closing began is idle now; it would otherwise hold up the end.
      if (this.#isClosing) setImmediate(() => this.#server.closeIdleConnections());
    });
    try {
      await this.#answer(request, response);
    } catch (error) {
      this.#desk.failed(request.method ?? '', error);
      if (response.headersSent) response.destroy();
      else this.#sendJson(response, failure(500, 'internal', 'the gateway could not answer; its log says why'));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request.url ?? '/');
    if (url === null) return this.#sendJson(response, failure(404, 'not-found', 'the API is under /v1'));
    if (request.method === 'GET' && (await this.#answerHealth(response, url.pathname))) return;
    if (this.#asksForCertificates && !(request.socket instanceof TLSSocket && request.socket.authorized)) {
      response.setHeader('Connection', 'close');
      const next = [
        'set CUTOVER_ADMIN_CERT and CUTOVER_ADMIN_KEY to the files of a client certificate of this gateway',
      ];
      const message = 'no valid client certificate was shown';
      return this.#sendJson(response, failure(401, 'no-client-certificate', message, { next }));
    }
    const caller = authenticate(request.headers.authorization, this.#credentials);
    if (caller === null) {
      response.setHeader('WWW-Authenticate', 'Bearer');
      response.setHeader('Connection', 'close');
      const next = ['set CUTOVER_ADMIN_TOKEN to the token of a credential of this gateway'];
      return this.#sendJson(response, failure(401, 'unauthenticated', 'no valid bearer token', { next }));
    }
    const path = decoded(url.pathname);
    if (path === null || path[0] !== 'v1')
      return this.#sendJson(response, failure(404, 'not-found', 'the API is under /v1'));
    const body = await bodyOf(request);
    if (body === null) {
      response.setHeader('Connection', 'close');
      const message = `a request body has at most ${BODY_LIMIT_BYTES} bytes`;
      return this.#sendJson(response, failure(413, 'too-large', message));
    }
    const { method = 'GET' } = request;
    const call = { method, path: path.slice(1), query: url.search, caller, body };
    this.#sendText(response, await this.#desk.ask({ about: 'call', call }));
  }

  async #answerHealth(response: ServerResponse, path: string): Promise<boolean> {
    switch (path) {
      case '/healthz':
        this.#sendText(response, await this.#desk.ask({ about: 'alive' }));
        return true;
      case '/readyz':
        this.#sendText(response, await this.#desk.ask({ about: 'ready' }));
        return true;
      case '/metrics': {
        const metrics = await this.#desk.metrics();
        if (Buffer.isBuffer(metrics)) this.#send(response, 200, METRICS_TYPE, metrics);
        else this.#sendText(response, metrics);
        return true;
      }
      default:
        return false;
    }
  }

  #sendJson(response: ServerResponse, { body, ...reply }: Reply): void {
    this.#sendText(response, { ...reply, text: JSON.stringify(body) });
  }

  #sendText(response: ServerResponse, { status, text, allow }: TextReply): void {
    if (allow !== undefined) response.setHeader('Allow', allow.join(', '));
    this.#send(response, status, JSON_TYPE, Buffer.from(text));
  }

  #send(response: ServerResponse, status: number, type: string, content: Buffer): void {
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': content.length, 'Cache-Control': 'no-store' });
    if (content.length <= PIECE_BYTES) response.end(content);
    // Whoever left before the end has said so on the response.
    else pipeline(Readable.from(piecesOf(content)), response).catch(() => undefined);
    if (response.writableFinished || response.destroyed) return;
    // Whoever asks and reads nothing gives up the place of one who does.
    const limit = setTimeout(() => response.destroy(), this.#readLimitMs);
    response.once('close', () => clearTimeout(limit));
  }
}

function secureContextOf({ certificate, key, clientAuthorities = null }: AdminServerTls): SecureContextOptions {
  const authorities = clientAuthorities === null ? {} : { ca: clientAuthorities };
  return { cert: certificate, key, minVersion: 'TLSv1.2', ...authorities };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('a listening TCP server has a port');
  return address.port;
}

/** Null where what was asked for is no path. */
function urlOf(asked: string): URL | null {
  return URL.canParse(asked, 'https://gateway') ? new URL(asked, 'https://gateway') : null;
}

/** The parts of the path, or null where it is not decodable. */
function decoded(pathname: string): string[] | null {
  try {
    return pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return null;
  }
}

/** Null: it is too large, and left unread, as destroying the request would take the answer with it. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function* piecesOf(content: Buffer): Generator<Buffer> {
  for (let start = 0; start < content.length; start += PIECE_BYTES) yield content.subarray(start, start + PIECE_BYTES);
}
