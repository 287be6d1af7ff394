/** `hold`: a feed admits nothing new for a moment; it ends by itself, before the sender loses its patience. */
import { parseDurationMs } from '../../core/duration.ts';
import { forEachConnection } from '../runner/each-connection.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import { usage } from '../runner/stop.ts';
import type { TaskVerb } from '../runner/verb.ts';

/** Of a sender whose ackTimeout the inventory does not say. */
const UNKNOWN_PATIENCE_MS = 5000;

export const hold: TaskVerb = {
  kind: 'task',
  summary: 'admit nothing new for a moment; ends by itself',
  examples: ['cutover hold --connection northside-orders --for 3s --reason "destination restarts"'],
  flags: [...SELECTION_FLAGS, 'inventory', 'for', 'reason', 'json'],
  selectsAll: false,
  check: (args) => {
    const example = 'cutover hold --connection NAME --for 3s --reason "TEXT"';
    if (args.reason === undefined) throw usage('a hold needs a reason', example);
    if (args.for === undefined) throw usage('how long?', example);
    if (parseDurationMs(args.for) === null)
      throw usage(`--for is '${args.for}'; it must be a duration such as 3s or 500ms`, example);
  },
  perform: (context, args) => {
    const forMs = parseDurationMs(args.for ?? '') ?? 0;
    return forEachConnection(
      context,
      args,
      (gateway, name) => gateway.hold(name, { forMs, reason: args.reason ?? '' }),
      ({ heldUntil }, { feed }) => {
        const patienceMs =
          context.inventory.feeds.find(({ name }) => name === feed)?.ackTimeoutMs ?? UNKNOWN_PATIENCE_MS;
        const limit = forMs > patienceMs / 2 ? `, not ${args.for}: half of its sender's ackTimeout at most` : '';
        return `held until ${heldUntil.slice(11, 19)} UTC${limit}`;
      },
    );
  },
};
