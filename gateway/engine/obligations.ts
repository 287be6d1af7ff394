/**
 * What a connection owes: for every input of its feed, the outputs of each platform that are still to come. It answers
 * two questions: which input does this output belong to, and can an output still come (DESIGN: drain, settle).
 */

import type { OutputCount } from '../../core/inventory.ts';
import { LazyMap, LazySet } from '../../core/lazy-collections.ts';
import { Newest } from '../../core/newest.ts';
import { otherPlatform, PLATFORMS, type Platform } from '../../core/platform.ts';
import type { InputFinding, OutputFinding } from './correlation.ts';
import { KeptOutputs, type KeptState } from './kept-outputs.ts';
import { type GivenUp, type GivenUpInput, LateOutputs, type LateState } from './late-outputs.ts';
import {
  hasEnded,
  hasNotCome,
  isDue,
  isRejected,
  type LegActivity,
  newActivity,
  newSide,
  type Obligation,
  type Owes,
  restore,
  type Side,
  tellWaiting,
} from './obligation.ts';
import type { MessageFacts, Verdict } from './records.ts';
import { SettleTime } from './settle-time.ts';

const REMEMBERED_LIMIT = 10_000;

type OpenState = Omit<Obligation, 'controlAnswer' | 'onControlAnswer' | 'doubt'> & {
  readonly answer: string | null;
  /** Absent in a checkpoint from before it was kept. */
  readonly doubt?: string | null;
};

export type ObligationsState = {
  readonly open: readonly OpenState[];
  readonly late: LateState;
  /** Keys of inputs that nothing can come of any more, in former checkpoints as text. Absent in the first ones, which have them in `late`. */
  readonly done?: readonly (number | string)[];
  readonly delivered: readonly (readonly [number, Platform])[];
  /** Absent in a checkpoint from before it was kept. */
  readonly kept?: KeptState;
  readonly takenOver: readonly number[];
  /** Absent in a checkpoint from before it was kept. */
  readonly rejected?: readonly number[];
  readonly keyProven: readonly Platform[];
  readonly settle: ReturnType<SettleTime['dump']>;
  /** Absent in checkpoints from before it was kept: nothing is known to be late. */
  readonly notBeforeMs?: Readonly<Record<Platform, number>>;
};

export class Obligations {
  readonly #outputs: OutputCount;
  readonly #all: { count: number };
  readonly #settle: SettleTime;
  readonly #legs: Record<Platform, LegActivity> = { legacy: newActivity(), new: newActivity() };
  readonly #keyProven = new LazySet<Platform>();
  readonly #open = new LazyMap<number, Obligation>();
  /** Open inputs by their key; hardly ever more than one has the same. */
  readonly #byKey = new LazyMap<string, Obligation | Obligation[]>();
  readonly #late = new LateOutputs();
  /** First attempts of the captures that the gateway delivers itself: their platform's resends are no new outputs. */
  readonly #takenOver = new Newest<number, true>(REMEMBERED_LIMIT);
  /** First attempts of outputs that their destination has rejected: their platform may send them again. */
  readonly #rejected = new Newest<number, true>(REMEMBERED_LIMIT);
  /** Inputs that were closed without a positive answer, or without their output, and whose output was delivered: their resend owes nothing more. */
  readonly #delivered = new Newest<number, Platform>(REMEMBERED_LIMIT);
  readonly #kept = new KeptOutputs();
  /** When an output of each platform for a known input was last captured; null: not in this process. */
  readonly capturedAtMs: Record<Platform, number | null> = { legacy: null, new: null };

  /** `settleMs`: how long after its answer an input's output can still come; null: measured. `all`: those of the shard. */
  constructor(outputs: OutputCount, settleMs: number | null, all: { count: number }) {
    this.#outputs = outputs;
    this.#all = all;
    this.#settle = new SettleTime(settleMs);
  }

  get settleMs(): number {
    return this.#settle.ms;
  }

  /** The configured key has told outputs of this platform apart: what rests on it may be trusted. */
  isKeyProven(platform: Platform): boolean {
    return this.#keyProven.has(platform);
  }

