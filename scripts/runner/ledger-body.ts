/** What the ledger keeps of a run's outcome: names, routes, codes and times, no free text of other systems. */
import type { Json } from '../../core/canonical-json.ts';
import { hasMoved, type RunState } from './run-state.ts';

export function resultBody(run: RunState): Json {
  const moved = run.plan.moves.filter((move) => hasMoved(run, move));
  const others = run.plan.moves.filter((move) => !hasMoved(run, move));
  return {
    changed: moved.map(({ name, verb, from, to }) => ({
      name,
      verb,
      from,
      to,
      pauseMs: run.answers.get(name)?.pauseMs ?? null,
      record: run.records.get(name)?.digest ?? null,
    })),
    unchanged: others.map(({ name }) => ({ name, code: run.complaints.get(name)?.code ?? 'unknown' })),
    refused: run.plan.refused.map(({ name, code }) => ({ name, code })),
    synced: run.plan.behind,
    interrupted: run.context.interruption.aborted,
  };
}
