/**
 * What a verb is going to do, as data: decided from a snapshot, printed by --dry-run, executed step by step by the
 * runner. Pure: the same snapshot and wish always give the same Plan.
 */

import type { ConnectionStatus } from './admin-api.ts';
import {
  type ConnectionFacts,
  decideMove,
  describeRoute,
  legalNextSteps,
  type MoveVerb,
  needsSignature,
  verbOf,
} from './connection.ts';
import { counted } from './count-words.ts';
import type { Origin, Phase, Route } from './platform.ts';
import { notStopped } from './platform-origin.ts';
import { tooEarlyToDecommission } from './soak.ts';
import type { RouteEntry } from './stack-config.ts';
import { isSameRoute, routeOf } from './truth.ts';

/** One outside system as the snapshot found it. */
export type Availability =
  | { readonly kind: 'read' }
  | { readonly kind: 'not-configured' }
  /** Not asked: this verb goes on without it. */
  | { readonly kind: 'skipped' }
  | { readonly kind: 'unavailable'; readonly message: string };

export type GatewayView =
  | { readonly kind: 'read'; readonly status: ConnectionStatus }
  | { readonly kind: 'unavailable'; readonly code: string; readonly message: string; readonly next: readonly string[] };

export type ConnectionSnapshot = {
  readonly name: string;
  readonly direction: 'orders' | 'results';
  readonly practice: string;
  readonly wave: string;
  /** Null: it has none. */
  readonly feed: string | null;
  readonly shard: number;
  readonly facts: ConnectionFacts;
  readonly gateway: GatewayView;
  /** Null: the stack file has none. 'unknown': no stack file was read. */
  readonly entry: RouteEntry | null | 'unknown';
  readonly pulumi: Route | null | 'unknown';
  /** Newest epoch in the ledger; 0: none. 'unknown': no ledger was read. */
  readonly ledgerEpoch: number | 'unknown';
};

export type Snapshot = {
  readonly stack: string;
  readonly deployment: string;
  readonly target: 'local' | 'production';
  /** The selected ones, in the inventory's order. */
  readonly connections: readonly ConnectionSnapshot[];
  readonly pulumi: Availability;
  readonly ledger: Availability;
  /** Not selected, and their stack entries differ from their gateways: named, never touched. */
  readonly differing: readonly string[];
  /** Found on file; what counts in the end is what the gateway accepts. */
  readonly approvals: readonly ApprovalOnFile[];
  /** What a preflight found against moves that rest on a document, by connection; empty before it was asked. */
  readonly barred: ReadonlyMap<string, Omit<PlanRefusal, 'name'>>;
  readonly nowMs: number;
  /** How long a connection runs switched before it may be decommissioned. */
  readonly soakMs: number;
};

/** A signed document, as far as a Plan needs it. */
export type ApprovalOnFile = {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly target: string;
  readonly connections: readonly { readonly name: string; readonly fromEpoch: number }[];
  readonly maxWeight: number;
  readonly signatures: number;
  /** Digest of what it rests on. */
  readonly evidence: string;
  readonly notAfter: string;
  /** By the clock of this machine: the gateway's own decides. */
  readonly isOver: boolean;
};

/** Why a connection, or the whole verb, is left as it is. */
export type PlanRefusal = {
  /** Null: it concerns the whole verb. */
  readonly name: string | null;
  readonly code: string;
  readonly message: string;
  readonly next: readonly string[];
};

export type PlannedMove = {
  readonly name: string;
  readonly shard: number;
  readonly verb: MoveVerb;
  readonly from: Route;
  readonly to: Route;
  readonly reason: string | null;
  readonly approval: string | null;
};

export const STEP_KINDS = [
  'ledger-epochs',
  'ledger-intent',
  'config-copy',
  'pulumi-up',
  'gateway-moves',
  'read-back',
  'stack-file',
  'pulumi-heal',
  'ledger-result',
  'commit',
] as const;
export type StepKind = (typeof STEP_KINDS)[number];
const LEDGER_STEPS: readonly StepKind[] = ['ledger-epochs', 'ledger-intent', 'ledger-result'];

