/**
 * What a connection owes: for every input of its feed, the outputs of each platform that are still to come. It answers
 * two questions: which input does this output belong to, and can an output still come (DESIGN: drain, settle).
 */
import type { OutputCount } from '../../core/inventory.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { MessageFacts, Verdict } from './records.ts';

/**
 * One platform's part of an obligation.
 * - `none`: no output is due from it. `expected`: one can still come. `open`: it is here, without its end.
 * - `settled`: delivered, rejected or captured. `missing`: the candidate's did not come in time; it may come late.
 */
export type Side = {
  state: 'none' | 'expected' | 'open' | 'settled' | 'missing';
  /** Offset of the newest output. */
  output: number | null;
  outputFacts: MessageFacts | null;
  delivered: boolean;
  /** When an output that is only possible counts as not coming; null until the platform has answered the input. */
  dueMs: number | null;
};

export type Obligation = {
  readonly input: number;
  readonly facts: MessageFacts;
  readonly key: string | null;
  readonly sides: Record<Platform, Side>;
  verdict: Verdict | null;
  /** Set where re-owning has decided who delivers, whatever the route says. */
  owner: Platform | null;
  /** The owner by re-owning has not delivered yet: nothing closes the obligation before it has. */
  isPromised: boolean;
  /** The destination's answer to the control's output: what a capture of the other platform is answered with. */
  controlAnswer: Buffer | null;
  /** Run once the control's answer is there. */
  onControlAnswer: (() => void)[];
};

/** A closed obligation: who delivered it, and whose output did not come in time and may still come. */
type Late = { readonly input: number; readonly deliveredBy: Platform | null; readonly missing: Set<Platform> };

const LATE_LIMIT = 10_000;

export class Obligations {
  readonly #outputs: OutputCount;
  readonly #settleMs: number;
  readonly #open = new Map<number, Obligation>();
  readonly #byKey = new Map<string, Obligation[]>();
  /** Closed ones by key, so that a late output is still told from a new one. */
  readonly #late = new Map<string, Late>();

  /** Inputs without a positive answer whose output was delivered all the same: their resend owes nothing more. */
  readonly #delivered = new Map<number, Platform>();

  constructor(outputs: OutputCount, settleMs: number) {
    this.#outputs = outputs;
    this.#settleMs = settleMs;
  }

  get size(): number {
    return this.#open.size;
  }

  all(): Iterable<Obligation> {
    return this.#open.values();
  }

  get(input: number): Obligation | null {
    return this.#open.get(input) ?? null;
  }

