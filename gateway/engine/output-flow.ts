/**
 * The way of an output once its role is decided: to the destination and the destination's answer back (rule 4), or kept
 * here and answered with the control's paired answer or one of the gateway's own. Every step is durable before it is told.
 */
import type { Counters, ListName } from '../../core/admin-api.ts';
import type { Connection } from '../../core/inventory.ts';
import { otherPlatform, type Platform } from '../../core/platform.ts';
import { ownAnswer, readAnswer, readdress } from './answers.ts';
import type { Correspondence } from './correspondence.ts';
import type { Destination } from './destination.ts';
import type { Intake, Message } from './intake.ts';
import { type Obligation, tellWaiting } from './obligation.ts';
import type { Obligations } from './obligations.ts';
import type { MessageFacts, OutputRole, Verdict } from './records.ts';
import type { Runtime } from './runtime.ts';

/** What an output's way needs of its connection. */
export type OutputOwner = {
  readonly config: Connection;
  readonly counters: Counters;
  readonly obligations: Obligations;
  readonly destination: Destination;
  readonly correspondence: Readonly<Record<Platform, Correspondence>>;
  listed(list: ListName, facts: MessageFacts, offset: number | null, cause: string): void;
  /** The destination may have taken this platform's output, and nobody knows. */
  uncertain(obligation: Obligation, platform: Platform): void;
  /** The destination does not take an output that the gateway delivers in a platform's place: a person decides. */
  rejected(output: RejectedOutput): void;
  /** The destination has answered an output of this platform positively, that is of this epoch. */
  delivered(from: Platform, epoch: number): void;
  moved(): void;
  epoch(): number;
};

/**
 * Why an output is kept back, beside what its input says: a person is asked about that or has decided, it was given up, the
 * destination has rejected the other platform's.
 */
export type SuppressedFor = 'decision' | 'given-up' | 'rejected' | null;

/** An output that is in the journal. */
export type Output = {
  readonly offset: number;
  readonly facts: MessageFacts;
  readonly platform: Platform;
  /** Of its input, while that is open. */
  readonly obligation: Obligation | null;
  readonly input: number | null;
  /** By whose route its platform owns it; null: the gateway delivers it, as a person has decided. */
  readonly epoch: number | null;
  readonly suppressedFor?: SuppressedFor;
};

/** What the gateway delivered in a platform's place and the destination does not take, with the input that it is for. */
export type RejectedOutput = {
  readonly offset: number;
  readonly facts: MessageFacts;
  readonly input: number | null;
  readonly inputFacts: MessageFacts | null;
};

/** Why the gateway itself delivers an output, and the input of one that a person has decided about. */
type InPlace = { readonly cause: string; readonly decided?: Pick<RejectedOutput, 'input' | 'inputFacts'> };

const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 10_000;

/** Who waits for the answer to it. */
export type Waiting = { readonly message: Message; readonly intake: Intake };

export class OutputFlow {
  /** Outputs that are being worked on: received, and neither on their way to the destination's verdict nor captured yet. */
  openCount = 0;
  readonly #owner: OutputOwner;
  readonly #runtime: Runtime;

  constructor(owner: OutputOwner, runtime: Runtime) {
    this.#owner = owner;
    this.#runtime = runtime;
  }

  /** An output has become durable. */
  begin(output: Output, role: OutputRole, waits: Waiting, hasRole: boolean): void {
    switch (role) {
      case 'deliver':
        this.#toDestination(waits.message.frame, output, waits, null);
        return;
      case 'capture':
      case 'suppress':
        this.#captured(output, role, waits);
        return;
      case 'park':
        this.parked(output, waits, hasRole ? 'out-of-order' : 'no-role');
        return;
    }
  }

  parked(output: Output, waits: Waiting, cause: string): void {
    this.#owner.counters.parked++;
    this.openCount--;
    this.#owner.listed('parked', output.facts, output.offset, cause);
    this.#answerOwn(waits, output.offset, 'synthetic', null);
    this.#owner.moved();
  }

