/** `switch`: the new platform takes control; with --weight it takes a share of the keys, staying in parallel. */
import { NO_PARALLEL_RUN } from '../../core/connection.ts';
import { planMoves, type Wish } from '../../core/plan.ts';
import type { Origin, Route } from '../../core/platform.ts';
import { preflightDocuments } from '../approval/preflight.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import type { MoveVerb } from '../runner/verb.ts';

export const switchOver: MoveVerb = {
  kind: 'move',
  summary: 'give control to the new platform, or a share of keys with --weight',
  examples: [
    'cutover switch --wave pilot --change-id CHG0042 --yes',
    'cutover switch --connection northside-orders --weight 10 --yes',
    'cutover switch --all --dry-run',
  ],
  flags: [...CHANGE_FLAGS, 'weight'],
  preflight: preflightDocuments,
  order: 'pulumi-first',
  confirm: 'yes',
  decide: (snapshot, args) => {
    const { weight } = args;
    return planMoves(snapshot, {
      verb: 'switch',
      order: 'pulumi-first',
      wish: weight === undefined ? wishSwitched : (route, origin) => wishWeight(route, origin, weight),
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    });
  },
};

function wishSwitched(route: Route): Wish {
  if (route.phase === 'switched') return { kind: 'stay' };
  return { kind: 'route', phase: 'switched', newWeight: 0, verbs: ['switch'] };
}

function wishWeight(route: Route, origin: Origin, weight: number): Wish {
  if (origin === 'platform') return { kind: 'refuse', code: 'illegal-move', message: NO_PARALLEL_RUN };
  if (route.phase !== 'parallel') {
    return { kind: 'refuse', code: 'illegal-move', message: `a weight is set in parallel; it is ${route.phase}` };
  }
  return { kind: 'route', phase: 'parallel', newWeight: weight, verbs: ['weight', 'rollback'] };
}