export type Step = {
  readonly kind: StepKind;
  readonly what: string;
  readonly connections: number;
  /** From here on a rerun finishes or a rollback leads back; before it an interruption leaves everything as it was. */
  readonly pointOfNoReturn: boolean;
  /** Repeating it or stopping before it harms nothing. */
  readonly reversible: boolean;
};

export type Order = 'pulumi-first' | 'gateways-first';

export type LeftOut = { readonly name: string; readonly why: string };

export type Plan = {
  readonly verb: string;
  readonly order: Order;
  readonly moves: readonly PlannedMove[];
  readonly alreadyThere: readonly { readonly name: string; readonly route: Route }[];
  readonly refused: readonly PlanRefusal[];
  /** Selected with others, and this verb does not concern them. */
  readonly leftOut: readonly LeftOut[];
  /** Connections whose stack entry, Pulumi state or ledger is behind the gateway, and gets written. */
  readonly behind: readonly string[];
  readonly differing: readonly string[];
  readonly steps: readonly Step[];
};

export type Verdict =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'refused'; readonly refusal: PlanRefusal };

/** What a verb wants of one connection, by the route that it has. */
export type Wish =
  | { readonly kind: 'route'; readonly phase: Phase; readonly newWeight: number; readonly verbs: readonly MoveVerb[] }
  | { readonly kind: 'stay' }
  | { readonly kind: 'leave-out'; readonly why: string }
  | { readonly kind: 'refuse'; readonly code: string; readonly message: string };

export type PlanRequest = {
  readonly verb: string;
  readonly order: Order;
  readonly wish: (route: Route, origin: Origin) => Wish;
  readonly reason: string | null;
  /** Of a rollback: what new owes or keeps is not waited for. */
  readonly force?: boolean;
  /** Null: as many as there are. */
  readonly maxFailures: number | null;
};

type Judged =
  | { readonly kind: 'move'; readonly move: PlannedMove }
  | { readonly kind: 'stay'; readonly route: Route }
  | { readonly kind: 'left-out'; readonly why: string }
  | { readonly kind: 'refused'; readonly refusal: PlanRefusal };

/** Judges every selected connection and orders the steps; refused connections are left out, the others go on. */
export function planMoves(snapshot: Snapshot, request: PlanRequest): Verdict {
  const { verb, order } = request;
  const blocked = blockedBy(snapshot, request);
  if (blocked !== null) return { kind: 'refused', refusal: blocked };
  const judged = snapshot.connections.map((item) => ({ item, judgement: judge(item, snapshot, request) }));
  const moves = judged.flatMap(({ judgement }) => (judgement.kind === 'move' ? [judgement.move] : []));
  const refused = judged.flatMap(({ judgement }) => (judgement.kind === 'refused' ? [judgement.refusal] : []));
  const alreadyThere = judged.flatMap(({ item, judgement }) =>
    judgement.kind === 'stay' ? [{ name: item.name, route: judgement.route }] : [],
  );
  const leftOut = judged.flatMap(({ item: { name }, judgement }) =>
    judgement.kind === 'left-out' ? [{ name, why: judgement.why }] : [],
  );
  if (request.maxFailures !== null && refused.length > request.maxFailures) {
    const message = `${counted(refused.length, 'connection is', 'connections are')} refused, more than --max-failures ${request.maxFailures}; the first: ${refused[0]?.name}: ${refused[0]?.message}`;
    const refusal = { name: null, code: 'too-many-refused', message, next: ['cutover status', 'narrow the selection'] };
    return { kind: 'refused', refusal };
  }
  const behind = judged
    .filter(({ item, judgement }) => judgement.kind !== 'move' && isBehind(item))
    .map(({ item }) => item.name);
  const all = order === 'pulumi-first' ? forwardSteps(moves, behind) : rollbackSteps(moves, behind);
  const hasLedger = snapshot.ledger.kind !== 'not-configured';
  const steps = all.filter(({ kind }) => hasLedger || !LEDGER_STEPS.includes(kind));
  return {
    kind: 'plan',
    plan: { verb, order, moves, alreadyThere, refused, leftOut, behind, differing: snapshot.differing, steps },
  };
}

