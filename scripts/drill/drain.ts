/**
 * The drain of a switch, rehearsed on live traffic without a move: once a message has been seen and the copies have
 * caught up, the feed is held, what is in flight is waited for, and the feed is released. No hold lasts longer than the
 * gateway allows; where this process dies, the gateway ends the hold by itself.
 */

import type { GatewayClient } from '../../adapters/gateway-admin.ts';
import type { ConnectionStatus } from '../../core/admin-api.ts';
import { counted } from '../../core/count-words.ts';
import type { Drilled } from '../../core/drill-document.ts';
import type { Connection, Feed } from '../../core/inventory.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import { type StatusByName, StatusWatch } from './status-watch.ts';

const UNKNOWN_ACK_TIMEOUT_MS = 5_000;
/** As the gateway's swaps have it: few enough to be answered within the hold. */
const CATCH_UP_LAG = 2;
const CATCH_UP_WITHIN_MS = 20_000;

export type DrainOptions = {
  /** How long to watch each feed for a message. */
  readonly watchMs: number;
  /** Feeds held at the same time. */
  readonly width: number;
  readonly onDone: (done: number, of: number) => void;
};

type FeedGroup = { readonly feed: Feed; readonly members: readonly Connection[]; readonly gateway: GatewayClient };

/** In the selection's order. */
export async function drillDrains(context: Context, options: DrainOptions): Promise<Drilled[]> {
  const groups = groupByFeed(context);
  const watches = new Map(context.gateways.map((gateway) => [gateway.shard, new StatusWatch(gateway)]));
  const drilled = new Map<string, Drilled>();
  const queue = [...groups];
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let group = queue.shift(); group !== undefined && !context.interruption.aborted; group = queue.shift()) {
      const watch = watches.get(group.feed.shard);
      if (watch === undefined) throw new Error(`no gateway for shard ${group.feed.shard}`);
      for (const one of await drillFeed(context, group, watch, options.watchMs)) drilled.set(one.name, one);
      options.onDone(++done, groups.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.width, groups.length) }, worker));
  return context.selected.flatMap(({ name }) => drilled.get(name) ?? []);
}

function groupByFeed(context: Context): FeedGroup[] {
  const feeds = new Map(context.inventory.feeds.map((feed) => [feed.name, feed]));
  const fed = context.selected.flatMap((item) => (item.feed === null ? [] : [{ item, feed: item.feed }]));
  return [...Map.groupBy(fed, ({ feed }) => feed)].map(([name, grouped]) => {
    const feed = feeds.get(name);
    const members = grouped.map(({ item }) => item);
    if (feed === undefined) throw new Error(`the inventory has no feed ${name}`);
    return { feed, members, gateway: gatewayOf(context, feed.shard) };
  });
}

async function drillFeed(context: Context, group: FeedGroup, watch: StatusWatch, watchMs: number): Promise<Drilled[]> {
  const { members } = group;
  const ready = await untilReady(context, group, watch, watchMs);
  if (!ready.ok) {
    return members.map((member) => left(group, member, ready.statuses?.get(member.name), ready.reasonOf(member.name)));
  }
  const { atHold, messagesSeen } = ready;
  const hold = await holdUntilDrained(context, group, watch);
  if (!hold.ok) return members.map((member) => left(group, member, atHold.get(member.name), hold.message));
  return members.map((member): Drilled => {
    const status = atHold.get(member.name);
    const drainMs = hold.drainMs.get(member.name) ?? null;
    const figures = { messagesSeen, inFlightAtHold: status?.inFlight ?? null, drainMs, pauseMs: hold.pauseMs };
    const line = { ...left(group, member, status, null), ...figures };
    if (drainMs === null) {
      const open = openIn(hold.afterwards.get(member.name) ?? status);
      return { ...line, verdict: 'failed', reason: `not drained within ${boundOf(group.feed)} ms: ${open}` };
    }
    if (messagesSeen > 0) return { ...line, verdict: 'passed' };
    const reason = `no message came within ${watchMs / 1000} s: drained, but not under traffic`;
    return { ...line, verdict: 'idle', reason };
  });
}

type Ready =
  | { readonly ok: true; readonly atHold: StatusByName; readonly messagesSeen: number }
  | { readonly ok: false; readonly statuses: StatusByName | null; readonly reasonOf: (name: string) => string };

