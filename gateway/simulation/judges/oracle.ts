/**
 * The judge while a simulated night runs: at every message and answer that a party sees, the disk must already hold what
 * the rules say it holds, and the bytes must be a peer's own. It knows what the parties saw and what is on the disk.
 */
import { createHash } from 'node:crypto';
import { fieldText } from '../../../core/hl7/message.ts';
import { controlOf, FIRST_ROUTE, type Platform as PlatformName, type Route } from '../../../core/platform.ts';
import { readAnswer, readdress } from '../../engine/answers.ts';
import type { Disk } from '../disk.ts';
import type { OutputAttempt, Platform } from '../parties/platform.ts';
import type { Attempt, Source } from '../parties/source.ts';
import type { JournalView } from './journal-view.ts';
import { digest, keyInMessage, serialOf, type Witness } from './witness.ts';

export type Violate = (rule: number, text: string) => void;
type Verdict = { readonly offset: number; readonly payload: Buffer | null };

/** An answer this much older than the attempt was not made for it, whatever network and disk did meanwhile. */
const SURELY_EARLIER_MS = 2000;

export class Oracle {
  readonly #disk: Disk;
  readonly #witness: Witness;
  readonly #violate: Violate;
  /** The connections of each feed. */
  readonly #connections: ReadonlyMap<string, readonly string[]>;

  constructor(disk: Disk, witness: Witness, connections: ReadonlyMap<string, readonly string[]>, violate: Violate) {
    this.#connections = connections;
    this.#disk = disk;
    this.#witness = witness;
    this.#violate = violate;
  }

