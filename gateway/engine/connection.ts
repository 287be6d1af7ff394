/**
 * A connection: its legs, its one destination and its route. The leg decides (rule 5): the control's outputs are
 * delivered, the candidate's captured, a platform without a role is parked. What is owed is kept in `Obligations`.
 */
import { createHash } from 'node:crypto';
import { type Counters, type EpochRecord, type ListName, noCounters } from '../../core/admin-api.ts';
import { keyOf, matchesPredicate } from '../../core/hl7/message.ts';
import type { Connection } from '../../core/inventory.ts';
import {
  candidateOf,
  controlOf,
  FIRST_ROUTE,
  otherPlatform,
  PLATFORMS,
  type Platform,
  type Route,
} from '../../core/platform.ts';
import { type Destination, newDestination } from './destination.ts';
import type { AdmittedInput } from './feed.ts';
import type { Intake, Message } from './intake.ts';
import { Lists, type ListsState } from './lists.ts';
import { hasEnded, type Obligation, Obligations, type ObligationsState } from './obligations.ts';
import { OutputFlow } from './output-flow.ts';
import type { StrayFrame } from './peer-link.ts';
import type { ListRecord, MessageFacts, OutputRole, Verdict } from './records.ts';
import type { Runtime } from './runtime.ts';

export type ConnectionObserver = {
  /** Something that a swap may wait for has moved. */
  moved(connection: string): void;
  stray(endpoint: string, frame: StrayFrame): void;
  /** What becomes of this input, only a person can say. */
  doubt(connection: ConnectionEngine, cause: string, obligation: Obligation): void;
};

export type ConnectionState = {
  readonly route: Route;
  readonly observed: Observed | null;
  readonly epochs: readonly EpochRecord[];
  readonly counters: Counters;
  readonly rejectedCopies: { readonly epoch: number; readonly count: number };
  readonly nextExpiryMs: number;
  readonly lists: ListsState;
  readonly obligations: ObligationsState;
};

const EXPIRE_EVERY_MS = 1000;
/** Above every weight: an output without its key is the control's. */
const NO_SHARE = 100;

/** An output that has come on a leg. */
type Arrival = { readonly message: Message; readonly platform: Platform; readonly intake: Intake };

export type Observed = { readonly epoch: number; readonly deliveredFrom: Platform; readonly atMs: number };

export class ConnectionEngine {
  readonly config: Connection;
  readonly lists: Lists;
  readonly obligations: Obligations;
  readonly destination: Destination;
  readonly counters: Counters = noCounters();
  readonly epochs: EpochRecord[] = [];
  route: Route = FIRST_ROUTE;
  observed: Observed | null = null;
  readonly flow: OutputFlow;
  /** Outputs that wait until an epoch is durable, as their sockets do: they are not in the journal. */
  #atBarrier: Arrival[] | null = null;
  readonly #doubtful = new Set<Obligation>();
  #doubtTimer: number | null = null;
  #nextExpiryMs = 0;
  #rejectedCopies = { epoch: 0, count: 0 };
  readonly #runtime: Runtime;
  readonly #observer: ConnectionObserver;

  constructor(
    config: Connection,
    shard: number,
    runtime: Runtime,
    observer: ConnectionObserver,
    frameLimitBytes: number,
  ) {
    this.config = config;
    this.#runtime = runtime;
    this.#observer = observer;
    this.lists = new Lists(shard);
    this.obligations = new Obligations(config.outputs, config.settleMs);
    this.destination = newDestination({
      name: `${config.name}/destination`,
      peer: config.destination,
      runtime,
      frameLimitBytes,
      onStray: (frame) => observer.stray(`${config.name}/destination`, frame),
    });
    const { counters, obligations, destination } = this;
    this.flow = new OutputFlow(
      {
        config,
        counters,
        obligations,
        destination,
        listed: (list, facts, offset, cause) => this.listed(list, facts, offset, cause),
        delivered: (deliveredFrom) => {
          this.observed = { epoch: this.route.epoch, deliveredFrom, atMs: runtime.now };
        },
        moved: () => {
          this.#askOfRejected();
          observer.moved(config.name);
        },
      },
      runtime,
    );
  }

