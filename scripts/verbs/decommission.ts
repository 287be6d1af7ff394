/** `decommission`: legacy leaves the path for good; the point of no return. */
import { planMoves, type Wish } from '../../core/plan.ts';
import type { Route } from '../../core/platform.ts';
import { preflightDocuments } from '../approval/preflight.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import type { MoveVerb } from '../runner/verb.ts';

export const decommission: MoveVerb = {
  kind: 'move',
  summary: 'take legacy out of the path for good; there is no way back',
  examples: ['cutover decommission --wave pilot --dry-run', 'cutover decommission --wave pilot --yes --confirm pilot'],
  flags: [...CHANGE_FLAGS, 'confirm'],
  preflight: preflightDocuments,
  order: 'pulumi-first',
  confirm: 'typed',
  decide: (snapshot, args) =>
    planMoves(snapshot, {
      verb: 'decommission',
      order: 'pulumi-first',
      wish,
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    }),
};

function wish(route: Route): Wish {
  if (route.phase === 'decommissioned') return { kind: 'stay' };
  return { kind: 'route', phase: 'decommissioned', newWeight: 0, verbs: ['decommission'] };
}