/** True where something else than the gateway does not say what the gateway says. */
export function isBehind(item: ConnectionSnapshot): boolean {
  if (item.gateway.kind !== 'read') return false;
  const route = routeOf(item.gateway.status);
  if (item.entry !== 'unknown' && (item.entry === null || !isSameRoute(item.entry, route))) return true;
  if (item.pulumi !== 'unknown' && (item.pulumi === null || !isSameRoute(item.pulumi, route))) return true;
  return item.ledgerEpoch !== 'unknown' && item.ledgerEpoch < route.epoch;
}

/** A forward move rests on records: where they cannot be kept, it does not begin. */
function blockedBy(snapshot: Snapshot, request: PlanRequest): PlanRefusal | null {
  if (request.order === 'gateways-first') return null;
  if (snapshot.ledger.kind === 'unavailable') {
    return {
      name: null,
      code: 'ledger-unavailable',
      message: `the ledger is configured (DATABASE_URL) but cannot be written: ${snapshot.ledger.message}`,
      next: ['bring PostgreSQL back, or correct DATABASE_URL', 'cutover rollback works without it'],
    };
  }
  if (snapshot.pulumi.kind === 'unavailable') {
    return {
      name: null,
      code: 'pulumi-unavailable',
      message: snapshot.pulumi.message,
      next: ['bring the Pulumi backend back', 'cutover rollback works without it'],
    };
  }
  return null;
}

function judge(item: ConnectionSnapshot, snapshot: Snapshot, request: PlanRequest): Judged {
  const { name, gateway } = item;
  const refuse = (code: string, message: string, next: readonly string[]): Judged => ({
    kind: 'refused',
    refusal: { name, code, message, next },
  });
  if (gateway.kind !== 'read') return refuse(gateway.code, gateway.message, gateway.next);
  const { status } = gateway;
  const from = routeOf(status);
  const wish = request.wish(from, item.facts.origin);
  if (wish.kind === 'stay') return { kind: 'stay', route: from };
  if (wish.kind === 'leave-out') return { kind: 'left-out', why: wish.why };
  if (wish.kind === 'refuse')
    return refuse(wish.code, wish.message, withSelection(legalNextSteps(from, item.facts.origin), name));
  if (wish.phase === from.phase && wish.newWeight === from.newWeight) return { kind: 'stay', route: from };

  const wouldBe = verbOf(from, wish, item.facts.origin);
  if (wouldBe !== null && !wish.verbs.includes(wouldBe)) {
    const message = `it is ${describeRoute(from)}; from there this would be a ${wouldBe}`;
    return refuse('illegal-move', message, withSelection(legalNextSteps(from, item.facts.origin), name));
  }
  const reason = request.reason;
  const move = { phase: wish.phase, newWeight: wish.newWeight, expectedEpoch: from.epoch, reason: reason ?? undefined };
  const decision = decideMove(move, { route: from, facts: item.facts });
  if (decision.kind === 'refused') {
    const { code, message, next } = decision.refusal;
    return refuse(code, message, withSelection(next, name));
  }
  if (decision.kind === 'already-there') return { kind: 'stay', route: from };
  const { verb, route: to } = decision.event;
  if (request.order === 'pulumi-first' && status.state !== 'steady') {
    const next =
      status.state === 'held' ? [`cutover release --connection ${name}`] : ['wait for it to be steady: cutover status'];
    return refuse('not-steady', `its gateway says '${status.state}'; a move starts from 'steady'`, next);
  }
  const early =
    verb === 'decommission'
      ? tooEarlyToDecommission({
          changedAt: status.changed.at,
          openDecisions: status.decisions,
          soakMs: snapshot.soakMs,
          nowMs: snapshot.nowMs,
        })
      : null;
  if (early !== null) return refuse(early.code, early.message, early.next);
  const bar =
    status.platformOrigin === undefined || request.force === true
      ? null
      : notStopped(name, verb, from, status.platformOrigin);
  if (bar !== null) return refuse('not-stopped', bar.reason, bar.next);
  const document = needsSignature(verb, decision.towards);
  const found = document === null ? null : approvalFor(snapshot.approvals, name, from, to, document);
  if (snapshot.target === 'production' && found?.kind === 'none') {
    const next =
      document === 'approval' ? ['cutover gate', 'cutover approve'] : ['cutover reconcile', 'cutover signoff'];
    return refuse(found.code, `a ${verb} needs a signed ${document} in production: ${found.message}`, next);
  }
  const approval = found?.kind === 'found' ? found.digest : null;
  const barred = snapshot.barred.get(name);
  if (approval !== null && barred !== undefined)
    return refuse(barred.code, barred.message, withSelection(barred.next, name));
  return { kind: 'move', move: { name, shard: item.shard, verb, from, to, reason, approval } };
}

