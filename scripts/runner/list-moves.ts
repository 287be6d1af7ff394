/** What is about to move, above the question: few by name, a whole lab by its waves, so that it stays on the screen. */
import type { PlannedMove } from '../../core/plan.ts';

const MOST_BY_NAME = 15;

export type InWave = { readonly name: string; readonly wave: string };

export function listMoves(moves: readonly PlannedMove[], selected: readonly InWave[]): string[] {
  if (moves.length <= MOST_BY_NAME)
    return moves.map(({ name, from, to }) => `  ${name}: ${from.phase} → ${to.phase} (epoch ${to.epoch})`);
  const waves = new Map(selected.map(({ name, wave }) => [name, wave]));
  const counts = new Map<string, number>();
  for (const { name, from, to } of moves) {
    const what = `${waves.get(name) ?? ''}: ${from.phase} → ${to.phase}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const lines = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...lines.map(([what, count]) => `  ${what}, ${count} ${count === 1 ? 'connection' : 'connections'}`),
    '  (each by name: --dry-run --json)',
  ];
}
