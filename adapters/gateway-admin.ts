/**
 * The admin API of one gateway as a typed client. Every call is bounded in time, every answer is checked against
 * core/admin-api.ts, and what can be expected to go wrong comes back as a value. Credentials are read from the
 * environment, anew every second, and never appear in a message: see CREDENTIAL_VARIABLES.
 */
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Agent, buildConnector, request } from 'undici';
import { z } from 'zod';
import {
  type ApiError,
  apiErrorSchema,
  type ConnectionStatus,
  connectionStatusSchema,
  decisionSchema,
  type EpochRecord,
  epochRecordSchema,
  type Info,
  infoSchema,
  type Lease,
  type ListName,
  type leaseRequestSchema,
  leaseSchema,
  listEntrySchema,
  type NewestEpoch,
  newestEpochSchema,
  type OpenDecision,
  type RouteRequestInput,
  type RouteResponse,
  type resolveRequestSchema,
  routeResponseSchema,
  type StopAttestation,
  type StopRequest,
  stopAttestationSchema,
} from '../core/admin-api.ts';
import { fewAtOnce } from './few-at-once.ts';

/** With `_<shard>` appended, each applies to that shard only and wins over the general one. */
export const CREDENTIAL_VARIABLES = {
  token: 'CUTOVER_ADMIN_TOKEN',
  certificate: 'CUTOVER_ADMIN_CA',
  clientCertificate: 'CUTOVER_ADMIN_CERT',
  clientKey: 'CUTOVER_ADMIN_KEY',
} as const;

export type Environment = Readonly<Record<string, string | undefined>>;

export type GatewayFailure = {
  readonly ok: false;
  /** `unreachable`: no usable connection. `refused`: the gateway, or this client before asking it, said no. */
  readonly kind: 'unreachable' | 'refused';
  /** HTTP status; absent where no answer came. */
  readonly status?: number;
  /** Of this client's own: `unreachable`, `outcome-unknown`, `credential-missing`, `invalid-answer`. */
  readonly error: ApiError;
};
export type GatewayResult<T> = { readonly ok: true; readonly value: T } | GatewayFailure;

export type GatewayAddress = { readonly admin: string; readonly shard: number; readonly env: Environment };
export type LeaseRequest = z.input<typeof leaseRequestSchema>;
export type ResolveRequest = z.input<typeof resolveRequestSchema>;

const CALL_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;
const DEFAULT_DEADLINE_MS = 60_000;
/** A move is answered at its own deadline at the latest; this is for the way there and back. */
const MOVE_GRACE_MS = 5_000;
const RETRY_PAUSE_MS = 200;
const CREDENTIALS_MS = 1_000;
const RESPONSE_LIMIT_BYTES = 64 * 1024 * 1024;

const connectionsAnswer = z.object({ connections: z.array(connectionStatusSchema) });
const epochsAnswer = z.object({ epochs: z.array(epochRecordSchema) });
const newestAnswer = z.object({ newest: z.array(newestEpochSchema) });
const listAnswer = z.object({ entries: z.array(listEntrySchema), total: z.int() });
const decisionsAnswer = z.object({ decisions: z.array(decisionSchema) });
const anything = z.unknown().transform(() => null);
const heldAnswer = z.object({ heldUntil: z.iso.datetime() });
type Held = z.output<typeof heldAnswer>;

type Call = { method: 'GET' | 'PUT' | 'POST' | 'DELETE'; path: string; body?: object; timeoutMs: number };
type Credentials = {
  readonly token: string;
  /** To trust; null: the system's authorities. */
  readonly certificate: string | null;
  /** To show; null: none. */
  readonly client: { readonly cert: string; readonly key: string } | null;
};

/**
 * A move keeps its connection until the swap is over. So every move of a wave has one of its own (the last swap starts
 * with the first), and looking never waits behind them.
 */
const CONNECTIONS = { look: 16, move: 256 } as const;
type Lane = keyof typeof CONNECTIONS;
/** Of one lane at a time. */
const HANDSHAKES = 8;

