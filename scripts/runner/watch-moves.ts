/**
 * While routes move: a live view for a person's terminal, else one line whenever something changes. Only looks: a
 * gateway that does not answer costs a line, nothing else.
 */
import type { PlannedMove } from '../../core/plan.ts';
import { windowAt } from '../../core/planning/windows.ts';
import type { Context } from './context.ts';
import { formatLiveView, type LiveItem } from './live-view.ts';
import { readStatuses } from './snapshot.ts';

const LINE_EVERY_MS = 1_000;
const FRAME_EVERY_MS = 300;
/** Its senders wait. */
const HELD = new Set(['holding', 'draining', 'committing', 'settling']);
/** A swap is under way: back in `steady` without the new epoch, it was given up. */
const MOVING = new Set([...HELD, 'catching-up']);

/** `reasonOf`: why a move has failed, where the caller knows already. Returns what ends it, with a last look. */
export function watchMoves(
  context: Context,
  moves: readonly PlannedMove[],
  reasonOf: (name: string) => string | null = () => null,
): () => Promise<void> {
  if (moves.length === 0) return async () => undefined;
  const { terminal, clock, verb } = context;
  const startedMs = clock.elapsedMs();
  const everyMs = terminal.isInteractive ? FRAME_EVERY_MS : LINE_EVERY_MS;
  const memory = new Memory(moves);
  let isOver = false;
  let last = '';
  const show = async (): Promise<void> => {
    const items = await lookAt(context, moves, memory, reasonOf);
    const line = summaryOf(items);
    if (terminal.isInteractive) {
      const elapsedMs = clock.elapsedMs() - startedMs;
      const windowLeftMs = windowLeft(context, moves);
      terminal.frame((size) => formatLiveView({ verb, items, elapsedMs, windowLeftMs, ...size }));
    } else if (line !== last) terminal.progress(`  ${line}`);
    last = line;
  };
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = show().then(() => {
      if (!isOver) timer = setTimeout(look, everyMs);
    });
  };
  let timer = setTimeout(look, everyMs);
  return async () => {
    isOver = true;
    clearTimeout(timer);
    await looking;
    await show();
    terminal.endFrame();
  };
}

/** What was seen of each connection so far: single looks know nothing of how long it has lasted. */
class Memory {
  readonly #since = new Map<string, number>();
  readonly #heldMs = new Map<string, number>();
  readonly #hasMoved = new Set<string>();

  constructor(moves: readonly PlannedMove[]) {
    for (const { name } of moves) this.#heldMs.set(name, 0);
  }

  see(name: string, state: string, nowMs: number): void {
    if (MOVING.has(state)) this.#hasMoved.add(name);
    if (!HELD.has(state)) {
      this.#since.delete(name);
      return;
    }
    const since = this.#since.get(name) ?? nowMs;
    this.#since.set(name, since);
    this.#heldMs.set(name, Math.max(this.#heldMs.get(name) ?? 0, nowMs - since));
  }

  heldMs(name: string): number | null {
    return this.#heldMs.get(name) || null;
  }

  hasMoved(name: string): boolean {
    return this.#hasMoved.has(name);
  }
}

async function lookAt(
  context: Context,
  moves: readonly PlannedMove[],
  memory: Memory,
  reasonOf: (name: string) => string | null,
): Promise<LiveItem[]> {
  const statuses = await readStatuses(context);
  const waves = new Map(context.selected.map(({ name, wave }) => [name, wave]));
  const nowMs = context.clock.elapsedMs();
  return moves.map(({ name, to }) => {
    const view = statuses.get(name);
    const isRead = view?.kind === 'read';
    const isThrough = isRead && view.status.epoch >= to.epoch;
    const seen = isRead ? view.status.state : 'not reachable';
    memory.see(name, seen, nowMs);
    const reason = reasonOf(name);
    const isGivenUp = !isThrough && seen === 'steady' && (reason !== null || memory.hasMoved(name));
    const state = isGivenUp ? 'aborted' : seen;
    return { name, wave: waves.get(name) ?? '', state, isThrough, heldMs: memory.heldMs(name), reason };
  });
}

/** Until the first window of those that move closes; null where one of them has none that is open. */
function windowLeft(context: Context, moves: readonly PlannedMove[]): number | null {
  const nowMs = Date.parse(context.clock.now());
  const names = new Set(moves.map(({ name }) => name));
  const rules = new Set(context.selected.flatMap(({ name, window }) => (names.has(name) ? [window] : [])));
  let leftMs: number | null = null;
  for (const rule of rules) {
    const open = rule === null ? null : windowAt(rule, nowMs);
    if (open === null) return null;
    leftMs = Math.min(leftMs ?? Number.POSITIVE_INFINITY, open.closeMs - nowMs);
  }
  return leftMs;
}

function summaryOf(items: readonly LiveItem[]): string {
  const counts = new Map<string, number>();
  for (const { state, isThrough } of items) {
    if (state !== 'steady' && !isThrough) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const through = items.filter(({ isThrough }) => isThrough).length;
  const others = [...counts].map(([state, count]) => `${count} ${state}`);
  return [`${through} of ${items.length} through`, ...others].join(', ');
}
