/**
 * The life of a connection as a decider (commands in, events or a refusal out; no clock, no I/O):
 *
 *     legacy ─parallel─▶ parallel ─switch─▶ switched ─decommission─▶ decommissioned
 *        ▲──cancel────────┘  ▲──rollback──────┘
 *
 * One without a feed (origin: platform) has no parallel run, for nothing can be copied to the other platform:
 *
 *     legacy ─switch─▶ switched ─decommission─▶ decommissioned
 *        ▲──rollback──────┘
 *
 * Every change of phase or weight is one move and one epoch. Gateway, provider and verbs ask this one function.
 */
import type { Origin, Phase, Route } from './platform.ts';

/** A wish: the route that `expectedEpoch` + 1 shall have. */
export type Move = {
  readonly phase: Phase;
  readonly newWeight: number;
  readonly expectedEpoch: number;
  readonly reason?: string | undefined;
};

export type MoveVerb = 'parallel' | 'cancel' | 'switch' | 'weight' | 'rollback' | 'decommission';

/** What the decision needs to know of the connection beside its route. */
export type ConnectionFacts = {
  readonly name: string;
  /** Side effects of the platforms' channel that nobody has classified. */
  readonly unclassifiedEffects: readonly string[];
  /** Needed before the new platform may own a share of keys. */
  readonly hasWeightKey: boolean;
  readonly origin: Origin;
};

export type ConnectionState = { readonly route: Route; readonly facts: ConnectionFacts };

export type RouteChanged = { readonly type: 'route-changed'; readonly verb: MoveVerb; readonly route: Route };

export type RefusalCode =
  | 'stale-epoch'
  | 'illegal-move'
  | 'weight-out-of-range'
  | 'weight-key-missing'
  | 'reason-missing'
  | 'effects-unclassified'
  | 'approval-missing'
  | 'approval-invalid';

/** Says what is wrong, where, and what can be done instead. */
export type Refusal = {
  readonly code: RefusalCode;
  readonly connection: string;
  readonly message: string;
  readonly next: readonly string[];
};

export type Decision =
  | { readonly kind: 'accepted'; readonly event: RouteChanged; readonly towards: 'legacy' | 'new' | 'neither' }
  | { readonly kind: 'already-there'; readonly route: Route }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export const MAX_NEW_WEIGHT = 99;

/** Judges a move against the connection as it is. Approvals are judged apart, by the gateway's own clock. */
export function decideMove(move: Move, state: ConnectionState): Decision {
  const { route, facts } = state;
  const refuse = (code: RefusalCode, message: string): Decision => ({
    kind: 'refused',
    refusal: { code, connection: facts.name, message, next: legalNextSteps(route, facts.origin) },
  });

  if (!isWeightInRange(move)) {
    const range = `0..${MAX_NEW_WEIGHT} in parallel and 0 in every other phase`;
    return refuse('weight-out-of-range', `newWeight ${move.newWeight} with phase ${move.phase}: it must be ${range}`);
  }
  if (isSameRoute(move, route) && (move.expectedEpoch === route.epoch || move.expectedEpoch === route.epoch - 1)) {
    return { kind: 'already-there', route };
  }
  if (move.expectedEpoch !== route.epoch) {
    return refuse(
      'stale-epoch',
      `it is at epoch ${route.epoch} (${describeRoute(route)}); the request expected epoch ${move.expectedEpoch}`,
    );
  }
  const verb = verbOf(route, move, facts.origin);
  if (verb === null) {
    const what = `${describeRoute(route)} → ${describeRoute(move)} is not a legal move`;
    const needsFeed = facts.origin === 'platform' && move.phase === 'parallel';
    return refuse('illegal-move', needsFeed ? `${what}: ${NO_PARALLEL_RUN}` : what);
  }

  const towards = direction(route, move, verb);
  if (towards === 'legacy' && (move.reason ?? '').trim() === '') {
    return refuse('reason-missing', `a move towards legacy (${verb}) needs a reason`);
  }
  if (verb === 'parallel' && facts.unclassifiedEffects.length > 0) {
    return refuse(
      'effects-unclassified',
      `its side effects ${facts.unclassifiedEffects.join(', ')} are not classified (handling: gated, fenced or harmless); a shadow would trigger them twice`,
    );
  }
  if (move.newWeight > 0 && !facts.hasWeightKey) {
    return refuse(
      'weight-key-missing',
      'a weight needs `weightKey` in the inventory: a field that both platforms keep',
    );
  }
  const next: Route = { phase: move.phase, newWeight: move.newWeight, epoch: route.epoch + 1 };
  return { kind: 'accepted', event: { type: 'route-changed', verb, route: next }, towards };
}

