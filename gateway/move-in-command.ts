/**
 * `cutover gateway move-in`: feeds that another shard has given up begin here, one epoch above the one they went with. One record
 * of the journal brings them, so they have come or have not; coming twice changes nothing.
 */
import { linkEpoch, MOVE_VERB } from '../core/epoch-history.ts';
import type { Inventory } from '../core/inventory.ts';
import type { RouteEntry } from '../core/stack-config.ts';
import { type MovedState, withParkedAt } from './engine/moving.ts';
import type { JournalKey } from './journal/seal.ts';
import { type Cargo, cargoOf, type MoveFile, readMoveFile } from './move-file.ts';
import { type Appended, type Offline, offline } from './offline.ts';
import { ShardRefusal } from './shard-refusal.ts';

export type MoveInOptions = {
  readonly dataDir: string;
  readonly inventory: Inventory;
  readonly file: string;
  /** By connection: the newest route that the stack file knows of; null: nobody has said. */
  readonly known: Readonly<Record<string, RouteEntry>> | null;
  readonly keys: readonly JournalKey[];
  readonly nowMs: number;
  /** False: says what it would do, and changes nothing. */
  readonly isWanted: boolean;
};

export type MoveInReport = {
  readonly dataDir: string;
  readonly feeds: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly move: string;
  readonly movedIn: boolean;
  readonly connections: readonly {
    readonly name: string;
    readonly epoch: number;
    readonly phase: string;
    readonly newWeight: number;
    /** It was served here before the shard was restored: fenced until a person has compared. */
    readonly fenced: boolean;
  }[];
  readonly next: readonly string[];
};

/** Throws ShardRefusal. */
export async function moveIn(options: MoveInOptions): Promise<MoveInReport> {
  const file = await readMoveFile(options.file);
  const { deployment, to, feeds } = file;
  if (deployment !== options.inventory.deployment) {
    const message = `${options.file} is of deployment '${deployment}', the inventory is of '${options.inventory.deployment}'`;
    throw new ShardRefusal(message, 'name the inventory that belongs to it');
  }
  for (const name of feeds) {
    const feed = options.inventory.feeds.find((one) => one.name === name);
    if (feed?.shard === to && feed.movedFrom === file.from) continue;
    const message = `the inventory does not say that feed ${name} comes from shard ${file.from} to shard ${to}`;
    throw new ShardRefusal(message, `give it shard: ${to} and movedFrom: ${file.from}`);
  }
  return offline(options, (opened) => take(options, file, opened));
}

async function take(options: MoveInOptions, file: MoveFile, opened: Offline): Promise<MoveInReport> {
  const { dataDir, isWanted } = options;
  const { identity, engine, recovery, nextOffset, isClean } = opened;
  const { feeds, from, to, move } = file;
  if (identity.shard !== to) {
    throw new ShardRefusal(`${options.file} is for shard ${to}, ${dataDir} is of shard ${identity.shard}`, 'go there');
  }
  const common = { dataDir, feeds, from, to, move };
  if (recovery.hasCome(move)) {
    refuseGoneOn(file, recovery);
    const connections = file.connections.flatMap(({ name }) => {
      const connection = engine.connections.get(name);
      if (connection === undefined) return [];
      const { phase, newWeight, epoch } = connection.route;
      return [{ name, epoch, phase, newWeight, fenced: connection.fence?.kind === 'restored' }];
    });
    // The record of a killed run may be in the file and not on the disk.
    if (isWanted && !isClean) await opened.append([], false);
    return { ...common, movedIn: true, connections, next: afterwards(false) };
  }
  refuseUnfit(file, opened);
  refuseForgetful(options, file, opened);
  const { state, parked } = cargoOf(file, options.keys);
  const at = new Map(parked.map((one, index) => [one.at, `${to}/${nextOffset + index}`]));
  const epochs = file.connections.map(({ name }) => epochOf(options, file, state, name));
  const arrived: MovedState = {
    ...state,
    connections: Object.fromEntries(
      Object.entries(state.connections).map(([name, one]) => [name, withParkedAt(one, at)]),
    ),
  };
  const fenced = epochs.filter(({ connection, epoch }) => epoch > epochIn(file, connection) + 1);
  const connections = epochs.map(({ connection: name, epoch, phase, newWeight }) => ({
    name,
    epoch,
    phase,
    newWeight,
    fenced: fenced.some(({ connection }) => connection === name),
  }));
  if (!isWanted) {
    const command = `cutover gateway move-in --inventory F --data-dir ${dataDir} --file ${options.file} --yes`;
    return { ...common, movedIn: false, connections, next: [`${command}: from then on shard ${to} serves it`] };
  }
  const meta = { t: 'moved-in', move, from, epochs, at: options.nowMs } as const;
  const records: Appended[] = [...parkedAgain(parked), { meta, payload: Buffer.from(JSON.stringify(arrived)) }];
  if (fenced.length > 0) {
    const names = fenced.map(({ connection }) => connection);
    records.push({ meta: { t: 'fence', cause: 'restored', connections: names, at: options.nowMs }, payload: null });
  }
  await opened.append(records, isClean);
  return { ...common, movedIn: true, connections, next: afterwards(fenced.length > 0) };
}