  get openOutputs(): number {
    return this.flow.openCount;
  }

  get owedOutputs(): number {
    let owed = 0;
    for (const obligation of this.obligations.all()) {
      const isOwed = PLATFORMS.some(
        (platform) => !hasEnded(obligation.sides[platform]) && this.owes(obligation, platform),
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
      nextExpiryMs: this.#nextExpiryMs,
      lists: this.lists.dump(),
      obligations: this.obligations.dump(),
    };
  }

  load(state: ConnectionState): void {
    this.route = state.route;
    this.observed = state.observed;
    this.epochs.push(...state.epochs);
    Object.assign(this.counters, state.counters);
    this.#rejectedCopies = { ...state.rejectedCopies };
    this.#nextExpiryMs = state.nextExpiryMs;
    this.lists.load(state.lists);
    this.obligations.load(state.obligations);
    for (const obligation of this.obligations.all()) if (obligation.isDoubtful) this.#doubtful.add(obligation);
  }

  /** Copies that the candidate did not take since the last change of route. */
  get rejectedCopies(): number {
    return this.#rejectedCopies.epoch === this.route.epoch ? this.#rejectedCopies.count : 0;
  }

  /** No output is on its way and none can still come. */
  isSettled(): boolean {
    this.#expire();
    return this.openOutputs === 0 && this.obligations.size === 0;
  }

  inputAdmitted(input: AdmittedInput): void {
    const { config } = this;
    if (config.applies !== null && (input.payload === null || !matchesPredicate(input.payload, config.applies))) return;
    const reached = input.shadow === null ? [input.primary] : [input.primary, input.shadow];
    const from = this.#withRole().filter((platform) => reached.includes(platform));
    const known = this.obligations.get(input.first);
    if (known !== null) {
      // Another attempt of the same input: whoever has not produced its output yet may do so again.
      for (const platform of from) {
        const side = known.sides[platform];
        if (side.state === 'none' || side.state === 'missing') side.state = 'expected';
        side.dueMs = null;
      }
      known.verdict = null;
      return;
    }
    const key = config.correlate === null || input.payload === null ? null : keyOf(input.payload, config.correlate);
    this.obligations.admit(input.first, input.facts, key, from, reached, input.primary);
    this.#expireNowAndThen();
  }

  #expire(): void {
    this.obligations.expire(this.#runtime.now, (obligation, platform) => this.owes(obligation, platform));
  }

  /** What can no longer come is forgotten also while no swap asks for it. */
  #expireNowAndThen(): void {
    if (this.#runtime.now < this.#nextExpiryMs) return;
    this.#nextExpiryMs = this.#runtime.now + EXPIRE_EVERY_MS;
    this.#expire();
    for (const obligation of this.obligations.surplus()) {
      this.listed('uncorrelated', obligation.facts, obligation.input, 'output-missing');
      this.obligations.close(obligation);
    }
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
    this.obligations.answered(input.first, platform, verdict, isPrimary, this.#runtime.now);
  }

  /** A copy was not taken, whose platform has made no output yet. */
  #refused(obligation: Obligation, platform: Platform): void {
    const side = obligation.sides[platform];
    if (side.state !== 'expected') return;
    side.refused = true;
    this.#markDoubt(obligation);
  }

  /** An epoch is on its way to the disk: until it is there, nobody can say whose an output is. */
  raiseBarrier(): void {
    this.#atBarrier ??= [];
  }

  liftBarrier(): void {
    const arrivals = this.#atBarrier ?? [];
    this.#atBarrier = null;
    for (const { message, platform, intake } of arrivals) this.output(message, platform, intake);
  }

  /** An output has come on a leg. */
  output(message: Message, platform: Platform, intake: Intake): void {
    if (this.#atBarrier !== null) {
      this.#atBarrier.push({ message, platform, intake });
      return;
    }
    const { payload } = message.frame;
    const correlates = this.config.correlate !== null;
    const key = this.config.correlate === null ? null : keyOf(payload, this.config.correlate);
    // Another attempt belongs to the input of the first one, also where that is closed by now.
    const known =
      message.attemptOf === null
        ? this.obligations.match(platform, key, correlates)
        : this.obligations.get(message.context ?? -1);
    // Its first attempt was captured, and goes out in the place of what the former owner owed: once is enough.
    const isTakenOver = message.attemptOf !== null && this.obligations.isTakenOver(message.attemptOf);
    const obligation = isTakenOver ? null : known;
    const role = isTakenOver ? 'suppress' : this.roleOf(platform, payload, key, obligation);
    this.counters.outputs++;
    this.flow.openCount++;
    this.obligations.began(platform);
    const offset = this.#runtime.append(
      {
        t: 'output',
        connection: this.config.name,
        platform,
        sender: message.sender,
        role,
        epoch: this.route.epoch,
        input: obligation?.input ?? null,
        attemptOf: message.attemptOf,
        at: this.#runtime.now,
        ...message.facts,
      },
      payload,
      'durable',
      () => this.flow.begin({ offset, facts: message.facts, platform, obligation }, role, { message, intake }),
    );
    intake.admitted(message, offset, obligation?.input ?? null);
    if (obligation === null) return;
    const first = message.attemptOf ?? offset;
    this.arrived(obligation, platform, { offset, first, facts: message.facts, payload });
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
    if (this.config.weightKey !== null && this.route.newWeight > 0) {
      obligation.share = shareIn(output.payload, this.config.weightKey);
    }
    this.obligations.arrived(obligation, platform, output, this.#runtime.now);
    this.#markDoubt(obligation);
  }

  /** Keeps an output that nobody owns: durable, answered with a generated AA, listed. */
  park(message: Message, platform: Platform, intake: Intake, cause: string): void {
    this.counters.outputs++;
    this.flow.openCount++;
    this.obligations.began(platform);
    const { facts, sender, attemptOf } = message;
    const at = this.#runtime.now;
    const connection = this.config.name;
    const record = {
      t: 'output',
      connection,
      platform,
      sender,
      role: 'park',
      epoch: this.route.epoch,
      input: null,
      attemptOf,
      at,
    } as const;
    const offset = this.#runtime.append({ ...record, ...facts }, message.frame.payload, 'durable', () => {
      this.flow.parked({ offset, facts, platform, obligation: null }, { message, intake }, cause);
    });
    intake.admitted(message, offset, null);
  }

  /** Who gets the output: rule 5, with what re-owning and late outputs make of it. */
  roleOf(platform: Platform, payload: Uint8Array, key: string | null, obligation: Obligation | null): OutputRole {
    if (obligation !== null && obligation.owner !== null) {
      return obligation.owner === platform ? 'deliver' : 'suppress';
    }
    if (this.ownerOf(payload) !== platform) return candidateOf(this.route) === null ? 'park' : 'capture';
    const isLate =
      obligation === null
        ? this.obligations.takeLate(platform, key)
        : obligation.sides[otherPlatform(platform)].delivered;
    return isLate ? 'suppress' : 'deliver';
  }

  /** The platform that owns an output with these bytes: the control, or by weight and key. */
  ownerOf(payload: Uint8Array): Platform {
    if (this.route.newWeight === 0 || this.config.weightKey === null) return controlOf(this.route);
    return ownerOfShare(this.route, shareIn(payload, this.config.weightKey));
  }

  /** Whose output this input's is; null: with a weight nobody knows before an output has shown its key. */
  ownerOfInput(obligation: Obligation): Platform | null {
    return obligation.owner ?? ownerBy(this.route, obligation);
  }

  /** Its output is to be delivered, so that it is waited for; where nobody knows yet whose it is, both are. */
  owes(obligation: Obligation, platform: Platform): boolean {
    const owner = this.ownerOfInput(obligation);
    return owner === null || owner === platform;
  }

  /** A copy that its owner did not take: the other platform's capture is all there will be, and a person decides. */
  #markDoubt(obligation: Obligation): void {
    const owner = this.ownerOfInput(obligation);
    obligation.isDoubtful = owner !== null && obligation.sides[owner].refused && obligation.verdict === 'positive';
    if (obligation.isDoubtful) this.#doubtful.add(obligation);
    else this.#doubtful.delete(obligation);
  }

  /** Asks a person about the copies that their owner did not take, once the other platform has its end. */
  #askOfRejected(): void {
    for (const obligation of [...this.#doubtful]) {
      const owner = this.ownerOfInput(obligation) ?? obligation.primary;
      const other = obligation.sides[otherPlatform(owner)];
      if (!hasEnded(other)) continue;
      this.#doubtful.delete(obligation);
      if (this.config.outputs === 'one' || other.kept) this.#observer.doubt(this, 'copy-rejected', obligation);
      else {
        // It makes no output of every input: the other platform has shown that nothing is owed here.
        obligation.isDoubtful = false;
        this.obligations.closeIfDone(obligation);
      }
    }
  }

  /** Asks a person where the owner that is fed by copies has not made its output in time, and the other's is kept here. */
  #askOfMissing(): void {
    for (const obligation of [...this.obligations.all()]) {
      const owner = this.ownerOfInput(obligation);
      // What the primary itself owes is waited for: its answer says that it took the message.
      if (owner === null || owner === obligation.primary || obligation.verdict !== 'positive') continue;
      const other = obligation.sides[otherPlatform(owner)];
      const isAlone = other.kept && hasEnded(other);
      if (isAlone && this.config.outputs === 'one' && this.obligations.isLate(obligation, owner, this.#runtime.now))
        this.#observer.doubt(this, 'output-missing', obligation);
    }
  }

  /** Looks at what is owed to be taken in copies, now and whenever something may be overdue. */
  watchCopies(): void {
    this.#askOfRejected();
    if (this.#doubtTimer !== null) return;
    const dueMs = this.obligations.nextDueMs(this.#runtime.now);
    if (dueMs === null) return;
    this.#doubtTimer = this.#runtime.after(dueMs - this.#runtime.now, () => {
      this.#doubtTimer = null;
      this.#expire();
      this.#askOfMissing();
      this.watchCopies();
    });
  }

  listed(list: ListName, facts: MessageFacts, offset: number | null, cause: string): void {
    const record = {
      t: 'list',
      list,
      connection: this.config.name,
      message: facts,
      offset: offset ?? -1,
      cause,
      epoch: this.route.epoch,
      at: this.#runtime.now,
    } as const;
    this.#runtime.append(record, null, 'written');
    this.#listed(record);
  }

  /** Recovery: an entry from the journal. */
  recoverListed(record: ListRecord): void {
    this.#listed(record);
  }

  #listed(record: ListRecord): void {
    this.lists.add(record);
    if (record.list === 'maybeSent' || record.list === 'answeredAgain') this.counters[record.list]++;
  }

  #withRole(): Platform[] {
    const candidate = candidateOf(this.route);
    return candidate === null ? [controlOf(this.route)] : [controlOf(this.route), candidate];
  }
}

function shareIn(payload: Uint8Array, weightKey: readonly string[]): number {
  const key = keyOf(payload, weightKey);
  return key === null ? NO_SHARE : shareOf(key);
}

/** Whose output this input's is by the route alone; null: its key has not been seen yet. */
export function ownerBy(route: Route, { share }: Obligation): Platform | null {
  if (route.newWeight === 0) return controlOf(route);
  return share === null ? null : ownerOfShare(route, share);
}

function ownerOfShare(route: Route, share: number): Platform {
  return share < route.newWeight ? 'new' : controlOf(route);
}

/** 0..99: the first 32 bits of SHA-256 of the key, modulo 100, so that raising a weight moves keys one way only. */
export function shareOf(key: string): number {
  return createHash('sha256').update(key, 'latin1').digest().readUInt32BE(0) % 100;
}
