/**
 * Moves that no verb has made and so no verb tells of: a bare `pulumi up`, or a call of the admin API. The gateways' epoch
 * histories have them. What is made in one go comes in over seconds, and is told once it has been quiet.
 */
import { counted } from '../count-words.ts';
import type { TimelineEntry } from '../war-room/feed.ts';
import { type Notice, namesShown } from './notice.ts';

export const MOVES_LIMITS = { quietMs: 5_000, waitMs: 60_000 } as const;
const ORIGINS = { pulumi: 'pulumi up', api: 'admin API' } as const;
type Origin = keyof typeof ORIGINS;
type Move = TimelineEntry & { readonly origin: Origin };

export type Pending = { readonly moves: readonly Move[]; readonly firstMs: number; readonly newestMs: number };
export const NOTHING_PENDING: Pending = { moves: [], firstMs: 0, newestMs: 0 };

export function addMoves(pending: Pending, fresh: readonly TimelineEntry[], nowMs: number): Pending {
  const moves = fresh.flatMap((entry) => {
    const { origin } = entry;
    return origin === 'pulumi' || origin === 'api' ? [{ ...entry, origin }] : [];
  });
  if (moves.length === 0) return pending;
  const firstMs = pending.moves.length === 0 ? nowMs : pending.firstMs;
  return { moves: [...pending.moves, ...moves], firstMs, newestMs: nowMs };
}

export type MovesSource = {
  readonly deployment: string;
  readonly stack: string;
  readonly waveOf: ReadonlyMap<string, string>;
  readonly nowMs: number;
};

/** One notice for all that one credential brought to one place in one way. */
export function takeMoves(
  pending: Pending,
  source: MovesSource,
): { readonly pending: Pending; readonly notices: readonly Notice[] } {
  const { moves, firstMs, newestMs } = pending;
  const isDue = source.nowMs - newestMs >= MOVES_LIMITS.quietMs || source.nowMs - firstMs >= MOVES_LIMITS.waitMs;
  if (moves.length === 0 || !isDue) return { pending, notices: [] };
  const groups = Map.groupBy(moves, ({ origin, by, phase, newWeight }) =>
    JSON.stringify([origin, by, phase, newWeight]),
  );
  return { pending: NOTHING_PENDING, notices: [...groups.values()].flatMap((group) => noticeOf(group, source)) };
}

function noticeOf(group: readonly Move[], { deployment, stack, waveOf }: MovesSource): Notice[] {
  const [first] = group;
  if (first === undefined) return [];
  const { origin, by, phase, newWeight } = first;
  const names = [...new Set(group.map(({ connection }) => connection))];
  const waves = [...new Set(names.map((name) => waveOf.get(name) ?? ''))];
  const became = newWeight > 0 ? `${phase} with ${newWeight}% on new` : phase;
  const count = counted(names.length, 'connection is', 'connections are');
  return [
    {
      events: ['phase'],
      level: 'info',
      title: `${ORIGINS[origin]}: ${count} ${became}`,
      facts: [
        ['stack', `${deployment}, ${stack}`],
        ['wave', waves.join(', ')],
        ['by', by],
        ['at', new Date(Math.max(...group.map(({ atMs }) => atMs))).toISOString()],
        ['moved', namesShown(names)],
        ['records', 'no verb made it: cutover sync brings stack file and ledger up to it'],
      ],
    },
  ];
}
