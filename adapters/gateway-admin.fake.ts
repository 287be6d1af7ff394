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
  /** Handshakes that had been made when each of these moves came. */
  readonly handshakesAtMoves: readonly number[];
  handshakes(): number;
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
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const dir = await mkdtemp(join(tmpdir(), 'fake-gateway-'));
  const certificatePath = join(dir, 'admin.crt');
  await writeFile(certificatePath, certificate.cert);
  const fake = new Fake(options);
  const server = createServer({ key: certificate.private, cert: certificate.cert }, (request, response) => {
    // A client that was killed in the middle of a request ends that request, and nothing else.
    fake.serve(request, response).catch(() => response.destroy());
  });
  server.on('secureConnection', () => {
    fake.handshakes++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const disconnect = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const { token, requests, moves, handshakesAtMoves, info } = fake;
  return {
    admin: `https://127.0.0.1:${address.port}`,
    token,
    certificatePath,
    env: { CUTOVER_ADMIN_TOKEN: token, CUTOVER_ADMIN_CA: certificatePath },
    requests,
    moves,
    handshakesAtMoves,
    handshakes: () => fake.handshakes,
    info,
    route: (name) => fake.routes.get(name) ?? FIRST_ROUTE,
    setRoute: (name, route) => fake.setRoute(name, route),
    forget: (name) => void fake.routes.delete(name),
    abortNextMove: (reason) => {
      fake.abortsNext = reason;
    },
    loseNextAnswer: () => {
      fake.losesNext = true;
    },
    answerNextWith: (status, body) => {
      fake.answersNext = { status, body };
    },
    disconnect,
    stop: async () => {
      await disconnect();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What it knows, and how it answers. */
class Fake {
  readonly token = randomUUID();
  readonly routes: Map<string, Route>;
  readonly requests: string[] = [];
  readonly moves: unknown[] = [];
  readonly handshakesAtMoves: number[] = [];
  readonly info: Info;
  handshakes = 0;
  abortsNext: string | null = null;
  losesNext = false;
  answersNext: Answer | null = null;
  readonly #unclassifiedEffects: readonly string[];
  readonly #answers = new Map<string, Answer>();
  #lease: Lease | null = null;

  constructor({
    connections,
    serves,
    unclassifiedEffects = [],
    shard = 0,
    deployment = 'lab-test-1',
  }: FakeGatewayOptions) {
    this.#unclassifiedEffects = unclassifiedEffects;
    this.routes = new Map(connections.map((name) => [name, FIRST_ROUTE]));
    this.info = {
      apiVersion: 1,
      version: '0.0.0-fake',
      deployment,
      shard,
      incarnation: randomUUID(),
      target: 'local',
      startedAt: new Date().toISOString(),
      inventoryDigest: '',
      feeds: serves?.feeds ?? Object.fromEntries(connections.map((name) => [name, FEED_PORT])),
      legs: serves?.legs ?? Object.fromEntries(connections.map((name) => [name, LEG_PORTS])),
      connections: this.routes.size,
    };
  }

  setRoute(name: string, route: Route): void {
    this.routes.set(name, route);
    this.info.feeds[name] = FEED_PORT;
    this.info.legs[name] = LEG_PORTS;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.requests.push(`${method} ${url}`);
    const body = await bodyOf(request);
    const isKnown = request.headers.authorization === `Bearer ${this.token}`;
    const refusal = errorAnswer(401, { code: 'unauthenticated', message: 'no such credential', next: [] });
    const canned = this.answersNext;
    this.answersNext = null;
    const { status, body: text } = !isKnown ? refusal : (canned ?? this.#answer(method, url, body));
    if (this.losesNext && method === 'PUT') {
      this.losesNext = false;
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  }

  #answer(method: string, path: string, body: unknown): Answer {
    if (path === '/v1/info') return jsonAnswer(this.info);
    if (path.startsWith('/v1/lease')) return this.#answerLease(method, body);
    if (path === '/v1/connections') {
      return jsonAnswer({
        connections: [...this.routes].map(([name, route]) => statusExample(route, { name, feed: name })),
      });
    }
    if (path === '/v1/epochs') return jsonAnswer({ newest: [] });
    const [, name = '', rest = ''] = /^\/v1\/connections\/([^/]+)(.*)$/.exec(path) ?? [];
    const route = this.routes.get(name);
    if (route === undefined) return errorAnswer(404, { code: 'unknown-connection', message: `no ${name}`, next: [] });
    if (method === 'PUT' && rest === '/route') return this.#move(name, route, body);
    if (rest === '/epochs') return jsonAnswer({ epochs: [] });
    if (rest.startsWith('/lists/')) return jsonAnswer({ entries: [], total: 0 });
    return jsonAnswer(method === 'GET' ? statusExample(route, { name, feed: name }) : {});
  }

  #answerLease(method: string, body: unknown): Answer {
    if (method === 'PUT') {
      const asked = leaseRequestSchema.parse(body);
      if (this.#lease !== null && this.#lease.holder !== asked.holder) {
        return errorAnswer(409, { code: 'lease-held', message: `held by ${this.#lease.holder}`, next: [] });
      }
      const { holder, host, operator, verb } = asked;
      const { startedAt } = this.info;
      this.#lease = { holder, host, operator, verb, since: startedAt, expiresAt: startedAt };
      return jsonAnswer(this.#lease);
    }
    if (method === 'DELETE') {
      this.#lease = null;
      return jsonAnswer({});
    }
    const free = errorAnswer(404, { code: 'no-lease', message: 'nobody holds it', next: [] });
    return this.#lease === null ? free : jsonAnswer(this.#lease);
  }

  #move(name: string, route: Route, body: unknown): Answer {
    this.moves.push(body);
    this.handshakesAtMoves.push(this.handshakes);
    const asked = routeRequestSchema.parse(body);
    const known = this.#answers.get(asked.requestId);
    if (known !== undefined) return known;
    const unclassifiedEffects = this.#unclassifiedEffects;
    const facts = { name, unclassifiedEffects, hasWeightKey: true, origin: 'feed' } as const;
    const decision = decideMove(asked, { route, facts });
    if (decision.kind === 'refused') {
      const { code, message, next } = decision.refusal;
      return errorAnswer(code === 'stale-epoch' ? 409 : 400, { code, message, connection: name, next: [...next] });
    }
    const reason = this.abortsNext;
    this.abortsNext = null;
    const reached = decision.kind === 'accepted' && reason === null ? decision.event.route : route;
    this.routes.set(name, reached);
    const answer = jsonAnswer({
      ...moved(reached),
      ...(decision.kind === 'already-there' ? { alreadyThere: true } : {}),
      ...(reason === null ? {} : { aborted: true, reason }),
    });
    this.#answers.set(asked.requestId, answer);
    return answer;
  }
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
