/** `parallel`: the new platform gets copies of the messages and its outputs are captured; legacy stays in control. */
import { type PlanRequest, planMoves, type Snapshot } from '../../core/plan.ts';
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
      wish: wishOf(snapshot, args.connection === undefined),
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    }),
};

/** What has no feed has no parallel run. Within a wave that is no failure; by name it is refused, with the reason. */
function wishOf({ connections }: Snapshot, isGroup: boolean): PlanRequest['wish'] {
  const leavesOut = isGroup && connections.some(({ facts }) => facts.origin === 'feed');
  return ({ phase }, origin) => {
    if (phase === 'parallel') return { kind: 'stay' };
    if (leavesOut && origin === 'platform') return { kind: 'leave-out', why: 'no parallel run (origin: platform)' };
    return { kind: 'route', phase: 'parallel', newWeight: 0, verbs: ['parallel'] };
  };
}