/** A message has been seen (or the watch is over), nothing else moves the connections, and the copies have caught up. */
async function untilReady(
  { interruption }: Context,
  { members, gateway }: FeedGroup,
  watch: StatusWatch,
  watchMs: number,
): Promise<Ready> {
  const before = await statusesOf(gateway, members);
  if (!before.ok) return { ok: false, statuses: null, reasonOf: () => before.message };
  await watch.until((now) => seen(members, before.statuses, now) > 0, watchMs, interruption);
  const isReady = ({ state, shadowLag }: ConnectionStatus): boolean => state === 'steady' && shadowLag <= CATCH_UP_LAG;
  const isCaughtUp = await watch.until((now) => every(members, now, isReady), CATCH_UP_WITHIN_MS, interruption);
  const atHold = await statusesOf(gateway, members);
  if (!atHold.ok) return { ok: false, statuses: null, reasonOf: () => atHold.message };
  const { statuses } = atHold;
  if (interruption.aborted) return { ok: false, statuses, reasonOf: () => 'interrupted before the hold' };
  if (!isCaughtUp) {
    return { ok: false, statuses, reasonOf: (name) => `not ready for a hold: ${readiness(statuses.get(name))}` };
  }
  return { ok: true, atHold: statuses, messagesSeen: seen(members, before.statuses, statuses) };
}

type Hold =
  | {
      readonly ok: true;
      readonly drainMs: ReadonlyMap<string, number>;
      readonly pauseMs: number;
      readonly afterwards: StatusByName;
    }
  | { readonly ok: false; readonly message: string };

async function holdUntilDrained(
  { clock, interruption }: Context,
  { feed, members, gateway }: FeedGroup,
  watch: StatusWatch,
): Promise<Hold> {
  const [first] = members;
  if (first === undefined) throw new Error('a feed that is drilled has a connection');
  const boundMs = boundOf(feed);
  const heldAtMs = clock.elapsedMs();
  const held = await gateway.hold(first.name, { forMs: boundMs, reason: 'drill: drain rehearsed, no move' });
  if (!held.ok) return { ok: false, message: held.error.message };
  const drainMs = new Map<string, number>();
  const note = (now: StatusByName): boolean => {
    for (const { name } of members) {
      const status = now.get(name);
      if (status === undefined || drainMs.has(name) || !isDrained(status)) continue;
      drainMs.set(name, Math.round(clock.elapsedMs() - heldAtMs));
    }
    return drainMs.size === members.length;
  };
  try {
    await watch.until(note, boundMs, interruption);
  } finally {
    await gateway.release(first.name);
  }
  const pauseMs = Math.round(clock.elapsedMs() - heldAtMs);
  const afterwards = await statusesOf(gateway, members);
  return { ok: true, drainMs, pauseMs, afterwards: afterwards.ok ? afterwards.statuses : new Map() };
}

function boundOf({ ackTimeoutMs }: Feed): number {
  return Math.floor((ackTimeoutMs ?? UNKNOWN_ACK_TIMEOUT_MS) / 2);
}

/** A line with nothing measured; a reason means that it failed. */
function left(
  { feed }: FeedGroup,
  { name }: Connection,
  status: ConnectionStatus | undefined,
  reason: string | null,
): Drilled {
  return {
    name,
    feed: feed.name,
    shard: feed.shard,
    phase: status?.phase ?? null,
    epoch: status?.epoch ?? null,
    verdict: 'failed',
    reason,
    ackTimeoutMs: feed.ackTimeoutMs,
    boundMs: boundOf(feed),
    messagesSeen: 0,
    inFlightAtHold: null,
    drainMs: null,
    pauseMs: null,
  };
}

type Read = { readonly ok: true; readonly statuses: StatusByName } | { readonly ok: false; readonly message: string };

async function statusesOf(gateway: GatewayClient, members: readonly Connection[]): Promise<Read> {
  const statuses = new Map<string, ConnectionStatus>();
  const answers = await Promise.all(members.map(({ name }) => gateway.connection(name)));
  for (const answer of answers) {
    if (!answer.ok) return { ok: false, message: answer.error.message };
    statuses.set(answer.value.name, answer.value);
  }
  return { ok: true, statuses };
}

function seen(members: readonly Connection[], before: StatusByName, now: StatusByName): number {
  const counts = members.map(({ name }) => {
    const [then, since] = [before.get(name), now.get(name)];
    return then === undefined || since === undefined ? 0 : since.counters.received - then.counters.received;
  });
  // A message of a shared feed is counted by each of its connections.
  return Math.max(0, ...counts);
}

function every(
  members: readonly Connection[],
  now: StatusByName,
  test: (status: ConnectionStatus) => boolean,
): boolean {
  return members.every(({ name }) => {
    const status = now.get(name);
    return status !== undefined && test(status);
  });
}

function isDrained({ inFlight, owedOutputs, shadowLag }: ConnectionStatus): boolean {
  return inFlight === 0 && owedOutputs === 0 && shadowLag === 0;
}

function readiness(status: ConnectionStatus | undefined): string {
  if (status === undefined) return 'its gateway does not show it';
  if (status.state !== 'steady') return `its gateway says '${status.state}'`;
  return `the shadow is ${counted(status.shadowLag, 'message')} behind`;
}

function openIn(status: ConnectionStatus | undefined): string {
  if (status === undefined) return 'its gateway does not show it';
  const { inFlight, owedOutputs, shadowLag } = status;
  return `${inFlight} in flight, ${counted(owedOutputs, 'output')} owed, the shadow ${shadowLag} behind`;
}
