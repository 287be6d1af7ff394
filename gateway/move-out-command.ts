/**
 * `cutover gateway move-out`: a shard that nobody serves gives feeds up, for another shard. First their state is kept in the data
 * directory, then the journal says that they are gone (the point of no return), then the file is written that the other shard takes.
 * Killed anywhere, the same command finishes; the feeds have one owner before the point of no return, and none after it.
 */
import { randomUUID } from 'node:crypto';
import type { Inventory } from '../core/inventory.ts';
import type { Route } from '../core/platform.ts';
import { asMeta } from './checkpoint/compactor.ts';
import { type Blocker, blockersOf, PARKED_LIMIT, stateToMove } from './engine/moving.ts';
import type { OutputRecord } from './engine/records.ts';
import type { Gone } from './engine/recovery/shard-moves.ts';
import type { JournalKey } from './journal/seal.ts';
import {
  allPrepared,
  bodyOf,
  type Cargo,
  keepPrepared,
  type Prepared,
  preparedOf,
  writeMoveFile,
} from './move-file.ts';
import { identityOf, type Offline, offline } from './offline.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type MoveOutOptions = {
  readonly dataDir: string;
  readonly inventory: Inventory;
  readonly feeds: readonly string[];
  readonly to: number;
  /** Where the other shard's file goes. */
  readonly file: string;
  readonly keys: readonly JournalKey[];
  readonly nowMs: number;
  /** False: says what it would do, and changes nothing. */
  readonly isWanted: boolean;
};

export type MoveOutReport = {
  readonly dataDir: string;
  readonly feeds: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly move: string | null;
  readonly movedOut: boolean;
  readonly connections: readonly {
    readonly name: string;
    readonly epoch: number;
    readonly phase: Route['phase'];
    readonly newWeight: number;
  }[];
  /** What keeps a feed here. */
  readonly blockers: readonly Blocker[];
  readonly file: string | null;
  readonly next: readonly string[];
};

/** Throws ShardRefusal. */
export async function moveOut(options: MoveOutOptions): Promise<MoveOutReport> {
  const { dataDir, keys, feeds, to } = options;
  const { shard } = await identityOf(dataDir);
  if (!options.inventory.gateways.some((gateway) => gateway.shard === to) || to === shard) {
    const known = options.inventory.gateways.map((gateway) => gateway.shard).filter((one) => one !== shard);
    throw new ShardRefusal(`shard ${to} is not another shard of the inventory`, `--to is one of: ${known.join(', ')}`);
  }
  // What the journal knows of them is read under this shard, whatever the inventory says by now.
  const inventory = servedHere(options.inventory, feeds, shard);
  return offline({ dataDir, inventory, keys }, (opened) => giveUp(options, opened));
}

function servedHere(inventory: Inventory, feeds: readonly string[], shard: number): Inventory {
  const isMoving = (feed: string): boolean => feeds.includes(feed);
  return {
    ...inventory,
    feeds: inventory.feeds.map((feed) => (isMoving(feed.name) ? { ...feed, shard, movedFrom: null } : feed)),
    connections: inventory.connections.map((one) =>
      one.feed !== null && isMoving(one.feed) ? { ...one, shard } : one,
    ),
  };
}

async function giveUp(options: MoveOutOptions, opened: Offline): Promise<MoveOutReport> {
  const { dataDir, feeds, to, isWanted } = options;
  const { identity, engine, recovery } = opened;
  const connections = feeds.flatMap((feed) => engine.connectionsOf(feed));
  const gone = connections.map(({ config }) => recovery.goneOf(config.name));
  const [former] = gone;
  const common = {
    dataDir,
    feeds,
    from: identity.shard,
    to,
    connections: connections.map(({ config, route }) => ({
      name: config.name,
      epoch: route.epoch,
      phase: route.phase,
      newWeight: route.newWeight,
    })),
  };
  if (former != null && gone.every((one) => one?.move === former.move)) {
    return finish(options, opened, former, common);
  }
  engine.runtime.now = options.nowMs;
  const prepared = await ownAttempt(options, opened);
  const blockers = blockersOf(engine, recovery, feeds);
  if (!opened.isClean && prepared === null) {
    blockers.push({
      feed: feeds.join(', '),
      reason: 'the gateway has not ended as it should: what its peers know may be more than the journal knows',
      remedy: 'start the gateway once and stop it (SIGTERM)',
    });
  }
  if (blockers.length > 0 || !isWanted) {
    const next = blockers.length > 0 ? ['do what the blockers say, then run this again'] : wouldBe(options);
    return { ...common, move: null, movedOut: false, blockers, file: null, next };
  }
  const kept = prepared ?? (await prepare(options, opened, common.connections));
  const { move, sha256 } = kept;
  const names = kept.connections;
  const record = { t: 'moved-out', move, to, feeds, connections: names, sha256, at: options.nowMs } as const;
  await opened.append([{ meta: record, payload: null }], true);
  return handOver(options, opened, { ...kept, at: options.nowMs }, common);
}