export class GatewayClient {
  readonly admin: string;
  readonly shard: number;
  readonly #env: Environment;
  #credentials: { readonly readAtMs: number; readonly read: Promise<GatewayResult<Credentials>> } | null = null;
  readonly #agents: Record<Lane, { readonly files: string; readonly agent: Agent } | null> = {
    look: null,
    move: null,
  };

  constructor({ admin, shard, env }: GatewayAddress) {
    this.admin = admin;
    this.shard = shard;
    this.#env = env;
  }

  readonly lease = {
    /** Takes the lease, or renews it where the holder is the same. Held by another: refused, `lease-held`. */
    acquire: (lease: LeaseRequest): Promise<GatewayResult<Lease>> =>
      this.#call({ method: 'PUT', path: '/v1/lease', body: lease, timeoutMs: CALL_TIMEOUT_MS }, leaseSchema),
    renew: (lease: LeaseRequest): Promise<GatewayResult<Lease>> => this.lease.acquire(lease),
    release: (holder: string): Promise<GatewayResult<null>> =>
      this.#call(
        { method: 'DELETE', path: `/v1/lease?holder=${encodeURIComponent(holder)}`, timeoutMs: CALL_TIMEOUT_MS },
        anything,
      ),
    /** Null: nobody holds it. */
    get: async (): Promise<GatewayResult<Lease | null>> => {
      const result = await this.#get('/v1/lease', leaseSchema);
      return !result.ok && result.error.code === 'no-lease' ? { ok: true, value: null } : result;
    },
  };

  info(): Promise<GatewayResult<Info>> {
    return this.#get('/v1/info', infoSchema);
  }

  /** By how much the gateway's clock is ahead of this one, to about a second; asked without a credential. */
  async clockSkewMs(): Promise<GatewayResult<number>> {
    const credentials = await this.#readCredentials();
    if (!credentials.ok) return credentials;
    try {
      const answer = await request(new URL('/healthz', this.admin), {
        dispatcher: this.#agentFor(credentials.value, 'look'),
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      await answer.body.dump();
      const date = Date.parse(String(answer.headers.date));
      if (Number.isNaN(date)) return invalidAnswer(this, answer.statusCode, 'it does not tell its time');
      // The header has whole seconds, cut off: half of one is its mean error.
      return { ok: true, value: date + 500 - Date.now() };
    } catch (error) {
      return unreachable(this, error, 'GET');
    }
  }

  /** One figure of `/metrics`, without labels; null: the gateway does not have it. Asked without a credential. */
  async metric(name: string): Promise<GatewayResult<number | null>> {
    const credentials = await this.#readCredentials();
    if (!credentials.ok) return credentials;
    try {
      const answer = await request(new URL('/metrics', this.admin), {
        dispatcher: this.#agentFor(credentials.value, 'look'),
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) return invalidAnswer(this, answer.statusCode, 'it does not tell its figures');
      const line = text.split('\n').find((each) => each.startsWith(`${name} `));
      const value = Number(line?.slice(name.length + 1));
      return { ok: true, value: line === undefined || Number.isNaN(value) ? null : value };
    } catch (error) {
      return unreachable(this, error, 'GET');
    }
  }

  async connections(): Promise<GatewayResult<readonly ConnectionStatus[]>> {
    return mapValue(await this.#get('/v1/connections', connectionsAnswer), (answer) => answer.connections);
  }

  connection(name: string): Promise<GatewayResult<ConnectionStatus>> {
    return this.#get(pathOf(name), connectionStatusSchema);
  }

  /** The epoch history, oldest first. */
  async epochs(name: string): Promise<GatewayResult<readonly EpochRecord[]>> {
    return mapValue(await this.#get(`${pathOf(name)}/epochs`, epochsAnswer), (answer) => answer.epochs);
  }

  /** Of every connection of this gateway, in one call. */
  async newestEpochs(): Promise<GatewayResult<readonly NewestEpoch[]>> {
    return mapValue(await this.#get('/v1/epochs', newestAnswer), (answer) => answer.newest);
  }

  list(name: string, list: ListName): Promise<GatewayResult<z.output<typeof listAnswer>>> {
    return this.#get(`${pathOf(name)}/lists/${list}`, listAnswer);
  }

  async decisions(): Promise<GatewayResult<readonly OpenDecision[]>> {
    return mapValue(await this.#get('/v1/decisions', decisionsAnswer), (answer) => answer.decisions);
  }

  resolve(id: string, body: ResolveRequest): Promise<GatewayResult<null>> {
    const path = `/v1/decisions/${encodeURIComponent(id)}`;
    return this.#call({ method: 'POST', path, body, timeoutMs: CALL_TIMEOUT_MS }, anything);
  }

  /** It ends by the gateway's clock, and may end sooner than asked: no sender waits longer than half of its ackTimeout. */
  hold(name: string, body: { readonly forMs: number; readonly reason: string }): Promise<GatewayResult<Held>> {
    return this.#call({ method: 'POST', path: `${pathOf(name)}/hold`, body, timeoutMs: CALL_TIMEOUT_MS }, heldAnswer);
  }

  attestStopped(name: string, body: StopRequest): Promise<GatewayResult<StopAttestation>> {
    const path = `${pathOf(name)}/stopped`;
    return this.#call({ method: 'POST', path, body, timeoutMs: CALL_TIMEOUT_MS }, stopAttestationSchema);
  }

  release(name: string): Promise<GatewayResult<null>> {
    const path = `${pathOf(name)}/release`;
    return this.#call({ method: 'POST', path, body: {}, timeoutMs: CALL_TIMEOUT_MS }, anything);
  }

  /**
   * Opens the connections of so many moves that are to begin together, so that these only have to be sent. A handshake takes a
   * millisecond of a processor at either end: hundreds of them would fall into the swaps, and those who are held would wait for
   * them. That one cannot be opened the move itself says; a move alone opens its own.
   */
  async prepareMoves(count: number): Promise<void> {
    if (count < 2) return;
    const credentials = await this.#readCredentials();
    if (!credentials.ok) return;
    const dispatcher = this.#agentFor(credentials.value, 'move');
    const open = async (): Promise<void> => {
      const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      const answer = await request(new URL('/healthz', this.admin), { dispatcher, signal });
      await answer.body.dump();
    };
    await Promise.allSettled(Array.from({ length: Math.min(count, CONNECTIONS.move) }, open));
    // The connection of the last answer is free a turn later.
    await nextTurn();
  }

  /**
   * Performs a move and waits for its outcome; an abort is a value (`aborted: true`), no refusal. A connection lost
   * on the way is taken up again with the same request id, which the gateway answers once and for all. Where time
   * runs out before an answer came, the code is `outcome-unknown`: the move may have been made. A gateway that accepts no
   * connection in time may be busy with those of a whole wave, and is asked again a few times; one that refuses them is not.
   */
  async move(
    name: string,
    route: RouteRequestInput,
    { timeoutMs = (route.deadlineMs ?? DEFAULT_DEADLINE_MS) + MOVE_GRACE_MS }: { readonly timeoutMs?: number } = {},
  ): Promise<GatewayResult<RouteResponse>> {
    const endsAt = performance.now() + timeoutMs;
    let mayHaveArrived = false;
    for (let attempt = 1; ; attempt++) {
      const remainingMs = Math.max(1, endsAt - performance.now());
      const call: Call = { method: 'PUT', path: `${pathOf(name)}/route`, body: route, timeoutMs: remainingMs };
      const result = await this.#call(call, routeResponseSchema);
      if (result.ok || result.kind === 'refused') return result;
      mayHaveArrived ||= result.error.code === 'outcome-unknown';
      const isOver = performance.now() + RETRY_PAUSE_MS >= endsAt;
      const isSlow = SLOW_TO_CONNECT.test(result.error.message) && attempt < MOST_ATTEMPTS;
      if (!mayHaveArrived && (isOver || !isSlow)) return result;
      if (isOver) return outcomeUnknown(result, name, route.requestId);
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }

  /** Ends idle connections; the client can be used again after it. */
  async close(): Promise<void> {
    const { look, move } = this.#agents;
    this.#agents.look = null;
    this.#agents.move = null;
    await Promise.all([look?.agent.close(), move?.agent.close()]);
  }

  /** A connection that breaks under a question (one that idled too long does) is no answer: it is asked again. */
  async #get<S extends z.ZodType>(path: string, schema: S): Promise<GatewayResult<z.output<S>>> {
    const call = { method: 'GET' as const, path, timeoutMs: CALL_TIMEOUT_MS };
    for (let attempt = 1; ; attempt++) {
      const result = await this.#call(call, schema);
      const isBroken = !result.ok && result.kind === 'unreachable' && BROKEN.test(result.error.message);
      if (!isBroken || attempt === MOST_ATTEMPTS) return result;
    }
  }

  async #call<S extends z.ZodType>(call: Call, schema: S): Promise<GatewayResult<z.output<S>>> {
    const credentials = await this.#readCredentials();
    if (!credentials.ok) return credentials;
    let status: number;
    let text: string;
    try {
      const answer = await request(new URL(call.path, this.admin), {
        dispatcher: this.#agentFor(credentials.value, /\/route$/.test(call.path) ? 'move' : 'look'),
        method: call.method,
        headers: {
          authorization: `Bearer ${credentials.value.token}`,
          accept: 'application/json',
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        headersTimeout: 0,
        bodyTimeout: 0,
        signal: AbortSignal.timeout(Math.ceil(call.timeoutMs)),
      });
      status = answer.statusCode;
      text = await answer.body.text();
    } catch (error) {
      return unreachable(this, error, call.method);
    }
    return readAnswer(this, status, text, schema);
  }

  /** Hundreds of calls in a second read their files once; renewed ones count a second later. */
  #readCredentials(): Promise<GatewayResult<Credentials>> {
    const nowMs = performance.now();
    const last = this.#credentials;
    if (last !== null && nowMs - last.readAtMs < CREDENTIALS_MS) return last.read;
    const read = readCredentials(this.#env, this.shard);
    this.#credentials = { readAtMs: nowMs, read };
    return read;
  }

  /** One agent a set of certificates. */
  #agentFor({ certificate, client }: Credentials, lane: Lane): Agent {
    const files = JSON.stringify([certificate, client]);
    const present = this.#agents[lane];
    if (present !== null && present.files === files) return present.agent;
    void present?.agent.close();
    const connect = {
      timeout: CONNECT_TIMEOUT_MS,
      ...(certificate === null ? {} : { ca: certificate }),
      ...(client === null ? {} : client),
    };
    const agent = new Agent({
      connect: fewAtOnce(buildConnector(connect), HANDSHAKES),
      connections: CONNECTIONS[lane],
      maxResponseSize: RESPONSE_LIMIT_BYTES,
    });
    this.#agents[lane] = { files, agent };
    return agent;
  }
}

async function readCredentials(env: Environment, shard: number): Promise<GatewayResult<Credentials>> {
  const token = pickVariable(env, CREDENTIAL_VARIABLES.token, shard);
  if (token === null) {
    const message = `no credential for the gateway of shard ${shard}: ${CREDENTIAL_VARIABLES.token} is not set`;
    const next = [
      `set ${CREDENTIAL_VARIABLES.token} (or ${CREDENTIAL_VARIABLES.token}_${shard}) to the gateway's token`,
    ];
    return refusedHere('credential-missing', message, next);
  }
  if (!/^[\x21-\x7e]+$/.test(token.value)) {
    const message = `${token.variable} is no token: it holds white space or characters outside ASCII`;
    return refusedHere('credential-missing', message, [
      `set ${token.variable} to the content of the gateway's token file`,
    ]);
  }
  const certificate = await readNamed(env, CREDENTIAL_VARIABLES.certificate, shard);
  const cert = await readNamed(env, CREDENTIAL_VARIABLES.clientCertificate, shard);
  const key = await readNamed(env, CREDENTIAL_VARIABLES.clientKey, shard);
  if (!certificate.ok) return certificate;
  if (!cert.ok) return cert;
  if (!key.ok) return key;
  if ((cert.value === null) !== (key.value === null)) {
    const { clientCertificate, clientKey } = CREDENTIAL_VARIABLES;
    const message = `${clientCertificate} and ${clientKey} belong together, and only one of them is set`;
    return refusedHere('credential-missing', message, ['set both to the files of one client certificate, or neither']);
  }
  const client = cert.value === null || key.value === null ? null : { cert: cert.value, key: key.value };
  return { ok: true, value: { token: token.value, certificate: certificate.value, client } };
}

/** The content of the file that a variable names; null: none is named. */
async function readNamed(env: Environment, name: string, shard: number): Promise<GatewayResult<string | null>> {
  const named = pickVariable(env, name, shard);
  if (named === null) return { ok: true, value: null };
  try {
    return { ok: true, value: await readFile(named.value, 'utf8') };
  } catch (error) {
    const message = `the file ${named.value} named by ${named.variable} cannot be read (${codeOf(error)})`;
    return refusedHere('credential-missing', message, [`set ${named.variable} to the path of a PEM file`]);
  }
}

function pickVariable(env: Environment, name: string, shard: number): { variable: string; value: string } | null {
  for (const variable of [`${name}_${shard}`, name]) {
    const value = env[variable]?.trim();
    if (value !== undefined && value !== '') return { variable, value };
  }
  return null;
}

function readAnswer<S extends z.ZodType>(
  gateway: { readonly admin: string; readonly shard: number },
  status: number,
  text: string,
  schema: S,
): GatewayResult<z.output<S>> {
  const isPositive = status >= 200 && status < 300;
  const json = parseJson(text);
  if (isPositive) {
    const answer = schema.safeParse(json);
    if (answer.success) return { ok: true, value: answer.data };
    const paths = answer.error.issues.map((issue) => issue.path.join('.') || '(document)').join(', ');
    return invalidAnswer(gateway, status, `its answer does not fit the admin API at ${paths}`);
  }
  const error = apiErrorSchema.safeParse(json);
  if (error.success) return { ok: false, kind: 'refused', status, error: error.data };
  return invalidAnswer(gateway, status, `it answered ${status} without an error document`);
}

function invalidAnswer(gateway: { readonly admin: string }, status: number, what: string): GatewayFailure {
  const message = `${gateway.admin} does not answer as a gateway of this version: ${what}`;
  const next = ['check the address under `gateways` in the inventory and the version of the gateway (GET /v1/info)'];
  return { ok: false, kind: 'refused', status, error: { code: 'invalid-answer', message, next } };
}

/** A TLS or connect error came before the request left; anything else may have come after the gateway read it. */
function unreachable(
  gateway: { readonly admin: string; readonly shard: number },
  error: unknown,
  method: Call['method'],
): GatewayFailure {
  const cause = codeOf(error);
  const changesNothing = method === 'GET' || BEFORE_SENDING.test(cause);
  const message = `the gateway of shard ${gateway.shard} at ${gateway.admin} cannot be reached (${cause})`;
  const next = CERTIFICATE_ERROR.test(cause)
    ? [`set ${CREDENTIAL_VARIABLES.certificate} to the gateway's admin.crt`]
    : [
        'check that the gateway runs and that its address under `gateways` in the inventory is right (runbooks/gateway-down.md)',
      ];
  return {
    ok: false,
    kind: 'unreachable',
    error: { code: changesNothing ? 'unreachable' : 'outcome-unknown', message, next },
  };
}

/** In front of them the gateway was there. */
const BROKEN = /\((ECONNRESET|EPIPE|UND_ERR_SOCKET)\)/;
const SLOW_TO_CONNECT = /\(UND_ERR_CONNECT_TIMEOUT\)/;
const MOST_ATTEMPTS = 3;

const CERTIFICATE_ERROR = /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL/;
const BEFORE_SENDING =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|ERR_INVALID/;

function outcomeUnknown(failure: GatewayFailure, name: string, requestId: string): GatewayFailure {
  const message = `${failure.error.message}; whether ${name} was moved (request ${requestId}) is unknown`;
  return {
    ...failure,
    error: { code: 'outcome-unknown', message, connection: name, next: ['cutover status', ...failure.error.next] },
  };
}

function refusedHere(code: string, message: string, next: string[]): GatewayFailure {
  return { ok: false, kind: 'refused', error: { code, message, next } };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError') return 'no answer in time';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function mapValue<A, B>(result: GatewayResult<A>, map: (value: A) => B): GatewayResult<B> {
  return result.ok ? { ok: true, value: map(result.value) } : result;
}

function pathOf(name: string): string {
  return `/v1/connections/${encodeURIComponent(name)}`;
}
