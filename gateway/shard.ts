/** One shard as it serves: the engine, its real driver and journal, recovered and listening, behind an `AdminHost`. */

import { X509Certificate } from 'node:crypto';
import { statfsSync } from 'node:fs';
import {
  API_VERSION,
  type ConnectionStatus,
  type Info,
  type RouteRequest,
  type StopAttestation,
} from '../core/admin-api.ts';
import type { Authority } from '../core/approval.ts';
import { digestOf, type Json } from '../core/canonical-json.ts';
import { counted } from '../core/count-words.ts';
import type { ListenerSecurity } from '../core/endpoint-security.ts';
import type { Inventory, Leg } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import type { AdminHost, Caller, HostError, HostResult, ResolveRequest } from './admin/host.ts';
import { keepRoom, readNewestCheckpoint } from './checkpoint/checkpoint-file.ts';
import { Checkpoints } from './checkpoint/checkpoints.ts';
import { journalDirOf } from './data-dir.ts';
import { peersOf } from './drivers/dialling.ts';
import { RealDriver } from './drivers/real.ts';
import { whyFenced } from './engine/connection.ts';
import type { NotResolved } from './engine/deciding.ts';
import type { FrameBudget } from './engine/frame-budget.ts';
import type { EndpointId } from './engine/io.ts';
import type { LegMember } from './engine/leg-port.ts';
import { ShardEngine } from './engine/shard.ts';
import { isOutOfRoom } from './journal/errors.ts';
import { Journal, type RecoveryReport } from './journal/journal.ts';
import { Seal } from './journal/seal.ts';
import { gatewayMetrics } from './metrics.ts';
import { MoveFigures } from './move-figures.ts';
import type { Shard, ShardOptions } from './process.ts';
import { type ProcessFacts, withReadiness } from './readiness.ts';
import { checkpointFolderOf, recoverEngine } from './recover.ts';
import { ShardRefusal } from './shard-refusal.ts';
import { type Shipping, startShipping } from './shipping/shipping.ts';
import { type TlsProblem, TlsStore } from './tls.ts';
import { keepTlsFresh, type TlsRenewal } from './tls-renewal.ts';
import { VERSION } from './version.ts';

const FRAME_LIMIT_BYTES = 32 * 1024 * 1024;
const IDLE_CHECK_MS = 20;
/** Without a database: how much of the journal's history stays on the disk. */
const KEEP_BYTES = 8 * 1024 ** 3;
const STATUS_OF_BAR: Readonly<Record<NotResolved['code'], number>> = {
  'unknown-decision': 404,
  'operation-in-flight': 409,
  'nothing-to-deliver': 409,
  fenced: 409,
  'journal-failed': 503,
};
const OPEN: ListenerSecurity = { tls: null, sourceAllow: null };

