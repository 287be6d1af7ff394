/**
 * `cutover gateway init --restore`: a data directory that came back from a backup begins again under an identity of its own,
 * above every epoch known elsewhere, and fenced: it serves nobody until a person has looked at what it cannot know. Its records
 * keep their offsets; the journal as it was restored is kept beside. Interrupted, it is run again and goes on.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ShippedJournal, type ShippedMessage } from '../adapters/shipped-journal.ts';
import { linkEpoch, RESTORE_VERB } from '../core/epoch-history.ts';
import { connectionCalled } from '../core/former-names.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Route } from '../core/platform.ts';
import type { RouteEntry } from '../core/stack-config.ts';
import { goingOn, recordsAfter } from './after-backup.ts';
import { readNewestCheckpoint, writeCheckpoint } from './checkpoint/checkpoint-file.ts';
import { asMeta, NOTHING } from './checkpoint/compactor.ts';
import { type Identity, identityIn, identitySchema, journalDirOf, RESTORE_FILE, writeDurably } from './data-dir.ts';
import { lockDataDir } from './data-dir-lock.ts';
import type { JournalMeta } from './engine/records.ts';
import { Recovery } from './engine/recovery.ts';
import { ShardEngine } from './engine/shard.ts';
import { JournalKeyError } from './journal/errors.ts';
import { diskFiles } from './journal/files.ts';
import type { JournalRecord } from './journal/journal.ts';
import { planRepair, recordsIn, repair } from './journal/repair.ts';
import { type JournalKey, Seal } from './journal/seal.ts';
import { checkpointFolderOf } from './recover.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type RestoreOptions = {
  readonly dataDir: string;
  readonly inventory: Inventory;
  /** By connection: the newest route that anything outside the backup knows of. */
  readonly known: Readonly<Record<string, RouteEntry>>;
  /** Where the shard's records were shipped to, and the ledger is; null: nothing is asked of a database. */
  readonly databaseUrl: string | null;
  readonly keys: readonly JournalKey[];
  readonly nowMs: number;
  /** False: says what it would do, and changes nothing. */
  readonly isWanted: boolean;
};

export type RestoreReport = {
  readonly dataDir: string;
  readonly restored: boolean;
  readonly incarnation: string;
  readonly formerIncarnation: string;
  /** The backup's newest record: nothing after it is known here. */
  readonly upTo: number;
  /**
   * Records of the database after it were replayed, up to `replayedUpTo`. Of the rest (a gap, bytes whose time was over) the newest
   * `listed` messages are on `maybeSent`, cause `after-backup`.
   */
  readonly database: null | { readonly shippedUpTo: number; readonly replayedUpTo: number; readonly listed: number };
  readonly connections: readonly {
    readonly name: string;
    readonly epochInBackup: number;
    readonly epochKnown: number | null;
    readonly epoch: number;
    readonly phase: Route['phase'];
    readonly newWeight: number;
    /** Copies and captures that were owed when the backup was made: any of them may have gone out since. */
    readonly maybeOwed: number;
    readonly openDecisions: number;
  }[];
  /** The backup has them, the inventory gives them to another shard: from now on this one refuses them. */
  readonly elsewhere: readonly { readonly name: string; readonly shard: number }[];
  readonly kept: string | null;
  readonly next: readonly string[];
};

const incarnation = z.string().min(8).max(64);
const planSchema = z.strictObject({
  incarnation,
  formerIncarnation: incarnation.optional(),
  nowMs: z.int(),
  restoredFrom: identitySchema.shape.restoredFrom,
  /** There once the journal is being built. */
  report: z.custom<RestoreReport>((value) => typeof value === 'object' && value !== null).optional(),
});
type Plan = z.output<typeof planSchema>;
const FRAME_LIMIT_BYTES = 1 << 20;
/** As many as a connection's list shows. */
const LISTED_LIMIT = 10_000;
async function* nothing(): AsyncGenerator<JournalRecord> {}

/** Throws ShardRefusal. */
export async function restoreDataDir(options: RestoreOptions): Promise<RestoreReport> {
  const { dataDir, inventory } = options;
  const identity = await identityIn(dataDir);
  if (identity === null) {
    throw new ShardRefusal(
      `${join(dataDir, 'identity.json')} is missing or cannot be read`,
      'put the whole data directory back from its backup first; --restore then makes it fit to serve',
    );
  }
  if (identity.deployment !== inventory.deployment) {
    const message = `${dataDir} belongs to deployment '${identity.deployment}', the inventory is of '${inventory.deployment}'`;
    throw new ShardRefusal(message, 'name the inventory or the data directory that belongs to the other');
  }
  const lock = await lockDataDir(dataDir);
  if ('heldBy' in lock) throw new ShardRefusal(`${dataDir} is served by ${lock.heldBy}`, 'stop that gateway first');
  try {
    return await restore(options, identity);
  } finally {
    lock.release();
  }
}

