/** `insert`: the load balancer sends a feed's new connections to the gateway. */
import { planInsert } from '../../core/edge/path-plan.ts';
import { CHANGE_FLAGS } from '../runner/flags.ts';
import { runPath } from '../runner/run-path.ts';
import type { TaskVerb } from '../runner/verb.ts';

export const insert: TaskVerb = {
  kind: 'task',
  summary: 'put the gateway into the path of feeds, at the load balancer',
  examples: [
    'cutover insert --wave pilot --dry-run',
    'cutover insert --connection northside-orders --change-id CHG-1 --yes',
  ],
  flags: CHANGE_FLAGS.filter((name) => name !== 'max-failures' && name !== 'parallel'),
  selectsAll: false,
  perform: (context, args) => runPath(context, args, planInsert, false),
};
