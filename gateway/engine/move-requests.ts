/**
 * Requests to move a connection: joined to one that is under way, refused with the reason and the remedy, or begun. What
 * a refusal says is known before anything is touched.
 */
import type { RouteRequest } from '../../core/admin-api.ts';
import type { ApprovalVerdict, Authority } from '../../core/approval.ts';
import { type Decision, decideMove, type Refusal } from '../../core/connection.ts';
import { controlOf, type Route } from '../../core/platform.ts';
import { notStopped } from '../../core/platform-origin.ts';
import { tooEarlyToDecommission } from '../../core/soak.ts';
import { type Asked, judgeMove, refusedMoveRecord } from './authority.ts';
import type { ConnectionEngine } from './connection.ts';
import { whyFenced } from './fence.ts';
import type { MoveResult, Reply } from './operations.ts';
import type { Author, RouteMoves } from './route-moves.ts';
import type { ShardEngine } from './shard.ts';
import type { SwapPause } from './swap.ts';

/** Told of what becomes of moves, for figures; nothing depends on it. */
export type MoveWatch = {
  swapFelt(connection: string, pause: SwapPause): void;
  staleEpoch(): void;
};

export type MovePolicy = {
  readonly shard: number;
  readonly target: 'local' | 'production';
  /** The signers that moves are judged against; absent: none, which only target local accepts. */
  readonly authority?: (() => Authority) | null;
};

type Accepted = Extract<Decision, { readonly kind: 'accepted' }>;
type Refused = Extract<MoveResult, { readonly ok: false }>;

const STATUS_OF: Readonly<Record<string, number>> = {
  'stale-epoch': 409,
  'effects-unclassified': 403,
};

export class MoveRequests {
  readonly #engine: ShardEngine;
  readonly #moves: RouteMoves;
  readonly #policy: MovePolicy;
  readonly #recordedApprovals = new Set<string>();
  /** Of the inventory that is served. */
  soakMs: number;

  constructor(engine: ShardEngine, moves: RouteMoves, policy: MovePolicy, soakMs: number) {
    this.#engine = engine;
    this.#moves = moves;
    this.#policy = policy;
    this.soakMs = soakMs;
  }

  ask(name: string, request: RouteRequest, author: Author, reply: Reply): void {
    const connection = this.#engine.connections.get(name);
    if (connection === undefined) {
      const message = `no connection is named '${name}' in shard ${this.#policy.shard}`;
      reply(refusal(404, 'unknown-connection', message, name));
      return;
    }
    if (this.#engine.operations.join(request, name, reply)) return;
    const bar = this.#barNow(connection, request);
    if (bar !== null) {
      reply(bar);
      return;
    }
    const decision = decideMove(request, { route: connection.route, facts: factsOf(connection) });
    // With a dead platform nobody waits for a move that may never end: what can still be as if it had never been gives way.
    if (request.force && decision.kind === 'accepted' && decision.event.verb === 'rollback') this.#moves.giveWay(name);
    if (this.#moves.of(name) !== null) {
      reply(refusal(409, 'operation-in-flight', `another move of ${name} is under way`, name));
      return;
    }
    switch (decision.kind) {
      case 'refused':
        reply(this.#refused(connection, decision.refusal));
        return;
      case 'already-there':
        reply(alreadyThere(decision.route));
        return;
      case 'accepted':
        this.#accepted(connection, decision, request, author, reply);
        return;
    }
  }

  /** Why no move of it begins now, whichever is asked for. */
  #barNow(connection: ConnectionEngine, { notAfter }: RouteRequest): Refused | null {
    const { name } = connection.config;
    const { now, isRefusing } = this.#engine.runtime;
    if (notAfter !== undefined && now > Date.parse(notAfter))
      return refusal(409, 'too-late', `the request was to start by ${notAfter}`, name);
    if (connection.fence !== null) {
      const { message, next } = whyFenced(name, connection.fence);
      return refusal(409, 'fenced', message, name, next);
    }
    if (isRefusing) {
      const message = `${name}: the journal cannot be written, and a move that is not in it has not happened`;
      return refusal(503, 'journal-failed', message, name, ['runbooks/gateway-down.md']);
    }
    return null;
  }

  #refused(connection: ConnectionEngine, { code, message, next }: Refusal): Refused {
    if (code === 'stale-epoch') this.#engine.watch?.staleEpoch();
    const { name } = connection.config;
    const error = { code, message: `${name}: ${message}`, connection: name, epoch: connection.route.epoch };
    return { ok: false, status: STATUS_OF[code] ?? 400, error: { ...error, next: [...next] } };
  }

