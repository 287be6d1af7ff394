/** Everything that recovery builds from records, as plain data: what a checkpoint keeps, and a start begins from. */
import { PLATFORMS, type Platform } from '../../../core/platform.ts';
import type { RefusedMovesState } from '../authority.ts';
import type { ConnectionState } from '../connection.ts';
import type { CorrespondenceState } from '../correspondence.ts';
import type { AdmittedInput, FeedEngine } from '../feed.ts';
import type { Decision } from '../lists.ts';
import type { OperationsState } from '../operations.ts';
import type { OutputRecord } from '../records.ts';
import type { RetryMemoryState } from '../retry-memory.ts';
import type { SequenceState } from '../sequence.ts';
import type { SavedShadow } from '../shadow.ts';
import type { SinceCrashState } from '../since-crash.ts';
import { type Stranger, senderAt } from './names.ts';
import type { Rejected } from './open-records.ts';
import { intakeOf } from './outputs.ts';
import type { Replay } from './replay.ts';
import type { MovesState } from './shard-moves.ts';

type FeedState = {
  readonly memory: RetryMemoryState;
  readonly shadows: Readonly<Record<Platform, readonly SavedShadow[]>>;
  readonly correspondence: Readonly<Record<Platform, CorrespondenceState>>;
  /** Absent in a checkpoint from before they were watched. */
  readonly sequence?: SequenceState;
  /** Absent in a checkpoint from before an orderly restart kept it. */
  readonly sinceCrash?: SinceCrashState;
};

export type EngineState = {
  readonly nowMs: number;
  readonly connections: Readonly<Record<string, ConnectionState>>;
  readonly feeds: Readonly<Record<string, FeedState>>;
  readonly legPorts: Readonly<Record<string, RetryMemoryState>>;
  /** Absent in a checkpoint from before an orderly restart kept it. */
  readonly legsSinceCrash?: Readonly<Record<string, SinceCrashState>>;
  readonly decisions: readonly Decision[];
  readonly operations: OperationsState;
  /** Absent in a checkpoint from before there were approvals. */
  readonly refusedMoves?: RefusedMovesState;
  readonly inputs: readonly { readonly input: AdmittedInput & { readonly payload: null }; readonly sender: string }[];
  readonly outputs: readonly { readonly offset: number; readonly record: OutputRecord }[];
  readonly resolved: readonly { readonly offset: number; readonly decision: string }[];
  /** Absent in a checkpoint from before a person was asked about them. */
  readonly rejected?: readonly Rejected[];
  readonly strangers: readonly Stranger[];
  /** Absent in a checkpoint from before there were fences. */
  readonly fenced?: readonly string[];
  /** Absent in a checkpoint from before feeds could be moved. */
  readonly moves?: MovesState;
};

export function dumpState({ engine, names, open, moves }: Replay): EngineState {
  const named = <T, S>(items: ReadonlyMap<string, T>, save: (item: T) => S): Record<string, S> =>
    Object.fromEntries([...items].map(([name, item]) => [name, save(item)]));
  return {
    nowMs: engine.runtime.now,
    connections: named(engine.connections, (connection) => connection.dump()),
    feeds: named(engine.feeds, dumpFeed),
    legPorts: named(engine.legPorts, ({ intake }) => intake.memory.dump()),
    legsSinceCrash: named(engine.legPorts, ({ intake }) => intake.sinceCrash.dump()),
    decisions: engine.decisions.dump(),
    operations: engine.operations.dump(),
    refusedMoves: engine.refusedMoves.dump(),
    inputs: [...open.inputs.values()].map(({ input, sender }) => ({ input: { ...input, payload: null }, sender })),
    outputs: [...open.outputs].map(([offset, { record }]) => ({ offset, record })),
    resolved: [...open.resolved].map(([offset, { id }]) => ({ offset, decision: id })),
    rejected: [...open.rejected.values()],
    strangers: names.strangers,
    fenced: [...engine.connections.values()].flatMap(({ fence, config }) =>
      fence?.kind === 'restored' ? [config.name] : [],
    ),
    moves: moves.dump(),
  };
}

function dumpFeed({ intake, shadows, correspondence, sequence }: FeedEngine): FeedState {
  return {
    memory: intake.memory.dump(),
    shadows: { legacy: shadows.legacy.dump(), new: shadows.new.dump() },
    correspondence: { legacy: correspondence.legacy.dump(), new: correspondence.new.dump() },
    sequence: sequence.dump(),
    sinceCrash: intake.sinceCrash.dump(),
  };
}

