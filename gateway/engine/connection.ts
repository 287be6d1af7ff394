/**
 * A connection: its legs, its one destination and its route. The leg decides (rule 5): the control's outputs are
 * delivered, the candidate's captured, a platform without a role is parked. What is owed is kept in `Obligations`.
 */
import { type Counters, type EpochRecord, type ListName, noCounters } from '../../core/admin-api.ts';
import { matchesPredicate } from '../../core/hl7/message.ts';
import type { Connection } from '../../core/inventory.ts';
import { candidateOf, controlOf, PLATFORMS, type Platform, type Route } from '../../core/platform.ts';
import { factsOf } from './answers.ts';
import { ChangeOver, type ChangeOverState } from './change-over.ts';
import { Correlation, type CorrelationState, correlationKeyOf } from './correlation.ts';
import { Correspondence, type CorrespondenceState, type Correspondent } from './correspondence.ts';
import type { Destination, Destinations } from './destination.ts';
import { Doubts } from './doubts.ts';
import type { AdmittedInput } from './feed.ts';
import type { Fence } from './fence.ts';
import type { Intake, Message } from './intake.ts';
import { Lists, type ListsState } from './lists.ts';
import { hasEnded, type Obligation } from './obligation.ts';
import { Obligations, type ObligationsState } from './obligations.ts';
import { OutputFlow, type RejectedOutput } from './output-flow.ts';
import { type JudgedOutput, OutputJudge } from './output-judge.ts';
import { Ownership } from './ownership.ts';
import type { StrayFrame } from './peer-link.ts';
import { PlatformOrigin, type PlatformOriginState } from './platform-origin.ts';
import type { ListRecord, MessageFacts, OutputRecord, ShadowGapRecord, Verdict } from './records.ts';
import type { Runtime } from './runtime.ts';

export type ConnectionObserver = {
  /** Something that a swap may wait for has moved. */
  moved(connection: string): void;
  /** A frame for a platform, that answers nothing it waits for now. False: it cannot be passed. */
  passBack(connection: ConnectionEngine, platform: Platform, to: Correspondent, payload: Buffer): boolean;
  /** What becomes of this input, only a person can say. */
  doubt(connection: ConnectionEngine, cause: string, obligation: Obligation): void;
  /** A person is asked about this input, or has decided that what there was of it goes out. */
  isDecided(connection: ConnectionEngine, input: number): boolean;
  /** The destination does not take what the gateway delivered in a platform's place. */
  rejected(connection: ConnectionEngine, output: RejectedOutput): void;
};

export type ConnectionState = {
  readonly route: Route;
  readonly observed: Observed | null;
  readonly epochs: readonly EpochRecord[];
  readonly counters: Counters;
  readonly rejectedCopies: { readonly epoch: number; readonly count: number };
  /** Absent in a checkpoint from before backlogs were given up. */
  readonly gap?: ShadowGap | null;
  readonly nextExpiryMs: number;
  readonly lists: ListsState;
  readonly obligations: ObligationsState;
  readonly correlation: CorrelationState;
  readonly changeOver: ChangeOverState;
  /** Absent where it has a feed. */
  readonly platformOrigin?: PlatformOriginState;
  readonly correspondence: Readonly<Record<Platform, CorrespondenceState>>;
};

/** So often, or seldomer where many inputs wait: a millisecond for each. */
const EXPIRE_EVERY_MS = { least: 200, most: 1000 };
/** Cause on the list `uncorrelated` of inputs that are no longer waited for. */
const GIVEN_UP = 'output-missing';
/** Cause of the decisions that a change-over at an offset leaves: what comes late of these inputs is parked. */
export const ORDER_WAIT = 'order-wait';

export type Observed = { readonly epoch: number; readonly deliveredFrom: Platform; readonly atMs: number };

/** Messages that a platform did not get, until a person has said what becomes of that. Offsets of the first and the last. */
export type ShadowGap = {
  readonly platform: Platform;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Of the connection when it began. */
  readonly epoch: number;
  readonly sinceMs: number;
  readonly atMs: number;
};