export async function startShard(start: ShardOptions): Promise<Shard> {
  const { inventory, identity, logger, now } = start;
  const tls = new TlsStore(start.inventoryFolder);
  const tlsProblems = await tls.add(inventory, identity.shard);
  if (tlsProblems.length > 0) throw tlsRefusalOf(tlsProblems);
  const driver = new RealDriver(logger, now, tls);
  driver.addPeers(peersOf(inventory, identity.shard));
  const seal = new Seal(identity.incarnation, start.keys);
  const checkpoint = await readNewestCheckpoint(checkpointFolderOf(start.dataDir), identity.incarnation, seal);
  const { journal, recovered, report } = await Journal.open({
    dir: journalDirOf(start.dataDir),
    shard: identity.shard,
    incarnation: identity.incarnation,
    mustExist: true,
    keys: start.keys,
    events: driver.journalEvents,
    recoverFrom: checkpoint?.offset ?? 0,
    checkedBefore: Math.min(checkpoint?.offset ?? 0, checkpoint?.neededFrom ?? 0),
    ...(start.journal && { segmentBytes: start.journal.segmentBytes }),
    ...(start.journal?.limitBytes !== undefined && { limitBytes: start.journal.limitBytes }),
    ...(start.journal?.files !== undefined && { files: start.journal.files }),
  });
  await keepRoom(checkpointFolderOf(start.dataDir));
  const engine = new ShardEngine(
    {
      inventory,
      shard: identity.shard,
      target: identity.target,
      authority: authorityOf(start),
      frameLimitBytes: FRAME_LIMIT_BYTES,
      ...(start.frameBudgetBytes !== undefined && { frameBudgetBytes: start.frameBudgetBytes }),
      ...(start.openInputs !== undefined && { openInputs: start.openInputs }),
      afterCrash: !report.clean,
    },
    driver,
  );
  engine.runtime.nextOffset = report.nextOffset;
  driver.attach(engine, journal);
  let feeds: Record<string, number>;
  try {
    const found = { recovered, report, usage: journal.usage() };
    const shardOf = (name: string): number | null =>
      inventory.connections.find((one) => one.name === name)?.shard ?? null;
    const recovery = await recoverEngine(engine, shardOf, checkpoint, found);
    recovery.finish(now(), report.clean, VERSION, journal.usage().firstOffset);
    logger.info({ event: 'recovered', clean: report.clean, records: report.records, cutBytes: report.cut?.bytes ?? 0 });
    feeds = await listenEverywhere(engine, driver, listenHost(start));
    engine.callOut(now());
  } catch (error) {
    await journal.close();
    throw error;
  }
  const renewal = keepTlsFresh(tls, driver, logger);
  const shipping = start.databaseUrl === null ? null : startShipping(shippingOptions(start, start.databaseUrl, report));
  if (shipping !== null) driver.onDurable = (upTo) => shipping.durable(upTo);
  const checkpoints = new Checkpoints({
    inventory,
    shard: identity.shard,
    incarnation: identity.incarnation,
    journalDir: journalDirOf(start.dataDir),
    folder: checkpointFolderOf(start.dataDir),
    keys: start.keys,
    logger,
    usage: () => journal.usage(),
    segments: () => journal.segments(),
    now,
    freeAtStart: {
      now: Math.min(checkpoint?.offset ?? 0, checkpoint?.neededFrom ?? 0),
      besidesBacklog: Math.min(checkpoint?.offset ?? 0, checkpoint?.neededBesidesBacklog ?? 0),
    },
    giveUpBacklog: (ends) => engine.giveUpBacklog(now(), ends),
    purgeBefore: (offset) => journal.purgeBefore(offset),
    durableUpTo: () => driver.durableUpTo,
    retention:
      shipping === null
        ? { kind: 'size', keepBytes: start.journal?.keepBytes ?? KEEP_BYTES, keepMs: start.keepMs ?? null }
        : { kind: 'shipped', upTo: () => shipping.shippedUpTo() },
  });
  driver.onFailed = (error) => {
    if (!isOutOfRoom(error)) return;
    checkpoints.pressed().then(
      (purged) => purged > 0 && logger.warn({ event: 'purged-under-pressure', segments: purged }),
      (failure: unknown) => logger.error({ event: 'purge-failed', problem: String(failure) }),
    );
  };
  driver.onSegment = (durableUpTo) => checkpoints.segmentStarted(durableUpTo);
  const host = adminHost(start, engine, driver, journal, feeds, { tls, shipping });
  const unbound: EndpointId[] = [];
  return {
    host,
    feeds,
    reload: async (next) => {
      await renewal.refresh();
      const problems = await tls.add(next, identity.shard);
      if (problems.length > 0) return problems.map(asLocated);
      await checkpoints.restart(engine.with(next));
      return reload(start, engine, driver, { feeds, unbound }, next);
    },
    stop: (boundMs) => stop(engine, driver, journal, now, boundMs, { renewal, shipping, checkpoints }),
  };
}

/** Asked at every move: keys can be revoked while the gateway runs. */
function authorityOf({ signers, identity }: ShardOptions): (() => Authority) | null {
  return signers === null ? null : () => signers.authority(identity.deployment);
}

function shippingOptions(start: ShardOptions, databaseUrl: string, { nextOffset }: RecoveryReport) {
  const { shard, incarnation, deployment } = start.identity;
  return {
    databaseUrl,
    deployment,
    shard,
    incarnation,
    journalDir: journalDirOf(start.dataDir),
    durableUpTo: nextOffset - 1,
    keys: start.keys,
    logger: start.logger,
    now: start.now,
  };
}

