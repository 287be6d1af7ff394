/**
 * The engine of one shard: all its feeds and connections as one state machine. The driver tells it what happened (each
 * call with the time), it answers through `Effects`. Nothing here waits, reads a clock or touches a socket.
 */
import type { ListName, RouteRequest } from '../../core/admin-api.ts';
import type { ApprovalVerdict, Authority } from '../../core/approval.ts';
import { decideMove, type RouteChanged } from '../../core/connection.ts';
import { linkEpoch } from '../../core/epoch-history.ts';
import { matchesPredicate } from '../../core/hl7/message.ts';
import type { Inventory, Listener } from '../../core/inventory.ts';
import { candidateOf, controlOf, otherPlatform, PLATFORMS, type Platform, primaryOf } from '../../core/platform.ts';
import { type Asked, judgeMove, RefusedMoves, refusedMoveRecord } from './authority.ts';
import { ConnectionEngine } from './connection.ts';
import { type AdmittedInput, FeedEngine, type FeedObserver } from './feed.ts';
import { Intake, type IntakeOwner, type Message } from './intake.ts';
import type { Effects, EndpointId, SocketId } from './io.ts';
import { type Decision, Decisions } from './lists.ts';
import { Operations, type Reply } from './operations.ts';
import type { DecisionRecord, MessageFacts, Verdict } from './records.ts';
import { canReown, deliverCaptures, takeOver } from './reown.ts';
import { Runtime } from './runtime.ts';
import { statusOf } from './status.ts';
import { Swap } from './swap.ts';

export type ShardOptions = {
  readonly inventory: Inventory;
  readonly shard: number;
  readonly target: 'local' | 'production';
  readonly frameLimitBytes: number;
  /** The signers that moves are judged against; absent: none, which only target local accepts. */
  readonly authority?: (() => Authority) | null;
  /** The last run did not end cleanly: what the peers know may be more than what the journal knows. */
  readonly afterCrash: boolean;
};

/** A connection that a re-read inventory does not change. */
export type Unchanged = { readonly connection: string; readonly message: string; readonly remedy: string };

const DECISIONS_AT_ONCE = 100;

export type Author = {
  readonly name: string;
  /** Digest of the document that the move rests on. */
  readonly approval?: string | null;
};

type LegPort = {
  readonly intake: Intake;
  readonly members: { readonly connection: ConnectionEngine; readonly platform: Platform }[];
};

export class ShardEngine {
  readonly runtime: Runtime;
  readonly feeds = new Map<string, FeedEngine>();
  readonly connections = new Map<string, ConnectionEngine>();
  readonly legPorts = new Map<number, LegPort>();
  readonly decisions: Decisions;
  readonly operations = new Operations();
  readonly refusedMoves = new RefusedMoves();
  readonly #options: ShardOptions;
  readonly #observer: FeedObserver;
  readonly #byFeed = new Map<string, ConnectionEngine[]>();
  readonly #swaps = new Map<string, Swap>();
  readonly #recordedApprovals = new Set<string>();
  readonly #heldByHand = new Map<string, { readonly timer: number; readonly feed: FeedEngine }>();

  constructor(options: ShardOptions, fx: Effects) {
    this.#options = options;
    this.runtime = new Runtime(fx);
    this.decisions = new Decisions(options.shard);
    this.#observer = this.#feedObserver();
    this.#add(options.inventory);
  }

  /** Adds what is new in an inventory; what is there keeps its definition until a restart. */
  reload(
    nowMs: number,
    next: Inventory,
  ): { readonly added: readonly EndpointId[]; readonly refused: readonly Unchanged[] } {
    this.runtime.now = nowMs;
    const refused: Unchanged[] = [];
    const wanted = new Map(next.connections.map((item) => [item.name, item]));
    for (const { config } of this.connections.values()) {
      const item = wanted.get(config.name);
      const connection = config.name;
      if (item === undefined) {
        const remedy = 'put it back; a removal begins with its decommission';
        refused.push({ connection, message: 'it is gone from the inventory, and in the path: it stays', remedy });
      } else if (JSON.stringify(item) !== JSON.stringify(config)) {
        const remedy = 'restart the gateway to use it';
        refused.push({ connection, message: 'its definition has changed: it is served as before', remedy });
      }
    }
    const added = this.#add(next);
    for (const endpoint of added)
      this.runtime.fx.log(
        'info',
        'endpoint-added',
        endpoint.kind === 'feed' ? { feed: endpoint.feed } : { port: endpoint.port },
      );
    return { added, refused };
  }

