/**
 * Tells receivers, all at once and within one time limit. It never throws: a receiver that is away, slow or refuses is a
 * line that says so, and nothing else waits for it. A webhook's address is a secret and stands in no message.
 */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { formatProblems } from '../core/located-yaml.ts';
import { toMail, toSlack, toTeams } from '../core/notice/formats.ts';
import type { Notice } from '../core/notice/notice.ts';
import { type EmailReceiver, parseReceivers, type Receiver } from '../core/notice/receivers.ts';

export const NOTIFY_LIMIT_MS = 5_000;

export type Told = { readonly receiver: string; readonly ok: boolean; readonly message: string };
export type Receivers =
  | { readonly ok: true; readonly value: readonly Receiver[] }
  | { readonly ok: false; readonly message: string };

/** Of `stacks/NAME`; without the file: nobody. */
export async function readReceivers(stackFolder: string): Promise<Receivers> {
  const file = join(stackFolder, 'notify.yaml');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { ok: true, value: [] };
    return { ok: false, message: `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  const parsed = parseReceivers(text, file);
  return parsed.ok ? parsed : { ok: false, message: formatProblems(parsed.problems) };
}

export function tellAll(
  receivers: readonly Receiver[],
  notice: Notice,
  env: NodeJS.ProcessEnv,
  limitMs = NOTIFY_LIMIT_MS,
): Promise<readonly Told[]> {
  const wanted = receivers.filter(({ events }) => events.some((event) => notice.events.includes(event)));
  return Promise.all(wanted.map((receiver) => tellOne(receiver, notice, env, limitMs)));
}

async function tellOne(receiver: Receiver, notice: Notice, env: NodeJS.ProcessEnv, limitMs: number): Promise<Told> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  const complaint = await send(receiver, notice, env, limit.signal);
  clearTimeout(timer);
  const message = limit.signal.aborted ? `no answer within ${limitMs / 1000} s` : (complaint ?? 'told');
  return { receiver: receiver.name, ok: complaint === null, message };
}

/** Null: it took it. */
async function send(
  receiver: Receiver,
  notice: Notice,
  env: NodeJS.ProcessEnv,
  limit: AbortSignal,
): Promise<string | null> {
  switch (receiver.kind) {
    case 'slack':
      return post(receiver.url, toSlack(notice), env, limit);
    case 'teams':
      return post(receiver.url, toTeams(notice), env, limit);
    case 'email':
      return mail(receiver, notice, env, limit);
  }
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1', '[::1]']);

async function post(
  variable: string,
  body: object,
  env: NodeJS.ProcessEnv,
  limit: AbortSignal,
): Promise<string | null> {
  const text = env[variable];
  if (!text) return `${variable} is not set`;
  const url = URL.parse(text);
  if (url === null) return `${variable} holds no URL`;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.has(url.hostname)))
    return `${variable} is no https URL: whoever listens could write to the channel`;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: limit,
    });
    await answer.body?.cancel();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (error) {
    return failureOf(error);
  }
}

async function mail(
  receiver: EmailReceiver,
  notice: Notice,
  env: NodeJS.ProcessEnv,
  limit: AbortSignal,
): Promise<string | null> {
  const { host, port, tls, from, to } = receiver;
  const isHere = LOOPBACK.has(host);
  if (tls === 'none' && !isHere) return `'tls: none' is for this machine only; ${host} is another one`;
  const [user, password] = [receiver.user, receiver.password].map((name) => (name === undefined ? null : env[name]));
  for (const [name, value] of [[receiver.user, user] as const, [receiver.password, password] as const])
    if (name !== undefined && !value) return `${name} is not set`;
  // A socket of our own: at the limit it is destroyed, whatever the library waits for.
  const socket = connect({ host, port });
  limit.addEventListener('abort', () => socket.destroy(new Error('late')));
  const transport = createTransport({
    host,
    port,
    secure: tls === 'from-the-start',
    requireTLS: tls === 'starttls' || (Boolean(user) && tls !== 'from-the-start'),
    ignoreTLS: tls === 'none' && !user,
    getSocket: (_options, found) => {
      socket.once('connect', () => found(null, { connection: socket }));
      socket.once('error', (error) => found(error, false));
    },
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(user && password ? { auth: { user, pass: password } } : {}),
  });
  try {
    const { rejected } = await transport.sendMail({ from, to, ...toMail(notice) });
    return rejected.length === 0 ? null : `it refused ${rejected.length} of ${to.length} addresses`;
  } catch (error) {
    return failureOf(error);
  } finally {
    transport.close();
    socket.destroy();
  }
}

/** What went wrong, as codes: texts of libraries can repeat an address. */
function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  const causes = [error, error.cause];
  const codes = causes.flatMap((each) =>
    typeof each === 'object' && each !== null && 'code' in each && typeof each.code === 'string' ? [each.code] : [],
  );
  const status = 'responseCode' in error && typeof error.responseCode === 'number' ? [`${error.responseCode}`] : [];
  const known = [...codes, ...status];
  return known.length === 0 ? `it failed (${error.name})` : `it failed (${known.join(', ')})`;
}
