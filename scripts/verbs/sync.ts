/** `sync`: stack file, Pulumi state and ledger are brought up to what the gateways have; no route is changed. */
import { planMoves } from '../../core/plan.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import type { MoveVerb } from '../runner/verb.ts';

export const sync: MoveVerb = {
  kind: 'move',
  summary: 'write what is true into stack file, Pulumi state and ledger',
  examples: ['cutover sync --all', 'cutover sync --connection northside-orders --dry-run'],
  flags: CHANGE_FLAGS,
  order: 'pulumi-first',
  confirm: 'nothing',
  decide: (snapshot, args) =>
    planMoves(snapshot, {
      verb: 'sync',
      order: 'pulumi-first',
      wish: () => ({ kind: 'stay' }),
      reason: args.reason ?? null,
      maxFailures: args['max-failures'] ?? null,
    }),
};
