/** `cancel`: the parallel run ends; the new platform gets no more copies and legacy goes on alone. */
import { planMoves, type Wish } from '../../core/plan.ts';
import type { Route } from '../../core/platform.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import type { MoveVerb } from '../runner/verb.ts';

export const cancel: MoveVerb = {
  kind: 'move',
  summary: 'end the parallel run and go back to legacy alone',
  examples: ['cutover cancel --connection northside-orders --reason "mapping error" --yes'],
  flags: CHANGE_FLAGS,
  order: 'pulumi-first',
  confirm: 'yes',
  decide: (snapshot, args) =>
    planMoves(snapshot, {
      verb: 'cancel',
      order: 'pulumi-first',
      wish,
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    }),
};

function wish(route: Route): Wish {
  if (route.phase === 'legacy') return { kind: 'stay' };
  if (route.newWeight > 0) {
    const message = `the new platform still owns ${route.newWeight} % of its keys; set the weight to 0 first: cutover rollback`;
    return { kind: 'refuse', code: 'illegal-move', message };
  }
  return { kind: 'route', phase: 'legacy', newWeight: 0, verbs: ['cancel'] };
}