export function evolve(state: ConnectionState, event: RouteChanged): ConnectionState {
  return { ...state, route: event.route };
}

/** Moves of ownership towards new, and the point of no return, need a signed document where the target is production. */
export function needsSignature(verb: MoveVerb, towards: 'legacy' | 'new' | 'neither'): 'approval' | 'signoff' | null {
  if (verb === 'decommission') return 'signoff';
  return towards === 'new' ? 'approval' : null;
}

/** Why a connection without a feed has no phase `parallel`. */
export const NO_PARALLEL_RUN =
  'origin: platform: it has no feed that could be copied to the other platform, so no parallel run and no weight';

/** What an operator can do from here, as the commands they would type. */
export function legalNextSteps(route: Route, origin: Origin): readonly string[] {
  switch (route.phase) {
    case 'legacy':
      return origin === 'feed'
        ? ['cutover parallel']
        : ['cutover attest --what stopped --platform legacy --by NAME --reason TEXT', 'cutover switch'];
    case 'parallel':
      if (origin === 'platform') return ['cutover rollback'];
      return route.newWeight > 0
        ? ['cutover switch', 'cutover switch --weight N', 'cutover rollback (sets the weight to 0)']
        : ['cutover switch', 'cutover switch --weight N', 'cutover cancel'];
    case 'switched':
      return ['cutover rollback', 'cutover decommission'];
    case 'decommissioned':
      return [];
  }
}

/** The route as people say it: `parallel`, `parallel with newWeight 30`. */
export function describeRoute(route: { readonly phase: Phase; readonly newWeight: number }): string {
  return route.newWeight > 0 ? `${route.phase} with newWeight ${route.newWeight}` : route.phase;
}

/** The verb that leads from one route to another, or null where no single move does. */
export function verbOf(
  from: { readonly phase: Phase; readonly newWeight: number },
  to: { readonly phase: Phase; readonly newWeight: number },
  origin: Origin,
): MoveVerb | null {
  if (origin === 'platform') return verbWithoutFeed(from.phase, to);
  switch (from.phase) {
    case 'legacy':
      return to.phase === 'parallel' && to.newWeight === 0 ? 'parallel' : null;
    case 'parallel':
      if (to.phase === 'legacy') return from.newWeight === 0 ? 'cancel' : null;
      if (to.phase === 'switched') return 'switch';
      if (to.phase !== 'parallel' || to.newWeight === from.newWeight) return null;
      return to.newWeight === 0 ? 'rollback' : 'weight';
    case 'switched':
      if (to.phase === 'parallel') return to.newWeight === 0 ? 'rollback' : null;
      return to.phase === 'decommissioned' ? 'decommission' : null;
    case 'decommissioned':
      return null;
  }
}

/** From `parallel` there is only the way back: a connection that had a feed when it got there has lost it. */
function verbWithoutFeed(
  from: Phase,
  { phase: to, newWeight }: { readonly phase: Phase; readonly newWeight: number },
): MoveVerb | null {
  if (newWeight !== 0) return null;
  switch (from) {
    case 'legacy':
      return to === 'switched' ? 'switch' : null;
    case 'parallel':
      return to === 'legacy' ? 'rollback' : null;
    case 'switched':
      if (to === 'legacy') return 'rollback';
      return to === 'decommissioned' ? 'decommission' : null;
    case 'decommissioned':
      return null;
  }
}

function isWeightInRange(move: Move): boolean {
  if (!Number.isInteger(move.newWeight)) return false;
  const highest = move.phase === 'parallel' ? MAX_NEW_WEIGHT : 0;
  return move.newWeight >= 0 && move.newWeight <= highest;
}

function isSameRoute(move: Move, route: Route): boolean {
  return move.phase === route.phase && move.newWeight === route.newWeight;
}

function direction(from: Route, to: Move, verb: MoveVerb): 'legacy' | 'new' | 'neither' {
  switch (verb) {
    case 'switch':
    case 'decommission':
      return 'new';
    case 'weight':
      return to.newWeight > from.newWeight ? 'new' : 'legacy';
    case 'rollback':
      return 'legacy';
    case 'parallel':
    case 'cancel':
      return 'neither';
  }
}
