/**
 * The gateway as the enforcer of rule 12: which moves need a signed document, and the record of every one that was
 * refused for it. The judgement itself is `core/approval.ts`; here it meets the engine's clock and epoch history.
 */
import type { RefusedMove, RouteRequest } from '../../core/admin-api.ts';
import { type ApprovalVerdict, type Authority, judgeApproval } from '../../core/approval.ts';
import { needsSignature, type RouteChanged } from '../../core/connection.ts';
import type { ConnectionEngine } from './connection.ts';
import type { MoveRefusedRecord } from './records.ts';

export type Asked = {
  readonly connection: ConnectionEngine;
  readonly event: RouteChanged;
  readonly towards: 'legacy' | 'new' | 'neither';
  readonly request: RouteRequest;
  readonly operator: string;
  readonly nowMs: number;
};

/** Null: this move needs no document, or the target asks for none and none came. */
export function judgeMove(
  asked: Asked,
  target: 'local' | 'production',
  authority: Authority | null,
): ApprovalVerdict | null {
  const { connection, event, towards, request, operator, nowMs } = asked;
  const kind = needsSignature(event.verb, towards);
  const presented = request.approval ?? null;
  if (kind === null) return null;
  if (target === 'local' && (presented === null || authority === null)) return null;
  const nobody: Authority = { deployment: '', signers: [], revoked: new Set() };
  const question = {
    connection: connection.config.name,
    kind,
    verb: event.verb,
    from: connection.route,
    to: event.route,
    operator,
    nowMs,
    history: connection.epochs,
    presented,
  };
  return judgeApproval(question, authority ?? nobody);
}

export function refusedMoveRecord(asked: Asked, verdict: Extract<ApprovalVerdict, { ok: false }>): MoveRefusedRecord {
  const { connection, event, request, operator, nowMs } = asked;
  return {
    t: 'move-refused',
    connection: connection.config.name,
    requestId: request.requestId,
    by: operator,
    origin: request.origin,
    phase: event.route.phase,
    newWeight: event.route.newWeight,
    expectedEpoch: request.expectedEpoch,
    code: verdict.code,
    reason: verdict.reason,
    approval: verdict.digest,
    at: nowMs,
  };
}

const KEPT = 1000;

export type RefusedMovesState = {
  readonly entries: readonly RefusedMove[];
  readonly byReason: readonly (readonly [string, number])[];
};

/** The newest refused moves of a shard, and how many there were by reason. */
export class RefusedMoves {
  #entries: RefusedMove[] = [];
  readonly byReason = new Map<string, number>();

  add({ t: _t, at, ...record }: MoveRefusedRecord): void {
    this.#entries.push({ ...record, at: new Date(at).toISOString() });
    if (this.#entries.length > KEPT) this.#entries.shift();
    this.byReason.set(record.reason, (this.byReason.get(record.reason) ?? 0) + 1);
  }

  get total(): number {
    return [...this.byReason.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Newest first. */
  newest(): readonly RefusedMove[] {
    return this.#entries.toReversed();
  }

  dump(): RefusedMovesState {
    return { entries: [...this.#entries], byReason: [...this.byReason] };
  }

  load({ entries, byReason }: RefusedMovesState): void {
    this.#entries = [...entries];
    for (const [reason, count] of byReason) this.byReason.set(reason, count);
  }
}
