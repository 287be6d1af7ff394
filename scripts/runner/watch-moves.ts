/** While routes move: how many are through and what the others are doing, one line whenever that changes. */
import type { PlannedMove } from '../../core/plan.ts';
import type { Context } from './context.ts';
import { readStatuses } from './snapshot.ts';

const EVERY_MS = 1_000;

/** Returns what ends it. Only looks: a gateway that does not answer costs a line, nothing else. */
export function watchMoves(context: Context, moves: readonly PlannedMove[]): () => void {
  if (moves.length === 0) return () => undefined;
  let isOver = false;
  let last = '';
  const look = async (): Promise<void> => {
    const line = await describe(context, moves);
    if (isOver) return;
    if (line !== last) context.terminal.progress(`  ${line}`);
    last = line;
    timer = setTimeout(look, EVERY_MS);
  };
  let timer = setTimeout(look, EVERY_MS);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

async function describe(context: Context, moves: readonly PlannedMove[]): Promise<string> {
  const statuses = await readStatuses(context);
  const counts = new Map<string, number>();
  let through = 0;
  for (const { name, to } of moves) {
    const view = statuses.get(name);
    if (view?.kind === 'read' && view.status.epoch >= to.epoch) through++;
    const state = view?.kind === 'read' ? view.status.state : 'not reachable';
    if (state !== 'steady') counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const others = [...counts].map(([state, count]) => `${count} ${state}`);
  return [`${through} of ${moves.length} through`, ...others].join(', ');
}
