/** The admin API's paths, methods and answers, as in docs/interfaces.md; knows nothing of sockets. */
import type { Logger } from 'pino';
import { z } from 'zod';
import {
  type Lease,
  LIST_NAMES,
  leaseRequestSchema,
  type RouteRequest,
  resolveRequestSchema,
  routeRequestSchema,
  stopRequestSchema,
} from '../../core/admin-api.ts';
import type { AdminHost, Caller, HostResult } from './host.ts';
import { leaseAt, releaseLease, takeLease } from './lease.ts';
import type { Call } from './messages.ts';
import { refuseMove } from './permission.ts';
import { failure, type Reply } from './reply.ts';

export type Context = {
  readonly host: AdminHost;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Of this process: it does not outlive it, as verbs take it anew. */
  lease: Lease | null;
};

type Handler = (call: Call, context: Context, names: readonly string[]) => Reply | Promise<Reply>;
type Route = { readonly pattern: readonly string[]; readonly methods: Readonly<Record<string, Handler>> };

/** As long as the longest move's patience; the host bounds it by half the sender's ackTimeout. */
const holdRequestSchema = z.strictObject({ forMs: z.int().min(1).max(3_600_000), reason: z.string().min(1).max(500) });
const listNameSchema = z.enum(LIST_NAMES);

/** `*` stands for a name. */
const ROUTES: readonly Route[] = [
  {
    pattern: ['info'],
    methods: { GET: ({ caller: { name, role } }, { host }) => found({ ...host.info(), you: { name, role } }) },
  },
  { pattern: ['connections'], methods: { GET: (_, { host }) => found({ connections: host.connections() }) } },
  { pattern: ['connections', '*'], methods: { GET: (_, { host }, [name = '']) => known(name, host.connection(name)) } },
  { pattern: ['connections', '*', 'route'], methods: { PUT: move } },
  {
    pattern: ['connections', '*', 'epochs'],
    methods: {
      GET: (_, { host }, [name = '']) => {
        const epochs = host.epochs(name);
        return known(name, epochs === null ? null : { epochs });
      },
    },
  },
  { pattern: ['epochs'], methods: { GET: (_, { host }) => found({ newest: host.newestEpochs() }) } },
  { pattern: ['connections', '*', 'lists', '*'], methods: { GET: list } },
  { pattern: ['connections', '*', 'hold'], methods: { POST: hold } },
  { pattern: ['connections', '*', 'release'], methods: { POST: release } },
  { pattern: ['connections', '*', 'stopped'], methods: { POST: stopped } },
  { pattern: ['decisions'], methods: { GET: (_, { host }) => found({ decisions: host.decisions() }) } },
  { pattern: ['decisions', '*'], methods: { POST: resolve } },
  { pattern: ['refusals'], methods: { GET: (_, { host }) => found(host.refusedMoves()) } },
  { pattern: ['lease'], methods: { GET: getLease, PUT: putLease, DELETE: deleteLease } },
];

export async function answerCall(call: Call, context: Context): Promise<Reply> {
  for (const { pattern, methods } of ROUTES) {
    const names = namesIn(pattern, call.path);
    if (names === null) continue;
    const handler = methods[call.method];
    if (handler !== undefined) return handler(call, context, names);
    const allow = Object.keys(methods);
    return { ...failure(405, 'method-not-allowed', `this path takes ${allow.join(', ')}`), allow };
  }
  return failure(404, 'not-found', 'there is no such path; docs/interfaces.md lists them');
}

async function move(call: Call, context: Context, [name = '']: readonly string[]): Promise<Reply> {
  const { host, logger, nowMs } = context;
  const request = bodyOf(call, routeRequestSchema, name);
  if (!request.ok) return request.reply;
  const route = host.routeOf(name);
  if (route === null) return known(name, null);
  const startedMs = nowMs();
  const refused = refuseMove(call.caller, request.value, route);
  const result: HostResult<object & { aborted?: boolean | undefined; epoch: number }> =
    refused === null ? await host.move(name, request.value, call.caller) : { ok: false, ...refused };
  const outcome = result.ok
    ? { outcome: result.value.aborted === true ? 'aborted' : 'done', epoch: result.value.epoch }
    : { outcome: 'refused', code: result.error.code };
  logger.info(
    { event: 'move', ...whatOf(name, request.value, call.caller), ...outcome, tookMs: nowMs() - startedMs },
    'move',
  );
  return replyOf(result);
}

/** Who asked for what. Free text (`reason`) stays in the epoch history. */
function whatOf(connection: string, request: RouteRequest, caller: Caller): object {
  const { requestId, phase, newWeight, expectedEpoch, origin, force, changeId } = request;
  return { by: caller.name, connection, requestId, phase, newWeight, expectedEpoch, origin, force, changeId };
}

function list(_: Call, { host }: Context, [name = '', which = '']: readonly string[]): Reply {
  const parsed = listNameSchema.safeParse(which);
  if (!parsed.success) return failure(404, 'not-found', `there is no such list; there are ${LIST_NAMES.join(', ')}`);
  return known(name, host.list(name, parsed.data));
}

