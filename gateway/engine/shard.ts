/**
 * The engine of one shard: all its feeds and connections as one state machine. The driver tells it what happened (each
 * call with the time), it answers through `Effects`. Nothing here waits, reads a clock or touches a socket.
 */
import type { RouteRequest, RouteResponse, State, StopAttestation, StopRequest } from '../../core/admin-api.ts';
import type { ApprovalVerdict, Authority } from '../../core/approval.ts';
import { decideMove } from '../../core/connection.ts';
import type { Inventory } from '../../core/inventory.ts';
import { candidateOf, controlOf, otherPlatform, PLATFORMS, type Platform } from '../../core/platform.ts';
import { notStopped } from '../../core/platform-origin.ts';
import { type TooEarly, tooEarlyToDecommission } from '../../core/soak.ts';
import { type Asked, judgeMove, RefusedMoves, refusedMoveRecord } from './authority.ts';
import { Backlog } from './backlog.ts';
import { Caller } from './caller.ts';
import { ConnectionEngine, whyFenced } from './connection.ts';
import type { Correspondent } from './correspondence.ts';
import { Deciding, type NotResolved } from './deciding.ts';
import { Destinations } from './destination.ts';
import { FeedEngine, type FeedObserver } from './feed.ts';
import type { Effects, EndpointId, SocketId } from './io.ts';
import { LegPort, legKey } from './leg-port.ts';
import { type Decision, Decisions } from './lists.ts';
import { Operations, type Reply } from './operations.ts';
import { judgeReload, type Unchanged } from './reload.ts';
import { type Author, RouteMoves } from './route-moves.ts';
import { Runtime } from './runtime.ts';
import { stateOf, statusOf } from './status.ts';

export type ShardOptions = {
  readonly inventory: Inventory;
  readonly shard: number;
  readonly target: 'local' | 'production';
  readonly frameLimitBytes: number;
  /** What the frames of all senders together may take, and the answers of all peers; absent: 512 MiB. */
  readonly frameBudgetBytes?: number;
  /** How many inputs may wait for their outputs, in all connections together; absent: 250,000. */
  readonly openInputs?: number;
  /** The signers that moves are judged against; absent: none, which only target local accepts. */
  readonly authority?: (() => Authority) | null;
  /** The last run did not end cleanly: what the peers know may be more than what the journal knows. */
  readonly afterCrash: boolean;
};

/** Told of what becomes of moves, for figures; nothing depends on it. */
export type MoveWatch = {
  swapEnded(connection: string, response: RouteResponse): void;
  staleEpoch(): void;
};

