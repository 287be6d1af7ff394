/**
 * When faults strike: as often as not in the middle of a swap, and where they have struck least so far: in a state of a swap
 * with an output under way on one of the legs. What each one met is counted (the coverage table).
 */
import { STATES, type State } from '../../core/admin-api.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { World } from './world.ts';

export type SwapState = Exclude<State, 'held' | 'fenced'>;
export const SWAP_STATES: readonly SwapState[] = STATES.filter((state) => state !== 'held' && state !== 'fenced');
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
  /** Its platform that no source waits for. */
  readonly secondary: Platform;
  readonly state: State;
  /** An output of it, or of a connection that shares its leg, is under way on the leg. */
  readonly underWay: Readonly<Record<Platform, boolean>>;
};
/** A fault, and where it is to strike. */
export type Aim = { readonly fault: Fault; readonly state: SwapState; readonly leg: Platform };
export type Target = { readonly feed: string; readonly leg: Platform };
/** `fault` → `state leg` → times. */
export type Coverage = ReadonlyMap<string, ReadonlyMap<string, number>>;
export type Strike = (target: Target, state: string) => void;

type Plan = {
  readonly fault: Fault;
  readonly state: SwapState;
  readonly leg: Platform;
  /** It strikes the leg's platform, whether or not something is under way there. */
  readonly isLegs: boolean;
  readonly untilStep: number;
  readonly strike: Strike;
  readonly isAim: boolean;
};
/** Faults of a platform, that need no output under way to be felt. */
const OF_A_PLATFORM: readonly Fault[] = [
  'break-platform',
  'break-leg',
  'dead-platform',
  'stalled-candidate',
  'stuck-outputs',
];

/** What cannot be, and why. */
export const IMPOSSIBLE: readonly (Aim & { readonly why: string })[] = [
  {
    fault: 'stalled-candidate',
    state: 'reowning',
    leg: 'legacy',
    why: 'a forced rollback makes legacy the primary, and it is the other platform that is stalled',
  },
];

/** Met seldom where everything is aimed at in turn: some nights are for these alone. */
export const RARE_AIMS: readonly Aim[] = [
  { fault: 'stalled-candidate', state: 'catching-up', leg: 'legacy' },
  { fault: 'stalled-candidate', state: 'holding', leg: 'legacy' },
  { fault: 'break-platform', state: 'holding', leg: 'legacy' },
  { fault: 'break-leg', state: 'committing', leg: 'new' },
];

/** How often each state is aimed at: what is brief is missed more often. */
const TRIES: Readonly<Record<SwapState, number>> = {
  steady: 2,
  'catching-up': 3,
  holding: 4,
  draining: 3,
  committing: 3,
  settling: 4,
  reowning: 3,
};
/** More for what is rare: new's outputs while an epoch is under way or taken over, and legacy as the one that is not primary. */
const MORE_TRIES = { committing: 1, reowning: 4, stalledLegacy: 3 } as const;
/** How long a night that aims waits for the state before it goes on to the next. */
const AIM_STEPS: Readonly<Record<SwapState, number>> = {
  steady: 900,
  'catching-up': 900,
  holding: 1500,
  draining: 900,
  committing: 1500,
  settling: 900,
  reowning: 2500,
};

/** Every fault in these states on either leg, one state after the other, but for what cannot be. */
export function aimsAt(states: readonly SwapState[]): readonly Aim[] {
  return states
    .flatMap((state) => PLATFORMS.flatMap((leg) => FAULTS.map((fault): Aim => ({ fault, state, leg }))))
    .filter((aim) => !isImpossible(aim))
    .flatMap((aim) => Array.from({ length: triesOf(aim) }, () => aim));
}

function triesOf({ fault, state, leg }: Aim): number {
  if (fault === 'stalled-candidate' && leg === 'legacy') return TRIES[state] + MORE_TRIES.stalledLegacy;
  if (leg === 'new' && (state === 'committing' || state === 'reowning')) return TRIES[state] + MORE_TRIES[state];
  return TRIES[state];
}

export function isImpossible(aim: Aim): boolean {
  return IMPOSSIBLE.some((one) => isSame(one, aim));
}

function isSame(one: Aim, other: Aim): boolean {
  return one.fault === other.fault && one.state === other.state && one.leg === other.leg;
}

/** A state may never come: then the fault strikes where things stand. */
const WAIT_STEPS = 4000;
/** A prime, so that nights begin everywhere in the list of aims. */
const NIGHT_STRIDE = 53;
/** Another, so that the next aim is of another fault, and mostly of the same state. */
const AIM_STRIDE = 7;
const AT_ONCE = 0.25;

export function cellOf(state: State, leg: Platform): string {
  return `${state} ${leg}`;
}

export class FaultPlan {
  readonly coverage = new Map<string, Map<string, number>>();
  readonly #world: World;
  readonly #look: () => readonly Standing[];
  #planned: Plan | null = null;
  readonly #aims: readonly Aim[];
  #nextAim: number;

  /** `aims`: what it aims at, one after the other. */
  constructor(world: World, seed: number, aims: readonly Aim[], look: () => readonly Standing[]) {
    this.#world = world;
    this.#look = look;
    this.#aims = aims;
    this.#nextAim = (seed * NIGHT_STRIDE) % this.#aims.length;
  }

  get isArmed(): boolean {
    return this.#planned !== null;
  }

  /** The state that a fault waits for. */
  get wanted(): { readonly state: SwapState; readonly leg: Platform } | null {
    return this.#planned;
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
      this.#planned = { ...cell, fault, isLegs, untilStep: this.#world.steps + WAIT_STEPS, strike, isAim: false };
    }
  }

  /** The next one of all; it strikes where it is aimed at or not at all. */
  aim(strikeOf: (fault: Fault) => Strike): Aim | null {
    const aim = this.#aims[this.#nextAim];
    this.#nextAim = (this.#nextAim + AIM_STRIDE) % this.#aims.length;
    if (this.#planned !== null || aim === undefined) return null;
    const { fault, state, leg } = aim;
    const untilStep = this.#world.steps + AIM_STEPS[state];
    this.#planned = {
      fault,
      state,
      leg,
      isLegs: OF_A_PLATFORM.includes(fault),
      untilStep,
      strike: strikeOf(fault),
      isAim: true,
    };
    return aim;
  }

  /** After every step: is it time? */
  check(): void {
    const planned = this.#planned;
    if (planned === null) return;
    const { state, leg, strike } = planned;
    const isThere = ({ secondary, underWay }: Standing): boolean =>
      planned.fault === 'stalled-candidate' ? secondary === leg : planned.isLegs || underWay[leg];
    const there = this.#look().find((one) => one.state === state && isThere(one));
    if (there === undefined && this.#world.steps < planned.untilStep) return;
    this.#planned = null;
    if (there === undefined && planned.isAim) return;
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
