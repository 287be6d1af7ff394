/** One shard as it serves: the engine, its real driver and journal, recovered and listening, behind an `AdminHost`. */
import type { Authority } from '../core/approval.ts';
import { connectionCalled } from '../core/former-names.ts';
import { keepRoom, readNewestCheckpoint } from './checkpoint/checkpoint-file.ts';
import { Checkpoints } from './checkpoint/checkpoints.ts';
import { journalDirOf } from './data-dir.ts';
import { peersOf } from './drivers/dialling.ts';
import { RealDriver } from './drivers/real.ts';
import { ShardEngine } from './engine/shard.ts';
import { isOutOfRoom } from './journal/errors.ts';
import { Journal, type RecoveryReport } from './journal/journal.ts';
import { Seal } from './journal/seal.ts';
import { inInventory, Listening } from './listening.ts';
import { checkpointFolderOf, recoverEngine } from './recover.ts';
import { hostOf } from './shard-host.ts';
import type { Shard, ShardOptions } from './shard-options.ts';
import { ShardRefusal } from './shard-refusal.ts';
import { type Shipping, startShipping } from './shipping/shipping.ts';
import { type TlsProblem, TlsStore } from './tls.ts';
import { keepTlsFresh, type TlsRenewal } from './tls-renewal.ts';
import { VERSION } from './version.ts';

const FRAME_LIMIT_BYTES = 32 * 1024 * 1024;
const IDLE_CHECK_MS = 20;
/** Without a database: how much of the journal's history stays on the disk. */
const KEEP_BYTES = 8 * 1024 ** 3;

export async function startShard(start: ShardOptions): Promise<Shard> {
  const { inventory, identity, logger, now } = start;
  const tls = new TlsStore(start.inventoryFolder);
  const tlsProblems = await tls.add(inventory, identity.shard);
  if (tlsProblems.length > 0) throw tlsRefusalOf(tlsProblems);
  const driver = new RealDriver(logger, now, tls);
  driver.addPeers(peersOf(inventory, identity.shard));
  const seal = new Seal(identity.incarnation, start.keys);
  const checkpoint = await readNewestCheckpoint(checkpointFolderOf(start.dataDir), identity.incarnation, seal);
  const opened = await openJournal(start, driver, checkpoint);
  const { journal, report } = opened;
  await keepRoom(checkpointFolderOf(start.dataDir));
  const engine = engineOver(driver, start, report);
  driver.attach(engine, journal);
  const listening = new Listening(start, engine, driver);
  try {
    await recover(engine, start, checkpoint, opened);
  } catch (error) {
    await journal.close();
    throw error;
  }
  try {
    await listening.everywhere();
    engine.callOut(now());
  } catch (error) {
    // What is owed has been on its way since it is recovered.
    await leave(engine, driver, journal, now, 0);
    throw error;
  }
  const renewal = keepTlsFresh(tls, driver, logger);
  const shipping = start.databaseUrl === null ? null : startShipping(shippingOptions(start, start.databaseUrl, report));
  if (shipping !== null) driver.onDurable = (upTo) => shipping.durable(upTo);
  const checkpoints = checkpointsOf(start, checkpoint, { engine, driver, journal, shipping });
  const { feeds } = listening;
  return {
    host: hostOf({ start, startedMs: now(), engine, driver, journal, tls, shipping }, feeds),
    feeds,
    reload: async (next) => {
      await renewal.refresh();
      const problems = await tls.add(next, identity.shard);
      if (problems.length > 0)
        return problems.map(({ endpoint, message, remedy }) => inInventory(`tls of ${endpoint}`, message, remedy));
      await checkpoints.restart(engine.with(next));
      return listening.reload(next);
    },
    stop: (boundMs) => stop(engine, driver, journal, now, boundMs, { renewal, shipping, checkpoints }),
  };
}

type Opened = Awaited<ReturnType<typeof Journal.open>>;
type NewestCheckpoint = Awaited<ReturnType<typeof readNewestCheckpoint>>;

