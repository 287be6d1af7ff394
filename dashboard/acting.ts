/**
 * With `--actions`: an operator logs in with a credential of their own, and starts verbs from the page. Every request that
 * changes something must come from this very page (origin, a header with the session's own secret, a strict cookie), and
 * what is asked in a terminal is asked here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Inventory } from '../core/inventory.ts';
import { type Ask, argumentsOf, askSchema, commandOf, type Done, loginSchema } from '../core/war-room/acting.ts';
import { CONFIRMATIONS } from '../core/war-room/confirmations.ts';
import { logIn } from './login.ts';
import { environmentOf, runVerb } from './run-verb.ts';
import { isSame, type Session, Sessions } from './sessions.ts';

export type ActingOptions = {
  readonly inventory: Inventory;
  readonly project: string;
  readonly stack: string;
  readonly env: NodeJS.ProcessEnv;
};

const COOKIE = 'cutover-operator';
export const NOT_OFFERED = { status: 200, body: { isOffered: false, shards: [], who: null } } as const;
const BODY_LIMIT_BYTES = 16 * 1024;

type Answer = { readonly status: number; readonly body: object; readonly headers?: Readonly<Record<string, string>> };

export class Acting {
  readonly #options: ActingOptions;
  readonly #sessions = new Sessions();
  #isBusy = false;

  constructor(options: ActingOptions) {
    this.#options = options;
  }

  /** Null: it is not for here. */
  async answer(request: IncomingMessage, path: string): Promise<Answer | null> {
    if (path !== '/session' && path !== '/actions') return null;
    const { method = '' } = request;
    const cookie = cookieOf(request);
    const session = this.#sessions.find(cookie, Date.now());
    if (path === '/session' && method === 'GET')
      return { status: 200, body: { isOffered: true, shards: this.#shards(), who: session && seen(session) } };
    if (!isOwnPage(request)) return refusal(403, 'only this page itself may ask that');
    if (path === '/session' && method === 'POST') return this.#login(request);
    if (session === null) return refusal(401, 'log in first');
    if (!isSame(String(request.headers['x-cutover-csrf'] ?? ''), session.csrf))
      return refusal(403, 'only this page itself may ask that');
    this.#sessions.use(cookie, Date.now());
    if (path === '/session' && method === 'DELETE') {
      this.#sessions.close(cookie);
      return {
        status: 200,
        body: {},
        headers: { 'set-cookie': `${COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0` },
      };
    }
    return path === '/actions' && method === 'POST' ? this.#act(request, session) : refusal(405, 'not like this');
  }

  async #login(request: IncomingMessage): Promise<Answer> {
    const nowMs = Date.now();
    if (this.#sessions.isBlocked(nowMs)) return refusal(429, 'too many wrong tokens: try again in a minute');
    const parsed = await bodyOf(request, loginSchema);
    if (parsed === null) return refusal(400, 'it needs a token');
    const login = await logIn(this.#options.inventory, parsed, this.#options.env);
    if (login.wasWrong) this.#sessions.noteFailure(nowMs);
    if (!login.ok) return refusal(401, login.message);
    const { cookie, session } = this.#sessions.open(login.value, nowMs);
    const headers = { 'set-cookie': `${COOKIE}=${cookie}; HttpOnly; SameSite=Strict; Path=/` };
    return { status: 200, body: seen(session), headers };
  }

  async #act(request: IncomingMessage, session: Session): Promise<Answer> {
    const ask = await bodyOf(request, askSchema);
    if (ask === null) return refusal(400, 'it is not clear what is asked: an action, of what, and why');
    const wanted = CONFIRMATIONS[ask.action];
    const command = commandOf(ask);
    const isLook = ask.confirmed === null;
    if (isLook && wanted === null) return done({ command, exitCode: null, document: null });
    if (!isLook && wanted !== null && ask.confirmed !== wanted)
      return refusal(409, `not confirmed, nothing was changed: type '${wanted}'`);
    const outOfReach = this.#outOfReach(ask, session);
    if (outOfReach !== null) return refusal(403, outOfReach);
    if (this.#isBusy) return refusal(409, 'another action is under way: wait for it');
    this.#isBusy = true;
    try {
      return done({ command, ...(await this.#run(ask, session, isLook)) });
    } finally {
      this.#isBusy = false;
    }
  }

  #shards(): number[] {
    return this.#options.inventory.gateways.map(({ shard }) => shard);
  }

  /** Null: the login reaches every gateway of what is asked for. */
  #outOfReach({ scope: { kind, name } }: Ask, { gateways }: Session): string | null {
    const concerned = this.#options.inventory.connections.filter(
      (each) => each[kind === 'wave' ? 'wave' : 'name'] === name,
    );
    if (concerned.length === 0) return `there is no ${kind} '${name}'`;
    const shards = new Set(concerned.map(({ shard }) => shard));
    const [first] = gateways.filter(({ shard, role }) => shards.has(shard) && role === null);
    return first === undefined
      ? null
      : `your login does not reach gateway ${first.shard} (${first.complaint}): log in again with a token that it knows`;
  }

  #run(ask: Ask, session: Session, isLook: boolean): ReturnType<typeof runVerb> {
    const { project, stack, env } = this.#options;
    const how = isLook ? ['--dry-run'] : CONFIRMATIONS[ask.action] === null ? [] : ['--yes'];
    // Without a reason a look is one at the Plan alone.
    const args = argumentsOf(isLook && ask.reason === '' ? { ...ask, reason: 'to be said' } : ask);
    return runVerb([...args, ...how, '--json', '--stack', stack], project, environmentOf(env, session));
  }
}

function done(body: Done): Answer {
  return { status: 200, body };
}

function refusal(status: number, message: string): Answer {
  return { status, body: { error: message } };
}

/** Everything but the tokens. */
function seen({ name, gateways, csrf }: Session): object {
  return { name, gateways, csrf };
}

/** Browsers send an origin with every request that changes something, and no page can choose another one. */
function isOwnPage(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  const isJson = (request.headers['content-type'] ?? '').startsWith('application/json');
  return host !== undefined && origin === `http://${host}` && (request.method === 'DELETE' || isJson);
}

function cookieOf(request: IncomingMessage): string {
  const parts = (request.headers.cookie ?? '').split(';').map((part) => part.trim());
  return parts.find((part) => part.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? '';
}

async function bodyOf<S extends z.ZodType>(request: IncomingMessage, schema: S): Promise<z.output<S> | null> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_LIMIT_BYTES) return null;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? parsed.data : null;
}

export function send(
  response: ServerResponse,
  { status, body, headers }: Answer,
  common: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, { ...common, ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
}