  /** Sends the captured output of the platform that has taken the obligation over. */
  deliverPromised(obligation: Obligation): void {
    const { owner } = obligation;
    if (owner === null || !obligation.isPromised) return;
    const side = obligation.sides[owner];
    if (side.output === null || side.outputFacts === null) return;
    side.state = 'open';
    this.#owner.obligations.takeOver(side.firstOutput ?? side.output);
    const { output: offset, outputFacts: facts } = side;
    const output = { offset, facts, platform: owner, obligation, input: obligation.input, epoch: this.#owner.epoch() };
    this.deliverCapture(output, { cause: 'reowned' });
  }

  /** What a dead owner had left on its way did not arrive, and the heir's own output is here. */
  #deliverIfTakenOver(obligation: Obligation): void {
    const { isPromised, owner, sides } = obligation;
    if (isPromised && owner !== null && sides[owner].kept) this.deliverPromised(obligation);
  }

  /** Delivers a capture in the place of the platform that owes its output (rule 9), or by a person's decision. */
  deliverCapture(output: Output, inPlace: InPlace): void {
    this.openCount++;
    this.#toDestination(null, output, null, inPlace);
  }

  #toDestination(frame: Message['frame'] | null, output: Output, waits: Waiting | null, inPlace: InPlace | null): void {
    const { config, destination } = this.#owner;
    const { offset, facts, platform } = output;
    destination.deliver({
      connection: config.name,
      frame,
      offset,
      input: output.input,
      msh10: facts.msh10,
      timeoutMs: config.destination.answerTimeoutMs ?? config.legs[platform].ackTimeoutMs,
      repeats: waits === null,
      retryAfterMs: inPlace === null ? () => null : this.#retries(offset),
      unreadable: () => {
        this.openCount--;
        this.#runtime.fx.log('error', 'capture-unreadable', { connection: config.name, offset });
      },
      interrupted: () => this.#owner.listed('maybeSent', facts, offset, 'stop'),
      answered: (answer, verdict, isCommit) => {
        // Before the verdict: no crash comes between the two.
        if (verdict !== 'positive') this.#owner.listed('rejected', facts, offset, inPlace?.cause ?? 'destination');
        this.#verdict(offset, verdict, answer, inPlace !== null, () => {
          if (verdict === 'positive') this.#remember(output, waits, isCommit);
          if (waits !== null)
            this.#owner.obligations.destinationSaid(waits.message.attemptOf ?? offset, verdict === 'positive');
          this.#delivered(output, verdict, answer, inPlace);
          waits?.intake.answer(waits.message, answer, verdict);
          this.#owner.moved();
        });
      },
      lost: (cause) => this.#lost(output, waits, cause),
    });
  }

  /** A rejection that is tried again has no verdict: after a crash it begins anew. */
  #retries(offset: number): () => number | null {
    const { name, destination } = this.#owner.config;
    let firstAtMs: number | null = null;
    let nextMs = RETRY_FIRST_MS;
    return () => {
      firstAtMs ??= this.#runtime.now;
      const afterMs = nextMs;
      if (this.#runtime.now + afterMs > firstAtMs + destination.retryRejectedMs) return null;
      nextMs = Math.min(nextMs * 2, RETRY_LAST_MS);
      this.#runtime.fx.log('warn', 'rejected-output-retried', { connection: name, offset, afterMs });
      return afterMs;
    };
  }

  /** Rule 7: what the destination still says of it is for the platform that has sent it, whatever the epoch by then. */
  #remember({ facts, platform }: Output, waits: Waiting | null, isCommitted: boolean): void {
    const socket = waits?.message.waiters.at(-1) ?? null;
    const sender = waits?.message.sender ?? null;
    this.#owner.correspondence[platform].remember(facts.msh10, { sender, socket, isCommitted });
  }

  /** What follows waits for the record like everything else, so that a forced rollback finds the same now and in a replay. */
  #lost({ offset, facts, platform, obligation }: Output, waits: Waiting | null, cause: string): void {
    this.#owner.listed('maybeSent', facts, offset, `destination-${cause}`);
    this.#verdict(offset, 'lost', null, waits === null, () => {
      if (waits === null) return;
      this.openCount--;
      if (obligation !== null) {
        this.#owner.uncertain(obligation, platform);
        this.#deliverIfTakenOver(obligation);
      }
      waits.intake.abandon(waits.message);
      this.#owner.moved();
    });
  }

  #verdict(output: number, verdict: Verdict, answer: Buffer | null, reowned: boolean, then: () => void): void {
    const connection = this.#owner.config.name;
    const at = this.#runtime.now;
    this.#runtime.append({ t: 'output-verdict', connection, output, verdict, reowned, at }, answer, 'durable', then);
  }

  #delivered(output: Output, verdict: Verdict, answer: Buffer, inPlace: InPlace | null): void {
    const { counters, config, obligations } = this.#owner;
    const { facts, offset, platform, obligation, input, epoch } = output;
    this.openCount--;
    if (verdict === 'positive') {
      counters.delivered++;
      if (epoch !== null) this.#owner.delivered(platform, epoch);
    } else counters.destinationRejected++;
    if (obligation === null) {
      if (input !== null) {
        if (verdict === 'positive') obligations.deliveredLate(input, platform);
      } else if (config.correlate !== null && inPlace === null)
        this.#owner.listed('uncorrelated', facts, offset, 'no-input');
    } else {
      obligation.controlAnswer = answer;
      tellWaiting(obligation);
      obligations.settled(obligation, platform, verdict === 'positive');
      this.#deliverIfTakenOver(obligation);
    }
    if (verdict === 'positive' || inPlace === null) return;
    const of = obligation === null ? inPlace.decided : { input: obligation.input, inputFacts: obligation.facts };
    this.#owner.rejected({ offset, facts, input: of?.input ?? null, inputFacts: of?.inputFacts ?? null });
  }

  #captured(output: Output, role: 'capture' | 'suppress', waits: Waiting): void {
    const { counters, config, obligations } = this.#owner;
    const { facts, offset, platform, obligation, suppressedFor } = output;
    this.openCount--;
    if (role === 'suppress') {
      counters.suppressed++;
      const cause = obligation?.owner != null ? 'reowned' : 'delivered-already';
      this.#owner.listed('suppressed', facts, offset, suppressedFor ?? cause);
    } else counters.captured++;
    const paired = obligation?.controlAnswer ?? null;
    if (obligation !== null) {
      obligations.captured(obligation, platform);
      obligations.capturedAtMs[platform] = this.#runtime.now;
    }
    // A forced rollback came while the capture was on its way to the disk.
    if (obligation?.isPromised === true && obligation.owner === platform) this.deliverPromised(obligation);
    // By order alone, and where an input may yield nothing, the pair is a guess; to wait for a wrong one holds up every copy.
    const isGuess = config.correlate === null && config.outputs !== 'one';
    // The other platform gets its copy only after the primary's answer: to wait for it before that would wait for itself.
    const cannotPair =
      obligation === null ||
      obligation.verdict === null ||
      role === 'suppress' ||
      isGuess ||
      this.#wouldBlock(obligation, platform);
    if (paired !== null || cannotPair) this.#answerOwn(waits, offset, paired === null ? 'synthetic' : 'paired', paired);
    else this.#awaitPair(waits, offset, obligation);
    this.#owner.moved();
  }

  /**
   * On a leg that connections share, the socket that waits for the control's answer keeps the outputs of the others behind
   * it; where the control's output is not even here, its socket may wait for one of those. So nobody waits for that.
   */
  #wouldBlock(obligation: Obligation, platform: Platform): boolean {
    const { legs } = this.#owner.config;
    return legs[platform].match !== null && obligation.sides[otherPlatform(platform)].state !== 'open';
  }

  #awaitPair(waits: Waiting, offset: number, obligation: Obligation): void {
    let isAnswered = false;
    const finish = (): void => {
      if (isAnswered) return;
      isAnswered = true;
      this.#runtime.cancel(timer);
      const answer = obligation.controlAnswer;
      this.#answerOwn(waits, offset, answer === null ? 'synthetic' : 'paired', answer);
    };
    const timer = this.#runtime.after(this.#owner.config.captureWaitMs, finish);
    obligation.onControlAnswer ??= [];
    obligation.onControlAnswer.push(finish);
  }

  #answerOwn({ message, intake }: Waiting, output: number, kind: 'paired' | 'synthetic', paired: Buffer | null): void {
    const answer =
      paired === null
        ? ownAnswer(message.frame.payload, 'AA', '', this.#runtime.now)
        : Buffer.from(readdress(paired, message.frame.payload));
    const connection = this.#owner.config.name;
    const record = { t: 'capture-answer', connection, output, kind, at: this.#runtime.now } as const;
    const verdict = readAnswer(answer)?.verdict ?? 'other';
    this.#runtime.append(record, answer, 'written', () => intake.answer(message, answer, verdict));
  }
}
