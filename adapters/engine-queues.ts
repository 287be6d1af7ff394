/**
 * Reads from a Mirth Connect or Open Integration Engine what waits inside it: its REST API's channel statuses (queues) and,
 * channel by channel, how many messages it keeps as errors. Counts and names of channels only, never a message.
 */

import { readFile } from 'node:fs/promises';
import sax from 'sax';
import { Agent, request } from 'undici';
import type { EngineApi } from '../core/reconcile/attestation.ts';
import { wholeNumber } from '../core/whole-number.ts';

export type EngineQueues = { readonly queued: number; readonly errors: number; readonly channels: number };
export type ReadQueues =
  | { readonly ok: true; readonly value: EngineQueues }
  | { readonly ok: false; readonly message: string };

const ANSWER_LIMIT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 32 * 1024 * 1024;
const CHANNELS_LIMIT = 10_000;
/** Of its requests at once: it has other things to do. */
const TOGETHER = 4;

/** A complaint about what was asked of the engine, or what it answered. */
class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

export async function readEngineQueues(api: EngineApi, env: NodeJS.ProcessEnv): Promise<ReadQueues> {
  const password = env[api.passwordEnv];
  if (!password) return { ok: false, message: `${api.passwordEnv} is not set: it holds the password of ${api.user}` };
  let agent: Agent | null = null;
  try {
    agent = await agentOf(api);
    return { ok: true, value: await read(api, password, agent) };
  } catch (error) {
    return { ok: false, message: `${api.url}: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    await agent?.destroy();
  }
}

async function agentOf({ ca }: EngineApi): Promise<Agent> {
  const limits = { headersTimeout: ANSWER_LIMIT_MS, bodyTimeout: ANSWER_LIMIT_MS, connections: TOGETHER };
  if (ca === undefined) return new Agent({ ...limits, connect: { timeout: ANSWER_LIMIT_MS } });
  return new Agent({ ...limits, connect: { timeout: ANSWER_LIMIT_MS, ca: await readFile(ca, 'utf8') } });
}

async function read(api: EngineApi, password: string, agent: Agent): Promise<EngineQueues> {
  const get = (path: string): Promise<string> => textOf(api, password, agent, path);
  const all = statusesIn(await get('channels/statuses?includeUndeployed=true'));
  const channels = all.filter(({ name }) => api.channels?.includes(name) ?? true);
  const absent = api.channels?.find((name) => !channels.some((channel) => channel.name === name));
  if (absent !== undefined) throw new Unreadable(`it has no channel named ${absent}`);
  let errors = 0;
  for (let from = 0; from < channels.length; from += TOGETHER) {
    const counts = channels
      .slice(from, from + TOGETHER)
      .map(async ({ id }) => countIn(await get(`channels/${encodeURIComponent(id)}/messages/count?status=ERROR`)));
    for (const count of await Promise.all(counts)) errors += count;
  }
  return { queued: channels.reduce((sum, { queued }) => sum + queued, 0), errors, channels: channels.length };
}

/** Its API asks for a header of its own, as a guard against pages that a browser was led to. */
async function textOf({ url, user }: EngineApi, password: string, dispatcher: Agent, path: string): Promise<string> {
  const { statusCode, body } = await request(`${url.replace(/\/+$/, '')}/${path}`, {
    dispatcher,
    headers: {
      accept: 'application/xml',
      'x-requested-with': 'cutover',
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    },
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES) throw new Unreadable('its answer is longer than 32 MiB');
    chunks.push(chunk);
  }
  if (statusCode === 401 || statusCode === 403) throw new Unreadable(`it does not let ${user} read (${statusCode})`);
  if (statusCode !== 200) throw new Unreadable(`it answered ${statusCode} to ${path.replace(/\?.*/, '')}`);
  return Buffer.concat(chunks).toString('utf8');
}

type ChannelStatus = { readonly id: string; readonly name: string; readonly queued: number };

/**
 * `<list><dashboardStatus>`, of a channel and, within `childStatuses`, of its connectors. The channel says what waits in all
 * of it; where it says less than its connectors do together, they are believed.
 */
function statusesIn(xml: string): ChannelStatus[] {
  const found: ChannelStatus[] = [];
  const open: { id: string; name: string; queued: number; children: number }[] = [];
  readXml(xml, 'list', {
    opened: (path) => {
      if (path.at(-1) === 'dashboardStatus') open.push({ id: '', name: '', queued: 0, children: 0 });
    },
    closed: (path, text) => {
      const status = open.at(-1);
      if (status === undefined) return;
      const name = path.at(-1);
      if (name === 'dashboardStatus') {
        open.pop();
        const queued = Math.max(status.queued, status.children);
        const parent = open.at(-1);
        if (parent !== undefined) parent.children += queued;
        else found.push({ id: status.id, name: status.name, queued });
      } else if (path.at(-2) === 'dashboardStatus') {
        if (name === 'channelId') status.id = text;
        else if (name === 'name') status.name = text;
        else if (name === 'queued') status.queued = countFrom(text);
      }
    },
  });
  if (found.some(({ id }) => id === '')) throw new Unreadable('its channel statuses have no ids');
  if (found.length > CHANNELS_LIMIT) throw new Unreadable(`it has more than ${CHANNELS_LIMIT} channels`);
  return found;
}

/** `<long>3</long>`. */
function countIn(xml: string): number {
  let count: number | null = null;
  readXml(xml, 'long', {
    opened: () => undefined,
    closed: (_path, text) => {
      count = countFrom(text);
    },
  });
  if (count === null) throw new Unreadable('its count of errors is none');
  return count;
}

function countFrom(text: string): number {
  const count = wholeNumber(text);
  if (count === null) throw new Unreadable('a count of it is no whole number');
  return count;
}

type Visitor = {
  readonly opened: (path: readonly string[]) => void;
  readonly closed: (path: readonly string[], text: string) => void;
};

/** Strict: what is cut, or another document, is no answer. */
function readXml(xml: string, root: string, { opened, closed }: Visitor): void {
  const parser = sax.parser(true, { trim: true, normalize: false });
  const path: string[] = [];
  let text = '';
  let roots = 0;
  parser.onerror = () => {
    throw new Unreadable('its answer is no XML');
  };
  parser.ondoctype = () => {
    throw new Unreadable('its answer has a DOCTYPE');
  };
  parser.onopentag = ({ name }) => {
    if (path.length === 0 && name !== root) throw new Unreadable(`its answer is <${name}>, not <${root}>`);
    if (path.length === 0) roots++;
    path.push(name);
    text = '';
    opened(path);
  };
  parser.ontext = (part) => {
    text += part;
  };
  parser.onclosetag = () => {
    closed(path, text.trim());
    path.pop();
    text = '';
  };
  parser.write(xml).close();
  if (roots !== 1 || path.length > 0) throw new Unreadable('its answer is cut');
}
