/** `rollback`: control goes back to legacy. The gateways move first; every other system may be down. */
import { planMoves, type Wish } from '../../core/plan.ts';
import type { Origin, Route } from '../../core/platform.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import { usage } from '../runner/stop.ts';
import type { MoveVerb } from '../runner/verb.ts';

export const rollback: MoveVerb = {
  kind: 'move',
  summary: 'give control back to legacy; works with everything but the gateway down',
  examples: [
    'cutover rollback --connection northside-orders --reason "results late" --yes',
    'cutover rollback --all --reason "new platform is down" --force --yes',
    'cutover rollback --inventory bundle/inventory.yaml --all --reason "new platform is down" --yes',
  ],
  flags: [...CHANGE_FLAGS, 'inventory', 'force'],
  order: 'gateways-first',
  confirm: 'yes',
  check: ({ reason }) => {
    if (reason === undefined) throw usage('a rollback needs a reason', 'cutover rollback … --reason "TEXT"');
  },
  decide: (snapshot, args) =>
    planMoves(snapshot, {
      verb: 'rollback',
      order: 'gateways-first',
      wish,
      force: args.force === true,
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    }),
};

/** It has no parallel run to go back to. */
const WITHOUT_FEED: Wish = { kind: 'route', phase: 'legacy', newWeight: 0, verbs: ['rollback'] };

function wish(route: Route, origin: Origin): Wish {
  switch (route.phase) {
    case 'legacy':
      return { kind: 'stay' };
    case 'parallel':
      if (origin === 'platform') return WITHOUT_FEED;
      return route.newWeight === 0
        ? { kind: 'stay' }
        : { kind: 'route', phase: 'parallel', newWeight: 0, verbs: ['rollback'] };
    case 'switched':
      if (origin === 'platform') return WITHOUT_FEED;
      return { kind: 'route', phase: 'parallel', newWeight: 0, verbs: ['rollback'] };
    case 'decommissioned':
      return { kind: 'refuse', code: 'illegal-move', message: 'it is decommissioned: there is no way back from here' };
  }
}