  #add(inventory: Inventory): EndpointId[] {
    const { shard, frameLimitBytes, afterCrash } = this.#options;
    const added: EndpointId[] = [];
    for (const feed of inventory.feeds) {
      if (feed.shard !== shard || this.feeds.has(feed.name)) continue;
      this.feeds.set(feed.name, new FeedEngine(feed, this.runtime, this.#observer, frameLimitBytes, afterCrash));
      added.push({ kind: 'feed', feed: feed.name });
    }
    for (const config of inventory.connections) {
      if (config.shard !== shard || this.connections.has(config.name)) continue;
      for (const port of this.#addConnection(config)) added.push({ kind: 'leg', shard, port });
    }
    return added;
  }

  // ── what the driver tells ────────────────────────────────────────────────────────────────────────────────────────

  accepted(nowMs: number, endpoint: EndpointId, socket: SocketId, peerIp: string): void {
    this.runtime.now = nowMs;
    const intake =
      endpoint.kind === 'feed' ? this.feeds.get(endpoint.feed)?.intake : this.legPorts.get(endpoint.port)?.intake;
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
    this.runtime.journalFailed = true;
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
    if (this.#swaps.has(name)) {
      reply(refusal(409, 'operation-in-flight', `another move of ${name} is under way`, name));
      return;
    }
    const { unclassifiedEffects, weightKey } = connection.config;
    const facts = { name, unclassifiedEffects, hasWeightKey: weightKey !== null };
    const decision = decideMove(request, { route: connection.route, facts });
    switch (decision.kind) {
      case 'refused': {
        const { code, message, next } = decision.refusal;
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
        const asked = { ...decision, connection, request, operator: author.name, nowMs };
        const verdict = judgeMove(asked, this.#options.target, this.#options.authority?.() ?? null);
        if (verdict?.ok === false) {
          this.#refuse(asked, verdict, reply);
          return;
        }
        this.operations.begin(request.requestId, name, reply);
        const approval = verdict === null ? null : this.#recordApproval(asked, verdict);
        // A swap that is still draining when the window closes gives up.
        const leftMs = verdict === null ? request.deadlineMs : verdict.notAfterMs - nowMs;
        const bounded = { ...request, deadlineMs: Math.min(request.deadlineMs, leftMs) };
        this.#startSwap(connection, decision.event, bounded, { ...author, approval });
        return;
      }
    }
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

  /** Holds the feed of a connection by hand, never longer than its sender can wait. Null: no such connection. */
  hold(nowMs: number, name: string, forMs: number): { readonly untilMs: number } | null {
    this.runtime.now = nowMs;
    const feed = this.feedOf(name);
    if (feed === null) return null;
    this.#releaseByHand(name);
    const boundedMs = Math.min(forMs, feed.holdLimitMs);
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

  /** Closes a decision; with `deliver` its captures go to the destination, out of order. */
  resolve(
    nowMs: number,
    id: string,
    action: 'deliver' | 'discard',
    by: string,
    reason: string,
    then: (decision: Decision) => void,
  ): boolean {
    this.runtime.now = nowMs;
    const decision = this.decisions.get(id);
    if (decision === null || decision.resolved !== null) return false;
    const record = { t: 'resolution', id, action, by, reason, at: nowMs } as const;
    this.runtime.append(record, null, 'durable', () => {
      this.decisions.resolve(record);
      if (action === 'deliver') for (const offset of decision.proposalOffsets) this.redeliver(decision, offset);
      then(this.decisions.get(id) ?? decision);
    });
    return true;
  }

  /** The process is about to stop: swaps that can be undone are, and nothing new is admitted. */
  stopping(nowMs: number): void {
    this.runtime.now = nowMs;
    for (const swap of this.#swaps.values()) swap.abortIfPossible('the gateway is stopping');
    for (const feed of this.feeds.values()) feed.stop();
  }

  /** The bound is over: copies that are still under way are listed, for they will be repeated. */
  stopped(nowMs: number): void {
    this.runtime.now = nowMs;
    for (const feed of this.feeds.values()) feed.listInterruptedShadows('stop');
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
    const feed = this.feedOf(name);
    if (connection === undefined || feed === null) return null;
    return statusOf({
      connection,
      feed,
      swap: this.#swaps.get(name) ?? null,
      isHeldByHand: this.#heldByHand.has(name),
      isFenced: false,
      openDecisions: this.decisions.openOf(name),
    });
  }

  feedOf(connection: string): FeedEngine | null {
    return this.feeds.get(this.connections.get(connection)?.config.feed ?? '') ?? null;
  }

  /** The connections that a feed serves. */
  connectionsOf(feed: string): readonly ConnectionEngine[] {
    return this.#byFeed.get(feed) ?? [];
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns the leg ports that are new. */
  #addConnection(config: Inventory['connections'][number]): number[] {
    const { shard, frameLimitBytes } = this.#options;
    const connection = new ConnectionEngine(
      config,
      shard,
      this.runtime,
      {
        moved: (name) => this.#moved(this.connections.get(name)?.config.feed ?? ''),
        stray: (endpoint, frame) => this.#stray(endpoint, frame.isAnswer),
        doubt: (asking, cause, { input }) => this.#openDecision(asking, cause, input),
      },
      frameLimitBytes,
    );
    this.connections.set(config.name, connection);
    this.#byFeed.set(config.feed, [...(this.#byFeed.get(config.feed) ?? []), connection]);
    const opened: number[] = [];
    for (const platform of PLATFORMS) {
      const leg = config.legs[platform];
      if (!this.legPorts.has(leg.port)) opened.push(leg.port);
      const port = this.legPorts.get(leg.port) ?? this.#openLegPort(leg.port, leg);
      port.members.push({ connection, platform });
    }
    return opened;
  }

  #openLegPort(number: number, listener: Listener): LegPort {
    const members: LegPort['members'] = [];
    const { frameLimitBytes, afterCrash } = this.#options;
    const owner = this.#legOwner(members);
    const runtime = this.runtime;
    const intake = new Intake({ name: `leg:${number}`, listener, runtime, owner, frameLimitBytes, afterCrash });
    const port = { intake, members };
    this.legPorts.set(number, port);
    return port;
  }

  #legOwner(members: LegPort['members']): IntakeOwner {
    const pick = (payload: Uint8Array): LegPort['members'][number] | undefined =>
      members.find(({ connection, platform }) => {
        const { match } = connection.config.legs[platform];
        return match === null || matchesPredicate(payload, match);
      });
    const first = (): ConnectionEngine | undefined => members[0]?.connection;
    const working = new Map<Message, LegPort['members'][number]>();
    return {
      message: (message) => {
        const member = pick(message.frame.payload);
        const worker = member ?? members[0];
        if (worker !== undefined) working.set(message, worker);
        const intake = this.legPorts.get(member?.connection.config.legs[member.platform].port ?? -1)?.intake;
        if (member !== undefined && intake !== undefined) member.connection.output(message, member.platform, intake);
        else this.#parkUnmatched(message, members);
      },
      answeredAgain: (facts, offset) => this.#listedAgain(first(), facts, offset),
      reusedId: (message) => this.runtime.fx.log('warn', 'reused-id', { sha: message.facts.sha.slice(0, 12) }),
      firstAfterCrash: (message) =>
        pick(message.frame.payload)?.connection.listed('maybeSent', message.facts, null, 'before-crash'),
      refused: (facts, cause) => {
        const endpoint = `leg of ${first()?.config.name ?? '?'}`;
        this.runtime.append({ t: 'refusal', endpoint, cause, at: this.runtime.now, ...facts }, null, 'written');
      },
      deserted: () => {},
      ended: (message) => {
        const member = working.get(message);
        working.delete(message);
        member?.connection.outputEnded(member.platform, this.runtime.now - message.receivedAtMs);
      },
    };
  }

  /** Fits no connection of its port: kept durably, answered, listed under the port's first connection. */
  #parkUnmatched(message: Message, members: LegPort['members']): void {
    const [member] = members;
    if (member === undefined) return;
    const intake = this.legPorts.get(member.connection.config.legs[member.platform].port)?.intake;
    if (intake !== undefined) member.connection.park(message, member.platform, intake, 'no-connection-matches');
  }

  #listedAgain(connection: ConnectionEngine | undefined, facts: MessageFacts, offset: number | null): void {
    if (connection === undefined) return;
    connection.listed('answeredAgain', facts, offset, 'resent-by-platform');
  }

  #feedObserver(): FeedObserver {
    const each = (feed: string, run: (connection: ConnectionEngine) => void): void => {
      for (const connection of this.connectionsOf(feed)) run(connection);
    };
    return {
      shadowOf: (feed, primary) => (this.#needsShadow(feed, primary) ? otherPlatform(primary) : null),
      admitted: (input: AdmittedInput) => each(input.feed, (connection) => connection.inputAdmitted(input)),
      answered: (input: AdmittedInput, platform: Platform, verdict: Verdict, isPrimary: boolean) =>
        each(input.feed, (connection) => {
          connection.inputAnswered(input, platform, verdict, isPrimary);
          if (!isPrimary && this.#isFedByCopies(connection)) connection.watchCopies();
        }),
      listed: (feed, list: ListName, facts, offset, cause) => {
        this.connectionsOf(feed)[0]?.listed(list, facts, offset, cause);
      },
      counted: (feed, counter) => each(feed, (connection) => connection.counters[counter]++),
      stray: (endpoint, frame) => this.#stray(endpoint, frame.isAnswer),
      moved: (feed) => this.#moved(feed),
      ended: (feed, message) => {
        for (const { config } of this.connectionsOf(feed)) this.#swaps.get(config.name)?.ended(message);
      },
    };
  }

  #needsShadow(feed: string, primary: Platform): boolean {
    return this.connectionsOf(feed).some(({ route }) => candidateOf(route) !== null || controlOf(route) !== primary);
  }

  /** Its control, or the owner of a share of its keys, gets its inputs as copies. */
  #isFedByCopies({ config, route }: ConnectionEngine): boolean {
    return route.newWeight > 0 || controlOf(route) !== this.feeds.get(config.feed)?.primary;
  }

  #stray(endpoint: string, isAnswer: boolean): void {
    this.runtime.fx.log('warn', isAnswer ? 'uncredited-answer' : 'unsolicited-frame', { endpoint });
  }