  /** An input was admitted; `from` are the platforms that will get it. */
  admit(input: number, facts: MessageFacts, key: string | null, from: readonly Platform[]): Obligation {
    const sides = { legacy: newSide(from.includes('legacy')), new: newSide(from.includes('new')) };
    const obligation: Obligation = {
      input,
      facts,
      key,
      sides,
      verdict: null,
      owner: null,
      isPromised: false,
      controlAnswer: null,
      onControlAnswer: [],
    };
    const deliveredBy = this.#delivered.get(input);
    if (deliveredBy !== undefined) sides[deliveredBy].delivered = true;
    this.#open.set(input, obligation);
    if (key !== null) this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), obligation]);
    return obligation;
  }

  /** A platform has answered the input (or its copy of it): from now on the output's time runs. */
  answered(input: number, platform: Platform, verdict: Verdict, isPrimary: boolean, nowMs: number): void {
    const obligation = this.#open.get(input);
    if (obligation === undefined) return;
    if (isPrimary) obligation.verdict = verdict;
    const side = obligation.sides[platform];
    side.dueMs = nowMs + this.#settleMs;
    if (verdict === 'negative' && side.state === 'expected') side.state = 'none';
    // Nobody got it but the primary, which did not take it: no copy will be made.
    if (isPrimary && verdict !== 'positive') {
      for (const other of PLATFORMS) {
        const otherSide = obligation.sides[other];
        if (other !== platform && otherSide.state === 'expected') otherSide.state = 'none';
      }
    }
    this.closeIfDone(obligation);
  }

  /** The input that an output of this platform belongs to: by key where there is one, else the oldest that waits. */
  match(platform: Platform, key: string | null, correlates: boolean): Obligation | null {
    if (correlates) {
      if (key === null) return null;
      const candidates = this.#byKey.get(key) ?? [];
      return candidates.find((item) => isDue(item.sides[platform])) ?? candidates.at(-1) ?? null;
    }
    for (const obligation of this.#open.values()) {
      if (isDue(obligation.sides[platform])) return obligation;
    }
    return null;
  }

  /** True, once, where this is the late output of an input that the other platform has delivered. */
  takeLate(platform: Platform, key: string | null): boolean {
    const late = key === null ? undefined : this.#late.get(key);
    if (late === undefined || late.deliveredBy === null || late.deliveredBy === platform) return false;
    return late.missing.delete(platform);
  }

  /** Platforms that lost their role produce nothing that is waited for. */
  keepOnly(platforms: readonly Platform[]): void {
    for (const obligation of [...this.#open.values()]) {
      for (const platform of PLATFORMS) {
        const side = obligation.sides[platform];
        if (!platforms.includes(platform) && side.state === 'expected') side.state = 'none';
      }
      this.closeIfDone(obligation);
    }
  }

  arrived(obligation: Obligation, platform: Platform, output: number, facts: MessageFacts): void {
    const side = obligation.sides[platform];
    side.state = 'open';
    side.output = output;
    side.outputFacts = facts;
  }

  /** An output has its end. `delivered`: the destination answered it positively. */
  settled(obligation: Obligation, platform: Platform, delivered: boolean): void {
    const side = obligation.sides[platform];
    // More may follow until the time for it is over.
    side.state = this.#outputs === 'many' ? 'expected' : 'settled';
    side.delivered ||= delivered;
    if (obligation.owner === platform) obligation.isPromised = false;
    this.closeIfDone(obligation);
  }

  /** An output was kept and not delivered. */
  captured(obligation: Obligation, platform: Platform): void {
    obligation.sides[platform].state = this.#outputs === 'many' ? 'expected' : 'settled';
    this.closeIfDone(obligation);
  }

  /** Re-owning: this platform delivers, whatever the route says. */
  promise(obligation: Obligation, heir: Platform): void {
    obligation.owner = heir;
    obligation.isPromised = true;
  }

  /** The peer may have taken the output: its platform will send it again. */
  uncertain(obligation: Obligation, platform: Platform): void {
    const side = obligation.sides[platform];
    if (side.state === 'open') side.state = 'expected';
  }

  /** Closes an obligation whatever is open. */
  close(obligation: Obligation): void {
    this.#open.delete(obligation.input);
    const deliveredBy = PLATFORMS.find((platform) => obligation.sides[platform].delivered) ?? null;
    if (deliveredBy !== null && obligation.verdict !== 'positive') {
      this.#delivered.set(obligation.input, deliveredBy);
      forgetOldest(this.#delivered);
    }
    if (obligation.key !== null) {
      const rest = (this.#byKey.get(obligation.key) ?? []).filter((item) => item !== obligation);
      if (rest.length === 0) this.#byKey.delete(obligation.key);
      else this.#byKey.set(obligation.key, rest);
      this.#late.delete(obligation.key);
      const missing = new Set(PLATFORMS.filter((platform) => obligation.sides[platform].state === 'missing'));
      this.#late.set(obligation.key, { input: obligation.input, deliveredBy, missing });
      forgetOldest(this.#late);
    }
    for (const run of obligation.onControlAnswer.splice(0)) run();
  }

  /** Ends what can no longer come; `control` is the platform whose outputs of `outputs: one` are waited for without end. */
  expire(nowMs: number, control: Platform): void {
    for (const obligation of [...this.#open.values()]) {
      for (const platform of PLATFORMS) {
        const side = obligation.sides[platform];
        if (side.state !== 'expected' || side.dueMs === null || nowMs < side.dueMs) continue;
        const owes = (obligation.owner ?? control) === platform;
        if (this.#outputs === 'one' && owes && obligation.verdict === 'positive') continue;
        side.state = this.#outputs === 'one' ? 'missing' : side.output === null ? 'none' : 'settled';
      }
      this.closeIfDone(obligation);
    }
  }

  /** The earliest time at which `expire` may end something, or null. */
  nextDueMs(nowMs: number): number | null {
    let earliest: number | null = null;
    for (const { sides } of this.#open.values()) {
      for (const platform of PLATFORMS) {
        const { state, dueMs } = sides[platform];
        if (state === 'expected' && dueMs !== null && dueMs > nowMs) earliest = Math.min(earliest ?? dueMs, dueMs);
      }
    }
    return earliest;
  }

  /** Closes it where nothing of it can still come. */
  closeIfDone(obligation: Obligation): void {
    if (obligation.verdict === null || obligation.isPromised) return;
    const isDone = PLATFORMS.every((platform) => {
      const { state } = obligation.sides[platform];
      return state === 'none' || state === 'settled' || state === 'missing';
    });
    if (isDone) this.close(obligation);
  }
}

function forgetOldest<K>(map: Map<K, unknown>): void {
  if (map.size <= LATE_LIMIT) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

function newSide(isExpected: boolean): Side {
  return { state: isExpected ? 'expected' : 'none', output: null, outputFacts: null, delivered: false, dueMs: null };
}

function isDue(side: Side): boolean {
  return side.state === 'expected';
}
