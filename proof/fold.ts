/**
 * Follows one journal, record by record, and keeps what is still open of it: which output belongs to which input, what
 * became of each obligation, which pairs can be compared. It does no I/O and reads no clock; what it finds goes into a
 * `Tally`. A batch that could not be committed voids it: a new one begins where the database is.
 */
import { createHash } from 'node:crypto';
import type { RouteRow } from '../adapters/proof-batch.ts';
import { presentName } from '../core/former-names.ts';
import { orderMarksOf } from '../core/hl7/order-numbers.ts';
import type { ReadRecord, RecordOf, Verdict } from '../core/journal-records.ts';
import { candidateOf, controlOf } from '../core/platform.ts';
import type { ObligationClass, PairState } from '../core/proof-results.ts';
import { aloneOwing, type DueTerms, isDue, isShadowed, redirect } from './due.ts';
import { servedBy } from './estate.ts';
import { JournalRoutes } from './journal-routes.ts';
import { type Couple, classOf, couplesOf, isFinished, WAS_COMPARED } from './judge-case.ts';
import { keyDigest, marksOf, sameMessage } from './marks.ts';
import { looseOutput, newInput } from './new-inputs.ts';
import type { Case, KnownOutput, OpenInput } from './open-input.ts';
import { OpenInputs, type Unknown } from './open-inputs.ts';
import type { Place } from './output-index.ts';
import { Tally } from './tally.ts';

export type FoldRecord = {
  readonly offset: number;
  readonly record: ReadRecord;
  readonly payload: Uint8Array | null;
};

/** How an obligation stands in the store. */
export type Standing = {
  readonly input: number;
  readonly connection: string;
  readonly epoch: number;
  readonly class: ObligationClass;
  readonly pair: PairState | null;
  /** Under which rules it was compared. */
  readonly basis: string | null;
};

/** Couples that wait for their comparison; none: nothing came from either platform. */
export type PairJob = { readonly input: OpenInput; readonly item: Case; readonly couples: readonly Couple[] };

/** The candidate sent another output for an input that owes one. */
export type DoubledCapture = { readonly item: Case; readonly output: KnownOutput };

export class Fold {
  readonly #terms: DueTerms;
  readonly #open = new OpenInputs();
  readonly #routes = new JournalRoutes();
  /** What records have moved, or what counts otherwise than the store has it. */
  readonly #touched = new Set<OpenInput>();
  #doubled: DoubledCapture[] = [];
  #judged: readonly OpenInput[] = [];
  #tally = new Tally();
  #newestAtMs: number | null;

  constructor(terms: DueTerms, routes: readonly RouteRow[], newestAtMs: number | null) {
    this.#terms = terms;
    this.#newestAtMs = newestAtMs;
    for (const { connection, epoch, phase, newWeight } of routes)
      this.#routes.learn(connection, { epoch, phase, newWeight });
  }

  get newestAtMs(): number | null {
    return this.#newestAtMs;
  }

  get openInputs(): number {
    return this.#open.size;
  }

  /** This input, or the first one of this attempt, or the input of its own that this output is. */
  isOpen(offset: number): boolean {
    return this.#open.has(offset);
  }

  get tally(): Tally {
    return this.#tally;
  }