  #moved(feed: string): void {
    if (this.#swaps.size === 0) return;
    for (const { config } of this.connectionsOf(feed)) this.#swaps.get(config.name)?.check();
  }

  #startSwap(connection: ConnectionEngine, event: RouteChanged, request: RouteRequest, author: Author): void {
    const { name } = connection.config;
    const feed = this.feedOf(name);
    if (feed === null) throw new Error(`${name} has no feed`);
    const plan = { verb: event.verb, next: event.route, forced: request.force, deadlineMs: request.deadlineMs };
    const swap = new Swap(plan, connection, feed, this.runtime, {
      commit: (then) => {
        connection.raiseBarrier();
        this.#appendEpoch(connection, event, request, author, (reowns) => {
          this.#apply(connection, feed, event, request.force, reowns);
          connection.liftBarrier();
          then();
        });
      },
      overdue: () => this.#decideOverdue(connection),
      done: (response) => {
        this.#swaps.delete(name);
        const { epoch, pauseMs, heldMessages, inFlightAtHold, drainedAt } = response;
        const outcome = response.aborted === true ? 'aborted' : 'committed';
        const reason = response.reason ?? null;
        const figures = { epoch, pauseMs, heldMessages, inFlightAtHold, drainedAt, at: this.runtime.now };
        const record = {
          t: 'operation',
          connection: name,
          requestId: request.requestId,
          outcome,
          reason,
          ...figures,
        } as const;
        this.runtime.append(record, null, 'durable', () => {
          this.operations.end(request.requestId, { ok: true, value: response });
        });
      },
    });
    this.#swaps.set(name, swap);
    swap.start();
  }

  #appendEpoch(
    connection: ConnectionEngine,
    event: RouteChanged,
    request: RouteRequest,
    author: Author,
    then: (reowns: boolean) => void,
  ): void {
    const { epoch, phase, newWeight } = event.route;
    const record = linkEpoch(connection.epochs.at(-1) ?? null, {
      connection: connection.config.name,
      epoch,
      phase,
      newWeight,
      verb: event.verb,
      by: author.name,
      origin: request.origin,
      requestId: request.requestId,
      reason: request.reason ?? null,
      changeId: request.changeId ?? null,
      approval: author.approval ?? null,
      forced: request.force,
      at: new Date(this.runtime.now).toISOString(),
    });
    const reowns = request.force && canReown(connection, 'legacy');
    this.runtime.append({ t: 'epoch', record, reowns, at: this.runtime.now }, null, 'durable', () => {
      connection.epochs.push(record);
      then(reowns);
    });
  }

  #apply(connection: ConnectionEngine, feed: FeedEngine, event: RouteChanged, forced: boolean, reowns: boolean): void {
    const former = connection.route;
    connection.route = event.route;
    const candidate = candidateOf(event.route);
    const roles = candidate === null ? [controlOf(event.route)] : [controlOf(event.route), candidate];
    const primary = primaryOf(this.connectionsOf(feed.config.name).map(({ route }) => route));
    const movesPrimary = primary !== feed.primary;
    if (forced && movesPrimary) feed.abandonCurrent();
    feed.setPrimary(primary);
    if (!this.#needsShadow(feed.config.name, primary)) feed.dropShadows(otherPlatform(primary));
    connection.obligations.keepOnly(roles);
    if (!forced) return;
    // A forced move leads back to legacy: new is the platform that may be dead.
    for (const doubt of takeOver(connection, 'new', former, reowns))
      this.#openDecision(connection, doubt.cause, doubt.obligation.input);
    deliverCaptures(connection, 'legacy');
  }

  /** An input whose control output did not come although it had to: a person decides, traffic goes on. */
  #decideOverdue(connection: ConnectionEngine): void {
    if (connection.openOutputs > 0) return;
    const overdue = connection.obligations.overdue(this.runtime.now, (item, platform) =>
      connection.owes(item, platform),
    );
    // So many are no accident: the platform filters, and the inventory does not say so.
    if (overdue.length > DECISIONS_AT_ONCE) return;
    for (const obligation of overdue) this.#openDecision(connection, 'output-missing', obligation.input);
  }

  #openDecision(connection: ConnectionEngine, cause: string, input: number): void {
    const obligation = connection.obligations.get(input);
    if (obligation === null) return;
    const proposals = PLATFORMS.flatMap((platform) => {
      const { output, outputFacts, delivered } = obligation.sides[platform];
      return output === null || outputFacts === null || delivered ? [] : [{ ...outputFacts, offset: output }];
    });
    const record: DecisionRecord = {
      t: 'decision',
      id: `${this.#options.shard}-${this.runtime.nextOffset}`,
      connection: connection.config.name,
      cause,
      input,
      inputFacts: obligation.facts,
      proposals,
      at: this.runtime.now,
    };
    this.runtime.append(record, null, 'durable');
    this.decisions.open(record);
    connection.obligations.close(obligation);
  }

  /** Sends one proposal of a decision; also on recovery, where the journal has the decision and no verdict. */
  redeliver(decision: Decision, offset: number): void {
    const connection = this.connections.get(decision.connection);
    const proposal = decision.proposals[decision.proposalOffsets.indexOf(offset)];
    if (connection === undefined || proposal === undefined) return;
    const facts = { msh10: proposal.msh10, sha: proposal.sha256 };
    const platform = otherPlatform(controlOf(connection.route));
    connection.obligations.takeOver(offset);
    if (decision.inputOffset !== null) connection.obligations.decided(decision.inputOffset);
    connection.flow.deliverCapture({ offset, facts, platform, obligation: null }, 'outOfOrder');
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

const STATUS_OF: Readonly<Record<string, number>> = {
  'stale-epoch': 409,
  'effects-unclassified': 403,
};

function refusal(status: number, code: string, message: string, connection: string): Parameters<Reply>[0] {
  return { ok: false, status, error: { code, message, connection, next: [] } };
}
