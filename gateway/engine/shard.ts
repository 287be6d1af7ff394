/**
 * The engine of one shard: all its feeds and connections as one state machine. The driver tells it what happened (each
 * call with the time), it answers through `Effects`. Nothing here waits, reads a clock or touches a socket.
 */
import type { RouteRequest, State, StopAttestation, StopRequest } from '../../core/admin-api.ts';
import type { Connection, Feed, Inventory } from '../../core/inventory.ts';
import { PLATFORMS } from '../../core/platform.ts';
import { RefusedMoves } from './authority.ts';
import { Backlog } from './backlog.ts';
import { bearNew } from './birth.ts';
import { Caller } from './caller.ts';
import { ConnectionEngine } from './connection.ts';
import { Deciding, type NotResolved } from './deciding.ts';
import { Destinations } from './destination.ts';
import { FeedEngine } from './feed.ts';
import { isElsewhere } from './fence.ts';
import { HandHolds } from './hand-holds.ts';
import type { Intake } from './intake.ts';
import type { Effects, EndpointId, SocketId } from './io.ts';
import { LegPort, legKey } from './leg-port.ts';
import { type Decision, Decisions } from './lists.ts';
import { type MovePolicy, MoveRequests, type MoveWatch } from './move-requests.ts';
import { connectionObserver, feedObserver, needShadow } from './observers.ts';
import { Operations, type Reply } from './operations.ts';
import { judgeReload, type Unchanged } from './reload.ts';
import { type Author, RouteMoves } from './route-moves.ts';
import { Runtime } from './runtime.ts';
import { stateOf, statusOf } from './status.ts';

type EngineOptions = MovePolicy & {
  readonly inventory: Inventory;
  readonly frameLimitBytes: number;
  /** What the frames of all senders together may take, and the answers of all peers; absent: 512 MiB. */
  readonly frameBudgetBytes?: number;
  /** How many inputs may wait for their outputs, in all connections together; absent: 250,000. */
  readonly openInputs?: number;
};

const FRAME_BUDGET_BYTES = 512 * 1024 * 1024;
/** Each costs about 1 KiB. */
const OPEN_INPUTS = 250_000;
const OPEN_INPUTS_OF_CONNECTION = 100_000;

/** A disk that fails for a moment makes senders wait, no more. */
const REFUSE_AFTER_MS = 3000;

export class ShardEngine {
  readonly runtime: Runtime;
  readonly feeds = new Map<string, FeedEngine>();
  readonly connections = new Map<string, ConnectionEngine>();
  /** By `legKey`. */
  readonly legPorts = new Map<string, LegPort>();
  /** Senders that are dialled. */
  readonly callers: Caller[] = [];
  readonly decisions: Decisions;
  /** Connections that the journal knows and that are not served here. */
  former: ReadonlySet<string> = new Set();
  readonly #destinations: Destinations;
  readonly operations = new Operations();
  readonly refusedMoves = new RefusedMoves();
  watch: MoveWatch | null = null;
  readonly #options: EngineOptions;
  readonly #byFeed = new Map<string, ConnectionEngine[]>();
  readonly deciding: Deciding;
  readonly backlog: Backlog;
  readonly #moves: RouteMoves;
  readonly #requests: MoveRequests;
  readonly #holds: HandHolds;
  #refuseTimer: number | null = null;
  /** By feed: what goes on once none of its connections is fenced. */
  readonly #afterFence = new Map<string, () => void>();