  /** Recovery: an output of this platform was told by its key. */
  proveKey(platform: Platform): void {
    this.#keyProven.add(platform);
  }

  dump(): ObligationsState {
    return {
      open: [...this.#open.values()].map(({ controlAnswer, onControlAnswer: _waiting, sides, ...rest }) => ({
        ...rest,
        sides: { legacy: { ...sides.legacy }, new: { ...sides.new } },
        answer: controlAnswer?.toString('base64') ?? null,
      })),
      late: this.#late.dump(),
      done: this.#late.dumpDone(),
      delivered: [...this.#delivered],
      kept: this.#kept.dump(),
      takenOver: [...this.#takenOver].map(([output]) => output),
      rejected: [...this.#rejected].map(([output]) => output),
      keyProven: [...this.#keyProven],
      settle: this.#settle.dump(),
      notBeforeMs: { legacy: this.#legs.legacy.notBeforeMs, new: this.#legs.new.notBeforeMs },
    };
  }

  load(state: ObligationsState): void {
    for (const { answer, doubt = null, ...rest } of state.open) {
      const controlAnswer = answer === null ? null : Buffer.from(answer, 'base64');
      this.#insert({ ...rest, doubt, controlAnswer, onControlAnswer: null });
    }
    this.#late.load(state.late, state.done ?? []);
    for (const [input, platform] of state.delivered) this.#delivered.set(input, platform);
    this.#kept.load(state.kept ?? []);
    for (const output of state.takenOver) this.#takenOver.set(output, true);
    for (const output of state.rejected ?? []) this.#rejected.set(output, true);
    for (const platform of state.keyProven) this.#keyProven.add(platform);
    this.#settle.load(state.settle);
    for (const platform of PLATFORMS) {
      const leg = this.#legs[platform];
      leg.notBeforeMs = Math.max(leg.notBeforeMs, state.notBeforeMs?.[platform] ?? 0);
    }
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

  /** An input was admitted: who gets it, and whose outputs are waited for (not those of a platform without a role). */
  admit(
    input: number,
    facts: MessageFacts,
    key: string | null,
    waitedFor: readonly Platform[],
    reached: readonly Platform[],
    primary: Platform,
    isDecided = false,
  ): Obligation {
    const side = (platform: Platform): Side =>
      newSide(waitedFor.includes(platform) ? 'expected' : reached.includes(platform) ? 'missing' : 'none');
    const sides = { legacy: side('legacy'), new: side('new') };
    const obligation: Obligation = {
      input,
      facts,
      key,
      sides,
      verdict: null,
      share: null,
      owner: null,
      ownerIsGone: false,
      isPromised: false,
      isDoubtful: false,
      doubt: null,
      primary,
      controlAnswer: null,
      onControlAnswer: null,
    };
    const deliveredBy = this.#delivered.get(input);
    if (deliveredBy !== undefined) sides[deliveredBy].delivered = true;
    // What was kept is the question of that decision: what is made a second time is told from it.
    const kept = isDecided ? null : this.#kept.get(input);
    if (kept !== null) restore(obligation, kept);
    this.#insert(obligation);
    return obligation;
  }

  #insert(obligation: Obligation): void {
    const { input, key } = obligation;
    this.#open.set(input, obligation);
    this.#all.count++;
    if (key === null) return;
    const same = this.#byKey.get(key);
    if (same === undefined) this.#byKey.set(key, obligation);
    else if (Array.isArray(same)) same.push(obligation);
    else this.#byKey.set(key, [same, obligation]);
  }

  #forgetKey(obligation: Obligation, key: string): void {
    const same = this.#byKey.get(key);
    if (same === obligation) this.#byKey.delete(key);
    if (!Array.isArray(same)) return;
    const index = same.indexOf(obligation);
    if (index >= 0) same.splice(index, 1);
    if (same.length === 0) this.#byKey.delete(key);
  }

  /** With several it is the first that is due, else the newest. */
  #withKey(key: string, platform: Platform): Obligation | null {
    const same = this.#byKey.get(key) ?? null;
    if (!Array.isArray(same)) return same;
    return same.find((item) => isDue(item.sides[platform])) ?? same.at(-1) ?? null;
  }

  /** A platform has answered the input (or its copy of it): from now on the output's time runs. */
  answered(obligation: Obligation, platform: Platform, verdict: Verdict, isPrimary: boolean, nowMs: number): void {
    if (isPrimary) obligation.verdict = verdict;
    // A message that was not accepted owes nothing, also where a forced rollback came before its answer. What is kept of
    // it stays promised: its platform may know a resend, and make no second output.
    const { owner } = obligation;
    if (isPrimary && verdict !== 'positive' && owner !== null && obligation.sides[owner].output === null)
      obligation.isPromised = false;
    const side = obligation.sides[platform];
    side.dueMs = nowMs + this.#settle.ms;
    side.answeredAtMs = nowMs;
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

  /**
   * The input that an output of this platform belongs to: by key where there is one, else the oldest that waits. A key
   * that has never told an output of this platform (a wrong `correlate`) must not keep a connection from settling: until
   * it has, the oldest counts.
   */
  match(platform: Platform, key: string | null, correlates: boolean): Obligation | null {
    const isProven = this.#keyProven.has(platform);
    if (correlates && key !== null) {
      const found = this.#withKey(key, platform);
      if (found !== null) this.#keyProven.add(platform);
      if (found !== null || isProven) return found;
    }
    if (correlates && (isProven || this.#late.has(key ?? ''))) return null;
    for (const obligation of this.#open.values()) {
      if (isDue(obligation.sides[platform])) return obligation;
    }
    return null;
  }

  /** An output is being worked on: what stands behind it in its platform's queue is not overdue. */
  began(platform: Platform): void {
    this.#legs[platform].waiting++;
  }

  ended(platform: Platform, waitedMs: number, nowMs: number): void {
    const leg = this.#legs[platform];
    leg.waiting--;
    if (waitedMs > this.#settle.ms / 2) this.#notBefore(platform, nowMs);
  }

  #notBefore(platform: Platform, nowMs: number): void {
    const leg = this.#legs[platform];
    leg.notBeforeMs = Math.max(leg.notBeforeMs, nowMs + this.#settle.ms);
  }

  /** The platform's leg is one that connections share: its queue is one. */
  shareLeg(platform: Platform, activity: LegActivity): void {
    this.#legs[platform] = activity;
  }

  /** The closed input that this platform has made its output of, where the other one's may still come. */
  madeBefore(platform: Platform, key: string): number | null {
    return this.#late.madeBefore(platform, key);
  }

  /** The input that a late output of this platform belongs to, where that was given up and nothing of it was delivered. */
  givenUp(platform: Platform, key: string | null): GivenUpInput | null {
    return key === null ? null : this.#late.givenUp(platform, key);
  }

  /** The closed input of which the destination has rejected the other platform's output, and this one's is late. */
  rejectedInput(platform: Platform, key: string | null): number | null {
    return key === null ? null : this.#late.rejectedInput(platform, key);
  }

  /** What becomes of a late output of a closed input (late-outputs.ts). */
  takeLate(platform: Platform, key: string | null): 'suppress' | 'park' | null {
    return key === null ? null : this.#late.take(platform, key);
  }

  /** The closed input that a late output belongs to, where nobody has accepted the message and its sender may send it again. */
  unacceptedInput(platform: Platform, key: string | null): number | null {
    const input = key === null ? null : this.#late.unacceptedInput(platform, key);
    return input === null || this.#open.has(input) ? null : input;
  }

  /** A late output of such an input is not delivered: its platform may know the resend, and make no second one. */
  keepLate(
    input: number,
    platform: Platform,
    { offset, first, facts }: { readonly offset: number; readonly first: number; readonly facts: MessageFacts },
    share: number | null,
    atMs: number,
  ): void {
    this.#kept.add(input, { platform, output: offset, outputFacts: facts, firstOutput: first, atMs, share });
  }

  /** What the key of a new input says before the input is admitted. */
  findingOf(key: string | null): InputFinding {
    if (key === null) return 'keyless';
    if (this.#byKey.has(key)) return 'ambiguous';
    return this.#late.has(key) ? 'repeated' : 'new';
  }

  /** How an output has found its input. */
  foundBy(obligation: Obligation | null, key: string | null): OutputFinding {
    if (obligation === null) return key !== null && this.#late.has(key) ? 'key' : 'unmatched';
    return key !== null && obligation.key === key ? 'key' : 'order';
  }

  /** Platforms that lost their role produce nothing that is waited for; what still comes of them is late. */
  keepOnly(platforms: readonly Platform[]): void {
    for (const obligation of [...this.#open.values()]) {
      for (const platform of PLATFORMS) {
        const side = obligation.sides[platform];
        if (!platforms.includes(platform) && side.state === 'expected') side.state = 'missing';
      }
      this.closeIfDone(obligation);
    }
  }

  arrived(
    obligation: Obligation,
    platform: Platform,
    output: { readonly offset: number; readonly first: number; readonly facts: MessageFacts },
    nowMs: number,
  ): void {
    const side = obligation.sides[platform];
    const delayMs = side.answeredAtMs === null ? 0 : nowMs - side.answeredAtMs;
    this.#settle.measured(delayMs);
    // Its platform is behind with its queue: what stands behind this output is late, and on its way.
    if (delayMs > this.#settle.ms / 2) this.#notBefore(platform, nowMs);
    side.state = 'open';
    side.output = output.offset;
    side.outputFacts = output.facts;
    side.firstOutput = output.first;
    side.kept = false;
    side.rejected = false;
  }

  /** An output has its end. `delivered`: the destination answered it positively. */
  settled(obligation: Obligation, platform: Platform, delivered: boolean): void {
    const side = obligation.sides[platform];
    // More may follow until the time for it is over.
    side.state = this.#outputs === 'many' ? 'expected' : 'settled';
    side.delivered ||= delivered;
    side.rejected = !delivered;
    if (obligation.owner === platform) obligation.isPromised = false;
    if (obligation.owner === platform && obligation.ownerIsGone) this.#afterGoneOwner(obligation, platform, delivered);
    this.closeIfDone(obligation);
  }

  /** An output was kept and not delivered. */
  captured(obligation: Obligation, platform: Platform): void {
    const side = obligation.sides[platform];
    side.state = this.#outputs === 'many' ? 'expected' : 'settled';
    side.kept = true;
    this.closeIfDone(obligation);
  }

  /** Re-owning: this platform delivers, whatever the route says. */
  promise(obligation: Obligation, heir: Platform): void {
    obligation.owner = heir;
    obligation.ownerIsGone = false;
    obligation.isPromised = true;
  }

  /** The gateway delivers this capture itself. */
  takeOver(firstOutput: number): void {
    this.#takenOver.set(firstOutput, true);
  }

  /** This output is delivered by the gateway itself, or has been. */
  isTakenOver(firstOutput: number): boolean {
    return this.#takenOver.has(firstOutput);
  }

  /** The destination has answered an output that a platform has sent. */
  destinationSaid(firstOutput: number, isTaken: boolean): void {
    if (isTaken) this.#rejected.delete(firstOutput);
    else this.#rejected.set(firstOutput, true);
  }

  /** Once: the destination has rejected it, and what its platform sends again now is not delivered any more. */
  takeRejected(firstOutput: number): boolean {
    const isRejected = this.#rejected.has(firstOutput);
    this.#rejected.delete(firstOutput);
    return isRejected;
  }

  /** An output whose input was closed when it came was delivered: the other platform's is no longer wanted. */
  deliveredLate(input: number, platform: Platform): void {
    const reopened = this.#open.get(input);
    if (reopened !== undefined) reopened.sides[platform].delivered = true;
    this.#late.deliveredBy(input, platform);
    this.#delivered.set(input, platform);
  }

  /** Captures that a resend of their inputs may ask for. */
  keptOutputs(nowMs: number): readonly number[] {
    return this.#kept.neededAt(nowMs);
  }

  /** A person had the captures for this input delivered: an output that has not come is no longer wanted. */
  decided(input: number): void {
    this.#late.decided(input);
  }

  /** The output goes out as its platform has sent it, whatever the route says by now. `isGone`: it will not send it again. */
  leaveTo(obligation: Obligation, platform: Platform, isGone: boolean): void {
    obligation.owner = platform;
    obligation.ownerIsGone = isGone;
  }

  /**
   * The peer may have taken the output: its platform will send it again. Where that is the former owner, whose resend
   * nobody will deliver, the heir takes the obligation over.
   */
  uncertain(obligation: Obligation, platform: Platform): void {
    const side = obligation.sides[platform];
    if (side.state !== 'open') return;
    if (obligation.owner === platform && obligation.ownerIsGone) {
      side.state = 'missing';
      this.#afterGoneOwner(obligation, platform, false);
    } else side.state = 'expected';
  }

  /**
   * The output that a dead owner had left on its way has its end. Where the destination has it, that was the one; else it
   * is the heir's to deliver, or, where nobody has accepted the message, that of whoever gets its resend.
   */
  #afterGoneOwner(obligation: Obligation, gone: Platform, delivered: boolean): void {
    const heir = otherPlatform(gone);
    const isHeirs = !delivered && (obligation.verdict === 'positive' || obligation.sides[heir].state !== 'none');
    if (isHeirs) this.promise(obligation, heir);
    else {
      obligation.owner = null;
      obligation.ownerIsGone = false;
    }
  }

  /**
   * Closes an obligation whatever is open. `parks`: what still comes of it is out of order. `givenUp`: nobody waits for it
   * any more, and what still comes of it is its owner's of now.
   */
  close(obligation: Obligation, parks = false, givenUp: GivenUp | null = null): void {
    if (this.#open.delete(obligation.input)) this.#all.count--;
    this.#keep(obligation);
    const { sides } = obligation;
    const deliveredBy = sides.legacy.delivered ? 'legacy' : sides.new.delivered ? 'new' : null;
    if (deliveredBy !== null && obligation.verdict !== 'positive') {
      this.#delivered.set(obligation.input, deliveredBy);
    }
    if (obligation.key !== null) {
      this.#forgetKey(obligation, obligation.key);
      const legacyIsMissing = hasNotCome(sides.legacy);
      const newIsMissing = hasNotCome(sides.new);
      const isAccepted = obligation.verdict === 'positive';
      const { input } = obligation;
      const rejectedFrom = PLATFORMS.find((platform) => isRejected(obligation, platform)) ?? null;
      const missing = { legacyIsMissing, newIsMissing };
      this.#late.add(obligation.key, { input, deliveredBy, rejectedFrom, ...missing, parks, isAccepted, givenUp });
    }
    tellWaiting(obligation);
  }

  /** A platform that has made its output may know the resend, and make no second one. */
  #keep({ input, sides, verdict, share }: Obligation): void {
    for (const platform of PLATFORMS) {
      const { kept, output, outputFacts, firstOutput, answeredAtMs } = sides[platform];
      if (verdict === 'positive' || !kept || output === null || outputFacts === null) continue;
      const atMs = answeredAtMs ?? this.#kept.get(input)?.atMs ?? 0;
      this.#kept.add(input, { platform, output, outputFacts, firstOutput: firstOutput ?? output, atMs, share });
    }
  }

  /** Ends what can no longer come; what is owed with `outputs: one` is waited for without end. */
  expire(nowMs: number, owes: Owes): void {
    // One that is closed meanwhile leaves the map, which its walk allows.
    for (const obligation of this.#open.values()) {
      for (const platform of PLATFORMS) {
        const side = obligation.sides[platform];
        if (side.state !== 'expected' || !this.#canEnd(obligation, platform, nowMs, owes)) continue;
        side.state = this.#outputs === 'one' ? 'missing' : side.output === null ? 'none' : 'settled';
      }
      this.closeIfDone(obligation);
    }
  }

  /** Nothing of it is waited for on this side, or `expire` would end that now. */
  isOver(obligation: Obligation, platform: Platform, nowMs: number, owes: Owes): boolean {
    const side = obligation.sides[platform];
    return hasEnded(side) || (side.state === 'expected' && this.#canEnd(obligation, platform, nowMs, owes));
  }

  #canEnd(obligation: Obligation, platform: Platform, nowMs: number, owes: Owes): boolean {
    if (!this.#isOverdue(obligation.sides[platform], platform, nowMs)) return false;
    return this.#outputs !== 'one' || obligation.verdict !== 'positive' || !owes(obligation, platform);
  }

  /** The earliest time at which `expire` may end something, or null. */
  nextDueMs(nowMs: number): number | null {
    let earliest: number | null = null;
    for (const { sides } of this.#open.values()) {
      for (const platform of PLATFORMS) {
        const { state, dueMs } = sides[platform];
        if (state !== 'expected' || dueMs === null) continue;
        const atMs = Math.max(dueMs, this.#legs[platform].notBeforeMs);
        if (atMs > nowMs) earliest = Math.min(earliest ?? atMs, atMs);
      }
    }
    return earliest;
  }

  /** Inputs whose output its owner owes and that has not come in its time. */
  overdue(nowMs: number, owes: Owes): readonly Obligation[] {
    return [...this.#open.values()].filter((obligation) =>
      PLATFORMS.some((platform) => owes(obligation, platform) && this.isLate(obligation, platform, nowMs)),
    );
  }

  /** How long ago the oldest input was answered whose output is on its way: one that has not come, and is not overdue. 0: none. */
  behindMs(nowMs: number): number {
    let longestMs = 0;
    for (const platform of PLATFORMS) {
      // One after the other: the first one has waited longest.
      for (const { sides } of this.#open.values()) {
        const { state, answeredAtMs } = sides[platform];
        if (state !== 'expected' || answeredAtMs === null || this.#isOverdue(sides[platform], platform, nowMs))
          continue;
        longestMs = Math.max(longestMs, nowMs - answeredAtMs);
        break;
      }
    }
    return longestMs;
  }

  /** Its output has not come in its time, and nothing says that it is on its way. */
  isLate(obligation: Obligation, platform: Platform, nowMs: number): boolean {
    const side = obligation.sides[platform];
    return side.state === 'expected' && this.#isOverdue(side, platform, nowMs);
  }

  /**
   * The oldest that may be given up, those first that nothing is owed of any more. Not what a forced rollback has promised,
   * what is under way to the primary or to the destination, or what a decision follows for.
   */
  expendable(count: number): readonly Obligation[] {
    const settled: Obligation[] = [];
    const owed: Obligation[] = [];
    for (const obligation of this.#open.values()) {
      if (settled.length >= count) break;
      const { verdict, isPromised, doubt, sides } = obligation;
      const isUnderWay = sides.legacy.state === 'open' || sides.new.state === 'open';
      if (verdict !== 'positive' || isPromised || doubt !== null || isUnderWay) continue;
      const isDelivered = sides.legacy.delivered || sides.new.delivered;
      if (isDelivered) settled.push(obligation);
      else if (owed.length < count) owed.push(obligation);
    }
    return [...settled, ...owed].slice(0, count);
  }

  #isOverdue(side: Side, platform: Platform, nowMs: number): boolean {
    const { waiting, notBeforeMs } = this.#legs[platform];
    return side.dueMs !== null && waiting === 0 && nowMs >= Math.max(side.dueMs, notBeforeMs);
  }

  /** Closes it where nothing of it can still come. */
  closeIfDone(obligation: Obligation): void {
    const { verdict, isPromised, isDoubtful, doubt, sides } = obligation;
    if (verdict === null || isPromised || isDoubtful || doubt !== null) return;
    if (hasEnded(sides.legacy) && hasEnded(sides.new)) this.close(obligation);
  }
}