/** What a killed run has prepared: nothing has been written to the journal since. */
async function ownAttempt({ dataDir, feeds, to }: MoveOutOptions, { nextOffset }: Offline): Promise<Prepared | null> {
  const isSame = (one: Prepared): boolean => one.to === to && one.feeds.join() === feeds.join();
  return (await allPrepared(dataDir)).find((one) => isSame(one) && one.upTo === nextOffset - 1) ?? null;
}

async function prepare(
  { dataDir, feeds, to }: MoveOutOptions,
  opened: Offline,
  connections: readonly { readonly name: string; readonly epoch: number }[],
): Promise<Prepared> {
  const { engine, identity, nextOffset, seal } = opened;
  const parked: { at: string; record: OutputRecord; payload: string }[] = [];
  for (const { lists } of feeds.flatMap((feed) => engine.connectionsOf(feed))) {
    for (const offset of lists.offsets('parked').slice(-PARKED_LIMIT)) {
      const { meta, payload } = await opened.read(offset);
      const record = asMeta(meta);
      if (record.t !== 'output' || payload === null) continue;
      const at = `${identity.shard}/${offset}`;
      parked.push({ at, record, payload: Buffer.from(payload).toString('base64') });
    }
  }
  const cargo: Cargo = { state: stateToMove(engine, feeds), parked };
  const upTo = nextOffset - 1;
  const prepared: Prepared = {
    move: randomUUID(),
    from: identity.shard,
    to,
    feeds: [...feeds],
    connections: connections.map(({ name, epoch }) => ({ name, epoch })),
    incarnation: identity.incarnation,
    upTo,
    ...bodyOf(cargo, upTo, seal),
  };
  await keepPrepared(dataDir, prepared);
  return prepared;
}

type Common = Pick<MoveOutReport, 'dataDir' | 'feeds' | 'from' | 'to' | 'connections'>;

/** The journal says that they are gone: only the file may be missing. */
async function finish(options: MoveOutOptions, opened: Offline, gone: Gone, common: Common): Promise<MoveOutReport> {
  const { feeds, to, dataDir } = options;
  if (gone.to !== to || gone.feeds.join() !== feeds.join()) {
    throw new ShardRefusal(
      `${gone.feeds.join(', ')} went to shard ${gone.to}`,
      `name what was moved: --feed ${gone.feeds.join(',')} --to ${gone.to}; to move on from there, begin at that shard`,
    );
  }
  const kept = await preparedOf(dataDir, gone.move, gone.sha256);
  if (!options.isWanted) {
    return { ...common, move: gone.move, movedOut: true, blockers: [], file: null, next: wouldBe(options) };
  }
  // The record of a killed run may be in the file and not on the disk.
  if (!opened.isClean) await opened.append([], opened.nextOffset === kept.upTo + 2);
  return handOver(options, opened, { ...kept, at: gone.at }, common);
}

async function handOver(
  { file, inventory, to }: MoveOutOptions,
  { identity }: Offline,
  { at, ...prepared }: Prepared & { readonly at: number },
  common: Common,
): Promise<MoveOutReport> {
  const head = { kind: 'cutover-feed-move', version: 2, deployment: identity.deployment } as const;
  await writeMoveFile(file, { ...head, movedOutAt: new Date(at).toISOString(), ...prepared });
  const isWritten = prepared.feeds.every((name) => inventory.feeds.find((feed) => feed.name === name)?.shard === to);
  const edit = `in the inventory give ${prepared.feeds.join(', ')} shard: ${to} and movedFrom: ${identity.shard}`;
  return {
    ...common,
    move: prepared.move,
    movedOut: true,
    blockers: [],
    file,
    next: [
      ...(isWritten ? [] : [edit]),
      'start this shard again with that inventory: it serves its other feeds',
      `at shard ${to}, stopped: cutover gateway move-in --inventory F --data-dir D --file ${file} --yes, then start it`,
      'cutover sync writes the new epochs into the stack file; remove the file, it holds answers of peers',
    ],
  };
}

function wouldBe({ dataDir, feeds, to, file }: MoveOutOptions): readonly string[] {
  const command = `cutover gateway move-out --feed ${feeds.join(',')} --to ${to} --inventory F --data-dir ${dataDir} --file ${file} --yes`;
  return [`${command}: from then on this shard refuses what is moved`];
}
