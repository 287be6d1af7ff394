/** `remove`: the load balancer sends a feed's new connections to a platform directly; with --force also in an emergency. */
import { planRemove } from '../../core/edge/path-plan.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import { runPath } from '../runner/run-path.ts';
import { usage } from '../runner/stop.ts';
import type { TaskVerb } from '../runner/verb.ts';

export const remove: TaskVerb = {
  kind: 'task',
  summary: 'take the gateway out of the path of feeds; --force: bypass it whatever the phase',
  examples: [
    'cutover remove --wave pilot --reason "decommissioned" --yes',
    'cutover remove --feed northside-orders --force --reason "the gateway is down" --yes',
  ],
  flags: [...CHANGE_FLAGS.filter((name) => name !== 'max-failures' && name !== 'parallel'), 'force'],
  selectsAll: false,
  check: ({ reason }) => {
    if (reason === undefined) throw usage('to remove needs a reason', 'cutover remove --feed NAME --reason "TEXT"');
  },
  perform: (context, args) =>
    runPath(context, args, (feeds) => planRemove(feeds, args.force === true), args.force === true),
};
