/** The admin API's HTTPS server: credentials, bounds, JSON in and out, health without a credential. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { authenticate, type Credential } from './credentials.ts';
import type { AdminHost } from './host.ts';
import { answerCall, type Call, type Context, failure, type Reply } from './routes.ts';

/** PEM. */
export type AdminServerTls = {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that a client's certificate must come from; absent: none is asked for. */
  readonly clientAuthorities?: string | null;
};

export type AdminServerOptions = AdminServerTls & {
  readonly host: AdminHost;
  /** Asked for each call, so that they can be read anew. */
  readonly credentials: () => readonly Credential[];
  /** 0: any free one. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly logger: Logger;
  readonly nowMs?: () => number;
  /** How long a client may take to read its answer; default 30 s. */
  readonly readLimitMs?: number;
};

export type AdminServer = {
  readonly port: number;
  /** Connections to come are made with these. Whether clients show a certificate stays as it was at the start. */
  renew(tls: AdminServerTls): void;
  /** Answers what is in flight for at most `boundMs`, then closes every connection. */
  close(boundMs: number): Promise<void>;
};

/** A request with its approval; far more than any approval needs. */
const BODY_LIMIT_BYTES = 512 * 1024;
/** A wave of 250 moves keeps one each; whoever looks meanwhile has his beside them. */
const CONNECTION_LIMIT = 1024;
const HANDSHAKE_LIMIT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Whoever asks and reads nothing gives up the place of one who does. */
const READ_LIMIT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** Rejects where the port cannot be had. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const context: Context = {
    host: options.host,
    logger: options.logger,
    nowMs: options.nowMs ?? Date.now,
    lease: null,
  };
  const { clientAuthorities = null } = options;
  let closing = false;
  const server = createServer(
    {
      ...secureContextOf(options),
      // Health checks and scrapes show none: whether one is needed depends on what is asked.
      ...(clientAuthorities === null ? {} : { requestCert: true, rejectUnauthorized: false }),
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => {
      response.once('close', () => {
        // A socket that was busy when closing began is idle now; it would otherwise hold up the end.
        if (closing) setImmediate(() => server.closeIdleConnections());
      });
      const isAdmitted =
        clientAuthorities === null || (request.socket instanceof TLSSocket && request.socket.authorized);
      void serve(request, response, context, isAdmitted, options.credentials).then(() =>
        boundReading(response, options.readLimitMs ?? READ_LIMIT_MS),
      );
    },
  );
  server.maxConnections = CONNECTION_LIMIT;
  // Who comes in vain comes again, and finds the room of those that only kept their connection open.
  server.on('drop', () => server.closeIdleConnections());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address ?? '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: portOf(server.address()),
    renew: (tls) => {
      server.setSecureContext(secureContextOf(tls));
      // Who keeps a connection open shows its certificate again on the next one.
      server.closeIdleConnections();
    },
    close: (boundMs) =>
      new Promise((resolve) => {
        const bound = setTimeout(() => server.closeAllConnections(), boundMs);
        closing = true;
        server.close(() => {
          clearTimeout(bound);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function secureContextOf({ certificate, key, clientAuthorities = null }: AdminServerTls): SecureContextOptions {
  const authorities = clientAuthorities === null ? {} : { ca: clientAuthorities };
  return { cert: certificate, key, minVersion: 'TLSv1.2', ...authorities };
}

function boundReading(response: ServerResponse, limitMs: number): void {
  if (response.writableFinished || response.destroyed) return;
  const limit = setTimeout(() => response.destroy(), limitMs);
  response.once('close', () => clearTimeout(limit));
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('a listening TCP server has a port');
  return address.port;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
  isAdmitted: boolean,
  credentials: () => readonly Credential[],
): Promise<void> {
  try {
    await answer(request, response, context, isAdmitted, credentials);
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown';
    const message = error instanceof Error ? error.message : '';
    context.logger.error(
      { event: 'admin-failed', method: request.method, name, error: message },
      'admin request failed',
    );
    if (!response.headersSent)
      sendJson(response, failure(500, 'internal', 'the gateway could not answer; its log says why'));
    else response.destroy();
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
  isAdmitted: boolean,
  credentials: () => readonly Credential[],
): Promise<void> {
  const url = urlOf(request.url ?? '/');
  if (url === null) return sendJson(response, failure(404, 'not-found', 'the API is under /v1'));
  if (await answerHealth(request, response, url.pathname, context.host)) return;
  if (!isAdmitted) {
    response.setHeader('Connection', 'close');
    const next = ['set CUTOVER_ADMIN_CERT and CUTOVER_ADMIN_KEY to the files of a client certificate of this gateway'];
    return sendJson(response, failure(401, 'no-client-certificate', 'no valid client certificate was shown', { next }));
  }
  const caller = authenticate(request.headers.authorization, credentials());
  if (caller === null) {
    response.setHeader('WWW-Authenticate', 'Bearer');
    response.setHeader('Connection', 'close');
    const next = ['set CUTOVER_ADMIN_TOKEN to the token of a credential of this gateway'];
    return sendJson(response, failure(401, 'unauthenticated', 'no valid bearer token', { next }));
  }
  const path = decoded(url.pathname);
  if (path === null || path[0] !== 'v1') return sendJson(response, failure(404, 'not-found', 'the API is under /v1'));
  const call: Call = {
    method: request.method ?? 'GET',
    path: path.slice(1),
    query: url.searchParams,
    caller,
    json: () => readJson(request, response),
  };
  sendJson(response, await answerCall(call, context));
}

/** Null where what was asked for is no path. */
function urlOf(asked: string): URL | null {
  return URL.canParse(asked, 'https://gateway') ? new URL(asked, 'https://gateway') : null;
}

async function answerHealth(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  host: AdminHost,
): Promise<boolean> {
  if (request.method !== 'GET') return false;
  switch (path) {
    case '/healthz':
      sendJson(response, { status: 200, body: { alive: true } });
      return true;
    case '/readyz': {
      const state = host.ready();
      sendJson(response, { status: state.ready ? 200 : 503, body: state });
      return true;
    }
    case '/metrics':
      send(response, 200, METRICS_TYPE, await host.metrics());
      return true;
    default:
      return false;
  }
}

/** The parts of the path, or null where it is not decodable. */
function decoded(pathname: string): string[] | null {
  try {
    return pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return null;
  }
}

async function readJson(request: IncomingMessage, response: ServerResponse): ReturnType<Call['json']> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A body that is too large is left unread: destroying the request would take the answer with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) {
      response.setHeader('Connection', 'close');
      return { ok: false, reply: failure(413, 'too-large', `a request body has at most ${BODY_LIMIT_BYTES} bytes`) };
    }
    chunks.push(chunk);
  }
  try {
    return { ok: true, value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { ok: false, reply: failure(400, 'invalid', 'the request body is not JSON') };
  }
}

function sendJson(response: ServerResponse, reply: Reply): void {
  if (reply.allow !== undefined) response.setHeader('Allow', reply.allow.join(', '));
  send(response, reply.status, JSON_TYPE, JSON.stringify(reply.body));
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.setHeader('Cache-Control', 'no-store');
  response.end(text);
}