  #accepted(
    connection: ConnectionEngine,
    decision: Accepted,
    request: RouteRequest,
    author: Author,
    reply: Reply,
  ): void {
    const unable = barOfMethod(connection, decision, request);
    if (unable !== null) {
      reply(unable);
      return;
    }
    const nowMs = this.#engine.runtime.now;
    const asked = { ...decision, connection, request, operator: author.name, nowMs };
    const verdict = judgeMove(asked, this.#policy.target, this.#policy.authority?.() ?? null);
    if (verdict?.ok === false) {
      this.#unapproved(asked, verdict, reply);
      return;
    }
    const early = this.#barOfState(connection, decision, request);
    if (early !== null) {
      reply(early);
      return;
    }
    const { name } = connection.config;
    this.#engine.operations.begin(request, name, reply);
    const approval = verdict === null ? null : this.#recordApproval(asked, verdict);
    // A swap that is still draining when the window closes gives up.
    const leftMs = verdict === null ? request.deadlineMs : verdict.notAfterMs - nowMs;
    this.#moves.start({
      connection,
      feed: this.#engine.feedOf(name),
      event: decision.event,
      request: { ...request, deadlineMs: Math.min(request.deadlineMs, leftMs) },
      author: { ...author, approval },
    });
  }

  /** The way back is given up only after the soak, and while nothing waits for a person; a platform's rows go nowhere while it sends. */
  #barOfState(connection: ConnectionEngine, { event }: Accepted, { force }: RouteRequest): Refused | null {
    const { name } = connection.config;
    if (event.verb === 'decommission') {
      const nowMs = this.#engine.runtime.now;
      const early = tooEarlyToDecommission({
        changedAt: connection.epochs.at(-1)?.at ?? new Date(nowMs).toISOString(),
        openDecisions: this.#engine.decisions.openOf(name),
        soakMs: this.soakMs,
        nowMs,
      });
      if (early !== null) return refusal(409, early.code, `${name}: ${early.message}`, name, early.next);
    }
    const origin = force ? null : connection.platformOrigin;
    const bar = origin === null ? null : notStopped(name, event.verb, connection.route, origin.status());
    return bar === null ? null : refusal(409, 'not-stopped', `${name}: ${bar.reason}`, name, bar.next);
  }

  /** The refusal is in the journal before it is told, unless the journal cannot be written. */
  #unapproved(asked: Asked, verdict: Extract<ApprovalVerdict, { ok: false }>, reply: Reply): void {
    const { runtime, refusedMoves } = this.#engine;
    const { code, message, next, reason } = verdict;
    const connection = asked.connection.config.name;
    const error = { code, message, connection, epoch: asked.connection.route.epoch, reason, next: [...next] };
    const record = refusedMoveRecord(asked, verdict);
    refusedMoves.add(record);
    runtime.fx.log('warn', 'move-refused', { connection, by: record.by, code, reason, approval: record.approval });
    const tell = (): void => reply({ ok: false, status: 403, error });
    if (runtime.journalFailed) tell();
    else runtime.append(record, null, 'durable', tell);
  }

  /** Once for each document: a wave has one for all of its connections. */
  #recordApproval(asked: Asked, { digest, signedBy }: Extract<ApprovalVerdict, { ok: true }>): string {
    const { approval, requestId } = asked.request;
    if (approval === undefined || this.#recordedApprovals.has(digest)) return digest;
    this.#recordedApprovals.add(digest);
    const connection = asked.connection.config.name;
    const record = { t: 'approval', connection, requestId, digest, signedBy, at: asked.nowMs } as const;
    this.#engine.runtime.append(record, Buffer.from(JSON.stringify(approval), 'utf8'), 'written');
    return digest;
  }
}

function factsOf({ config }: ConnectionEngine): Parameters<typeof decideMove>[1]['facts'] {
  const { name, unclassifiedEffects, weightKey, origin } = config;
  return { name, unclassifiedEffects, hasWeightKey: weightKey !== null, origin };
}

/** What the connection's own way of changing over does not allow. */
function barOfMethod(connection: ConnectionEngine, decision: Accepted, { force }: RouteRequest): Refused | null {
  const { name, changeOver } = connection.config;
  if (force && decision.event.verb !== 'rollback')
    return refusal(400, 'invalid', `${name}: force is for a rollback only`, name);
  if (decision.towards !== 'new' || changeOver !== 'at-offset' || connection.canChangeAtOffset) return null;
  const { grade, reason } = connection.correlation.grade;
  const why = `change-over at-offset needs the correlation grade exact or keyed, and it is ${grade}: ${reason}`;
  const message = `${name}: ${why}. Let the parallel run see more, mend \`correlate\`, or use \`changeOver: quiesce\``;
  return refusal(409, 'correlation-too-weak', message, name);
}

function alreadyThere(route: Route): MoveResult {
  const { epoch, phase, newWeight } = route;
  const nothing = { pauseMs: 0, heldMessages: 0, inFlightAtHold: 0, drainedAt: null };
  return { ok: true, value: { epoch, phase, newWeight, control: controlOf(route), ...nothing, alreadyThere: true } };
}

function refusal(
  status: number,
  code: string,
  message: string,
  connection: string,
  next: readonly string[] = [],
): Refused {
  return { ok: false, status, error: { code, message, connection, next: [...next] } };
}