/** It came with this file, and has left again: there is nothing here to start. */
function refuseGoneOn({ connections }: MoveFile, recovery: Offline['recovery']): void {
  for (const { name } of connections) {
    const gone = recovery.goneOf(name);
    if (gone === null) continue;
    const message = `${name} has come with this file, and went on to shard ${gone.to} with epoch ${gone.epoch}`;
    throw new ShardRefusal(message, 'this file is of a former move: use the one of the last move-out');
  }
}

/** Its connections must not be served here, nor have been here since. */
function refuseUnfit(file: MoveFile, { engine, recovery }: Offline): void {
  const named = new Set(file.connections.map(({ name }) => name));
  for (const feed of file.feeds) {
    const other = engine.connectionsOf(feed).find(({ config }) => !named.has(config.name));
    if (other === undefined) continue;
    const message = `feed ${feed} has a connection ${other.config.name} here that it had not where it comes from`;
    throw new ShardRefusal(message, 'take it out of the inventory; add it again once the feed is served here');
  }
  for (const { name, epoch } of file.connections) {
    const connection = engine.connections.get(name);
    if (connection === undefined) {
      throw new ShardRefusal(`the inventory has no connection ${name} at shard ${file.to}`, 'put it back');
    }
    const gone = recovery.goneOf(name);
    if (gone !== null && gone.epoch > epoch) {
      const message = `${name} has been here since, and went to shard ${gone.to} with epoch ${gone.epoch}; the file has epoch ${epoch}`;
      throw new ShardRefusal(message, 'this file is of a former move: use the one of the last move-out');
    }
    if (gone === null && (connection.counters.received > 0 || connection.route.epoch > epoch)) {
      throw new ShardRefusal(
        `${name} is served here already (epoch ${connection.route.epoch})`,
        'nothing is to be done',
      );
    }
  }
}

/** It may have been here with this very file, and on from there: that this directory knows nothing of it says nothing. */
function refuseForgetful(
  { known, file: path }: MoveInOptions,
  { to, movedOutAt }: MoveFile,
  { identity }: Offline,
): void {
  const isYounger = Date.parse(identity.createdAt) > Date.parse(movedOutAt);
  if (known !== null || !(isYounger || identity.restoredFrom !== undefined)) return;
  const why = isYounger ? `was born after ${path} was written` : 'was restored from a backup';
  const message = `shard ${to} ${why}: whether the feed was served here before, its journal cannot know`;
  throw new ShardRefusal(message, 'name what is known of it: --known STACK-FILE');
}

function epochIn(file: MoveFile, name: string): number {
  return file.connections.find((one) => one.name === name)?.epoch ?? 0;
}

/** Above the one that it went with, on the same route; after a restore above what the stack file knows, on that route. */
function epochOf({ known, nowMs }: MoveInOptions, file: MoveFile, state: MovedState, name: string) {
  const saved = state.connections[name];
  const last = saved?.epochs.at(-1);
  if (saved === undefined || last === undefined) {
    throw new ShardRefusal(`the file says nothing of ${name}`, 'run the same move-out again: it writes the file anew');
  }
  const elsewhere = known?.[name];
  const own = { ...saved.route, epoch: last.epoch };
  // Its first epoch here is one above: only what is newer than that tells of a time that this journal has lost.
  const newest = elsewhere !== undefined && elsewhere.epoch > own.epoch ? elsewhere : own;
  const { phase, newWeight } = newest;
  return linkEpoch(last, {
    connection: name,
    epoch: newest.epoch + 1,
    phase,
    newWeight,
    verb: MOVE_VERB,
    by: MOVE_VERB,
    origin: 'init',
    requestId: `${MOVE_VERB}-${file.move}-${name}`,
    reason: `moved from shard ${file.from} to shard ${file.to}`,
    changeId: null,
    approval: null,
    forced: false,
    at: new Date(nowMs).toISOString(),
  });
}

/** Nobody owns them; they stay at hand under numbers of this journal. */
function parkedAgain(parked: Cargo['parked']): readonly Appended[] {
  return parked.map(({ record, payload }) => ({
    meta: { ...record, input: null, attemptOf: null },
    payload: Buffer.from(payload, 'base64'),
  }));
}

function afterwards(isFenced: boolean): readonly string[] {
  return [
    'start this shard: it listens on the feed and its legs',
    'point the load balancer, or the senders and platforms, at it',
    ...(isFenced ? ['look at what is fenced, then: cutover release --connection NAME'] : []),
    'cutover sync writes the new epochs into the stack file; remove the file, it holds answers of peers',
  ];
}