  get #view(): JournalView {
    return this.#disk.view;
  }

  /** Rules 1 and 3: what a platform gets is in the file, byte for byte; a copy only once its positive verdict is durable. */
  platformReceived(platform: Platform, payload: Buffer): void {
    const sha = this.#witness.message(payload);
    this.#witness.received(`${platform.feed}/${platform.name}`, serialOf(payload));
    const records = (this.#view.inputs.get(sha) ?? []).filter(({ meta }) => meta.feed === platform.feed);
    const serial = serialOf(payload);
    if (records.length === 0) {
      this.#violate(3, `${serial}: ${platform.name} got bytes that are not in the file`);
      return;
    }
    const live = records.filter(({ meta }) => meta.primary === platform.name);
    if (live.length > 0) {
      // The epoch that made it primary came before the message and is durable by now (rule 8).
      if (!live.some(({ offset }) => this.#primaryAt(platform.feed, offset) === platform.name))
        this.#violate(8, `${serial}: ${platform.name} got it as the primary, by an epoch that is not durable`);
      return;
    }
    const isOwed = records.some(
      ({ offset, meta }) => meta.shadow === platform.name && this.#hasDurable(offset, 'positive'),
    );
    if (!isOwed) this.#violate(3, `${serial}: ${platform.name} got a copy before its positive verdict was durable`);
  }

  /** Rules 3, 4, 6 and 7, as the source sees them. */
  sourceAnswered(
    source: Source,
    feed: string,
    attempt: Attempt,
    answer: Buffer,
    listed: (sha: string) => boolean,
  ): void {
    const { serial } = attempt;
    const isPositive = readAnswer(answer)?.verdict === 'positive';
    const made = this.#witness.answerMade(answer);
    if (made === null) {
      const isRefusal = (fieldText(answer, 'MSH-10') ?? '').startsWith('CUTOVER') && !isPositive;
      if (!isRefusal) this.#violate(4, `${serial}: ${source.name} got an answer that no platform gave`);
      return;
    }
    made.read++;
    if (made.serial !== serial) {
      this.#violate(7, `${serial}: its source got the answer to ${made.serial}`);
      return;
    }
    if (!isPositive) {
      if (made.read > 1 || this.#wasOver(this.#inputVerdictsOf(made.of), answer, attempt))
        this.#violate(6, `${serial}: its source got a recorded rejection again`);
      return;
    }
    const records = (this.#view.inputs.get(made.of) ?? []).filter(({ meta }) => meta.feed === feed);
    const verdicts = records.flatMap((record) =>
      this.#durableVerdicts(record.offset).map((verdict) => ({ record, verdict })),
    );
    const own = verdicts.find(({ verdict }) => verdict.payload?.equals(answer) === true);
    if (own === undefined) {
      this.#violate(3, `${serial}: its source got a positive answer that was not durable`);
      return;
    }
    if (own.record.meta.primary !== made.by)
      this.#violate(4, `${serial}: its source got the answer of ${made.by}, which was not the primary`);
    // An attempt that was sent before the answer was on disk has joined the wait, however long the network held the answer up.
    const answerableAtMs = this.#view.durableSinceMs(own.verdict.offset);
    const isSurelyEarlier = attempt.isFirst || made.madeAtMs + SURELY_EARLIER_MS < attempt.sentAtMs;
    const wasOver = isSurelyEarlier && answerableAtMs < attempt.sentAtMs;
    if (wasOver && !listed(made.of) && !listed(attempt.sha))
      this.#violate(6, `${serial}: answered again and not listed`);
  }

  /** Rule 7: what a platform says after its commit is for the source of that message, once, and comes after the commit. */
  sourceAcknowledged(source: Source, payload: Buffer): void {
    const made = this.#witness.answerMade(payload);
    if (made === null) {
      this.#violate(1, `${source.name} got an acknowledgement that nobody gave`);
      return;
    }
    made.read++;
    if (!source.meant.has(made.serial)) this.#violate(7, `${source.name} got the acknowledgement of ${made.serial}`);
    else if (!source.accepted.has(made.serial))
      this.#violate(7, `${made.serial}: its source got the application's acknowledgement before the commit`);
    else if (made.read > 1) this.#violate(7, `${made.serial}: its source got the application's acknowledgement twice`);
  }

  /** Rules 1, 3 and 5: what a destination gets is durable, byte for byte a platform's, and that platform owns it. */
  destinationReceived(connection: string, payload: Buffer): void {
    const sha = digest(payload);
    const serial = serialOf(payload);
    this.#witness.received(`destination of ${connection}`, sha);
    const records = (this.#view.outputs.get(sha) ?? []).filter(
      ({ offset, meta }) => meta.connection === connection && this.#view.isDurable(offset),
    );
    if (records.length === 0) {
      this.#violate(3, `${serial}: its destination got bytes that were not durable`);
      return;
    }
    const from = fieldText(payload, 'MSH-3') === 'new' ? 'new' : 'legacy';
    const key = keyInMessage(payload);
    const now = this.#routeAt(connection, this.#view.durableUpTo);
    const isOwners =
      ownerOf(now.route, key) === from ||
      records.some(({ offset, meta }) => {
        if (this.#view.chosen.has(offset)) return true;
        // A forced rollback lets what the gateway had taken in the former epoch go out.
        const then = this.#routeOf(connection, meta.epoch);
        const wasOwners = ownerOf(then.route, key) === from;
        if (wasOwners && (this.#wasForcedSince(connection, then.index) || this.#isGivenUp(offset))) return true;
        if (this.#wasOwnersWhenGivenUp(connection, meta.input, from, key)) return true;
        return this.#isOfFormerInput(connection, meta.input ?? offset, from, key);
      });
    if (!isOwners)
      this.#violate(
        5,
        `${serial}: its destination got the output of ${from}, which does not own it (epoch ${now.route.epoch})`,
      );
  }

  /** Rules 3 and 4, as the platform at its leg sees them. */
  outputAnswered(platform: Pick<Platform, 'name'>, output: Buffer, answer: Buffer, attempt: OutputAttempt): void {
    const sha = digest(output);
    const serial = serialOf(output);
    const isPositive = readAnswer(answer)?.verdict === 'positive';
    const records = this.#view.outputs.get(sha) ?? [];
    const who = `${serial}: ${platform.name}`;
    const made = this.#witness.answerMade(answer);
    if (made !== null && made.of === sha) {
      const isDurable = records.some(({ offset }) =>
        (this.#view.outputVerdicts.get(offset) ?? []).some(
          (verdict) => this.#view.isDurable(verdict.offset) && verdict.payload?.equals(answer) === true,
        ),
      );
      // A capture may be answered with the very bytes of the control's answer, where both gave the output one id.
      if (!isDurable && isPositive && !records.some(({ meta }) => meta.role !== 'deliver'))
        this.#violate(3, `${who} got a positive answer that was not durable`);
      if (isPositive) return;
      made.read++;
      const verdicts = records.flatMap(({ offset }) => this.#view.outputVerdicts.get(offset) ?? []);
      // A capture gets what the control got, also where it comes again.
      const isRecorded =
        records.every(({ meta }) => meta.role === 'deliver') && this.#wasOver(verdicts, answer, attempt);
      if (made.read > 1 || isRecorded) this.#violate(6, `${serial}: its platform got a recorded rejection again`);
      return;
    }
    const isKept = records.some(({ offset, meta }) => meta.role !== 'deliver' && this.#view.isDurable(offset));
    const named = this.#witness.answerNamed(answer);
    if (named !== null) {
      const readdressed = Buffer.from(readdress(named.payload, output));
      if (named.made.serial !== serial) this.#violate(7, `${who} got the answer to ${named.made.serial}`);
      else if (!readdressed.equals(answer)) this.#violate(1, `${who} got an altered answer`);
      else if (
        !isKept &&
        !this.#isResend(named.payload, named.made.of, answer) &&
        !this.#isKeptAnswer(platform, serial, answer)
      )
        this.#violate(4, `${who} got another output's answer for one that was delivered`);
      return;
    }
    const isOwn = (fieldText(answer, 'MSH-10') ?? '').startsWith('CUTOVER');
    if (!isOwn) this.#violate(1, `${who} got an answer that nobody gave`);
    else if (isPositive && !isKept && !this.#isKeptAnswer(platform, serial, answer))
      this.#violate(4, `${who} got a generated answer for an output that was not kept`);
  }

  /** The same output with another MSH-7 is the same output (rule 6): it gets the recorded answer, byte for byte. */
  #isResend(recorded: Buffer, of: string, answer: Buffer): boolean {
    const isDurable = (this.#view.outputs.get(of) ?? []).some(({ offset }) =>
      (this.#view.outputVerdicts.get(offset) ?? []).some((verdict) => this.#view.isDurable(verdict.offset)),
    );
    return isDurable && recorded.equals(answer);
  }

  /** The answer, generated or paired, to a former attempt of this platform's that was kept, whose MSH-7 was another. */
  #isKeptAnswer({ name }: Pick<Platform, 'name'>, serial: string, answer: Buffer): boolean {
    for (const [output, records] of this.#view.captureAnswers) {
      if (!records.some(({ payload }) => payload?.equals(answer) === true)) continue;
      const { meta } = this.#view.at(output) ?? {};
      if (meta?.t === 'output' && meta.platform === name && this.#witness.serialBy(meta.sha) === serial) return true;
    }
    return false;
  }

  #inputVerdictsOf(sha: string): readonly Verdict[] {
    return (this.#view.inputs.get(sha) ?? []).flatMap(({ offset }) => this.#view.inputVerdicts.get(offset) ?? []);
  }

  /** The answer was on the disk before this attempt went out on a connection of its own: it is not the answer to it. */
  #wasOver(verdicts: readonly Verdict[], answer: Buffer, { sentAtMs, isFirst }: OutputAttempt): boolean {
    const own = verdicts.find(({ payload }) => payload?.equals(answer) === true);
    return isFirst && own !== undefined && this.#view.durableSinceMs(own.offset) < sentAtMs;
  }

  #primaryAt(feed: string, offset: number): PlatformName {
    const names = this.#connections.get(feed) ?? [];
    return names.every((name) => controlOf(this.#routeAt(name, offset).route) === 'new') ? 'new' : 'legacy';
  }

  #hasDurable(input: number, verdict: string): boolean {
    return this.#durableVerdicts(input).some(({ meta }) => meta.verdict === verdict);
  }

  #durableVerdicts(input: number): NonNullable<ReturnType<JournalView['inputVerdicts']['get']>> {
    return (this.#view.inputVerdicts.get(input) ?? []).filter(({ offset }) => this.#view.isDurable(offset));
  }

  /** The route that the disk proves for the moment at which this record was written. */
  #routeAt(connection: string, offset: number): { readonly route: Route; readonly index: number } {
    const epochs = this.#view.epochs.get(connection) ?? [];
    let index = -1;
    for (const [at, epoch] of epochs.entries()) {
      if (epoch.offset <= offset && this.#view.isDurable(epoch.offset)) index = at;
    }
    return { route: epochs[index]?.record ?? FIRST_ROUTE, index };
  }

  #routeOf(connection: string, epoch: number): { readonly route: Route; readonly index: number } {
    const epochs = this.#view.epochs.get(connection) ?? [];
    const index = epochs.findIndex(({ record }) => record.epoch === epoch);
    return { route: epochs[index]?.record ?? FIRST_ROUTE, index };
  }

  /** Rule 15: too many waited, and its input was no longer waited for; whoever owned it then delivers it. */
  #wasOwnersWhenGivenUp(connection: string, input: number | null, from: PlatformName, key: string): boolean {
    const epoch = this.#view.givenUp.get(`${connection} ${input}`);
    return epoch !== undefined && ownerOf(this.#routeOf(connection, epoch).route, key) === from;
  }

  /** A change-over at an offset: the input (or an output without one) came before it, and the route of then gives its output to this platform. */
  #isOfFormerInput(connection: string, input: number, from: PlatformName, key: string): boolean {
    const epochs = this.#view.epochs.get(connection) ?? [];
    return epochs.some(({ offset, atOffset }, index) => {
      const former = epochs[index - 1]?.record;
      return atOffset && input < offset && former !== undefined && ownerOf(former, key) === from;
    });
  }

  /** It was written, no answer came, and it is listed: a network that held it back may still bring it. */
  #isGivenUp(output: number): boolean {
    return (this.#view.outputVerdicts.get(output) ?? []).some(({ meta }) => meta.verdict === 'lost');
  }

  #wasForcedSince(connection: string, index: number): boolean {
    return (this.#view.epochs.get(connection) ?? []).slice(index + 1).some(({ record }) => record.forced);
  }
}

/** The design's own words: the first 32 bits of SHA-256 of the key, modulo 100, below newWeight: new. */
export function ownerOf(route: Route, key: string): PlatformName {
  if (route.newWeight === 0) return controlOf(route);
  const share = Number.parseInt(createHash('sha256').update(key).digest('hex').slice(0, 8), 16) % 100;
  return share < route.newWeight ? 'new' : controlOf(route);
}
