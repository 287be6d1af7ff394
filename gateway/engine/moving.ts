/**
 * A feed on its way to another shard: what stands in the way, and what goes along. Offsets are of one journal, so nothing that
 * is open goes along; what is remembered by offset (attempts, captures of unanswered messages) ends here.
 */
import { counted } from '../../core/count-words.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { ConnectionEngine, ConnectionState } from './connection.ts';
import type { CorrespondenceState } from './correspondence.ts';
import type { FeedEngine } from './feed.ts';
import { whyFenced } from './fence.ts';
import { legKey } from './leg-port.ts';
import type { Decision, Lists } from './lists.ts';
import type { OperationsState } from './operations.ts';
import type { Recovery } from './recovery.ts';
import type { RetryMemory, RetryMemoryState } from './retry-memory.ts';
import type { SequenceState } from './sequence.ts';
import type { ShardEngine } from './shard.ts';
import type { SinceCrashState } from './since-crash.ts';

export type MovedState = {
  readonly connections: Readonly<Record<string, ConnectionState>>;
  readonly feeds: Readonly<
    Record<
      string,
      {
        readonly memory: RetryMemoryState;
        readonly correspondence: Readonly<Record<Platform, CorrespondenceState>>;
        readonly sequence: SequenceState;
        /** Absent where a former version wrote it. */
        readonly sinceCrash?: SinceCrashState;
      }
    >
  >;
  /** By `legKey`. */
  readonly legPorts: Readonly<Record<string, RetryMemoryState>>;
  /** The same; absent where a former version wrote it. */
  readonly legsSinceCrash?: Readonly<Record<string, SinceCrashState>>;
  /** Resolved ones: an open one keeps its feed where it is. */
  readonly decisions: readonly Decision[];
  readonly operations: OperationsState;
};

export type Blocker = { readonly feed: string; readonly reason: string; readonly remedy: string };

/** More would make the handing over of a feed a matter of gigabytes. */
export const PARKED_LIMIT = 1000;

/** Everything that keeps these feeds here. Outputs that can no longer come by now are ended first. */
export function blockersOf(engine: ShardEngine, recovery: Recovery, feeds: readonly string[]): Blocker[] {
  return feeds.flatMap((name) => {
    const feed = engine.feeds.get(name);
    if (feed === undefined) {
      return [{ feed: name, reason: 'the inventory has no feed of this name', remedy: 'name a feed' }];
    }
    return reasonsOf(engine, recovery, feed, feeds).map(([reason, remedy]) => ({ feed: name, reason, remedy }));
  });
}

type Reason = readonly [reason: string, remedy: string];

const START_AND_STOP = 'start the gateway, let it end what is open, stop it (SIGTERM)';

function reasonsOf(
  engine: ShardEngine,
  recovery: Recovery,
  feed: FeedEngine,
  moving: readonly string[],
): readonly Reason[] {
  const reasons: Reason[] = [];
  const { inputs, outputs, resolved } = recovery.openOf(feed.config.name);
  const connections = engine.connectionsOf(feed.config.name);
  if (inputs > 0)
    reasons.push([`${counted(inputs, 'message has', 'messages have')} no verdict in the journal`, START_AND_STOP]);
  if (outputs > 0)
    reasons.push([`${counted(outputs, 'output has', 'outputs have')} no end in the journal`, START_AND_STOP]);
  if (resolved > 0)
    reasons.push([
      `${counted(resolved, 'capture is', 'captures are')} to be delivered since a decision`,
      START_AND_STOP,
    ]);
  for (const platform of PLATFORMS) {
    const lag = feed.shadows[platform].lag;
    const remedy = `let ${platform} take them, or cancel the parallel run`;
    if (lag > 0)
      reasons.push([
        `${counted(lag, 'copy', 'copies')} for ${platform} ${lag === 1 ? 'is' : 'are'} not answered`,
        remedy,
      ]);
  }
  for (const connection of connections) reasons.push(...reasonsOfConnection(engine, connection, moving));
  for (const connection of connections) {
    if (isAwaitingResend(feed.intake.memory, connection)) {
      const reason = `a sender's last message has no positive answer, and ${connection.config.name} has its output`;
      reasons.push([reason, 'let it send the message again']);
    }
  }
  return reasons;
}

function reasonsOfConnection(
  engine: ShardEngine,
  connection: ConnectionEngine,
  moving: readonly string[],
): readonly Reason[] {
  const { config, fence, obligations, lists } = connection;
  const { name } = config;
  const reasons: Reason[] = [];
  if (connection.epochs.length === 0) reasons.push([`${name} was never served here`, 'only change its shard']);
  if (fence !== null) {
    const { message, next } = whyFenced(name, fence);
    reasons.push([message, next.join('; ')]);
  }
  connection.expire();
  if (obligations.size > 0) {
    reasons.push([
      `${name}: outputs of ${counted(obligations.size, 'message')} have not come, or have no end`,
      START_AND_STOP,
    ]);
  }
  if (connection.changeOver.isOpen) reasons.push([`${name}: a change-over at an offset is open`, START_AND_STOP]);
  const decisions = engine.decisions.openOf(name);
  if (decisions > 0)
    reasons.push([`${name}: ${counted(decisions, 'decision is', 'decisions are')} open`, 'cutover resolve']);
  const parked = lists.entries('parked').length;
  if (parked > PARKED_LIMIT) {
    reasons.push([
      `${name}: ${counted(parked, 'output is', 'outputs are')} parked`,
      `no more than ${PARKED_LIMIT} can go along`,
    ]);
  }
  for (const platform of PLATFORMS) {
    const port = engine.legPorts.get(legKey(config.legs[platform]));
    const others = (port?.members ?? []).filter((member) => !moving.includes(member.connection.config.feed ?? ''));
    const [other] = others;
    if (other !== undefined) {
      const { name: neighbour, feed } = other.connection.config;
      const reason = `${name}: its leg ${platform} is also that of ${neighbour}, which stays`;
      const own = `give ${name} a leg of its own`;
      reasons.push([reason, feed === null ? own : `move feed ${feed} with it, or ${own}`]);
    }
    if (port !== undefined && isAwaitingResendOfCapture(port.intake.memory, connection)) {
      const reason = `${name}: ${platform} has no answer to an output that the gateway has delivered itself`;
      reasons.push([reason, 'let it send the output again']);
    }
  }
  return reasons;
}

