/**
 * A feed on its way to another shard: what stands in the way, and what goes along. Offsets are of one journal, so nothing that
 * is open goes along; what is remembered by offset (attempts, captures of unanswered messages) ends here.
 */
import { counted } from '../../core/count-words.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { ConnectionEngine, ConnectionState } from './connection.ts';
import type { CorrespondenceState } from './correspondence.ts';
import { ElsewhereNumbers } from './elsewhere-numbers.ts';
import type { FeedEngine } from './feed.ts';
import { whyFenced } from './fence.ts';
import { legKey } from './leg-port.ts';
import type { Decision } from './lists.ts';
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
  const states = new Map(connections.map((one) => [one.config.name, one.dump()]));
  const decisions = engine.decisions.dump().filter(({ connection }) => names.has(connection));
  const elsewhere = new ElsewhereNumbers([
    ...decisions.map(({ inputOffset }) => inputOffset),
    ...[...states.values()].flatMap(({ obligations }) => obligations.late.map(({ input }) => input)),
  ]);
  return {
    connections: Object.fromEntries([...states].map(([name, one]) => [name, withoutOffsets(one, elsewhere)])),
    feeds: Object.fromEntries(
      feeds.flatMap((name) => {
        const feed = engine.feeds.get(name);
        return feed === undefined ? [] : [[name, stateOfFeed(feed)]];
      }),
    ),
    legPorts: Object.fromEntries(moving.map(([key, { intake }]) => [key, unattempted(intake.memory.dump())])),
    legsSinceCrash: Object.fromEntries(moving.map(([key, { intake }]) => [key, intake.sinceCrash.dump()])),
    decisions: decisions.map((one) => ({ ...one, inputOffset: elsewhere.of(one.inputOffset), proposalOffsets: [] })),
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

function withoutOffsets(state: ConnectionState, elsewhere: ElsewhereNumbers): ConnectionState {
  const { obligations } = state;
  const late = obligations.late.map(({ givenUp: _owner, input, ...one }) => ({ ...one, input: elsewhere.of(input) }));
  return {
    ...state,
    changeOver: null,
    obligations: { ...obligations, open: [], late, delivered: [], kept: [], takenOver: [], rejected: [] },
  };
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