/** Cause on the list `refused`, and what the platform reads in its answer. */
function notOwner(platform: Platform): string {
  return `${platform} does not own this connection now`;
}

export class ConnectionEngine {
  readonly config: Connection;
  readonly lists: Lists;
  readonly obligations: Obligations;
  readonly destination: Destination;
  readonly counters: Counters = noCounters();
  readonly epochs: EpochRecord[] = [];
  gap: ShadowGap | null = null;
  /** While there is one nothing is taken and nothing sent. */
  fence: Fence | null = null;
  readonly changeOver: ChangeOver;
  readonly ownership: Ownership;
  readonly judge: OutputJudge;
  readonly correlation: Correlation;
  readonly doubts: Doubts;
  /** Ids that each platform has issued, as its destination knows them. */
  readonly correspondence: Readonly<Record<Platform, Correspondence>> = {
    legacy: new Correspondence(),
    new: new Correspondence(),
  };
  observed: Observed | null = null;
  readonly flow: OutputFlow;
  /** Null: it has a feed. */
  readonly platformOrigin: PlatformOrigin | null;
  #nextExpiryMs = 0;
  #rejectedCopies = { epoch: 0, count: 0 };
  readonly #runtime: Runtime;
  readonly #observer: ConnectionObserver;

  constructor(
    config: Connection,
    shard: number,
    runtime: Runtime,
    observer: ConnectionObserver,
    destinations: Destinations,
  ) {
    this.config = config;
    this.#runtime = runtime;
    this.#observer = observer;
    this.lists = new Lists(shard);
    this.platformOrigin = config.origin === 'feed' ? null : new PlatformOrigin(config.settleMs, runtime.now);
    this.obligations = new Obligations(config.outputs, config.settleMs, runtime.openInputs);
    runtime.openInputs.add(this);
    this.destination = destinations.of(config, {
      connection: config.name,
      awaits: (answer) => PLATFORMS.some((platform) => this.correspondence[platform].awaits(answer)),
      passBack: (frame) => this.#passBack(frame),
      keep: ({ payload }) => this.strayed(payload, 'unasked'),
    });
    this.correlation = new Correlation(config.correlate !== null);
    const { counters, obligations, destination } = this;
    const expire = (): void => this.expire();
    const moved = (): void => {
      this.doubts.askOfRejected();
      this.changeOver.look();
      observer.moved(config.name);
    };
    this.changeOver = new ChangeOver(
      {
        obligations,
        expire,
        moved,
        again: ({ message, platform, intake }) => this.output(message, platform, intake),
        giveUp: (obligation) => this.#giveUp(obligation),
      },
      runtime,
      config.orderWaitMs,
    );
    const isDecided = (input: number): boolean => observer.isDecided(this, input);
    this.ownership = new Ownership(config, obligations, this.changeOver, isDecided);
    this.judge = new OutputJudge(config.correlate !== null, obligations, this.ownership, isDecided);
    const doubt = (cause: string, obligation: Obligation): void => observer.doubt(this, cause, obligation);
    const makesOne = config.outputs === 'one';
    this.doubts = new Doubts({ obligations, ownership: this.ownership, makesOne, expire, doubt, isDecided }, runtime);
    this.flow = new OutputFlow(
      {
        config,
        counters,
        obligations,
        destination,
        correspondence: this.correspondence,
        listed: (list, facts, offset, cause) => this.listed(list, facts, offset, cause),
        uncertain: (obligation, platform) => this.uncertain(obligation, platform),
        rejected: (output) => observer.rejected(this, output),
        delivered: (from, epoch) => this.delivered(from, epoch, runtime.now),
        moved,
        epoch: () => this.route.epoch,
      },
      runtime,
    );
  }

  get route(): Route {
    return this.ownership.route;
  }

