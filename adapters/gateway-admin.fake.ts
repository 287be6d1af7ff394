/**
 * A stand-in for a gateway's admin API, for tests only: real HTTPS, the real decider, no messages. It records every
 * request and can be told to abort, to lose its answer, or to be moved behind a client's back.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import {
  type ApiError,
  type Info,
  type Lease,
  leaseRequestSchema,
  type RouteResponse,
  routeRequestSchema,
} from '../core/admin-api.ts';
import { decideMove } from '../core/connection.ts';
import { statusExample } from '../core/connection-status.example.ts';
import { controlOf, FIRST_ROUTE, type Route } from '../core/platform.ts';

export type FakeGatewayOptions = {
  readonly connections: readonly string[];
  readonly deployment?: string;
  readonly shard?: number;
  readonly unclassifiedEffects?: readonly string[];
  /** Ports that it says it listens on; else every connection has the same. */
  readonly serves?: Pick<Info, 'feeds' | 'legs'>;
};

export type FakeGateway = {
  readonly admin: string;
  readonly token: string;
  readonly certificatePath: string;
  /** What a client needs to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** `METHOD path`, in order. */
  readonly requests: string[];
  /** Bodies of the moves asked for. */
  readonly moves: unknown[];
  readonly info: Info;
  route(name: string): Route;
  /** Behind everybody's back; a new name is served from then on. */
  setRoute(name: string, route: Route): void;
  forget(name: string): void;
  abortNextMove(reason: string): void;
  /** The move is made, its answer is not sent. */
  loseNextAnswer(): void;
  answerNextWith(status: number, body: string): void;
  /** Listens no more, for good. */
  disconnect(): Promise<void>;
  stop(): Promise<void>;
};

type Answer = { readonly status: number; readonly body: string };

const FEED_PORT = 21_001;
/** Of every connection: legs may share a port where each has `match`. */
export const LEG_PORTS = { legacy: 22_001, new: 23_001 } as const;