const FRAME_BUDGET_BYTES = 512 * 1024 * 1024;
/** Each costs about 1 KiB. */
const OPEN_INPUTS = 250_000;
const OPEN_INPUTS_OF_CONNECTION = 100_000;
const SEGMENT_MSA = Buffer.from('MSA', 'latin1');

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
  readonly #destinations: Destinations;
  readonly operations = new Operations();
  readonly refusedMoves = new RefusedMoves();
  watch: MoveWatch | null = null;
  readonly #options: ShardOptions;
  readonly #byFeed = new Map<string, ConnectionEngine[]>();
  readonly deciding: Deciding;
  readonly backlog: Backlog;
  readonly #moves: RouteMoves;
  #soakMs: number;
  readonly #recordedApprovals = new Set<string>();
  #refuseTimer: number | null = null;
  /** By feed: what goes on once none of its connections is fenced. */
  readonly #afterFence = new Map<string, () => void>();
  readonly #heldByHand = new Map<string, { readonly timer: number; readonly feed: FeedEngine }>();

  constructor(options: ShardOptions, fx: Effects) {
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
      swapEnded: (name, response) => this.watch?.swapEnded(name, response),
    });
    this.backlog = new Backlog(this, {
      deciding: this.deciding,
      isMoving: (feed) => this.connectionsOf(feed).some(({ config }) => this.#moves.of(config.name) !== null),
      moved: (feed) => this.#moves.look(this.connectionsOf(feed)),
    });
    this.#soakMs = options.inventory.soakMs;
    this.#add(options.inventory);
  }

  /** Adds what is new in an inventory; what is there keeps its definition until a restart. */
  reload(
    nowMs: number,
    inventory: Inventory,
  ): { readonly added: readonly EndpointId[]; readonly refused: readonly Unchanged[] } {
    this.runtime.now = nowMs;
    this.#soakMs = inventory.soakMs;
    const connections = [...this.connections.values()].map(({ config }) => config);
    const feeds = [...this.feeds.values()].map(({ config }) => config);
    const { next: addable, refused } = judgeReload({ connections, feeds }, inventory);
    const added = this.#add(addable);
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
    const { shard, frameLimitBytes, afterCrash } = this.#options;
    const added: EndpointId[] = [];
    for (const feed of inventory.feeds) {
      if (feed.shard !== shard || this.feeds.has(feed.name)) continue;
      const engine = new FeedEngine(feed, this.runtime, this.#feedObserver(feed.name), frameLimitBytes, afterCrash);
      this.feeds.set(feed.name, engine);
      if (feed.dial === null) added.push({ kind: 'feed', feed: feed.name });
      else this.callers.push(new Caller(feed.name, { ...feed.dial, port: feed.port }, engine.intake, this.runtime));
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
    const connection = this.connections.get(name);
    const feed = this.feedOf(name);
    if (connection === undefined) {
      reply(
        refusal(404, 'unknown-connection', `no connection is named '${name}' in shard ${this.#options.shard}`, name),
      );
      return;
    }
    if (this.operations.join(request.requestId, name, reply)) return;
    if (request.notAfter !== undefined && nowMs > Date.parse(request.notAfter)) {
      reply(refusal(409, 'too-late', `the request was to start by ${request.notAfter}`, name));
      return;
    }
    if (connection.fence !== null) {
      const { message, next } = whyFenced(name, connection.fence);
      reply(refusal(409, 'fenced', message, name, next));
      return;
    }
    if (this.runtime.isRefusing) {
      const message = `${name}: the journal cannot be written, and a move that is not in it has not happened`;
      reply(refusal(503, 'journal-failed', message, name, ['runbooks/gateway-down.md']));
      return;
    }
    const { unclassifiedEffects, weightKey, origin } = connection.config;
    const facts = { name, unclassifiedEffects, hasWeightKey: weightKey !== null, origin };
    const decision = decideMove(request, { route: connection.route, facts });
    // With a dead platform nobody waits for a move that may never end: what can still be as if it had never been gives way.
    if (request.force && decision.kind === 'accepted' && decision.event.verb === 'rollback') this.#moves.giveWay(name);
    if (this.#moves.of(name) !== null) {
      reply(refusal(409, 'operation-in-flight', `another move of ${name} is under way`, name));
      return;
    }
    switch (decision.kind) {
      case 'refused': {
        const { code, message, next } = decision.refusal;
        if (code === 'stale-epoch') this.watch?.staleEpoch();
        const epoch = connection.route.epoch;
        reply({
          ok: false,
          status: STATUS_OF[code] ?? 400,
          error: { code, message: `${name}: ${message}`, connection: name, epoch, next: [...next] },
        });
        return;
      }
      case 'already-there': {
        const { epoch, phase, newWeight } = decision.route;
        const control = controlOf(decision.route);
        const nothing = { pauseMs: 0, heldMessages: 0, inFlightAtHold: 0, drainedAt: null };
        reply({ ok: true, value: { epoch, phase, newWeight, control, ...nothing, alreadyThere: true } });
        return;
      }
      case 'accepted': {
        if (request.force && decision.event.verb !== 'rollback') {
          reply(refusal(400, 'invalid', `${name}: force is for a rollback only`, name));
          return;
        }
        const { grade, reason } = connection.correlation.grade;
        if (
          decision.towards === 'new' &&
          connection.config.changeOver === 'at-offset' &&
          !connection.canChangeAtOffset
        ) {
          const why = `change-over at-offset needs the correlation grade exact or keyed, and it is ${grade}: ${reason}`;
          const message = `${name}: ${why}. Let the parallel run see more, mend \`correlate\`, or use \`changeOver: quiesce\``;
          reply(refusal(409, 'correlation-too-weak', message, name));
          return;
        }
        const asked = { ...decision, connection, request, operator: author.name, nowMs };
        const verdict = judgeMove(asked, this.#options.target, this.#options.authority?.() ?? null);
        if (verdict?.ok === false) {
          this.#refuse(asked, verdict, reply);
          return;
        }
        const early = decision.event.verb === 'decommission' ? this.#whyNotYet(connection) : null;
        if (early !== null) {
          reply(refusal(409, early.code, `${name}: ${early.message}`, name, early.next));
          return;
        }
        const origin = request.force ? null : connection.platformOrigin;
        const bar = origin === null ? null : notStopped(name, decision.event.verb, connection.route, origin.status());
        if (bar !== null) {
          reply(refusal(409, 'not-stopped', `${name}: ${bar.reason}`, name, bar.next));
          return;
        }
        this.operations.begin(request.requestId, name, reply);
        const approval = verdict === null ? null : this.#recordApproval(asked, verdict);
        // A swap that is still draining when the window closes gives up.
        const leftMs = verdict === null ? request.deadlineMs : verdict.notAfterMs - nowMs;
        const bounded = { ...request, deadlineMs: Math.min(request.deadlineMs, leftMs) };
        this.#moves.start({
          connection,
          feed,
          event: decision.event,
          request: bounded,
          author: { ...author, approval },
        });
        return;
      }
    }
  }

  /** The way back is given up only after the soak of this gateway's own inventory, and while nothing waits for a person. */
  #whyNotYet(connection: ConnectionEngine): TooEarly | null {
    return tooEarlyToDecommission({
      changedAt: connection.epochs.at(-1)?.at ?? new Date(this.runtime.now).toISOString(),
      openDecisions: this.decisions.openOf(connection.config.name),
      soakMs: this.#soakMs,
      nowMs: this.runtime.now,
    });
  }

  /** The refusal is in the journal before it is told, unless the journal cannot be written. */
  #refuse(asked: Asked, verdict: Extract<ApprovalVerdict, { ok: false }>, reply: Reply): void {
    const { code, message, next, reason } = verdict;
    const connection = asked.connection.config.name;
    const error = { code, message, connection, epoch: asked.connection.route.epoch, reason, next: [...next] };
    const record = refusedMoveRecord(asked, verdict);
    this.refusedMoves.add(record);
    this.runtime.fx.log('warn', 'move-refused', { connection, by: record.by, code, reason, approval: record.approval });
    const tell = (): void => reply({ ok: false, status: 403, error });
    if (this.runtime.journalFailed) tell();
    else this.runtime.append(record, null, 'durable', tell);
  }

  /** Once for each document: a wave has one for all of its connections. */
  #recordApproval(asked: Asked, { digest, signedBy }: Extract<ApprovalVerdict, { ok: true }>): string {
    const { approval, requestId } = asked.request;
    if (approval === undefined || this.#recordedApprovals.has(digest)) return digest;
    this.#recordedApprovals.add(digest);
    const connection = asked.connection.config.name;
    const record = { t: 'approval', connection, requestId, digest, signedBy, at: asked.nowMs } as const;
    this.runtime.append(record, Buffer.from(JSON.stringify(approval), 'utf8'), 'written');
    return digest;
  }

  /**
   * Holds the feed of a connection by hand, never longer than its sender can wait, however often and by whichever of its
   * connections it is asked for. Null: no such connection; 'answering': it still answers what waited for the last hold.
   */
  hold(nowMs: number, name: string, forMs: number): { readonly untilMs: number } | 'answering' | null {
    this.runtime.now = nowMs;
    const feed = this.feedOf(name);
    if (feed === null) return null;
    if (!feed.canBeHeld) return 'answering';
    const boundedMs = Math.min(forMs, feed.holdLeftMs);
    const known = this.#heldByHand.get(name);
    if (known !== undefined) this.runtime.cancel(known.timer);
    feed.hold(feed);
    const timer = this.runtime.after(boundedMs, () => this.#releaseByHand(name));
    this.#heldByHand.set(name, { timer, feed });
    return { untilMs: nowMs + boundedMs };
  }

  release(nowMs: number, name: string): boolean {
    this.runtime.now = nowMs;
    if (!this.connections.has(name)) return false;
    this.#releaseByHand(name);
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
      isHeldByHand: this.#heldByHand.has(name),
      isFenced: connection.isFenced,
      openDecisions: this.decisions.openOf(name),
      shard: this.#options.shard,
    });
  }

  /** Of `status`, the state alone: cheap enough to be asked all the time. */
  stateOf(name: string): State | null {
    const connection = this.connections.get(name);
    if (connection === undefined) return null;
    const isHeldByHand = this.#heldByHand.has(name);
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
  #addConnection(config: Inventory['connections'][number]): number[] {
    const { shard, frameLimitBytes, afterCrash } = this.#options;
    const served = config.feed === null ? null : this.#servedBy(config.feed);
    const connection = new ConnectionEngine(
      config,
      shard,
      this.runtime,
      {
        moved: (name) => {
          if (served === null) this.#moves.lookAt(name);
          else this.#moves.look(served);
        },
        passBack: (passing, platform, to, payload) => this.#passBack(passing, platform, to, payload),
        doubt: (asking, cause, { input }) => this.deciding.open(asking, cause, input),
        isDecided: (asking, input) => this.decisions.isDecided(asking.config.name, input),
        rejected: (asking, output) => this.deciding.openRejected(asking, output),
      },
      this.#destinations,
    );
    const from = this.feeds.get(config.feed ?? '')?.config.movedFrom ?? null;
    if (from !== null) connection.fence = { kind: 'awaited', from };
    this.connections.set(config.name, connection);
    served?.push(connection);
    const opened: number[] = [];
    for (const platform of PLATFORMS) {
      const leg = config.legs[platform];
      const key = legKey(leg);
      const known = this.legPorts.get(key);
      const port = known ?? new LegPort(leg, this.runtime, frameLimitBytes, afterCrash);
      this.legPorts.set(key, port);
      port.add({ connection, platform });
      if (known !== undefined) continue;
      if (leg.dial === null) opened.push(leg.port);
      else this.callers.push(new Caller(`leg:${key}`, { ...leg.dial, port: leg.port }, port.intake, this.runtime));
    }
    return opened;
  }

  /** Told several times for each message, so it looks nothing up by name. */
  #feedObserver(feed: string): FeedObserver {
    const connections = this.#servedBy(feed);
    return {
      shadowOf: (primary) => (needShadow(connections, primary) ? otherPlatform(primary) : null),
      admitted: (input) => {
        for (const connection of connections) connection.inputAdmitted(input);
      },
      answered: (input, platform, verdict, isPrimary) => {
        for (const connection of connections) {
          connection.inputAnswered(input, platform, verdict, isPrimary);
          if (!isPrimary && this.#isFedByCopies(connection)) connection.doubts.watch();
          else if (!isPrimary) connection.doubts.askOfRejected();
          connection.changeOver.look();
        }
      },
      listed: (list, facts, offset, cause) => connections[0]?.listed(list, facts, offset, cause),
      counted: (counter) => {
        for (const { counters } of connections) counters[counter]++;
      },
      unreadable: (platform, input) => {
        const engine = this.feeds.get(feed);
        if (engine !== undefined) this.backlog.unreadable(engine, platform, input);
      },
      stray: (endpoint, { payload, isAnswer }, cause) => {
        this.runtime.fx.log('warn', isAnswer ? 'uncredited-answer' : 'unsolicited-frame', { endpoint, cause });
        connections[0]?.strayed(payload, cause);
      },
      issuerOf: (payload) => this.#issuerOf(payload),
      isFenced: () => connections.some(({ isFenced }) => isFenced),
      moved: () => this.#moves.look(connections),
      ended: (message) => this.#moves.ended(connections, message),
    };
  }

  /** Filled as connections are added. */
  #servedBy(feed: string): ConnectionEngine[] {
    const known = this.#byFeed.get(feed);
    if (known !== undefined) return known;
    const none: ConnectionEngine[] = [];
    this.#byFeed.set(feed, none);
    return none;
  }

  /** Its control, or the owner of a share of its keys, gets its inputs as copies. */
  #isFedByCopies({ config, route }: ConnectionEngine): boolean {
    return route.newWeight > 0 || controlOf(route) !== this.feeds.get(config.feed ?? '')?.primary;
  }

  /** Rule 7: what the destination says later goes to the platform that has sent the message; its acknowledgement comes back. */
  #passBack(connection: ConnectionEngine, platform: Platform, to: Correspondent, payload: Buffer): boolean {
    const intake = this.legPorts.get(legKey(connection.config.legs[platform]))?.intake;
    const { sender, socket } = to;
    if (intake === undefined || sender === null) return false;
    return intake.passBack({ sender, socket }, payload, (answer) => {
      if (!connection.destination.link.passOn(answer)) connection.strayed(answer, 'destination-gone');
    });
  }

  /** A response that a source sends as a message of its own names the message that it answers. */
  #issuerOf(payload: Uint8Array): Platform | null {
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    if (bytes.indexOf(SEGMENT_MSA) < 0) return null;
    for (const connection of this.connections.values()) {
      const issuer = connection.issuerOf(payload);
      if (issuer !== null) return issuer;
    }
    return null;
  }

  #releaseByHand(name: string): void {
    const held = this.#heldByHand.get(name);
    if (held === undefined) return;
    this.#heldByHand.delete(name);
    this.runtime.cancel(held.timer);
    const isHeldByAnother = [...this.#heldByHand.values()].some(({ feed }) => feed === held.feed);
    if (!isHeldByAnother) held.feed.release(held.feed);
  }
}

function needShadow(connections: readonly ConnectionEngine[], primary: Platform): boolean {
  return connections.some(({ route }) => candidateOf(route) !== null || controlOf(route) !== primary);
}

const STATUS_OF: Readonly<Record<string, number>> = {
  'stale-epoch': 409,
  'effects-unclassified': 403,
};

function refusal(
  status: number,
  code: string,
  message: string,
  connection: string,
  next: readonly string[] = [],
): Parameters<Reply>[0] {
  return { ok: false, status, error: { code, message, connection, next: [...next] } };
}