async function restore(options: RestoreOptions, identity: Identity): Promise<RestoreReport> {
  const { dataDir, isWanted } = options;
  const plan = (await planIn(dataDir)) ?? {
    incarnation: randomUUID(),
    formerIncarnation: identity.incarnation,
    nowMs: options.nowMs,
  };
  // Both are there again once it is finished.
  const former: Identity = { ...identity, incarnation: plan.formerIncarnation ?? identity.incarnation };
  const isBuilt = (await diskFiles.list(dataDir)).includes(`journal.before-restore-${plan.nowMs}`);
  if (isBuilt && plan.report !== undefined) {
    const report = { ...plan.report, restored: isWanted, next: nextSteps(plan.report, isWanted) };
    return isWanted ? finishRestore(options, former, plan, report) : report;
  }
  const shipped = await databaseOf(options, former);
  try {
    const { report, rebuild, restoredFrom } = await prepare(options, former, plan, shipped);
    if (!isWanted) return report;
    const decided: Plan = { ...plan, restoredFrom };
    await writeDurably(join(dataDir, RESTORE_FILE), `${JSON.stringify({ ...decided, report })}\n`, 0o600);
    await rebuild();
    return await finishRestore(options, former, decided, report);
  } finally {
    await shipped?.close();
  }
}

/** Null: it is not asked. */
async function databaseOf(
  { databaseUrl }: RestoreOptions,
  { deployment, shard, incarnation }: Identity,
): Promise<ShippedJournal | null> {
  if (databaseUrl === null) return null;
  return ShippedJournal.open(databaseUrl, { deployment, shard, incarnation }).catch((error: unknown) => {
    throw new ShardRefusal(
      `the database cannot be read (${error instanceof Error ? error.message : 'unknown'})`,
      'bring it up, or unset DATABASE_URL to restore without what it has',
    );
  });
}

async function prepare(
  options: RestoreOptions,
  identity: Identity,
  plan: Plan,
  shipped: ShippedJournal | null,
): Promise<{
  readonly report: RestoreReport;
  readonly restoredFrom: NonNullable<Plan['restoredFrom']>;
  readonly rebuild: () => Promise<void>;
}> {
  const { dataDir, keys, inventory, isWanted } = options;
  const { shard, incarnation } = identity;
  const dir = journalDirOf(dataDir);
  const reading = { dir, shard, incarnation, files: diskFiles, keys, nowMs: plan.nowMs };
  const { damages, nextOffset } = await planRepair(reading);
  if (damages.length > 0) {
    throw new ShardRefusal(
      `the journal in ${dir} is damaged in ${damages.length} places`,
      `restore an undamaged backup, or mend this one first: cutover gateway repair --data-dir ${dataDir}`,
    );
  }
  const checkpoint = await readNewestCheckpoint(checkpointFolderOf(dataDir), incarnation, new Seal(incarnation, keys));
  const { engine, recovery, last } = await engineOf(options, identity, checkpoint, reading);
  const source = shipped === null ? null : await goingOn(shipped, last);
  const newer = (): AsyncIterable<JournalRecord> => (source === null ? nothing() : recordsAfter(source, last));
  let replayedUpTo = nextOffset - 1;
  for await (const { offset, meta, payload } of newer()) {
    recovery.apply(offset, asMeta(meta), payload === null ? null : Buffer.from(payload));
    replayedUpTo = offset;
  }
  const known = await knownOf(options, shipped);
  // What has gone to another shard stays there, and what is still to come begins with its coming.
  const moves = [...engine.connections.values()]
    .filter(({ fence }) => fence?.kind !== 'moved' && fence?.kind !== 'awaited')
    .map((connection) => routeAfter(connection, known, plan, engine.decisions.openOf(connection.config.name)));
  const elsewhere = recovery.strangers.flatMap(({ name }) => {
    const other = connectionCalled(inventory.connections, name)?.shard;
    return other === undefined ? [] : [{ name, shard: other }];
  });
  const lost = (await source?.messagesAfter(replayedUpTo, LISTED_LIMIT)) ?? [];
  const found: Omit<RestoreReport, 'next'> = {
    dataDir,
    restored: isWanted,
    incarnation: plan.incarnation,
    formerIncarnation: incarnation,
    upTo: nextOffset - 1,
    database: source === null ? null : { shippedUpTo: source.shippedUpTo, replayedUpTo, listed: lost.length },
    connections: moves.map(({ facts }) => facts),
    elsewhere,
    kept: isWanted ? `${dir}.before-restore-${plan.nowMs}` : null,
  };
  const report: RestoreReport = { ...found, next: nextSteps(found, isWanted) };
  const then: JournalMeta[] = [
    ...lost.flatMap((message) => listRecord(message, inventory, engine, plan)),
    ...moves.map(({ record }) => record),
    { t: 'fence', cause: 'restored', connections: moves.map(({ facts }) => facts.name), at: plan.nowMs },
    ...elsewhere.map((one) => movedOutRecord(one, options, plan)),
  ];
  const rebuild = async (): Promise<void> => {
    const built = { newIncarnation: plan.incarnation, more: newer(), then } as const;
    await repair({ ...reading, ...built, keptAs: 'before-restore' });
  };
  const restoredFrom = { incarnation: source?.name.incarnation ?? incarnation, upTo: replayedUpTo };
  return { report, restoredFrom, rebuild };
}