async function listenEverywhere(
  engine: ShardEngine,
  driver: RealDriver,
  host: string,
): Promise<Record<string, number>> {
  const feeds: Record<string, number> = {};
  try {
    for (const [name, feed] of engine.feeds) {
      if (feed.config.dial !== null) continue;
      feeds[name] = await driver.listen(host, feed.config.port, { kind: 'feed', feed: name }, feed.config);
    }
    for (const { members } of engine.legPorts.values()) {
      const leg = legOf(members);
      if (leg.dial === null) await driver.listen(host, leg.port, { kind: 'leg', shard: 0, port: leg.port }, leg);
    }
  } catch (error) {
    driver.stopListening();
    driver.closeAll();
    throw error;
  }
  return feeds;
}

/** Legs that share a port have one protection: the inventory makes sure of it. */
function legOf([member]: readonly LegMember[]): Leg {
  if (member === undefined) throw new Error('a leg port serves a connection');
  return member.connection.config.legs[member.platform];
}

function adminHost(
  start: ShardOptions,
  engine: ShardEngine,
  driver: RealDriver,
  journal: Journal,
  feeds: Record<string, number>,
  { tls, shipping }: { readonly tls: TlsStore; readonly shipping: Shipping | null },
): AdminHost {
  const { identity, now } = start;
  const startedAt = new Date(now()).toISOString();
  const startedMs = now();
  const digest = inventoryDigest(start.inventory);
  const factsNow = (): ProcessFacts => ({
    nowMs: now(),
    startedMs,
    certificates: tls.expiries(),
    disk: diskOf(start.dataDir),
  });
  const statusOf = (name: string, facts: ProcessFacts): ConnectionStatus | null => {
    const status = engine.status(name);
    return status === null ? null : withReadiness(status, facts);
  };
  function* statuses(): Generator<ConnectionStatus> {
    const facts = factsNow();
    for (const name of engine.connections.keys()) {
      const status = statusOf(name, facts);
      if (status !== null) yield status;
    }
  }
  const figures = new MoveFigures((connection) => engine.feedOf(connection)?.config.ackTimeoutMs ?? null);
  engine.watch = figures;
  const exposition = gatewayMetrics({
    connections: statuses,
    journal: () => ({ ...journal.usage(), bufferedBytes: journal.bufferedBytes }),
    openSockets: () => driver.openSockets,
    frames: () => used(engine.runtime.budget),
    answers: () => used(engine.runtime.answerBudget),
    openInputs: () => ({ value: engine.runtime.openInputs.count, limit: engine.runtime.openInputs.limits.shard }),
    mishaps: () => driver.mishaps.counts(),
    certificates: () => [...adminExpiry(start), ...tls.expiries()],
    disk: () => diskOf(start.dataDir),
    shipping: () => shipping?.status() ?? null,
    refusedMoves: () => engine.refusedMoves.byReason,
    moves: () => figures,
    identity: () => ({ shard: identity.shard, deployment: identity.deployment, version: VERSION }),
  });
  return {
    info: (): Info => ({
      apiVersion: API_VERSION,
      version: VERSION,
      deployment: identity.deployment,
      shard: identity.shard,
      incarnation: identity.incarnation,
      target: identity.target,
      startedAt,
      inventoryDigest: digest,
      feeds,
      legs: Object.fromEntries(
        [...engine.connections].map(([name, { config }]) => [
          name,
          { legacy: config.legs.legacy.port, new: config.legs.new.port },
        ]),
      ),
      connections: engine.connections.size,
    }),
    connections: () => [...statuses()],
    connection: (name) => statusOf(name, factsNow()),
    epochs: (name) => engine.connections.get(name)?.epochs ?? null,
    newestEpochs: () =>
      [...engine.connections.values()].flatMap(({ epochs }) => {
        const record = epochs.at(-1);
        return record === undefined ? [] : [{ record, answer: engine.operations.answerTo(record.requestId) }];
      }),
    list: (name, list) => {
      const connection = engine.connections.get(name);
      return connection === undefined
        ? null
        : { entries: [...connection.lists.entries(list)], total: connection.lists.total(list) };
    },
    decisions: () =>
      engine.decisions.all().map(({ inputOffset: _input, proposalOffsets: _proposals, ...decision }) => decision),
    refusedMoves: () => ({ entries: [...engine.refusedMoves.newest()], total: engine.refusedMoves.total }),
    move: (name: string, request: RouteRequest, caller: Caller) =>
      new Promise((resolve) => engine.move(now(), name, request, caller, resolve)),
    hold: async (name, forMs, reason, caller) => {
      if (engine.connections.get(name)?.config.origin === 'platform') {
        const message = `${name} has no feed (origin: platform): there is nobody to hold`;
        return refused(400, 'no-feed', message, ['stop what polls at the platform']);
      }
      const held = engine.hold(now(), name, forMs);
      if (held === 'answering') {
        const message = `the feed of ${name} has just been held, and still answers what waited meanwhile`;
        return refused(409, 'still-answering', message, ['again in a moment']);
      }
      start.logger.info({ event: 'held-by-hand', connection: name, by: caller.name, reason, forMs });
      return held === null ? unknown(name) : { ok: true, value: { heldUntil: new Date(held.untilMs).toISOString() } };
    },
    release: async (name, caller) => {
      if (!engine.release(now(), name)) return unknown(name);
      const fence = engine.connections.get(name)?.fence ?? null;
      if (fence !== null && fence.kind !== 'restored') {
        const { message, next } = whyFenced(name, fence);
        return refused(409, 'fenced', message, next);
      }
      await new Promise<void>((resolve) => engine.unfence(now(), name, caller.name, resolve));
      return { ok: true, value: {} };
    },
    stopped: (name, request, caller) =>
      new Promise((resolve) => {
        const then = (value: StopAttestation | null): void => {
          if (value !== null) resolve({ ok: true, value });
          else {
            const sends = `${request.platform} has sent again while this was written down: it is not stopped`;
            resolve(refused(409, 'still-sends', sends, [`stop what polls in ${request.platform}`]));
          }
        };
        if (engine.attestStopped(now(), name, request, caller.name, then)) return;
        const message = `${name} has a feed: it is switched under traffic, and nothing is stopped for it`;
        resolve(refused(400, 'has-feed', message, ['cutover switch']));
      }),
    resolve: (
      id: string,
      request: ResolveRequest,
      caller: Caller,
    ): Promise<HostResult<ReturnType<AdminHost['decisions']>[number]>> =>
      new Promise((resolve) => {
        const bar = engine.resolve(now(), id, request.action, caller.name, request.reason, (decision) => {
          const { inputOffset: _input, proposalOffsets: _proposals, ...value } = decision;
          resolve({ ok: true, value });
        });
        if (bar === null) return;
        resolve(refused(STATUS_OF_BAR[bar.code], bar.code, bar.message, bar.next));
      }),
    ready: () => {
      const reasons = engine.runtime.journalFailed
        ? ['the journal cannot be written: see runbooks/gateway-down.md']
        : [];
      // One that was moved, or has not come yet, keeps nobody from the others.
      const fenced = [...engine.connections.values()].filter(({ fence }) => fence?.kind === 'restored').length;
      if (fenced > 0)
        reasons.push(
          `${counted(fenced, 'connection is', 'connections are')} fenced after a restore: see runbooks/restore.md`,
        );
      return { ready: reasons.length === 0, reasons };
    },
    metrics: () => exposition.text(),
  };
}

