/**
 * While routes move: a live view for a person's terminal, else one line whenever something changes. Only looks: a
 * gateway that does not answer costs a line, nothing else.
 */
import type { PlannedMove } from '../../core/plan.ts';
import type { Context } from './context.ts';
import { formatLiveView, type LiveItem } from './live-view.ts';
import { readStatuses } from './snapshot.ts';

const LINE_EVERY_MS = 1_000;
const FRAME_EVERY_MS = 300;

/** Returns what ends it. */
export function watchMoves(context: Context, moves: readonly PlannedMove[]): () => void {
  if (moves.length === 0) return () => undefined;
  const { terminal, clock, verb } = context;
  const startedMs = clock.elapsedMs();
  const everyMs = terminal.isInteractive ? FRAME_EVERY_MS : LINE_EVERY_MS;
  let isOver = false;
  let last = '';
  const look = async (): Promise<void> => {
    const items = await lookAt(context, moves);
    if (isOver) return;
    const line = summaryOf(items);
    if (terminal.isInteractive) {
      const elapsedMs = clock.elapsedMs() - startedMs;
      terminal.frame((size) => formatLiveView({ verb, items, elapsedMs, ...size }));
    } else if (line !== last) terminal.progress(`  ${line}`);
    last = line;
    timer = setTimeout(look, everyMs);
  };
  let timer = setTimeout(look, everyMs);
  return () => {
    isOver = true;
    clearTimeout(timer);
    terminal.endFrame();
  };
}

async function lookAt(context: Context, moves: readonly PlannedMove[]): Promise<LiveItem[]> {
  const statuses = await readStatuses(context);
  const waves = new Map(context.selected.map(({ name, wave }) => [name, wave]));
  return moves.map(({ name, to }) => {
    const view = statuses.get(name);
    const isRead = view?.kind === 'read';
    return {
      name,
      wave: waves.get(name) ?? '',
      state: isRead ? view.status.state : 'not reachable',
      isThrough: isRead && view.status.epoch >= to.epoch,
    };
  });
}

function summaryOf(items: readonly LiveItem[]): string {
  const counts = new Map<string, number>();
  for (const { state } of items) if (state !== 'steady') counts.set(state, (counts.get(state) ?? 0) + 1);
  const through = items.filter(({ isThrough }) => isThrough).length;
  const others = [...counts].map(([state, count]) => `${count} ${state}`);
  return [`${through} of ${items.length} through`, ...others].join(', ');
}