  constructor(options: EngineOptions, fx: Effects) {
    this.#options = options;
    const { frameBudgetBytes: budgetBytes = FRAME_BUDGET_BYTES, frameLimitBytes: frameBytes } = options;
    const { openInputs = OPEN_INPUTS } = options;
    const openLimits = { connection: OPEN_INPUTS_OF_CONNECTION, shard: openInputs };
    this.runtime = new Runtime(fx, { budgetBytes, frameBytes }, openLimits);
    this.#destinations = new Destinations(this.runtime, frameBytes);
    this.decisions = new Decisions(options.shard);
    this.deciding = new Deciding(options.shard, this.runtime, this.decisions, this.connections);
    this.#moves = new RouteMoves(this.runtime, this.operations, this.deciding, {
      connectionsOf: (feed) => this.connectionsOf(feed),
      needsShadow: (feed) => needShadow(this.connectionsOf(feed), this.feeds.get(feed)?.primary ?? 'legacy'),
      swapFelt: (name, pause) => this.watch?.swapFelt(name, pause),
    });
    this.backlog = new Backlog(this, {
      deciding: this.deciding,
      isMoving: (feed) => this.connectionsOf(feed).some(({ config }) => this.#moves.of(config.name) !== null),
      moved: (feed) => this.#moves.look(this.connectionsOf(feed)),
    });
    this.#requests = new MoveRequests(this, this.#moves, options, options.inventory.soakMs);
    this.#holds = new HandHolds(this.runtime);
    this.#add(options.inventory);
  }

  /** Adds what is new in an inventory; what is there keeps its definition until a restart. */
  reload(
    nowMs: number,
    inventory: Inventory,
  ): { readonly added: readonly EndpointId[]; readonly refused: readonly Unchanged[] } {
    this.runtime.now = nowMs;
    this.#requests.soakMs = inventory.soakMs;
    const connections = [...this.connections.values()].map(({ config }) => config);
    const feeds = [...this.feeds.values()].map(({ config }) => config);
    const { shard } = this.#options;
    const { next: addable, refused } = judgeReload({ shard, connections, feeds, former: this.former }, inventory);
    const added = this.#add(addable);
    bearNew(this);
    for (const endpoint of added)
      this.runtime.fx.log(
        'info',
        'endpoint-added',
        endpoint.kind === 'feed' ? { feed: endpoint.feed } : { port: endpoint.port },
      );
    return { added, refused };
  }

  /** What is served after that inventory was taken: what it no longer has stays. */
  with(next: Inventory): Inventory {
    const connections = [...this.connections.values()].map(({ config }) => config);
    const feeds = [...this.feeds.values()].map(({ config }) => config);
    const names = new Set([...connections, ...feeds].map(({ name }) => name));
    const isNew = ({ name }: { readonly name: string }): boolean => !names.has(name);
    return {
      ...next,
      connections: [...connections, ...next.connections.filter(isNew)],
      feeds: [...feeds, ...next.feeds.filter(isNew)],
    };
  }

  #add(inventory: Inventory): EndpointId[] {
    const { shard, frameLimitBytes } = this.#options;
    const added: EndpointId[] = [];
    for (const feed of inventory.feeds) {
      if (feed.shard !== shard || this.feeds.has(feed.name)) continue;
      const served = this.#servedBy(feed.name);
      const observer = feedObserver(this, this.#moves, feed.name, served);
      const engine = new FeedEngine(feed, this.runtime, observer, frameLimitBytes);
      this.feeds.set(feed.name, engine);
      if (feed.dial === null) added.push({ kind: 'feed', feed: feed.name });
      else this.#calls(feed.name, feed, engine.intake, () => served.some(({ fence }) => isElsewhere(fence)));
    }
    for (const config of inventory.connections) {
      if (config.shard !== shard || this.connections.has(config.name)) continue;
      for (const port of this.#addConnection(config)) added.push({ kind: 'leg', shard, port });
    }
    return added;
  }

  /** Everything is recovered: senders that listen are called from now on. */
  callOut(nowMs: number): void {
    this.runtime.now = nowMs;
    for (const caller of this.callers) caller.start();
  }

  // ── what the driver tells ────────────────────────────────────────────────────────────────────────────────────────

  accepted(nowMs: number, endpoint: EndpointId, socket: SocketId, peerIp: string): void {
    this.runtime.now = nowMs;
    const intake =
      endpoint.kind === 'feed'
        ? this.feeds.get(endpoint.feed)?.intake
        : this.legPorts.get(String(endpoint.port))?.intake;
    if (intake === undefined) this.runtime.fx.close(socket);
    else intake.opened(socket, peerIp);
  }

  connected(nowMs: number, socket: SocketId): void {
    this.runtime.now = nowMs;
    this.runtime.sockets.get(socket)?.connected?.();
  }

  bytes(nowMs: number, socket: SocketId, chunk: Buffer): void {
    this.runtime.now = nowMs;
    this.runtime.sockets.get(socket)?.bytes(socket, chunk);
  }

  /** The socket is gone, whoever ended it; also when a `connect` failed. */
  closed(nowMs: number, socket: SocketId): void {
    this.runtime.now = nowMs;
    const owner = this.runtime.sockets.get(socket);
    this.runtime.sockets.delete(socket);
    owner?.closed(socket);
  }

  written(nowMs: number, upTo: number): void {
    this.runtime.now = nowMs;
    this.runtime.written(upTo);
  }

  durable(nowMs: number, upTo: number): void {
    this.runtime.now = nowMs;
    const hadFailed = this.runtime.journalFailed;
    this.runtime.durable(upTo);
    if (hadFailed) for (const feed of this.feeds.values()) feed.advance();
  }

  journalFailed(nowMs: number): void {
    this.runtime.now = nowMs;
    if (this.runtime.journalFailed) return;
    this.runtime.journalFailed = true;
    this.runtime.cancel(this.#refuseTimer);
    this.#refuseTimer = this.runtime.after(REFUSE_AFTER_MS, () => this.#turnAway());
  }

  payloadRead(nowMs: number, token: number, payload: Buffer | null): void {
    this.runtime.now = nowMs;
    this.runtime.payloadRead(token, payload);
  }

  timerFired(nowMs: number, timer: number): void {
    this.runtime.now = nowMs;
    this.runtime.timerFired(timer);
  }

  /** The peer sends no more, but may still read. */
  ended(nowMs: number, socket: SocketId): void {
    this.runtime.now = nowMs;
    this.runtime.sockets.get(socket)?.ended(socket);
  }

  // ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

  move(nowMs: number, name: string, request: RouteRequest, author: Author, reply: Reply): void {
    this.runtime.now = nowMs;
    this.#requests.ask(name, request, author, reply);
  }

  /**
   * Holds the feed of a connection by hand, never longer than its sender can wait, however often and by whichever of its
   * connections it is asked for. Null: no such connection; 'answering': it still answers what waited for the last hold.
   */
  hold(nowMs: number, name: string, forMs: number): { readonly untilMs: number } | 'answering' | null {
    this.runtime.now = nowMs;
    const feed = this.feedOf(name);
    if (feed === null) return null;
    return this.#holds.hold(name, feed, forMs) ?? 'answering';
  }

  release(nowMs: number, name: string): boolean {
    this.runtime.now = nowMs;
    if (!this.connections.has(name)) return false;
    this.#holds.release(name);
    return true;
  }

  /** A person has looked at what a restored journal may not know. The release is durable before anything moves. */
  unfence(nowMs: number, name: string, by: string, then: () => void): void {
    this.runtime.now = nowMs;
    const connection = this.connections.get(name);
    if (connection?.fence?.kind !== 'restored') {
      then();
      return;
    }
    this.runtime.append({ t: 'unfence', connection: name, by, at: nowMs }, null, 'durable', () => {
      connection.fence = null;
      const { feed } = connection.config;
      if (feed !== null && !this.isFenced(feed)) {
        this.#afterFence.get(feed)?.();
        this.#afterFence.delete(feed);
      }
      then();
    });
  }

  isFenced(feed: string): boolean {
    return this.connectionsOf(feed).some((connection) => connection.isFenced);
  }

  /** Runs now, or once the feed is not fenced any more. */
  whenServing(feed: string, run: () => void): void {
    if (this.isFenced(feed)) this.#afterFence.set(feed, run);
    else run();
  }

  /**
   * Somebody says that a platform is stopped: durable before it is told. `then(null)`: it has sent meanwhile. False: no such
   * connection, or it has a feed.
   */
  attestStopped(
    nowMs: number,
    name: string,
    { platform, by, evidence }: StopRequest,
    recordedBy: string,
    then: (attestation: StopAttestation | null) => void,
  ): boolean {
    this.runtime.now = nowMs;
    const connection = this.connections.get(name);
    const origin = connection?.platformOrigin;
    if (connection === undefined || origin === undefined || origin === null) return false;
    const at = new Date(nowMs).toISOString();
    const attestation = { platform, by, recordedBy, evidence: evidence ?? null, epoch: connection.route.epoch, at };
    origin.attested(attestation);
    this.runtime.append({ t: 'stopped', connection: name, attestation, at: nowMs }, null, 'durable', () => {
      then(origin.stopped(platform) === attestation ? attestation : null);
    });
    return true;
  }

  /** Closes a decision; with `deliver` its captures go to the destination, out of order. Null: it does; else why not. */
  resolve(
    nowMs: number,
    id: string,
    action: 'deliver' | 'discard',
    by: string,
    reason: string,
    then: (decision: Decision) => void,
  ): NotResolved | null {
    this.runtime.now = nowMs;
    return this.deciding.resolve({ t: 'resolution', id, action, by, reason, at: nowMs }, then);
  }

  /**
   * The disk is full. `ends`: records before which the journal could be let go, oldest first. Copies that nobody is owed
   * are given up for the newest of them that nothing else needs, which is returned; null: none. The record of it reaches the
   * disk once there is room: killed before, a restart tells from the journal what is missing.
   */
  giveUpBacklog(nowMs: number, ends: readonly number[]): number | null {
    this.runtime.now = nowMs;
    return this.backlog.giveUp(ends);
  }

  /** The process is about to stop: swaps that can be undone are, and nothing new is admitted. */
  stopping(nowMs: number): void {
    this.runtime.now = nowMs;
    this.#moves.abortAll('the gateway is stopping');
    for (const caller of this.callers) caller.stop();
    for (const feed of this.feeds.values()) feed.stop();
  }

  /** The bound is over: what is still under way and will be repeated (copies, what the gateway delivers itself) is listed. */
  stopped(nowMs: number): void {
    this.runtime.now = nowMs;
    for (const feed of this.feeds.values()) feed.listInterruptedShadows('stop');
    const destinations = new Set([...this.connections.values()].map(({ destination }) => destination));
    for (const destination of destinations) destination.listInterrupted();
  }

  /** Nothing is on its way to a peer whose answer is waited for. */
  get isIdle(): boolean {
    for (const feed of this.feeds.values()) if (feed.inFlight + feed.shadowsInFlight > 0) return false;
    for (const connection of this.connections.values()) if (connection.openOutputs > 0) return false;
    return true;
  }

  // ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────

  status(name: string): ReturnType<typeof statusOf> | null {
    const connection = this.connections.get(name);
    if (connection === undefined) return null;
    return statusOf({
      connection,
      feed: this.feedOf(name),
      swap: this.#moves.of(name),
      isHeldByHand: this.#holds.has(name),
      isFenced: connection.isFenced,
      openDecisions: this.decisions.openOf(name),
      shard: this.#options.shard,
    });
  }

  /** Of `status`, the state alone: cheap enough to be asked all the time. */
  stateOf(name: string): State | null {
    const connection = this.connections.get(name);
    if (connection === undefined) return null;
    const isHeldByHand = this.#holds.has(name);
    return stateOf({ connection, swap: this.#moves.of(name), isHeldByHand, isFenced: connection.isFenced });
  }

  /** Null: no such connection here, or it has no feed. */
  feedOf(connection: string): FeedEngine | null {
    return this.feeds.get(this.connections.get(connection)?.config.feed ?? '') ?? null;
  }

  /** The connections that a feed serves. */
  connectionsOf(feed: string): readonly ConnectionEngine[] {
    return this.#byFeed.get(feed) ?? [];
  }

  // A disk that has failed for seconds may do so for hours: senders are better off with a plain word than with silence.
  #turnAway(): void {
    if (!this.runtime.journalFailed) return;
    this.runtime.isRefusing = true;
    this.#moves.abortAll('the journal cannot be written');
    for (const feed of this.feeds.values()) feed.refuseWaiting();
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns the leg ports that are new and have to be listened on. */
  #addConnection(config: Connection): number[] {
    const { shard, frameLimitBytes } = this.#options;
    const served = config.feed === null ? null : this.#servedBy(config.feed);
    const observer = connectionObserver(this, this.#moves, served);
    const connection = new ConnectionEngine(config, shard, this.runtime, observer, this.#destinations);
    const from = this.feeds.get(config.feed ?? '')?.config.movedFrom ?? null;
    if (from !== null) connection.fence = { kind: 'awaited', from };
    this.connections.set(config.name, connection);
    served?.push(connection);
    const opened: number[] = [];
    for (const platform of PLATFORMS) {
      const leg = config.legs[platform];
      const key = legKey(leg);
      const known = this.legPorts.get(key);
      const port = known ?? new LegPort(leg, this.runtime, frameLimitBytes);
      this.legPorts.set(key, port);
      port.add({ connection, platform });
      if (known !== undefined) continue;
      if (leg.dial === null) opened.push(leg.port);
      else
        this.#calls(`leg:${key}`, leg, port.intake, () =>
          port.members.every((one) => isElsewhere(one.connection.fence)),
        );
    }
    return opened;
  }

  #calls(name: string, { dial, port }: Pick<Feed, 'dial' | 'port'>, intake: Intake, isElsewhere: () => boolean): void {
    if (dial !== null) this.callers.push(new Caller(name, { ...dial, port }, intake, this.runtime, isElsewhere));
  }

  /** Filled as connections are added. */
  #servedBy(feed: string): ConnectionEngine[] {
    const known = this.#byFeed.get(feed);
    if (known !== undefined) return known;
    const none: ConnectionEngine[] = [];
    this.#byFeed.set(feed, none);
    return none;
  }
}