function used({ bytes, limitBytes }: FrameBudget): { readonly value: number; readonly limit: number } {
  return { value: bytes, limit: limitBytes };
}

function adminExpiry({
  adminCertificate,
}: ShardOptions): { readonly endpoint: string; readonly expiresAtMs: number }[] {
  if (adminCertificate === undefined) return [];
  return [{ endpoint: 'admin', expiresAtMs: Date.parse(new X509Certificate(adminCertificate).validTo) }];
}

function diskOf(folder: string): { readonly freeBytes: number; readonly totalBytes: number } | null {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null;
  }
}

type Endpoints = {
  /** By name, the port that each listens on. */
  readonly feeds: Record<string, number>;
  /** Endpoints of an inventory that was taken, whose port could not be had yet. */
  readonly unbound: EndpointId[];
};

async function reload(
  start: ShardOptions,
  engine: ShardEngine,
  driver: RealDriver,
  { feeds, unbound }: Endpoints,
  next: Inventory,
): Promise<readonly Located[]> {
  driver.addPeers(peersOf(next, start.identity.shard));
  const { added, refused: refusals } = engine.reload(start.now(), next);
  const problems = refusals.map(({ connection, message, remedy }) => located(connection, message, remedy));
  for (const endpoint of [...unbound.splice(0), ...added]) {
    try {
      await listenAt(endpoint, start, engine, driver, feeds);
    } catch (error) {
      unbound.push(endpoint);
      const message = error instanceof Error ? error.message : String(error);
      const name = endpoint.kind === 'feed' ? `feed ${endpoint.feed}` : `leg port ${endpoint.port}`;
      problems.push(located(name, message, 'free the port, or correct it; then read the inventory again (SIGHUP)'));
    }
  }
  engine.callOut(start.now());
  return problems;
}