type FoundApproval =
  | { readonly kind: 'found'; readonly digest: string }
  | { readonly kind: 'none'; readonly code: 'approval-missing' | 'approval-invalid'; readonly message: string };

/** The last one on file that can allow this; else what the best of the others lacks. */
function approvalFor(
  approvals: readonly ApprovalOnFile[],
  name: string,
  from: Route,
  to: Route,
  document: 'approval' | 'signoff',
): FoundApproval {
  const naming = approvals.filter((one) => one.connections.some((item) => item.name === name));
  const fits = ({ target, maxWeight }: ApprovalOnFile): boolean =>
    to.phase === 'parallel' ? target !== 'decommissioned' && to.newWeight <= maxWeight : target === to.phase;
  const leading = naming.filter(fits);
  if (leading.length === 0) {
    return {
      kind: 'none',
      code: 'approval-missing',
      message: `no ${document} on file names this connection and this move`,
    };
  }
  const reached = leading.filter(({ connections }) =>
    connections.some((item) => item.name === name && item.fromEpoch <= from.epoch),
  );
  const open = reached.filter(({ isOver }) => !isOver);
  const signed = open.filter(({ signatures }) => signatures >= (document === 'approval' ? 2 : 1));
  const digest = signed.at(-1)?.digest;
  if (digest !== undefined) return { kind: 'found', digest };
  const [last] = leading.slice(-1);
  const what = `the ${document} ${last?.digest.slice(0, 19)}…`;
  const message =
    reached.length === 0
      ? `${what} begins at a later epoch than ${from.epoch}`
      : open.length === 0
        ? `${what} was valid until ${last?.notAfter}`
        : `${what} has ${counted(last?.signatures ?? 0, 'signature')}`;
  return { kind: 'none', code: 'approval-invalid', message };
}

function withSelection(commands: readonly string[], name: string): string[] {
  return commands.map((command) =>
    command.replace(' (the same selection)', '').replace(/^(cutover [a-z]+)/, `$1 --connection ${name}`),
  );
}

function step(kind: StepKind, what: string, connections: number, marks: Partial<Step> = {}): Step {
  return { kind, what, connections, pointOfNoReturn: false, reversible: true, ...marks };
}

function forwardSteps(moves: readonly PlannedMove[], behind: readonly string[]): Step[] {
  const touched = moves.length + behind.length;
  if (touched === 0) return [];
  const steps = [step('ledger-epochs', 'bring the ledger up to the epochs of the gateways', touched)];
  if (moves.length > 0) steps.push(step('ledger-intent', 'record the intent in the ledger', moves.length));
  steps.push(
    step('config-copy', 'write the new entries into a copy of the stack file', touched),
    step('pulumi-up', 'pulumi up with that copy, for exactly these connections', touched, {
      pointOfNoReturn: moves.length > 0,
      reversible: false,
    }),
    step('read-back', 'read back from the gateways and from the state', touched),
    step('pulumi-heal', 'bring the Pulumi state up to the gateways where it is behind', touched),
    step('stack-file', 'replace the stack file with what was observed', touched),
    step('ledger-result', 'record the result in the ledger', touched),
    step('commit', 'commit the stack file', touched),
  );
  return steps;
}

function rollbackSteps(moves: readonly PlannedMove[], behind: readonly string[]): Step[] {
  const touched = moves.length + behind.length;
  if (touched === 0) return [];
  const move = step('gateway-moves', 'move the routes at the gateways', moves.length, {
    pointOfNoReturn: true,
    reversible: false,
  });
  return [
    ...(moves.length === 0 ? [] : [move]),
    step('read-back', 'read back from the gateways', touched),
    step('stack-file', 'replace the stack file with what was observed', touched),
    step('pulumi-heal', 'pulumi up, which finds the routes there', touched),
    step('ledger-epochs', 'bring the ledger up to the epochs of the gateways', touched),
    step('ledger-result', 'record the result in the ledger', touched),
    step('commit', 'commit the stack file', touched),
  ];
}
