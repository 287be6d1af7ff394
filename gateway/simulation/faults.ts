/**
 * When faults strike: as often as not in the middle of a swap, and where they have struck least so far: in a state of a swap
 * with an output under way on one of the legs. What each one met is counted (the coverage table).
 */
import type { State } from '../../core/admin-api.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { World } from './world.ts';

export const SWAP_STATES = ['steady', 'catching-up', 'draining', 'committing', 'settling', 'reowning'] as const;
export type SwapState = (typeof SWAP_STATES)[number];
/** Those of a platform or of its leg meet that one's leg; the others each leg that has an output under way. */
export const FAULTS = [
  'crash-process',
  'crash-machine',
  'restart',
  'failed-sync',
  'torn-write',
  'break-source',
  'break-platform',
  'break-leg',
  'break-destination',
  'partition',
  'dead-platform',
  'stalled-candidate',
  'stuck-outputs',
] as const;
export type Fault = (typeof FAULTS)[number];

/** How a connection stands, as its parties and the gateway see it. */
export type Standing = {
  readonly feed: string;
  readonly state: State;
  /** An output of it, or of a connection that shares its leg, is under way on the leg. */
  readonly underWay: Readonly<Record<Platform, boolean>>;
};
export type Target = { readonly feed: string; readonly leg: Platform };
/** `fault` → `state leg` → times. */
export type Coverage = ReadonlyMap<string, ReadonlyMap<string, number>>;
type Strike = (target: Target, state: string) => void;

type Plan = {
  readonly state: SwapState;
  readonly leg: Platform;
  /** It strikes the leg's platform, whether or not something is under way there. */
  readonly isLegs: boolean;
  readonly untilStep: number;
  readonly strike: Strike;
};
/** Faults of a platform, that need no output under way to be felt. */
const OF_A_PLATFORM: readonly Fault[] = [
  'break-platform',
  'break-leg',
  'dead-platform',
  'stalled-candidate',
  'stuck-outputs',
];

/** A state may never come: then the fault strikes where things stand. */
const WAIT_STEPS = 4000;
const AT_ONCE = 0.25;

export function cellOf(state: State, leg: Platform): string {
  return `${state} ${leg}`;
}

export class FaultPlan {
  readonly coverage = new Map<string, Map<string, number>>();
  readonly #world: World;
  readonly #look: () => readonly Standing[];
  #planned: Plan | null = null;

  constructor(world: World, look: () => readonly Standing[]) {
    this.#world = world;
    this.#look = look;
  }

  get isArmed(): boolean {
    return this.#planned !== null;
  }

  /** The state that a fault waits for. */
  get wanted(): SwapState | null {
    return this.#planned?.state ?? null;
  }

  /** Strikes now, or as soon as some connection is where this fault has met the fewest. */
  plan(fault: Fault, strike: Strike): void {
    if (this.#planned !== null || this.#world.chance(AT_ONCE)) {
      this.#strikeAnywhere(strike);
      return;
    }
    const row = this.coverage.get(fault);
    let fewest = Number.POSITIVE_INFINITY;
    let cells: { readonly state: SwapState; readonly leg: Platform }[] = [];
    for (const state of SWAP_STATES) {
      for (const leg of PLATFORMS) {
        const hits = row?.get(cellOf(state, leg)) ?? 0;
        if (hits < fewest) cells = [];
        fewest = Math.min(fewest, hits);
        if (hits === fewest) cells.push({ state, leg });
      }
    }
    const cell = cells[this.#world.roll(cells.length)];
    if (cell !== undefined) {
      const isLegs = OF_A_PLATFORM.includes(fault);
      this.#planned = { ...cell, isLegs, untilStep: this.#world.steps + WAIT_STEPS, strike };
    }
  }

  /** After every step: is it time? */
  check(): void {
    const planned = this.#planned;
    if (planned === null) return;
    const { state, leg, strike } = planned;
    const there = this.#look().find((one) => one.state === state && (planned.isLegs || one.underWay[leg]));
    if (there === undefined && this.#world.steps < planned.untilStep) return;
    this.#planned = null;
    if (there === undefined) this.#strikeAnywhere(strike);
    else strike({ feed: there.feed, leg }, state);
  }

  /** Counts a fault against every connection that it meets: of one feed, and one leg, where it is theirs. */
  note(fault: Fault, where: Partial<Target> = {}): void {
    const row = this.coverage.get(fault) ?? new Map<string, number>();
    this.coverage.set(fault, row);
    const met = new Set<string>();
    for (const { feed, state, underWay } of this.#look()) {
      if (where.feed !== undefined && where.feed !== feed) continue;
      for (const leg of PLATFORMS) {
        if (where.leg === undefined ? underWay[leg] : where.leg === leg) met.add(cellOf(state, leg));
      }
    }
    for (const cell of met) row.set(cell, (row.get(cell) ?? 0) + 1);
  }

  #strikeAnywhere(strike: Strike): void {
    const all = this.#look();
    const one = all[this.#world.roll(all.length)];
    const leg = PLATFORMS[this.#world.roll(PLATFORMS.length)] ?? 'legacy';
    if (one !== undefined) strike({ feed: one.feed, leg }, 'any');
  }
}
