/** `release`: ends a hold before its time. */
import { forEachConnection } from '../runner/each-connection.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import type { TaskVerb } from '../runner/verb.ts';

export const release: TaskVerb = {
  kind: 'task',
  summary: 'end a hold',
  examples: ['cutover release --connection northside-orders'],
  flags: [...SELECTION_FLAGS, 'inventory', 'json'],
  selectsAll: false,
  perform: (context, args) =>
    forEachConnection(
      context,
      args,
      (gateway, name) => gateway.release(name),
      () => 'released',
    ),
};