/** The journal is built, and perhaps in its place: the rest, each step of which may have been done. */
async function finishRestore(
  { dataDir, keys }: RestoreOptions,
  former: Identity,
  { incarnation, restoredFrom }: Plan,
  report: RestoreReport,
): Promise<RestoreReport> {
  const dir = journalDirOf(dataDir);
  // The swap of the folders may have been cut in the middle.
  if (!(await diskFiles.list(dataDir)).includes('journal')) await diskFiles.rename(`${dir}.repaired`, dir);
  const folder = checkpointFolderOf(dataDir);
  const seal = new Seal(former.incarnation, keys);
  // One that is closed for the new incarnation cannot be opened as a former one.
  const checkpoint = await readNewestCheckpoint(folder, former.incarnation, seal).catch((error: unknown) => {
    if (error instanceof JournalKeyError) return null;
    throw error;
  });
  if (checkpoint !== null) await writeCheckpoint(folder, { ...checkpoint, incarnation }, new Seal(incarnation, keys));
  const reborn: Identity = { ...former, incarnation, restoredFrom };
  await writeDurably(join(dataDir, 'identity.json'), `${JSON.stringify(reborn, null, 2)}\n`, 0o600);
  await rm(join(dataDir, RESTORE_FILE), { force: true });
  await diskFiles.syncDirectory(dataDir);
  return report;
}

/** The newer of what the stack file and the ledger say. */
async function knownOf(
  { known, inventory }: RestoreOptions,
  shipped: ShippedJournal | null,
): Promise<Readonly<Record<string, Pick<RouteEntry, 'phase' | 'newWeight' | 'epoch'>>>> {
  const newest: Record<string, Pick<RouteEntry, 'phase' | 'newWeight' | 'epoch'>> = { ...known };
  for (const [then, record] of (await shipped?.ledgerEpochs()) ?? []) {
    const name = connectionCalled(inventory.connections, then)?.name ?? then;
    if (record.epoch > (newest[name]?.epoch ?? 0)) newest[name] = record;
  }
  return newest;
}

/** Known to the database by its id only: its peers may have taken it, and it may be owed. */
function listRecord(
  message: ShippedMessage,
  inventory: Inventory,
  engine: ShardEngine,
  { nowMs }: Plan,
): JournalMeta[] {
  const { offset, feed, connection, msh10, sha } = message;
  // A feed of its own bears the connection's name.
  const then = connection ?? engine.connectionsOf(feed ?? '')[0]?.config.name ?? feed ?? '';
  const name = connectionCalled(inventory.connections, then)?.name;
  const epoch = engine.connections.get(name ?? '')?.route.epoch;
  if (name === undefined || epoch === undefined) return [];
  const entry = { connection: name, message: { msh10, sha }, offset, cause: 'after-backup', epoch, at: nowMs };
  return [{ t: 'list', list: 'maybeSent', ...entry }];
}