async function hold(call: Call, { host, logger }: Context, [name = '']: readonly string[]): Promise<Reply> {
  const request = bodyOf(call, holdRequestSchema, name);
  if (!request.ok) return request.reply;
  if (host.routeOf(name) === null) return known(name, null);
  const { forMs, reason } = request.value;
  const result = await host.hold(name, forMs, reason, call.caller);
  logger.info({ event: 'hold', by: call.caller.name, connection: name, forMs, ...outcomeOf(result) }, 'hold');
  return replyOf(result);
}

async function release(call: Call, { host, logger }: Context, [name = '']: readonly string[]): Promise<Reply> {
  if (host.routeOf(name) === null) return known(name, null);
  const result = await host.release(name, call.caller);
  logger.info({ event: 'release', by: call.caller.name, connection: name, ...outcomeOf(result) }, 'release');
  return replyOf(result);
}

async function stopped(call: Call, { host, logger }: Context, [name = '']: readonly string[]): Promise<Reply> {
  const request = bodyOf(call, stopRequestSchema, name);
  if (!request.ok) return request.reply;
  if (host.routeOf(name) === null) return known(name, null);
  const { platform } = request.value;
  const result = await host.stopped(name, request.value, call.caller);
  logger.info({ event: 'stopped', by: call.caller.name, connection: name, platform, ...outcomeOf(result) }, 'stopped');
  return replyOf(result);
}

async function resolve(call: Call, { host, logger }: Context, [id = '']: readonly string[]): Promise<Reply> {
  if (call.caller.role !== 'move') {
    const message = `credential '${call.caller.name}' has the role operate, which does not resolve decisions`;
    return failure(403, 'forbidden', message, { next: ['use a credential with the role move'] });
  }
  const request = bodyOf(call, resolveRequestSchema);
  if (!request.ok) return request.reply;
  const { action } = request.value;
  const result = await host.resolve(id, request.value, call.caller);
  logger.info({ event: 'resolve', by: call.caller.name, decision: id, action, ...outcomeOf(result) }, 'resolve');
  return replyOf(result);
}

function getLease(_: Call, context: Context): Reply {
  const lease = leaseAt(context.lease, context.nowMs());
  return lease === null ? failure(404, 'no-lease', 'no verb holds the lease') : found(lease);
}

function putLease(call: Call, context: Context): Reply {
  const request = bodyOf(call, leaseRequestSchema);
  if (!request.ok) return request.reply;
  const answer = takeLease(context.lease, request.value, context.nowMs());
  if (!answer.ok) return leaseHeld(answer.heldBy);
  context.lease = answer.lease;
  return found(answer.lease);
}

function deleteLease(call: Call, context: Context): Reply {
  const holder = new URLSearchParams(call.query).get('holder');
  if (holder === null || holder === '') return failure(400, 'invalid', 'name the holder: DELETE /v1/lease?holder=H');
  const answer = releaseLease(context.lease, holder, context.nowMs());
  if (!answer.ok) return leaseHeld(answer.heldBy);
  context.lease = null;
  return found({});
}

function leaseHeld({ verb, operator, host, since, expiresAt }: Lease): Reply {
  const message = `'cutover ${verb}' by ${operator} on ${host} holds the lease since ${since}`;
  return failure(409, 'lease-held', message, { next: [`wait: it ends by ${expiresAt} unless that verb still runs`] });
}

function outcomeOf(result: HostResult<object>): object {
  return result.ok ? { outcome: 'done' } : { outcome: 'refused', code: result.error.code };
}

function replyOf(result: HostResult<object>): Reply {
  return result.ok ? found(result.value) : { status: result.status, body: result.error };
}

function found(body: object): Reply {
  return { status: 200, body };
}

function known(name: string, value: object | null): Reply {
  if (value !== null) return found(value);
  const next = ['list them: GET /v1/connections'];
  return failure(404, 'unknown-connection', 'this gateway has no connection of that name', { connection: name, next });
}

type Body<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reply: Reply };

function bodyOf<S extends z.ZodType>({ body }: Call, schema: S, connection?: string): Body<z.output<S>> {
  const raw = parsedJson(body);
  if (raw === undefined) return { ok: false, reply: failure(400, 'invalid', 'the request body is not JSON') };
  const parsed = schema.safeParse(raw);
  if (parsed.success) return { ok: true, value: parsed.data };
  const { issues } = parsed.error;
  const onlyWeight = issues.every((issue) => issue.path[0] === 'newWeight');
  const message = issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
  const named = connection === undefined ? {} : { connection };
  return { ok: false, reply: failure(400, onlyWeight ? 'weight-out-of-range' : 'invalid', message, named) };
}

/** Undefined: it is none. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function namesIn(pattern: readonly string[], path: readonly string[]): string[] | null {
  if (pattern.length !== path.length) return null;
  const names: string[] = [];
  for (const [index, part] of pattern.entries()) {
    const given = path[index] ?? '';
    if (part === '*' && given !== '') names.push(given);
    else if (part !== given) return null;
  }
  return names;
}
