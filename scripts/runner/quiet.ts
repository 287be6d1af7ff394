/** A rerun after a kill meets operations that are still in flight at the gateways: it waits until they have ended. */
import type { Context } from './context.ts';
import { hasBeenInterrupted } from './pause.ts';
import { readStatuses, type Statuses } from './snapshot.ts';

/** Somewhat longer than a move may take. */
const WAIT_MS = 65_000;
const LOOK_EVERY_MS = 500;
/** These do not pass by themselves; whoever reads them decides. */
const LASTING = new Set(['steady', 'held', 'fenced']);

export async function readQuietStatuses(context: Context): Promise<Statuses> {
  const startedMs = context.clock.elapsedMs();
  for (let announced = false; ; announced = true) {
    const statuses = await readStatuses(context);
    const busy = context.selected.flatMap(({ name }) => {
      const view = statuses.get(name);
      return view?.kind === 'read' && !LASTING.has(view.status.state) ? [`${name} is ${view.status.state}`] : [];
    });
    if (busy.length === 0 || context.clock.elapsedMs() - startedMs > WAIT_MS) return statuses;
    if (!announced)
      context.terminal.progress(`waiting: ${busy.slice(0, 3).join(', ')}${busy.length > 3 ? ' and others' : ''}`);
    if (await hasBeenInterrupted(LOOK_EVERY_MS, context.interruption)) return statuses;
  }
}
