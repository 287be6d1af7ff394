/**
 * A connection: its legs, its one destination and its route. The leg decides (rule 5): the control's outputs are
 * delivered, the candidate's captured, a platform without a role is parked. What is owed is kept in `Obligations`.
 */
import { createHash } from 'node:crypto';
import { type Counters, type EpochRecord, type ListName, noCounters } from '../../core/admin-api.ts';
import { keyOf, matchesPredicate } from '../../core/hl7/message.ts';
import type { Connection } from '../../core/inventory.ts';
import { candidateOf, controlOf, FIRST_ROUTE, otherPlatform, type Platform, type Route } from '../../core/platform.ts';
import { ownAnswer, readAnswer, readdress } from './answers.ts';
import { type Destination, newDestination } from './destination.ts';
import type { AdmittedInput } from './feed.ts';
import type { Intake, Message } from './intake.ts';
import { Lists, type ListsState } from './lists.ts';
import { type Obligation, Obligations, type ObligationsState } from './obligations.ts';
import type { StrayFrame } from './peer-link.ts';
import type { ListRecord, MessageFacts, OutputRole, Verdict } from './records.ts';
import type { Runtime } from './runtime.ts';

export type ConnectionObserver = {
  /** Something that a swap may wait for has moved. */
  moved(connection: string): void;
  stray(endpoint: string, frame: StrayFrame): void;
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
  /** Outputs that are being worked on: received, and neither on their way to the destination's verdict nor captured yet. */
  openOutputs = 0;
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
  }

  get owedOutputs(): number {
    let owed = 0;
    const control = controlOf(this.route);
    for (const { verdict, owner, sides } of this.obligations.all()) {
      const { state } = sides[owner ?? control];
      if (verdict === 'positive' && (state === 'expected' || state === 'open')) owed++;
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
  }

  /** Copies that the candidate did not take since the last change of route. */
  get rejectedCopies(): number {
    return this.#rejectedCopies.epoch === this.route.epoch ? this.#rejectedCopies.count : 0;
  }

  /** No output is on its way and none can still come. */
  isSettled(): boolean {
    this.obligations.expire(this.#runtime.now, controlOf(this.route));
    return this.openOutputs === 0 && this.obligations.size === 0;
  }

  inputAdmitted(input: AdmittedInput): void {
    const { config } = this;
    if (config.applies !== null && (input.payload === null || !matchesPredicate(input.payload, config.applies))) return;
    const from = this.#platformsThatProduce(input);
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
    this.obligations.admit(input.first, input.facts, key, from);
    this.#expireNowAndThen();
  }

  /** What can no longer come is forgotten also while no swap asks for it. */
  #expireNowAndThen(): void {
    if (this.#runtime.now < this.#nextExpiryMs) return;
    this.#nextExpiryMs = this.#runtime.now + EXPIRE_EVERY_MS;
    this.obligations.expire(this.#runtime.now, controlOf(this.route));
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
    this.obligations.answered(input.first, platform, verdict, isPrimary, this.#runtime.now);
  }

  /** An output has come on a leg. */
  output(message: Message, platform: Platform, intake: Intake): void {
    const { payload } = message.frame;
    const correlates = this.config.correlate !== null;
    const key = this.config.correlate === null ? null : keyOf(payload, this.config.correlate);
    // Another attempt belongs to the input of the first one, also where that is closed by now.
    const known =
      message.attemptOf === null
        ? this.obligations.match(platform, key, correlates)
        : this.obligations.get(message.context ?? -1);
    // Its first attempt was captured, and is on its way in the place of what the former owner owed: once is enough.
    const isUnderWay =
      message.attemptOf !== null && known?.isPromised === true && known.sides[platform].state === 'open';
    const obligation = isUnderWay ? null : known;
    const role = isUnderWay ? 'suppress' : this.roleOf(platform, payload, key, obligation);
    this.counters.outputs++;
    this.openOutputs++;
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
      () => this.#durable(message, platform, intake, role, offset, obligation),
    );
    intake.admitted(message, offset, obligation?.input ?? null);
    if (obligation !== null) {
      this.obligations.arrived(obligation, platform, offset, message.facts, this.#runtime.now);
    }
  }

  /** Keeps an output that nobody owns: durable, answered with a generated AA, listed. */
  park(message: Message, platform: Platform, intake: Intake, cause: string): void {
    this.counters.outputs++;
    this.openOutputs++;
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
      this.#parked(message, intake, offset, cause);
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
    const control = controlOf(this.route);
    if (this.route.newWeight === 0 || this.config.weightKey === null) return control;
    const key = keyOf(payload, this.config.weightKey);
    return key !== null && shareOf(key) < this.route.newWeight ? 'new' : control;
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

  /** Sends the captured output of the platform that has taken the obligation over. */
  deliverPromised(obligation: Obligation): void {
    const { owner } = obligation;
    if (owner === null || !obligation.isPromised) return;
    const side = obligation.sides[owner];
    if (side.output === null || side.outputFacts === null) return;
    side.state = 'open';
    this.deliverCapture(side.output, side.outputFacts, obligation, owner, 'reowned');
  }

  /** Delivers a capture in the place of the platform that owes its output (rule 9), or by a person's decision. */
  deliverCapture(
    offset: number,
    facts: MessageFacts,
    obligation: Obligation | null,
    from: Platform,
    cause: string,
  ): void {
    this.openOutputs++;
    this.#toDestination(null, facts, offset, from, obligation, null, cause);
  }

  #durable(
    message: Message,
    platform: Platform,
    intake: Intake,
    role: OutputRole,
    offset: number,
    obligation: Obligation | null,
  ): void {
    switch (role) {
      case 'deliver':
        this.#toDestination(message.frame, message.facts, offset, platform, obligation, { message, intake }, null);
        return;
      case 'capture':
      case 'suppress':
        this.#captured(message, platform, intake, role, offset, obligation);
        return;
      case 'park':
        this.#parked(message, intake, offset, 'no-role');
        return;
    }
  }

  #parked(message: Message, intake: Intake, offset: number, cause: string): void {
    this.counters.parked++;
    this.openOutputs--;
    this.listed('parked', message.facts, offset, cause);
    this.#answerOwn(message, intake, offset, 'synthetic', null);
    this.#observer.moved(this.config.name);
  }

  #toDestination(
    frame: Message['frame'] | null,
    facts: MessageFacts,
    offset: number,
    platform: Platform,
    obligation: Obligation | null,
    waits: { readonly message: Message; readonly intake: Intake } | null,
    reownCause: string | null,
  ): void {
    const answerTimeoutMs = this.config.destination.answerTimeoutMs ?? this.config.legs[platform].ackTimeoutMs;
    this.destination.deliver({
      frame,
      offset,
      msh10: facts.msh10,
      timeoutMs: answerTimeoutMs,
      repeats: waits === null,
      unreadable: () => {
        this.openOutputs--;
        this.#runtime.fx.log('error', 'capture-unreadable', { connection: this.config.name, offset });
      },
      answered: (answer, verdict) =>
        this.#verdict(offset, verdict, answer, reownCause !== null, () => {
          this.#delivered(facts, offset, platform, obligation, verdict, answer, reownCause);
          waits?.intake.answer(waits.message, answer, verdict);
          this.#observer.moved(this.config.name);
        }),
      lost: (cause) => {
        this.#verdict(offset, 'lost', null, reownCause !== null);
        this.listed('maybeSent', facts, offset, `destination-${cause}`);
        if (waits === null) return;
        if (obligation !== null) this.obligations.uncertain(obligation, platform);
        this.openOutputs--;
        waits.intake.abandon(waits.message);
        this.#observer.moved(this.config.name);
      },
    });
  }

  #verdict(output: number, verdict: Verdict, answer: Buffer | null, reowned: boolean, then?: () => void): void {
    const connection = this.config.name;
    const needs = then === undefined ? 'written' : 'durable';
    const at = this.#runtime.now;
    this.#runtime.append({ t: 'output-verdict', connection, output, verdict, reowned, at }, answer, needs, then);
  }

  #delivered(
    facts: MessageFacts,
    offset: number,
    platform: Platform,
    obligation: Obligation | null,
    verdict: Verdict,
    answer: Buffer,
    reownCause: string | null,
  ): void {
    this.openOutputs--;
    if (verdict === 'positive') {
      this.counters.delivered++;
      this.observed = { epoch: this.route.epoch, deliveredFrom: platform, atMs: this.#runtime.now };
    } else {
      this.counters.destinationRejected++;
      this.listed('rejected', facts, offset, reownCause ?? 'destination');
    }
    if (obligation === null) {
      if (this.config.correlate !== null && reownCause === null) this.listed('uncorrelated', facts, offset, 'no-input');
      return;
    }
    obligation.controlAnswer = answer;
    for (const run of obligation.onControlAnswer.splice(0)) run();
    this.obligations.settled(obligation, platform, verdict === 'positive');
  }

  #captured(
    message: Message,
    platform: Platform,
    intake: Intake,
    role: 'capture' | 'suppress',
    offset: number,
    obligation: Obligation | null,
  ): void {
    this.openOutputs--;
    if (role === 'suppress') {
      this.counters.suppressed++;
      this.listed('suppressed', message.facts, offset, obligation?.owner != null ? 'reowned' : 'delivered-already');
    } else this.counters.captured++;
    const paired = obligation?.controlAnswer ?? null;
    if (obligation !== null) this.obligations.captured(obligation, platform);
    // A forced rollback came while the capture was on its way to the disk.
    if (obligation?.isPromised === true && obligation.owner === platform) this.deliverPromised(obligation);
    // The other platform gets its copy only after the primary's answer: to wait for it before that would wait for itself.
    const cannotPair = obligation === null || obligation.verdict === null || role === 'suppress';
    if (paired !== null || cannotPair) {
      this.#answerOwn(message, intake, offset, paired === null ? 'synthetic' : 'paired', paired);
    } else this.#awaitPair(message, intake, offset, obligation);
    this.#observer.moved(this.config.name);
  }

  #awaitPair(message: Message, intake: Intake, offset: number, obligation: Obligation): void {
    let isAnswered = false;
    const finish = (): void => {
      if (isAnswered) return;
      isAnswered = true;
      this.#runtime.cancel(timer);
      const answer = obligation.controlAnswer;
      this.#answerOwn(message, intake, offset, answer === null ? 'synthetic' : 'paired', answer);
    };
    const timer = this.#runtime.after(this.config.captureWaitMs, finish);
    obligation.onControlAnswer.push(finish);
  }

  #answerOwn(
    message: Message,
    intake: Intake,
    offset: number,
    kind: 'paired' | 'synthetic',
    paired: Buffer | null,
  ): void {
    const answer =
      paired === null
        ? ownAnswer(message.frame.payload, 'AA', '', this.#runtime.now)
        : Buffer.from(readdress(paired, message.facts.msh10));
    const record = {
      t: 'capture-answer',
      connection: this.config.name,
      output: offset,
      kind,
      at: this.#runtime.now,
    } as const;
    const verdict = readAnswer(answer)?.verdict ?? 'other';
    this.#runtime.append(record, answer, 'written', () => intake.answer(message, answer, verdict));
  }

  #platformsThatProduce(input: AdmittedInput): Platform[] {
    const withRole = new Set<Platform>([controlOf(this.route)]);
    const candidate = candidateOf(this.route);
    if (candidate !== null) withRole.add(candidate);
    const reached = new Set<Platform>([input.primary]);
    if (input.shadow !== null) reached.add(input.shadow);
    return [...withRole].filter((platform) => reached.has(platform));
  }
}

/** 0..99: the first 32 bits of SHA-256 of the key, modulo 100, so that raising a weight moves keys one way only. */
export function shareOf(key: string): number {
  return createHash('sha256').update(key, 'latin1').digest().readUInt32BE(0) % 100;
}