/** What the inventory lost is a stranger. */
export function loadState(replay: Replay, state: EngineState): void {
  const { engine, names, moves } = replay;
  engine.runtime.now = state.nowMs;
  for (const stranger of state.strangers) names.addStranger(stranger);
  for (const [name, saved] of Object.entries(state.connections)) loadConnection(replay, name, saved);
  for (const [name, saved] of Object.entries(state.feeds)) {
    const feed = names.feed(name);
    if (feed !== undefined) loadFeed(feed, saved);
  }
  for (const [port, saved] of Object.entries(state.legPorts)) {
    engine.legPorts.get(port)?.intake.memory.load(saved);
  }
  for (const [port, saved] of Object.entries(state.legsSinceCrash ?? {})) {
    engine.legPorts.get(port)?.intake.sinceCrash.load(saved);
  }
  engine.decisions.load(state.decisions.map((one) => ({ ...one, connection: names.nameOf(one.connection) })));
  engine.operations.load(state.operations.map((one) => ({ ...one, connection: names.nameOf(one.connection) })));
  if (state.refusedMoves !== undefined) engine.refusedMoves.load(state.refusedMoves);
  for (const name of state.fenced ?? []) {
    const connection = names.connection(name);
    if (connection !== undefined) connection.fence = { kind: 'restored' };
  }
  if (state.moves !== undefined) moves.load(state.moves);
  loadOpen(replay, state);
}

function loadConnection({ names }: Replay, name: string, saved: ConnectionState): void {
  const connection = names.connection(name);
  if (connection === undefined) {
    names.addStranger({ name, phase: saved.route.phase, wasUsed: saved.counters.received > 0 });
    return;
  }
  connection.load(saved);
  if (saved.epochs.length > 0) connection.fence = null;
}

/** Under the name that the feed has now. */
function loadFeed(feed: FeedEngine, saved: FeedState): void {
  const { name } = feed.config;
  loadSenders(feed, saved);
  for (const platform of PLATFORMS) {
    const copies = saved.shadows[platform];
    feed.shadows[platform].load(copies.map((copy) => ({ ...copy, input: { ...copy.input, feed: name } })));
  }
}

/** What is known of its senders, and of the ids that they and the platforms have issued. */
export function loadSenders(feed: FeedEngine, saved: Omit<FeedState, 'shadows'>): void {
  const { name } = feed.config;
  feed.intake.memory.load(saved.memory.map((one) => ({ ...one, sender: senderAt(name, one.sender) })));
  feed.intake.sinceCrash.load(heardAt(name, saved.sinceCrash ?? null));
  feed.sequence.load((saved.sequence ?? []).map(([sender, last]) => [senderAt(name, sender), last]));
  for (const platform of PLATFORMS) {
    const correspondents = saved.correspondence[platform];
    feed.correspondence[platform].load(
      correspondents.map(([ids, who]) => [
        ids,
        { ...who, sender: who.sender === null ? null : senderAt(name, who.sender) },
      ]),
    );
  }
}

function heardAt(feed: string, state: SinceCrashState): SinceCrashState {
  return state === null ? null : { ...state, heard: state.heard.map((sender) => senderAt(feed, sender)) };
}

function loadOpen({ engine, names, open }: Replay, { inputs, outputs, resolved, rejected = [] }: EngineState): void {
  for (const { input, sender } of inputs) {
    const name = names.feed(input.feed)?.config.name ?? input.feed;
    open.inputs.set(input.offset, { input: { ...input, feed: name }, sender: senderAt(name, sender) });
  }
  for (const { offset, record } of outputs) {
    const connection = names.connection(record.connection);
    if (connection === undefined) continue;
    const facts = { msh10: record.msh10, sha: record.sha };
    const intake = intakeOf(engine, connection, record.platform);
    open.outputs.set(offset, { connection, record, epoch: connection.epochOf(record), facts, intake });
  }
  for (const { offset, decision } of resolved) {
    const known = engine.decisions.get(decision);
    if (known !== null) open.resolved.set(offset, known);
  }
  for (const item of rejected)
    open.rejected.set(item.output.offset, { ...item, connection: names.nameOf(item.connection) });
}
