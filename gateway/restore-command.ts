/**
 * `cutover gateway init --restore`: a data directory that came back from a backup begins again under an identity of its own,
 * above every epoch known elsewhere, and fenced: it serves nobody until a person has looked at what it cannot know. Its records
 * keep their offsets; the journal as it was restored is kept beside. Interrupted, it is run again and goes on.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { linkEpoch, RESTORE_VERB } from '../core/epoch-history.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Route } from '../core/platform.ts';
import type { RouteEntry } from '../core/stack-config.ts';
import { readNewestCheckpoint, writeCheckpoint } from './checkpoint/checkpoint-file.ts';
import { asMeta, NOTHING } from './checkpoint/compactor.ts';
import { type Identity, identityIn, journalDirOf, RESTORE_FILE, writeDurably } from './data-dir.ts';
import { lockDataDir } from './data-dir-lock.ts';
import type { JournalMeta } from './engine/records.ts';
import { Recovery, type Stranger } from './engine/recovery.ts';
import { ShardEngine } from './engine/shard.ts';
import { diskFiles } from './journal/files.ts';
import { planRepair, recordsIn, repair } from './journal/repair.ts';
import { type JournalKey, Seal } from './journal/seal.ts';
import { checkpointFolderOf } from './recover.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type RestoreOptions = {
  readonly dataDir: string;
  readonly inventory: Inventory;
  /** By connection: the newest route that anything outside the backup knows of. */
  readonly known: Readonly<Record<string, RouteEntry>>;
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

const planSchema = z.strictObject({ incarnation: z.string().min(8).max(64), nowMs: z.int() });
type Plan = z.output<typeof planSchema>;
const FRAME_LIMIT_BYTES = 1 << 20;

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
  const { dataDir, keys, isWanted } = options;
  const plan = (await planIn(dataDir)) ?? { incarnation: randomUUID(), nowMs: options.nowMs };
  const dir = journalDirOf(dataDir);
  const kept = `${dir}.before-restore-${plan.nowMs}`;
  const isSwapped = (await diskFiles.list(dataDir)).includes(`journal.before-restore-${plan.nowMs}`);
  const source = { dir: isSwapped ? kept : dir, shard: identity.shard, incarnation: identity.incarnation };
  const reading = { ...source, files: diskFiles, keys, nowMs: plan.nowMs };
  const { damages, nextOffset } = await planRepair(reading);
  if (damages.length > 0) {
    throw new ShardRefusal(
      `the journal in ${source.dir} is damaged in ${damages.length} places`,
      `restore an undamaged backup, or mend this one first: cutover gateway repair --data-dir ${dataDir}`,
    );
  }
  const seal = new Seal(identity.incarnation, keys);
  const checkpoint = await readNewestCheckpoint(checkpointFolderOf(dataDir), identity.incarnation, seal);
  const { engine, strangers } = await engineOf(options, identity, checkpoint, reading);
  // What has gone to another shard stays there, and what is still to come begins with its coming.
  const moves = [...engine.connections.values()]
    .filter(({ fence }) => fence?.kind !== 'moved' && fence?.kind !== 'awaited')
    .map((connection) => routeAfter(connection, options.known, plan, engine.decisions.openOf(connection.config.name)));
  const elsewhere = strangers.flatMap(({ name }) => {
    const shard = options.inventory.connections.find((one) => one.name === name)?.shard;
    return shard === undefined ? [] : [{ name, shard }];
  });
  const report: RestoreReport = {
    dataDir,
    restored: isWanted,
    incarnation: plan.incarnation,
    formerIncarnation: identity.incarnation,
    upTo: nextOffset - 1,
    connections: moves.map(({ facts }) => facts),
    elsewhere,
    kept: isWanted ? kept : null,
    next: nextSteps(dataDir, isWanted),
  };
  if (!isWanted) return report;
  await writeDurably(join(dataDir, RESTORE_FILE), `${JSON.stringify(plan)}\n`, 0o600);
  if (!isSwapped) {
    const names = moves.map(({ facts }) => facts.name);
    const then: JournalMeta[] = [
      ...moves.map(({ record }) => record),
      { t: 'fence', cause: 'restored', connections: names, at: plan.nowMs },
      ...elsewhere.map((one) => movedOutRecord(one, options, plan)),
    ];
    await repair({ ...reading, newIncarnation: plan.incarnation, then, keptAs: 'before-restore' });
  }
  // The swap of the folders may have been cut in the middle.
  else if (!(await diskFiles.list(dataDir)).includes('journal')) await diskFiles.rename(`${dir}.repaired`, dir);
  if (checkpoint !== null) {
    const renamed = { ...checkpoint, incarnation: plan.incarnation };
    await writeCheckpoint(checkpointFolderOf(dataDir), renamed, new Seal(plan.incarnation, keys));
  }
  const reborn: Identity = { ...identity, incarnation: plan.incarnation };
  await writeDurably(join(dataDir, 'identity.json'), `${JSON.stringify(reborn, null, 2)}\n`, 0o600);
  await rm(join(dataDir, RESTORE_FILE), { force: true });
  await diskFiles.syncDirectory(dataDir);
  return report;
}

