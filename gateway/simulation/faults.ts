/**
 * When faults strike: as often as not in the middle of a swap, in a state chosen by chance, and what state each one met is
 * counted (the coverage table).
 */
import type { State } from '../../core/admin-api.ts';
import type { ShardEngine } from '../engine/shard.ts';
import type { World } from './world.ts';

export const SWAP_STATES = ['steady', 'catching-up', 'draining', 'committing', 'settling', 'reowning'] as const;
export const FAULTS = [
  'crash-process',
  'crash-machine',
  'restart',
  'failed-sync',
  'break-source',
  'break-legacy',
  'break-new',
  'break-legacy-leg',
  'break-new-leg',
  'break-destination',
  'dead-platform',
  'stalled-candidate',
  'stuck-outputs',
] as const;

/** A state may never come: then the fault strikes where things stand. */
const WAIT_STEPS = 1500;

export class FaultPlan {
  readonly coverage = new Map<string, Map<string, number>>();
  readonly #world: World;
  readonly #engine: () => ShardEngine | null;
  #planned: { readonly state: State; readonly untilStep: number; readonly strike: (state: string) => void } | null =
    null;

  constructor(world: World, engine: () => ShardEngine | null) {
    this.#world = world;
    this.#engine = engine;
  }

  /** Strikes now, or as soon as some connection is in a state chosen by chance. */
  plan(strike: (state: string) => void): void {
    const state = this.#world.chance(0.4) ? 'steady' : SWAP_STATES[this.#world.roll(SWAP_STATES.length)];
    if (state === undefined || state === 'steady' || this.#planned !== null) strike('any');
    else this.#planned = { state, untilStep: this.#world.steps + WAIT_STEPS, strike };
  }

  /** After every step: is it time? */
  check(): void {
    const planned = this.#planned;
    if (planned === null) return;
    if (this.#world.steps < planned.untilStep && !this.#states().includes(planned.state)) return;
    this.#planned = null;
    planned.strike(planned.state);
  }

  /** Counts a fault against the state of every connection that it meets. */
  note(fault: string): void {
    const row = this.coverage.get(fault) ?? new Map<string, number>();
    this.coverage.set(fault, row);
    for (const state of new Set(this.#states())) row.set(state, (row.get(state) ?? 0) + 1);
  }

  #states(): State[] {
    const engine = this.#engine();
    if (engine === null) return [];
    return [...engine.connections.keys()].flatMap((name) => engine.status(name)?.state ?? []);
  }
}
