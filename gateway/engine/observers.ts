/** What feeds and connections tell of themselves, and who of their shard is told: the connections of the feed, its moves, its backlog. */
import { candidateOf, controlOf, otherPlatform, type Platform } from '../../core/platform.ts';
import type { ConnectionEngine, ConnectionObserver } from './connection.ts';
import type { Correspondent } from './correspondence.ts';
import type { FeedObserver } from './feed.ts';
import { legKey } from './leg-port.ts';
import type { RouteMoves } from './route-moves.ts';
import type { ShardEngine } from './shard.ts';

const SEGMENT_MSA = Buffer.from('MSA', 'latin1');

/** Told several times for each message, so it looks nothing up by name. `connections`: the feed's, also those to come. */
export function feedObserver(
  engine: ShardEngine,
  moves: RouteMoves,
  feed: string,
  connections: readonly ConnectionEngine[],
): FeedObserver {
  return {
    shadowOf: (primary) => (needShadow(connections, primary) ? otherPlatform(primary) : null),
    admitted: (input) => {
      for (const connection of connections) connection.inputAdmitted(input);
    },
    answered: (input, platform, verdict, isPrimary) => {
      for (const connection of connections) {
        connection.inputAnswered(input, platform, verdict, isPrimary);
        if (!isPrimary && isFedByCopies(engine, connection)) connection.doubts.watch();
        else if (!isPrimary) connection.doubts.askOfRejected();
        connection.changeOver.look();
      }
    },
    listed: (list, facts, offset, cause, heard = null) => connections[0]?.listed(list, facts, offset, cause, { heard }),
    counted: (counter) => {
      for (const { counters } of connections) counters[counter]++;
    },
    unreadable: (platform, input) => {
      const unread = engine.feeds.get(feed);
      if (unread !== undefined) engine.backlog.unreadable(unread, platform, input);
    },
    stray: (endpoint, { payload, isAnswer }, cause) => {
      engine.runtime.fx.log('warn', isAnswer ? 'uncredited-answer' : 'unsolicited-frame', { endpoint, cause });
      connections[0]?.strayed(payload, cause);
    },
    issuerOf: (payload) => issuerOf(engine, payload),
    isFenced: () => connections.some(({ isFenced }) => isFenced),
    moved: () => moves.look(connections),
    ended: (message) => moves.ended(connections, message),
  };
}

/** `served`: the connections of its feed; null: it has none. */
export function connectionObserver(
  engine: ShardEngine,
  moves: RouteMoves,
  served: readonly ConnectionEngine[] | null,
): ConnectionObserver {
  return {
    moved: (name) => {
      if (served === null) moves.lookAt(name);
      else moves.look(served);
    },
    passBack: (connection, platform, to, payload) => passBack(engine, connection, platform, to, payload),
    doubt: (connection, cause, { input }) => engine.deciding.open(connection, cause, input),
    isDecided: (connection, input) => engine.decisions.isDecided(connection.config.name, input),
    rejected: (connection, output) => engine.deciding.openRejected(connection, output),
  };
}

/** Some of a feed's connections need its messages at the platform that does not answer the source. */
export function needShadow(connections: readonly ConnectionEngine[], primary: Platform): boolean {
  return connections.some(({ route }) => candidateOf(route) !== null || controlOf(route) !== primary);
}

/** Its control, or the owner of a share of its keys, gets its inputs as copies. */
function isFedByCopies(engine: ShardEngine, { config, route }: ConnectionEngine): boolean {
  return route.newWeight > 0 || controlOf(route) !== engine.feeds.get(config.feed ?? '')?.primary;
}

/** Rule 7: what the destination says later goes to the platform that has sent the message; its acknowledgement comes back. */
function passBack(
  engine: ShardEngine,
  connection: ConnectionEngine,
  platform: Platform,
  { sender, socket }: Correspondent,
  payload: Buffer,
): boolean {
  const intake = engine.legPorts.get(legKey(connection.config.legs[platform]))?.intake;
  if (intake === undefined || sender === null) return false;
  return intake.passBack({ sender, socket }, payload, (answer) => {
    if (!connection.destination.link.passOn(answer)) connection.strayed(answer, 'destination-gone');
  });
}

/** A response that a source sends as a message of its own names the message that it answers. */
function issuerOf(engine: ShardEngine, payload: Uint8Array): Platform | null {
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  if (bytes.indexOf(SEGMENT_MSA) < 0) return null;
  for (const connection of engine.connections.values()) {
    const issuer = connection.issuerOf(payload);
    if (issuer !== null) return issuer;
  }
  return null;
}