function openJournal(start: ShardOptions, driver: RealDriver, checkpoint: NewestCheckpoint): Promise<Opened> {
  return Journal.open({
    dir: journalDirOf(start.dataDir),
    shard: start.identity.shard,
    incarnation: start.identity.incarnation,
    mustExist: true,
    keys: start.keys,
    events: driver.journalEvents,
    recoverFrom: checkpoint?.offset ?? 0,
    checkedBefore: Math.min(checkpoint?.offset ?? 0, checkpoint?.neededFrom ?? 0),
    ...(start.journal && { segmentBytes: start.journal.segmentBytes }),
    ...(start.journal?.limitBytes !== undefined && { limitBytes: start.journal.limitBytes }),
    ...(start.journal?.files !== undefined && { files: start.journal.files }),
  });
}

function engineOver(driver: RealDriver, start: ShardOptions, report: RecoveryReport): ShardEngine {
  const engine = new ShardEngine(
    {
      inventory: start.inventory,
      shard: start.identity.shard,
      target: start.identity.target,
      authority: authorityOf(start),
      frameLimitBytes: FRAME_LIMIT_BYTES,
      ...(start.frameBudgetBytes !== undefined && { frameBudgetBytes: start.frameBudgetBytes }),
      ...(start.openInputs !== undefined && { openInputs: start.openInputs }),
    },
    driver,
  );
  engine.runtime.nextOffset = report.nextOffset;
  return engine;
}

async function recover(
  engine: ShardEngine,
  { inventory, now, logger }: ShardOptions,
  checkpoint: NewestCheckpoint,
  { journal, recovered, report }: Opened,
): Promise<void> {
  const shardOf = (name: string): number | null => connectionCalled(inventory.connections, name)?.shard ?? null;
  const recovery = await recoverEngine(engine, shardOf, checkpoint, { recovered, report, usage: journal.usage() });
  recovery.finish(now(), report.clean, VERSION, journal.usage().firstOffset);
  logger.info({ event: 'recovered', clean: report.clean, records: report.records, cutBytes: report.cut?.bytes ?? 0 });
}

/** They let the journal go as it grows, and at once where the disk is full. */
function checkpointsOf(
  { inventory, identity, dataDir, keys, logger, now, ...start }: ShardOptions,
  checkpoint: NewestCheckpoint,
  { engine, driver, journal, shipping }: Over,
): Checkpoints {
  const checkpoints = new Checkpoints({
    inventory,
    shard: identity.shard,
    incarnation: identity.incarnation,
    journalDir: journalDirOf(dataDir),
    folder: checkpointFolderOf(dataDir),
    keys,
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
    ...(start.journal?.peakOverMs !== undefined && { peakOverMs: start.journal.peakOverMs }),
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
  return checkpoints;
}

type Over = {
  readonly engine: ShardEngine;
  readonly driver: RealDriver;
  readonly journal: Journal;
  readonly shipping: Shipping | null;
};

/** Asked at every move: keys can be revoked while the gateway runs. */
function authorityOf({ signers, identity }: ShardOptions): (() => Authority) | null {
  return signers === null ? null : () => signers.authority(identity.deployment);
}

function shippingOptions(start: ShardOptions, databaseUrl: string, { nextOffset }: RecoveryReport) {
  const { shard, incarnation, deployment, restoredFrom } = start.identity;
  return {
    databaseUrl,
    deployment,
    shard,
    incarnation,
    restoredFrom,
    journalDir: journalDirOf(start.dataDir),
    durableUpTo: nextOffset - 1,
    keys: start.keys,
    logger: start.logger,
    now: start.now,
  };
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
  await leave(engine, driver, journal, now, boundMs);
  await shipping?.stop();
}

/** Ends what is under way, for `boundMs` at most, says of the rest what is unknown, and marks the end as clean. */
async function leave(
  engine: ShardEngine,
  driver: RealDriver,
  journal: Journal,
  now: () => number,
  boundMs: number,
): Promise<void> {
  driver.stopListening();
  engine.stopping(now());
  const until = now() + boundMs;
  while (!engine.isIdle && now() < until) await new Promise((resolve) => setTimeout(resolve, IDLE_CHECK_MS));
  engine.stopped(now());
  driver.closeAll();
  await journal.close();
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