/** The state that the backup holds, in an engine that touches nothing. */
async function engineOf(
  { inventory }: RestoreOptions,
  { shard, target }: Identity,
  checkpoint: Awaited<ReturnType<typeof readNewestCheckpoint>>,
  reading: Parameters<typeof recordsIn>[0],
): Promise<{ readonly engine: ShardEngine; readonly strangers: readonly Stranger[] }> {
  const engine = new ShardEngine(
    { inventory, shard, target, frameLimitBytes: FRAME_LIMIT_BYTES, afterCrash: true },
    NOTHING,
  );
  const recovery = new Recovery(engine);
  if (checkpoint !== null) recovery.load(checkpoint.state);
  for await (const { offset, meta, payload } of recordsIn(reading)) {
    if (offset < (checkpoint?.offset ?? 0)) continue;
    recovery.apply(offset, asMeta(meta), payload === null ? null : Buffer.from(payload));
  }
  return { engine, strangers: recovery.strangers };
}

/** The backup is from before the move: its shard refuses what it knew, whatever inventory it is started with. */
function movedOutRecord(
  { name, shard }: RestoreReport['elsewhere'][number],
  { inventory, known }: RestoreOptions,
  { incarnation, nowMs }: Plan,
): JournalMeta {
  const feed = inventory.connections.find((one) => one.name === name)?.feed ?? name;
  const connections = [{ name, epoch: known[name]?.epoch ?? 0 }];
  const move = `${RESTORE_VERB}-${incarnation}`;
  return { t: 'moved-out', move, to: shard, feeds: [feed], connections, sha256: '', at: nowMs };
}

/** The epoch that the connection begins with: above its own and the one known elsewhere, on the newer of the two routes. */
function routeAfter(
  connection: ShardEngine['connections'] extends ReadonlyMap<string, infer C> ? C : never,
  known: RestoreOptions['known'],
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

async function planIn(dataDir: string): Promise<Plan | null> {
  const text = await readFile(join(dataDir, RESTORE_FILE), 'utf8').catch(() => null);
  return text === null ? null : planSchema.parse(JSON.parse(text));
}

function nextSteps(dataDir: string, isDone: boolean): string[] {
  const looks = [
    'start the gateway: it answers AR (try again) and moves nothing until each connection is released',
    'compare with what others know: the newest message ids at sources, platforms and destinations, and cutover.records in the database',
    'its list maybeSent names what was owed when the backup was made: cutover status, then cutover release --connection NAME',
    'cutover sync writes the new epochs into the stack file',
  ];
  return isDone ? looks : [`cutover gateway init --restore … --data-dir ${dataDir} --yes`, ...looks];
}