/** The state that the backup holds, in an engine that touches nothing. */
async function engineOf(
  { inventory }: RestoreOptions,
  { shard, target }: Identity,
  checkpoint: Awaited<ReturnType<typeof readNewestCheckpoint>>,
  reading: Parameters<typeof recordsIn>[0],
): Promise<{ readonly engine: ShardEngine; readonly recovery: Recovery; readonly last: JournalRecord | null }> {
  const engine = new ShardEngine({ inventory, shard, target, frameLimitBytes: FRAME_LIMIT_BYTES }, NOTHING);
  const recovery = new Recovery(engine);
  if (checkpoint !== null) recovery.load(checkpoint.state);
  let last: JournalRecord | null = null;
  for await (const record of recordsIn(reading)) {
    last = record;
    const { offset, meta, payload } = record;
    if (offset < (checkpoint?.offset ?? 0)) continue;
    recovery.apply(offset, asMeta(meta), payload === null ? null : Buffer.from(payload));
  }
  return { engine, recovery, last };
}

/** The backup is from before the move: its shard refuses what it knew, whatever inventory it is started with. */
function movedOutRecord(
  { name, shard }: RestoreReport['elsewhere'][number],
  { inventory, known }: RestoreOptions,
  { incarnation, nowMs }: Plan,
): JournalMeta {
  const now = connectionCalled(inventory.connections, name);
  const feed = now?.feed ?? name;
  const connections = [{ name, epoch: known[now?.name ?? name]?.epoch ?? 0 }];
  const move = `${RESTORE_VERB}-${incarnation}`;
  return { t: 'moved-out', move, to: shard, feeds: [feed], connections, sha256: '', at: nowMs };
}

/** The epoch that the connection begins with: above its own and the one known elsewhere, on the newer of the two routes. */
function routeAfter(
  connection: ShardEngine['connections'] extends ReadonlyMap<string, infer C> ? C : never,
  known: Awaited<ReturnType<typeof knownOf>>,
  plan: Plan,
  openDecisions: number,
) {
  const { config, route: own, epochs } = connection;
  const elsewhere = known[config.name] ?? null;
  const newest = elsewhere !== null && elsewhere.epoch > own.epoch ? elsewhere : own;
  const { phase, newWeight } = newest;
  const epoch = newest.epoch + 1;
  const epochRecord = linkEpoch(epochs.at(-1) ?? null, {
    connection: config.name,
    epoch,
    phase,
    newWeight,
    verb: RESTORE_VERB,
    by: RESTORE_VERB,
    origin: 'init',
    requestId: `${RESTORE_VERB}-${plan.incarnation}-${config.name}`,
    reason: `restored from a backup that ends at epoch ${own.epoch}`,
    changeId: null,
    approval: null,
    forced: false,
    ...(config.origin === 'platform' ? { outputsFrom: 'platform' } : {}),
    at: new Date(plan.nowMs).toISOString(),
  });
  const record: JournalMeta = { t: 'epoch', record: epochRecord, reowns: false, atOffset: false, at: plan.nowMs };
  const facts = {
    name: config.name,
    epochInBackup: own.epoch,
    epochKnown: elsewhere?.epoch ?? null,
    epoch,
    phase,
    newWeight,
    maybeOwed: connection.obligations.size,
    openDecisions,
  };
  return { record, facts };
}

/** A database that tells nothing of the time after the backup must not look as if nothing had been. */
function doubtAbout({ database, upTo, formerIncarnation }: Omit<RestoreReport, 'next'>): string[] {
  if (database === null || database.shippedUpTo > upTo) return [];
  const what =
    database.shippedUpTo === 0
      ? `the database knows nothing of this journal (incarnation ${formerIncarnation}): make sure that DATABASE_URL is that of this lab`
      : `the database has this journal up to record ${database.shippedUpTo}, the backup up to ${upTo}: it was not shipped any further`;
  return [`${what}. What came after the backup is not in`];
}

async function planIn(dataDir: string): Promise<Plan | null> {
  const text = await readFile(join(dataDir, RESTORE_FILE), 'utf8').catch(() => null);
  return text === null ? null : planSchema.parse(JSON.parse(text));
}

function nextSteps(report: Omit<RestoreReport, 'next'>, isDone: boolean): string[] {
  const { dataDir } = report;
  const looks = [
    ...doubtAbout(report),
    'start the gateway: it answers AR (try again) and moves nothing until each connection is released',
    'compare with what others know: the newest message ids at sources, platforms and destinations (what was shipped is in, where DATABASE_URL was set)',
    'its list maybeSent names what was owed when the backup was made: cutover status, then cutover release --connection NAME',
    'cutover sync writes the new epochs into the stack file',
  ];
  return isDone ? looks : [`cutover gateway init --restore … --data-dir ${dataDir} --yes`, ...looks];
}