  /** From the store: an input as it was left. */
  load(input: OpenInput): void {
    if (this.#open.get(input.offset) === null) this.#open.add(input);
  }

  /** What these records speak of and this fold does not know. */
  unknownTo(records: readonly FoldRecord[]): Unknown {
    return this.#open.unknownIn(records);
  }

  /** The same records that closed inputs were made of, once more; what they counted stands in the store. */
  rebuild(records: readonly FoldRecord[], counted: readonly Standing[]): void {
    const [tally, newest, before] = [this.#tally, this.#newestAtMs, this.#open.offsets];
    const doubled = this.#doubled;
    this.#tally = new Tally();
    for (const record of records) this.apply(record);
    for (const input of this.#open.all()) {
      if (before.has(input.offset)) continue;
      for (const attempt of input.attempts) attempt.isOpen = false;
      for (const item of input.cases) this.#restore(input, item, counted);
    }
    this.#tally = tally;
    this.#newestAtMs = newest;
    this.#doubled = doubled;
  }

  #restore(input: OpenInput, item: Case, counted: readonly Standing[]): void {
    const row = counted.find((one) => one.input === input.offset && one.connection === item.connection);
    if (row === undefined) {
      // What a predicate filters has no row of its own.
      item.counted = {
        class: item.applies || input.answer?.verdict !== 'positive' ? null : 'filtered',
        pair: null,
        basis: null,
      };
      return;
    }
    const route = this.#routes.at(item.connection, row.epoch);
    item.counted = { class: row.class, pair: row.pair, basis: row.basis };
    item.epoch = row.epoch;
    if (route !== null) {
      item.control = controlOf(route);
      item.candidate = item.candidate === null ? null : candidateOf(route);
    }
    // It was owed, whichever attempt made it so.
    if (input.answer?.verdict !== 'positive')
      input.answer = { verdict: 'positive', atMs: input.movedAtMs, record: input.offset };
  }

  apply({ offset, record, payload }: FoldRecord): void {
    if (this.#newestAtMs === null || record.at > this.#newestAtMs) this.#newestAtMs = record.at;
    switch (record.t) {
      case 'input':
        this.#input(offset, record, payload);
        return;
      case 'input-verdict':
        this.#inputVerdict(offset, record, payload);
        return;
      case 'shadow':
        this.#shadow(offset, record);
        return;
      case 'output':
        this.#output(offset, record, payload);
        return;
      case 'output-verdict':
        this.#outputVerdict(offset, record);
        return;
      case 'refusal': {
        const feed = this.#name(record.endpoint);
        if (this.#terms.estate.feeds.has(feed)) this.#tally.ingress(feed, record.at, 'refused');
        return;
      }
      case 'epoch': {
        const { connection: was, epoch, phase, newWeight, forced } = record.record;
        const connection = this.#name(was);
        this.#routes.learn(connection, { epoch, phase, newWeight });
        this.#tally.routes.push({ connection, epoch, phase, newWeight, forced, atMs: record.at });
        return;
      }
      case 'list':
        this.#list(offset, record);
        return;
      case 'decision':
        this.#decision(record);
        return;
      case 'resolution':
        this.#resolution(record);
        return;
      case 'start':
        this.#processEnded(record.at);
        return;
    }
  }

  /** What has moved since the last call, or all that is open: obligations get their class, ready pairs come back. */
  judge(nowMs: number, all: boolean): readonly PairJob[] {
    const jobs: PairJob[] = [];
    this.#judged = [...(all ? this.#open.all() : this.#touched)];
    for (const input of this.#judged) {
      redirect(this.#terms, input, nowMs, (item, output) => this.#open.addOutput({ input, item }, output));
      const alone = aloneOwing(this.#terms.estate, input);
      for (const item of input.cases) {
        const served = servedBy(this.#terms.estate, item.connection);
        const isOverdue = isDue(this.#terms, input, item, nowMs);
        const owes = served.owesAlways || item === alone;
        this.#count(input, item, classOf(input, item, served.outputs, isOverdue, owes), item.counted.pair);
        if (item.candidate === null || (item.counted.pair !== null && WAS_COMPARED.has(item.counted.pair))) continue;
        const couples = couplesOf(input, item, served.outputs, isOverdue && isShadowed(input));
        if (couples !== null) jobs.push({ input, item, couples });
      }
    }
    return jobs;
  }

  /** Since the last call. */
  takeDoubled(): readonly DoubledCapture[] {
    const doubled = this.#doubled;
    this.#doubled = [];
    return doubled;
  }

  paired(input: OpenInput, item: Case, pair: PairState | null, basis: string): void {
    this.#count(input, item, item.counted.class, pair, basis);
  }

  /** Of these inputs what was compared under other rules than `basisOf` says now. */
  comparedOtherwise(inputs: readonly number[], basisOf: (connection: string) => string): readonly PairJob[] {
    const open = inputs.flatMap((offset) => this.#open.get(offset) ?? []);
    this.#judged = open;
    return open.flatMap((input) =>
      input.cases.flatMap((item): PairJob[] => {
        const { pair, basis } = item.counted;
        if (pair === null || !WAS_COMPARED.has(pair) || basis === null || basis === basisOf(item.connection)) return [];
        const { outputs } = servedBy(this.#terms.estate, item.connection);
        return [{ input, item, couples: couplesOf(input, item, outputs, true) ?? [] }];
      }),
    );
  }

  /** From which on results of a connection count: the first since its roles were last given. */
  firstEpochOf(connection: string): number {
    return this.#routes.firstEpochOf(connection);
  }

  /** Closes what has its end; what is left open is in the batch as it stands. */
  finish(nowMs: number): Tally {
    for (const input of this.#judged) {
      const isOver = input.cases.every((item) => {
        const served = servedBy(this.#terms.estate, item.connection);
        const isOverdue = isDue(this.#terms, input, item, nowMs) && isShadowed(input);
        return isOverdue || isFinished(input, item, served.outputs);
      });
      if (isOver && !input.attempts.some(({ isOpen }) => isOpen)) this.#close(input);
      else if (this.#touched.has(input)) this.#tally.inputs.set(input.offset, JSON.stringify(input));
    }
    this.#touched.clear();
    this.#judged = [];
    this.#open.shedSurplus();
    const done = this.#tally;
    this.#tally = new Tally();
    return done;
  }

  #input(offset: number, record: RecordOf<'input'>, payload: Uint8Array | null): void {
    const feed = this.#name(record.feed);
    this.#tally.ingress(feed, record.at, 'open');
    const first = this.#open.get(record.attemptOf);
    if (first !== null) {
      first.attempts.push({ offset, atMs: record.at, isOpen: true });
      first.shadow = record.shadow;
      this.#open.attempted(first, offset);
      this.#touch(first, record.at);
      return;
    }
    const input = newInput(this.#terms.estate, this.#routes, { feed, offset, record, payload });
    this.#open.add(input);
    this.#touched.add(input);
  }

  #inputVerdict(offset: number, record: RecordOf<'input-verdict'>, payload: Uint8Array | null): void {
    const input = this.#open.byAttempt(record.input);
    if (input === null) return;
    // Taken back before it was written: the same arrival comes again under another offset.
    const isWithdrawn = record.verdict === 'other' && payload === null;
    this.#endAttempt(input, record.input, isWithdrawn ? null : outcomeOf(record.verdict));
    if (input.answer?.verdict !== 'positive')
      input.answer = { verdict: record.verdict, atMs: record.at, record: offset };
    this.#touch(input, record.at);
  }

  #endAttempt(input: OpenInput, offset: number, outcome: 'accepted' | 'rejected' | 'unanswered' | null): void {
    const attempt = input.attempts.find((one) => one.offset === offset);
    if (attempt === undefined || !attempt.isOpen) return;
    attempt.isOpen = false;
    this.#tally.ingress(input.feed, attempt.atMs, 'open', -1);
    if (outcome !== null) this.#tally.ingress(input.feed, attempt.atMs, outcome);
  }

  #shadow(offset: number, record: RecordOf<'shadow'>): void {
    // A copy is made of the attempt that was accepted, which need not be the first.
    const input = this.#open.byAttempt(record.input);
    if (input === null) return;
    input.shadowAnswer = { verdict: record.verdict, atMs: record.at, record: offset };
    if (record.verdict === 'dropped') {
      // It was never sent: there is nothing to compare.
      for (const item of input.cases) if (item.candidate === record.platform) item.candidate = null;
    }
    this.#touch(input, record.at);
  }

  #output(offset: number, record: RecordOf<'output'>, payload: Uint8Array | null): void {
    if (record.role === 'park') return;
    const connection = this.#name(record.connection);
    const output: KnownOutput = {
      offset,
      first: record.attemptOf ?? offset,
      platform: record.platform,
      role: record.role,
      connection,
      msh10: record.msh10,
      sha: record.sha,
      marks: marksOf(payload, record.msh10),
      epoch: record.epoch,
      orders: this.#ordersOf(connection, payload),
      atMs: record.at,
      verdict: null,
    };
    const place = this.#placeOf(output, record, payload) ?? this.#loose(output);
    if (this.#isDoubled(place, output)) this.#doubled.push({ item: place.item, output });
    this.#open.addOutput(place, output);
    this.#touch(place.input, record.at);
  }

  #isDoubled({ input, item }: Place, output: KnownOutput): boolean {
    if (output.role !== 'capture' || output.first !== output.offset || input.msh10 === null) return false;
    if (servedBy(this.#terms.estate, item.connection).outputs === 'many') return false;
    return item.outputs.some(({ platform, role }) => role === 'capture' && platform === output.platform);
  }

  #placeOf(output: KnownOutput, record: RecordOf<'output'>, payload: Uint8Array | null): Place | null {
    if (record.attemptOf !== null) {
      const known = this.#open.byOutput(record.attemptOf);
      if (known !== null) return known;
    }
    const { origin, correlate, feed } = servedBy(this.#terms.estate, output.connection);
    if (origin === 'platform') return null;
    const given = this.#open.get(record.input);
    const item = given?.cases.find(({ connection }) => connection === output.connection);
    const own = given === null || item === undefined ? null : { input: given, item };
    const key = payload === null ? null : keyDigest(payload, correlate);
    const isTold = own !== null && key !== null && key === own.item.key;
    if (own !== null && (isTold || sameMessage(own.input.marks, output.marks))) return own;
    return this.#open.find(feed, output, key, own) ?? own;
  }

  #loose(output: KnownOutput): Place {
    const place = looseOutput(this.#terms.estate, this.#routes, output);
    this.#open.add(place.input);
    return place;
  }

  #ordersOf(connection: string, payload: Uint8Array | null): KnownOutput['orders'] {
    const { direction } = servedBy(this.#terms.estate, connection);
    if (payload === null || direction === null) return [];
    return orderMarksOf(payload, direction).map(({ number, state }) => ({
      number: createHash('sha256').update(number, 'latin1').digest('hex').slice(0, 32),
      state,
    }));
  }

  #outputVerdict(record: number, { output: offset, verdict, at: atMs }: RecordOf<'output-verdict'>): void {
    const place = this.#open.byOutput(offset);
    const output = place?.item.outputs.find((one) => one.offset === offset);
    if (place === null || output === undefined) return;
    const { input, item } = place;
    const wasDelivered = output.verdict === 'positive';
    if (!wasDelivered) output.verdict = verdict;
    this.#touch(input, atMs);
    if (verdict !== 'positive' || wasDelivered) return;
    const { platform, msh10, sha, epoch, connection } = output;
    const owesOne = servedBy(this.#terms.estate, item.connection).outputs !== 'many' && input.msh10 !== null;
    if (owesOne && item.outputs.some((one) => one !== output && one.verdict === 'positive')) {
      const list = 'doubled';
      this.#tally.listed.push({ offset: record, connection, list, msh10, sha, about: offset, cause: list, atMs });
    }
    this.#tally.deliveries.push({
      output: offset,
      connection,
      input: input.msh10 === null ? null : input.offset,
      epoch,
      platform,
      atMs,
      msh10,
      sha,
    });
    const kind = servedBy(this.#terms.estate, item.connection).direction === 'results' ? 'result' : 'order';
    for (const { number, state } of output.orders) {
      this.#tally.orders.push({
        connection,
        number,
        output: offset,
        kind,
        status: state,
        platform,
        epoch,
        atMs,
        msh10,
        sha,
      });
    }
  }

  #list(offset: number, record: RecordOf<'list'>): void {
    const connection = this.#name(record.connection);
    const { list, message, cause, at } = record;
    const about = record.offset < 0 ? null : record.offset;
    this.#tally.listed.push({
      offset,
      connection,
      list,
      about,
      cause,
      atMs: at,
      msh10: message.msh10,
      sha: message.sha,
    });
    if (list === 'answeredAgain' && cause === 'resent') {
      this.#tally.ingress(servedBy(this.#terms.estate, connection).feed, at, 'answeredAgain');
    }
  }

  #decision(record: RecordOf<'decision'>): void {
    const connection = this.#name(record.connection);
    const { id, cause, at } = record;
    this.#tally.decisions.push({ id, connection, input: record.input, cause, atMs: at });
    const input = this.#open.get(record.input);
    const item = input?.cases.find((one) => one.connection === connection);
    if (input === null || item === undefined) return;
    this.#open.decisionOpened({ input, item }, id);
    this.#touch(input, at);
  }

  #resolution({ id, action, at }: RecordOf<'resolution'>): void {
    this.#tally.resolutions.push({ id, action, atMs: at });
    const place = this.#open.byDecision(id);
    if (place === null || place.item.decision === null) return;
    place.item.decision.action = action;
    this.#touch(place.input, at);
  }

  /** A gateway process began: what its predecessor had open gets no verdict any more (rule 3). */
  #processEnded(atMs: number): void {
    for (const input of this.#open.all()) {
      let moved = false;
      for (const { offset, isOpen } of input.attempts) {
        if (!isOpen) continue;
        this.#endAttempt(input, offset, 'unanswered');
        input.answer ??= { verdict: 'lost', atMs, record: offset };
        moved = true;
      }
      for (const output of input.cases.flatMap(({ outputs }) => outputs)) {
        if (output.role !== 'deliver' || output.verdict !== null) continue;
        output.verdict = 'lost';
        moved = true;
      }
      if (moved) this.#touch(input, atMs);
    }
  }

  #count(
    input: OpenInput,
    item: Case,
    next: ObligationClass | null,
    pair: PairState | null,
    basis: string | null = item.counted.basis,
  ): void {
    const { counted } = item;
    if (next === counted.class && pair === counted.pair && basis === counted.basis) return;
    if (next !== counted.class) this.#tally.classChanged(item.connection, input.atMs, counted.class, next);
    item.counted = { class: next, pair, basis };
    this.#touched.add(input);
    const { connection, epoch } = item;
    if (next === null || next === 'filtered' || input.msh10 === null) {
      if (counted.class !== null && counted.class !== 'filtered') this.#tally.withdraw(input.offset, connection);
      return;
    }
    this.#tally.obligation({
      input: input.offset,
      connection,
      epoch,
      atMs: input.atMs,
      class: next,
      pair,
      basis,
      msh10: input.msh10,
      sha: input.sha,
    });
  }

  #touch(input: OpenInput, atMs: number): void {
    input.movedAtMs = Math.max(input.movedAtMs, atMs);
    this.#touched.add(input);
  }

  #close(input: OpenInput): void {
    this.#tally.inputs.set(input.offset, null);
    this.#open.remove(input);
  }

  #name(name: string): string {
    return presentName(this.#terms.estate.renamed, name);
  }
}

function outcomeOf(verdict: Verdict): 'accepted' | 'rejected' | 'unanswered' {
  if (verdict === 'positive') return 'accepted';
  return verdict === 'lost' ? 'unanswered' : 'rejected';
}
