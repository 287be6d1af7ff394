/** `parallel`: the new platform gets copies of the messages and its outputs are captured; legacy stays in control. */
import { planMoves, type Wish } from '../../core/plan.ts';
import type { Route } from '../../core/platform.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import type { MoveVerb } from '../runner/verb.ts';

export const parallel: MoveVerb = {
  kind: 'move',
  summary: 'start the parallel run: shadow and capture the new platform',
  examples: ['cutover parallel --connection northside-orders --yes', 'cutover parallel --wave pilot --dry-run'],
  flags: CHANGE_FLAGS,
  order: 'pulumi-first',
  confirm: 'yes',
  decide: (snapshot, args) =>
    planMoves(snapshot, {
      verb: 'parallel',
      order: 'pulumi-first',
      wish,
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    }),
};

function wish(route: Route): Wish {
  if (route.phase === 'parallel') return { kind: 'stay' };
  return { kind: 'route', phase: 'parallel', newWeight: 0, verbs: ['parallel'] };
}