/** Its platform knows the message: a resend makes no second output, or one that must not go out again. */
function isAwaitingResend(memory: RetryMemory, { obligations }: ConnectionEngine): boolean {
  const { delivered, kept = [] } = obligations.dump();
  const outputs = new Set([...delivered.map(([input]) => input), ...kept.map(([input]) => input)]);
  return memory.dump().some(({ kind, firstAttempt }) => kind !== 'positive' && outputs.has(firstAttempt ?? -1));
}

function isAwaitingResendOfCapture(memory: RetryMemory, { obligations }: ConnectionEngine): boolean {
  return memory
    .dump()
    .some(({ kind, firstAttempt }) => kind !== 'positive' && obligations.isTakenOver(firstAttempt ?? -1));
}

/** What goes along. Only where nothing stands in the way. */
export function stateToMove(engine: ShardEngine, feeds: readonly string[]): MovedState {
  const connections = feeds.flatMap((name) => engine.connectionsOf(name));
  const names = new Set(connections.map(({ config }) => config.name));
  const legs = new Set(connections.flatMap(({ config }) => PLATFORMS.map((platform) => legKey(config.legs[platform]))));
  const moving = [...engine.legPorts].filter(([key]) => legs.has(key));
  return {
    connections: Object.fromEntries(connections.map((one) => [one.config.name, withoutOffsets(one.dump())])),
    feeds: Object.fromEntries(
      feeds.flatMap((name) => {
        const feed = engine.feeds.get(name);
        return feed === undefined ? [] : [[name, stateOfFeed(feed)]];
      }),
    ),
    legPorts: Object.fromEntries(moving.map(([key, { intake }]) => [key, unattempted(intake.memory.dump())])),
    legsSinceCrash: Object.fromEntries(moving.map(([key, { intake }]) => [key, intake.sinceCrash.dump()])),
    decisions: engine.decisions.dump().filter(({ connection }) => names.has(connection)),
    operations: engine.operations.dump().filter(({ connection }) => names.has(connection)),
  };
}

function stateOfFeed({ intake, correspondence, sequence }: FeedEngine): MovedState['feeds'][string] {
  return {
    memory: unattempted(intake.memory.dump()),
    correspondence: { legacy: correspondence.legacy.dump(), new: correspondence.new.dump() },
    sequence: sequence.dump(),
    sinceCrash: intake.sinceCrash.dump(),
  };
}

/** A resend of what was not accepted is a message of its own in the other journal. */
function unattempted(memory: RetryMemoryState): RetryMemoryState {
  return memory.map((one) => ({ ...one, firstAttempt: null, context: null }));
}

/** No record of the other journal has a number below 0. */
const ELSEWHERE = -1;

function withoutOffsets(state: ConnectionState): ConnectionState {
  const { obligations } = state;
  const late = obligations.late.map(({ givenUp: _owner, ...one }) => ({ ...one, input: ELSEWHERE }));
  return {
    ...state,
    changeOver: null,
    obligations: { ...obligations, open: [], late, delivered: [], kept: [], takenOver: [] },
  };
}

/** What has come beside the connections themselves. A feed or leg that this inventory does not have is left out. */
export function loadMoved(engine: ShardEngine, state: MovedState): void {
  for (const [name, { memory, correspondence, sequence, sinceCrash }] of Object.entries(state.feeds)) {
    const feed = engine.feeds.get(name);
    feed?.intake.memory.load(memory);
    feed?.intake.sinceCrash.load(sinceCrash ?? null);
    for (const platform of PLATFORMS) feed?.correspondence[platform].load(correspondence[platform]);
    feed?.sequence.load(sequence);
  }
  for (const [key, memory] of Object.entries(state.legPorts)) {
    const intake = engine.legPorts.get(key)?.intake;
    intake?.memory.load(memory);
    const sinceCrash = state.legsSinceCrash?.[key] ?? null;
    // Another connection of this shard may have the same leg.
    if (sinceCrash !== null) intake?.sinceCrash.load(sinceCrash);
  }
  engine.decisions.load(state.decisions);
  engine.operations.load(state.operations);
}

/** Where the parked outputs of a connection are in its journal, oldest first. */
export function parkedOffsets(lists: Lists): readonly number[] {
  return lists.entries('parked').flatMap(({ id }) => {
    const offset = Number(id.at.split('/')[1] ?? Number.NaN);
    return Number.isSafeInteger(offset) && offset >= 0 ? [offset] : [];
  });
}

/** The parked outputs were written anew: the list names them where they are now. `at`: former place → new place. */
export function withParkedAt(state: ConnectionState, at: ReadonlyMap<string, string>): ConnectionState {
  const lists = state.lists.map((one) =>
    one.list !== 'parked'
      ? one
      : {
          ...one,
          entries: one.entries.map((entry) => ({
            ...entry,
            id: { ...entry.id, at: at.get(entry.id.at) ?? entry.id.at },
          })),
        },
  );
  return { ...state, lists };
}