async function listenAt(
  endpoint: EndpointId,
  start: ShardOptions,
  engine: ShardEngine,
  driver: RealDriver,
  feeds: Record<string, number>,
): Promise<void> {
  const feed = endpoint.kind === 'feed' ? engine.feeds.get(endpoint.feed)?.config : undefined;
  const port = endpoint.kind === 'feed' ? (feed?.port ?? 0) : endpoint.port;
  const security =
    endpoint.kind === 'leg' ? legOf(engine.legPorts.get(String(endpoint.port))?.members ?? []) : (feed ?? OPEN);
  const bound = await driver.listen(listenHost(start), port, endpoint, security);
  if (endpoint.kind === 'feed') feeds[endpoint.feed] = bound;
}

function located(path: string, message: string, remedy: string): Located {
  return { file: 'inventory', line: 0, path, message, remedy };
}

/** What runs beside the engine. */
type Beside = {
  readonly renewal: TlsRenewal;
  readonly shipping: Shipping | null;
  readonly checkpoints: Checkpoints;
};

async function stop(
  engine: ShardEngine,
  driver: RealDriver,
  journal: Journal,
  now: () => number,
  boundMs: number,
  { renewal, shipping, checkpoints }: Beside,
): Promise<void> {
  renewal.stop();
  await checkpoints.stop();
  driver.stopListening();
  engine.stopping(now());
  const until = now() + boundMs;
  while (!engine.isIdle && now() < until) await new Promise((resolve) => setTimeout(resolve, IDLE_CHECK_MS));
  engine.stopped(now());
  driver.closeAll();
  await journal.close();
  await shipping?.stop();
}

/** A local gateway serves this machine only, unless it is told otherwise. */
function listenHost(start: ShardOptions): string {
  return start.listenHost ?? (start.identity.target === 'local' ? '127.0.0.1' : '0.0.0.0');
}

function inventoryDigest(inventory: Inventory): string {
  const plain: Json = JSON.parse(JSON.stringify(inventory));
  return digestOf(plain);
}

function tlsRefusalOf(problems: readonly TlsProblem[]): ShardRefusal {
  const [first] = problems;
  const others = problems.length === 1 ? '' : ` (and ${problems.length - 1} more endpoints: ${othersOf(problems)})`;
  return new ShardRefusal(`TLS of ${first?.endpoint}: ${first?.message}${others}`, first?.remedy ?? '');
}

function othersOf(problems: readonly TlsProblem[]): string {
  return problems
    .slice(1)
    .map(({ endpoint }) => endpoint)
    .join(', ');
}

function asLocated({ endpoint, message, remedy }: TlsProblem): Located {
  return located(`tls of ${endpoint}`, message, remedy);
}

function unknown(name: string): { readonly ok: false } & HostError {
  return refused(404, 'unknown-connection', `no connection is named '${name}' here`);
}

function refused(
  status: number,
  code: string,
  message: string,
  next: readonly string[] = [],
): { readonly ok: false } & HostError {
  return { ok: false, status, error: { code, message, next: [...next] } };
}