  set route(route: Route) {
    const { epoch, phase, newWeight } = this.route;
    const isSame = route.phase === phase && route.newWeight === newWeight;
    // The same route in another epoch (after a restore, at another shard): who has missed something still has.
    if (isSame && this.#rejectedCopies.epoch === epoch) this.#rejectedCopies.epoch = route.epoch;
    this.ownership.route = route;
  }

  /** Its outputs are told apart by their inputs well enough. */
  get canChangeAtOffset(): boolean {
    const { grade } = this.correlation.grade;
    return grade === 'exact' || grade === 'keyed';
  }

  get openOutputs(): number {
    return this.flow.openCount;
  }

  get owedOutputs(): number {
    let owed = 0;
    for (const obligation of this.obligations.all()) {
      const isOwed = PLATFORMS.some(
        (platform) => !hasEnded(obligation.sides[platform]) && this.ownership.owes(obligation, platform),
      );
      if (obligation.verdict === 'positive' && isOwed) owed++;
    }
    return owed;
  }

  /** Outputs that re-owning has promised and that are not delivered yet. */
  get reowning(): number {
    let count = 0;
    for (const { isPromised } of this.obligations.all()) if (isPromised) count++;
    return count;
  }

  dump(): ConnectionState {
    return {
      route: this.route,
      observed: this.observed,
      epochs: [...this.epochs],
      counters: { ...this.counters },
      rejectedCopies: { ...this.#rejectedCopies },
      gap: this.gap,
      nextExpiryMs: this.#nextExpiryMs,
      lists: this.lists.dump(),
      obligations: this.obligations.dump(),
      correlation: this.correlation.dump(),
      changeOver: this.changeOver.state(),
      ...(this.platformOrigin === null ? {} : { platformOrigin: this.platformOrigin.dump() }),
      correspondence: { legacy: this.correspondence.legacy.dump(), new: this.correspondence.new.dump() },
    };
  }

  load(state: ConnectionState): void {
    this.route = state.route;
    this.observed = state.observed;
    this.epochs.splice(0, this.epochs.length, ...state.epochs);
    Object.assign(this.counters, state.counters);
    this.#rejectedCopies = { ...state.rejectedCopies };
    this.gap = state.gap ?? null;
    this.#nextExpiryMs = state.nextExpiryMs;
    this.lists.load(state.lists);
    this.obligations.load(state.obligations);
    this.correlation.load(state.correlation);
    this.changeOver.restore(state.changeOver);
    if (state.platformOrigin !== undefined) this.platformOrigin?.load(state.platformOrigin);
    for (const platform of PLATFORMS) this.correspondence[platform].load(state.correspondence[platform]);
    this.doubts.load();
  }

  get isFenced(): boolean {
    return this.fence !== null;
  }

  /** Copies that the candidate did not take since the last change of route. */
  get rejectedCopies(): number {
    return this.#rejectedCopies.epoch === this.route.epoch ? this.#rejectedCopies.count : 0;
  }

  /** No output is on its way and none can still come. */
  isSettled(): boolean {
    this.expire();
    return this.openOutputs === 0 && this.obligations.size === 0;
  }

  inputAdmitted(input: AdmittedInput): void {
    const { config } = this;
    if (config.applies !== null && (input.payload === null || !matchesPredicate(input.payload, config.applies))) return;
    const reached = platformsOf(input.primary, input.shadow);
    const from = inBoth(this.#withRole(), reached);
    const known = input.first === input.offset ? null : this.obligations.get(input.first);
    if (known !== null) {
      // Another attempt of the same input: whoever has not produced its output yet may do so again.
      for (const platform of from) {
        const side = known.sides[platform];
        if (side.state === 'none' || side.state === 'missing') side.state = 'expected';
        side.dueMs = null;
      }
      for (const platform of PLATFORMS) known.sides[platform].rejected = false;
      known.verdict = null;
      return;
    }
    const key = input.payload === null ? null : correlationKeyOf(input.payload, input.facts, config.correlate);
    if (config.correlate !== null) this.correlation.input(this.obligations.findingOf(key));
    const isDecided = this.#observer.isDecided(this, input.first);
    this.obligations.admit(input.first, input.facts, key, from, reached, input.primary, isDecided);
    this.#expireNowAndThen();
  }

  /** Nothing of it is waited for on this side any more. */
  isOver(obligation: Obligation, platform: Platform): boolean {
    const owes = (item: Obligation, side: Platform): boolean => this.ownership.owes(item, side);
    return this.obligations.isOver(obligation, platform, this.#runtime.now, owes);
  }

  expire(): void {
    this.obligations.expire(this.#runtime.now, (obligation, platform) => this.ownership.owes(obligation, platform));
  }

  /** What can no longer come is forgotten also while no swap asks for it. */
  #expireNowAndThen(): void {
    if (this.#runtime.now < this.#nextExpiryMs) return;
    const { least, most } = EXPIRE_EVERY_MS;
    this.#nextExpiryMs = this.#runtime.now + Math.min(most, Math.max(least, this.obligations.size));
    this.expire();
    // What was given up is in the journal.
    if (!this.#runtime.isReplaying) this.#runtime.openInputs.keepWithin(this);
  }

  /** None while an epoch is on its way to the disk: a replay would find another owner than there was. */
  expendable(count: number): readonly Obligation[] {
    return this.changeOver.isCommitting ? [] : this.obligations.expendable(count);
  }

  /** Too many wait. What a person was to be asked about later is asked now. */
  giveUp(obligation: Obligation): void {
    if (this.doubts.askNow(obligation)) return;
    this.listed('uncorrelated', obligation.facts, obligation.input, GIVEN_UP);
    this.#closeGivenUp(obligation);
  }

  #closeGivenUp(obligation: Obligation): void {
    const route = this.changeOver.routeFor(obligation.input, this.route);
    this.obligations.close(obligation, false, { owner: obligation.owner, route });
  }

  /** An output has been answered or given up after that long. */
  outputEnded(platform: Platform, waitedMs: number): void {
    this.obligations.ended(platform, waitedMs, this.#runtime.now);
  }

  inputAnswered(input: AdmittedInput, platform: Platform, verdict: Verdict, isPrimary: boolean): void {
    if (!isPrimary && verdict !== 'positive') {
      const { epoch } = this.route;
      const count = this.#rejectedCopies.epoch === epoch ? this.#rejectedCopies.count + 1 : 1;
      this.#rejectedCopies = { epoch, count };
    }
    const obligation = this.obligations.get(input.first);
    if (obligation !== null && !isPrimary && verdict === 'negative') this.#refused(obligation, platform);
    if (obligation !== null && isPrimary && verdict === 'positive') {
      obligation.verdict = verdict;
      this.doubts.mark(obligation);
    }
    if (obligation !== null) this.obligations.answered(obligation, platform, verdict, isPrimary, this.#runtime.now);
  }

  /** The destination may have taken this platform's output: who still owes it, and can it still come? */
  uncertain(obligation: Obligation, platform: Platform): void {
    this.obligations.uncertain(obligation, platform);
    this.doubts.mark(obligation);
  }

  /** A copy was not taken, whose platform has made no output yet. */
  #refused(obligation: Obligation, platform: Platform): void {
    const side = obligation.sides[platform];
    if (side.state !== 'expected') return;
    side.refused = true;
    this.doubts.mark(obligation);
  }

  /** No copy of it will be made: its platform makes no output of it. */
  copyGone({ first }: AdmittedInput, platform: Platform): void {
    const obligation = this.obligations.get(first);
    const side = obligation?.sides[platform];
    if (obligation === null || side === undefined || side.output !== null) return;
    Object.assign(side, { state: 'none', refused: true });
    this.doubts.mark(obligation);
    this.obligations.closeIfDone(obligation);
  }

  noteGap({ platform, from, to, count, at }: ShadowGapRecord): void {
    if (!this.#withRole().includes(platform)) return;
    const known = this.gap?.platform === platform ? this.gap : null;
    this.gap = {
      platform,
      from: known?.from ?? from,
      to,
      count: (known?.count ?? 0) + count,
      epoch: known?.epoch ?? this.route.epoch,
      sinceMs: known?.sinceMs ?? at,
      atMs: at,
    };
  }

  /** An output has come on a leg. */
  output(message: Message, platform: Platform, intake: Intake): void {
    if (this.changeOver.isCommitting) {
      this.changeOver.wait({ message, platform, intake });
      return;
    }
    if (this.platformOrigin !== null && !this.#isFromOwner(message, platform, intake, this.platformOrigin)) return;
    const key = correlationKeyOf(message.frame.payload, message.facts, this.config.correlate);
    const judged = this.judge.judge(message, platform, key);
    if (judged.waitsForOrder) {
      this.changeOver.wait({ message, platform, intake });
      return;
    }
    if (message.attemptOf === null) this.correlation.output(platform, this.obligations.foundBy(judged.found, key));
    this.#take(message, platform, intake, judged);
  }

  /** Its way begins once it is on disk. */
  #take(message: Message, platform: Platform, intake: Intake, judged: JudgedOutput): void {
    const { role, input, obligation, suppressedFor, rejected, isOrphan, unaccepted } = judged;
    const { facts, attemptOf } = message;
    const { payload } = message.frame;
    this.#beganOutput(platform);
    const record = { ...this.#outputRecord(message, platform), role, input, ...facts };
    const epoch = this.epochOf(record);
    const offset = this.#runtime.append(record, payload, 'durable', () => {
      const hasRole = this.#withRole().includes(platform);
      const output = { offset, facts, platform, obligation, input, epoch, suppressedFor };
      this.flow.begin(output, role, { message, intake }, hasRole);
      if (isOrphan) this.#observer.rejected(this, { ...output, inputFacts: obligation?.facts ?? null });
      else if (role === 'suppress' && rejected !== null) this.#observer.rejected(this, { ...output, ...rejected });
    });
    intake.admitted(message, offset, input, role === 'capture' || role === 'suppress');
    const arrived = { offset, first: attemptOf ?? offset, facts, payload };
    if (obligation !== null) this.arrived(obligation, platform, arrived);
    else if (unaccepted !== null && role !== 'deliver')
      this.obligations.keepLate(unaccepted, platform, arrived, this.ownership.shareOf(payload), this.#runtime.now);
  }

  #beganOutput(platform: Platform): void {
    this.counters.outputs++;
    this.flow.openCount++;
    this.obligations.began(platform);
  }

  #outputRecord({ sender, attemptOf }: Message, platform: Platform) {
    const connection = this.config.name;
    return {
      t: 'output',
      connection,
      platform,
      sender,
      epoch: this.route.epoch,
      attemptOf,
      at: this.#runtime.now,
    } as const;
  }

  /** Origin platform: what the other platform sends is refused, so that it keeps it. */
  #isFromOwner(message: Message, platform: Platform, intake: Intake, origin: PlatformOrigin): boolean {
    const { facts } = message;
    const { name } = this.config;
    if (platform === controlOf(this.route)) {
      origin.heard(platform, this.#runtime.now);
      this.#observer.moved(name);
      return true;
    }
    this.counters.refused++;
    this.obligations.began(platform);
    const refuse = (): void => intake.refuse(message, 'AR', notOwner(platform));
    if (origin.isNewRefusal(platform, facts.sha)) {
      this.listed('refused', facts, null, notOwner(platform));
      this.#runtime.afterWritten(refuse);
    } else {
      origin.heard(platform, this.#runtime.now);
      refuse();
    }
    this.#observer.moved(name);
    return false;
  }

  /** The epoch that an output is of: during a change-over at an offset that of its input, whatever it is by now. */
  epochOf({ epoch, input }: Pick<OutputRecord, 'epoch' | 'input'>): number {
    return Math.min(epoch, this.changeOver.routeFor(input, this.route).epoch);
  }

  /** What was done at the egress last, of the newest epoch of which something was. */
  delivered(deliveredFrom: Platform, epoch: number, atMs: number): void {
    if (epoch >= (this.observed?.epoch ?? 0)) this.observed = { epoch, deliveredFrom, atMs };
  }

  /** An output of this input is in the journal. */
  arrived(
    obligation: Obligation,
    platform: Platform,
    output: {
      readonly offset: number;
      readonly first: number;
      readonly facts: MessageFacts;
      readonly payload: Uint8Array;
    },
  ): void {
    this.ownership.learn(obligation, output.payload);
    this.obligations.arrived(obligation, platform, output, this.#runtime.now);
    this.doubts.mark(obligation);
  }

  /** Keeps an output that nobody owns: durable, answered with a generated AA, listed. */
  park(message: Message, platform: Platform, intake: Intake, cause: string): void {
    const { facts } = message;
    this.#beganOutput(platform);
    const record = { ...this.#outputRecord(message, platform), role: 'park', input: null, ...facts } as const;
    const offset = this.#runtime.append(record, message.frame.payload, 'durable', () => {
      const output = { offset, facts, platform, obligation: null, input: null, epoch: null };
      this.flow.parked(output, { message, intake }, cause);
    });
    intake.admitted(message, offset, null);
  }

  /** The platform that has issued the id that this message answers. */
  issuerOf(payload: Uint8Array): Platform | null {
    return PLATFORMS.find((platform) => this.correspondence[platform].knows(payload)) ?? null;
  }

  /** Rule 7: frames of the destination that answer nothing in flight. */
  #passBack({ payload, isAnswer }: StrayFrame): boolean {
    return (isAnswer ? PLATFORMS : []).some((platform) => {
      const to = this.correspondence[platform].addressee(payload);
      return to !== null && this.#observer.passBack(this, platform, to, payload);
    });
  }

  /** A frame that nobody waits for: kept and shown. */
  strayed(payload: Buffer, cause: string): void {
    this.listed('stray', factsOf(payload), null, cause, { payload });
  }

  /** The wait for order is over, and this earlier input is not settled. */
  #giveUp(obligation: Obligation): void {
    const owner = this.ownership.ownerOfInput(obligation);
    const side = owner === null ? null : obligation.sides[owner];
    // At the destination: what follows queues behind it there.
    if (owner !== null && side?.state === 'open') {
      this.obligations.leaveTo(obligation, owner, false);
      return;
    }
    const isDone = side !== null && (side.delivered || (side.state === 'settled' && !side.kept));
    if (isDone) this.obligations.close(obligation);
    else this.#observer.doubt(this, ORDER_WAIT, obligation);
  }

  listed(
    list: ListName,
    facts: MessageFacts,
    offset: number | null,
    cause: string,
    { payload = null, heard = null }: { readonly payload?: Buffer | null; readonly heard?: string | null } = {},
  ): void {
    const record = {
      t: 'list',
      list,
      connection: this.config.name,
      message: facts,
      offset: offset ?? -1,
      cause,
      epoch: this.route.epoch,
      at: this.#runtime.now,
      ...(heard === null ? {} : { heard }),
    } as const;
    this.#runtime.append(record, payload, 'written');
    this.#listed(record);
  }

  /** Recovery: an entry from the journal. */
  recoverListed(record: ListRecord): void {
    this.#listed(record);
    const obligation = record.cause === GIVEN_UP ? this.obligations.get(record.offset) : null;
    if (obligation !== null) this.#closeGivenUp(obligation);
  }

  #listed(record: ListRecord): void {
    this.lists.add(record);
    const refused = record.list === 'refused' ? PLATFORMS.find((one) => notOwner(one) === record.cause) : undefined;
    if (refused !== undefined) this.platformOrigin?.refused(refused, record.message.sha, record.at);
    if (record.list === 'maybeSent' || record.list === 'answeredAgain') this.counters[record.list]++;
  }

  #withRole(): readonly Platform[] {
    const candidate = this.platformOrigin === null ? candidateOf(this.route) : null;
    return platformsOf(controlOf(this.route), candidate);
  }
}

const ONLY: Readonly<Record<Platform, readonly Platform[]>> = { legacy: ['legacy'], new: ['new'] };
const NONE: readonly Platform[] = [];

/** Every message asks for it, so nothing is made anew. */
function platformsOf(one: Platform, other: Platform | null): readonly Platform[] {
  return other === null || other === one ? ONLY[one] : PLATFORMS;
}

function inBoth(some: readonly Platform[], others: readonly Platform[]): readonly Platform[] {
  if (some === others || others === PLATFORMS) return some;
  return some === PLATFORMS ? others : NONE;
}