export async function startFakeGateway(options: FakeGatewayOptions): Promise<FakeGateway> {
  const { shard = 0, deployment = 'lab-test-1' } = options;
  const token = randomUUID();
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const dir = await mkdtemp(join(tmpdir(), 'fake-gateway-'));
  const certificatePath = join(dir, 'admin.crt');
  await writeFile(certificatePath, certificate.cert);

  const routes = new Map<string, Route>(options.connections.map((name) => [name, FIRST_ROUTE]));
  const answers = new Map<string, Answer>();
  const requests: string[] = [];
  const moves: unknown[] = [];
  const pending: { abort: string | null; lose: boolean; canned: Answer | null } = {
    abort: null,
    lose: false,
    canned: null,
  };
  let lease: Lease | null = null;
  const info: Info = {
    apiVersion: 1,
    version: '0.0.0-fake',
    deployment,
    shard,
    incarnation: randomUUID(),
    target: 'local',
    startedAt: new Date().toISOString(),
    inventoryDigest: '',
    feeds: options.serves?.feeds ?? Object.fromEntries(options.connections.map((name) => [name, FEED_PORT])),
    legs: options.serves?.legs ?? Object.fromEntries(options.connections.map((name) => [name, LEG_PORTS])),
    connections: routes.size,
  };

  const move = (name: string, route: Route, body: unknown): Answer => {
    moves.push(body);
    const asked = routeRequestSchema.parse(body);
    const known = answers.get(asked.requestId);
    if (known !== undefined) return known;
    const facts = {
      name,
      unclassifiedEffects: options.unclassifiedEffects ?? [],
      hasWeightKey: true,
      origin: 'feed',
    } as const;
    const decision = decideMove(asked, { route, facts });
    if (decision.kind === 'refused') {
      const { code, message, next } = decision.refusal;
      return errorAnswer(code === 'stale-epoch' ? 409 : 400, { code, message, connection: name, next: [...next] });
    }
    const reason = pending.abort;
    pending.abort = null;
    const reached = decision.kind === 'accepted' && reason === null ? decision.event.route : route;
    routes.set(name, reached);
    const answer = jsonAnswer({
      ...moved(reached),
      ...(decision.kind === 'already-there' ? { alreadyThere: true } : {}),
      ...(reason === null ? {} : { aborted: true, reason }),
    });
    answers.set(asked.requestId, answer);
    return answer;
  };

  const answerLease = (method: string, body: unknown): Answer => {
    const free = errorAnswer(404, { code: 'no-lease', message: 'nobody holds it', next: [] });
    if (method === 'PUT') {
      const asked = leaseRequestSchema.parse(body);
      if (lease !== null && lease.holder !== asked.holder) {
        return errorAnswer(409, { code: 'lease-held', message: `held by ${lease.holder}`, next: [] });
      }
      const { holder, host, operator, verb } = asked;
      lease = { holder, host, operator, verb, since: info.startedAt, expiresAt: info.startedAt };
      return jsonAnswer(lease);
    }
    if (method === 'DELETE') lease = null;
    return lease === null ? (method === 'DELETE' ? jsonAnswer({}) : free) : jsonAnswer(lease);
  };

  const answer = (method: string, path: string, body: unknown): Answer => {
    if (path === '/v1/info') return jsonAnswer(info);
    if (path.startsWith('/v1/lease')) return answerLease(method, body);
    if (path === '/v1/connections') {
      return jsonAnswer({
        connections: [...routes].map(([name, route]) => statusExample(route, { name, feed: name })),
      });
    }
    if (path === '/v1/epochs') return jsonAnswer({ newest: [] });
    const [, name = '', rest = ''] = /^\/v1\/connections\/([^/]+)(.*)$/.exec(path) ?? [];
    const route = routes.get(name);
    if (route === undefined) return errorAnswer(404, { code: 'unknown-connection', message: `no ${name}`, next: [] });
    if (method === 'PUT' && rest === '/route') return move(name, route, body);
    if (rest === '/epochs') return jsonAnswer({ epochs: [] });
    if (rest.startsWith('/lists/')) return jsonAnswer({ entries: [], total: 0 });
    return jsonAnswer(method === 'GET' ? statusExample(route, { name, feed: name }) : {});
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    requests.push(`${method} ${url}`);
    const body = await bodyOf(request);
    const isKnown = request.headers.authorization === `Bearer ${token}`;
    const refusal = errorAnswer(401, { code: 'unauthenticated', message: 'no such credential', next: [] });
    const canned = pending.canned;
    pending.canned = null;
    const { status, body: text } = !isKnown ? refusal : (canned ?? answer(method, url, body));
    if (pending.lose && method === 'PUT') {
      pending.lose = false;
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  };

  const server = createServer({ key: certificate.private, cert: certificate.cert }, (request, response) => {
    void serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

  const disconnect = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };

  return {
    admin: `https://127.0.0.1:${address.port}`,
    token,
    certificatePath,
    env: { CUTOVER_ADMIN_TOKEN: token, CUTOVER_ADMIN_CA: certificatePath },
    requests,
    moves,
    info,
    route: (name) => routes.get(name) ?? FIRST_ROUTE,
    setRoute: (name, route) => {
      routes.set(name, route);
      info.feeds[name] = FEED_PORT;
      info.legs[name] = LEG_PORTS;
    },
    forget: (name) => void routes.delete(name),
    abortNextMove: (reason) => {
      pending.abort = reason;
    },
    loseNextAnswer: () => {
      pending.lose = true;
    },
    answerNextWith: (status, body) => {
      pending.canned = { status, body };
    },
    disconnect,
    stop: async () => {
      await disconnect();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function moved(route: Route): RouteResponse {
  const { phase, newWeight, epoch } = route;
  const control = controlOf(route);
  return { epoch, phase, newWeight, control, pauseMs: 0, heldMessages: 0, inFlightAtHold: 0, drainedAt: null };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? null : JSON.parse(text);
}

function jsonAnswer(value: object): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

function errorAnswer(status: number, error: ApiError): Answer {
  return { status, body: JSON.stringify(error) };
}
