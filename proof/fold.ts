/**
 * Follows one journal, record by record, and keeps what is still open of it: which output belongs to which input, what
 * became of each obligation, which pairs can be compared. It does no I/O and reads no clock; what it finds goes into a
 * `Tally`. A batch that could not be committed voids it: a new one begins where the database is.
 */
import { createHash } from 'node:crypto';
import type { RouteRow } from '../adapters/proof-batch.ts';
import { matchesPredicate } from '../core/hl7/message.ts';
import { orderMarksOf } from '../core/hl7/order-numbers.ts';
import type { ReadRecord, RecordOf, Verdict } from '../core/journal-records.ts';
import { candidateOf, controlOf, FIRST_ROUTE, type Platform, type Route } from '../core/platform.ts';
import type { ObligationClass, PairState } from '../core/proof-results.ts';
import { type Estate, type Served, servedBy } from './estate.ts';
import { type Couple, classOf, couplesOf, isFinished, WAS_COMPARED } from './judge-case.ts';
import { keyDigest, marksOf, sameMessage } from './marks.ts';
import type { Case, KnownOutput, OpenInput } from './open-input.ts';
import { OutputIndex } from './output-index.ts';
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

/** What the records speak of and this fold does not know: closed, or kept in the store only. */
export type Unknown = {
  readonly inputs: ReadonlySet<number>;
  readonly outputs: ReadonlySet<number>;
  readonly decisions: ReadonlySet<string>;
};

export type FoldOptions = {
  readonly estate: Estate;
  readonly graceMs: number;
};

/** Far more than wait at any time in a healthy estate; what is beyond waits in the store alone. */
const OPEN_LIMIT = 100_000;

export class Fold {
  readonly #options: FoldOptions;
  readonly #open = new Map<number, OpenInput>();
  readonly #attempts = new Map<number, OpenInput>();
  readonly #index = new OutputIndex();
  /** Every route of a connection in this journal, by epoch. */
  readonly #routes = new Map<string, Map<number, Route>>();
  readonly #decisions = new Map<string, { readonly input: OpenInput; readonly item: Case }>();
  /** What records have moved, or what counts otherwise than the store has it. */
  readonly #touched = new Set<OpenInput>();
  #doubled: DoubledCapture[] = [];
  #judged: readonly OpenInput[] = [];
  #tally = new Tally();
  #newestAtMs: number | null;

  constructor(options: FoldOptions, routes: readonly RouteRow[], newestAtMs: number | null) {
    this.#options = options;
    this.#newestAtMs = newestAtMs;
    for (const { connection, epoch, phase, newWeight } of routes) this.#learn(connection, { epoch, phase, newWeight });
  }

  get newestAtMs(): number | null {
    return this.#newestAtMs;
  }

  get openInputs(): number {
    return this.#open.size;
  }

  /** This input, or the first one of this attempt, or the input of its own that this output is. */
  isOpen(offset: number): boolean {
    return this.#open.has(offset) || this.#attempts.has(offset);
  }

  get tally(): Tally {
    return this.#tally;
  }

  /** From the store: an input as it was left. */
  load(input: OpenInput): void {
    if (this.#open.has(input.offset)) return;
    this.#open.set(input.offset, input);
    for (const { offset } of input.attempts) this.#attempts.set(offset, input);
    this.#index.addInput(input);
    for (const item of input.cases) {
      for (const output of item.outputs) this.#index.addOutput({ input, item }, output);
      if (item.decision !== null) this.#decisions.set(item.decision.id, { input, item });
    }
  }

  unknownTo(records: readonly FoldRecord[]): Unknown {
    const inputs = new Set<number>();
    const outputs = new Set<number>();
    const decisions = new Set<string>();
    const arriving = new Set(records.map(({ offset }) => offset));
    const input = (offset: number | null): void => {
      if (offset !== null && !this.#open.has(offset) && !this.#attempts.has(offset) && !arriving.has(offset))
        inputs.add(offset);
    };
    const output = (offset: number | null): void => {
      if (offset !== null && !arriving.has(offset) && this.#index.caseOf(offset) === null) outputs.add(offset);
    };
    for (const { record } of records) {
      switch (record.t) {
        case 'input':
          input(record.attemptOf);
          break;
        case 'input-verdict':
        case 'shadow':
          input(record.input);
          break;
        case 'output':
          input(record.input);
          output(record.attemptOf);
          break;
        case 'output-verdict':
          output(record.output);
          break;
        case 'decision':
          input(record.input);
          break;
        case 'resolution':
          if (!this.#decisions.has(record.id)) decisions.add(record.id);
          break;
        case 'refusal':
        case 'epoch':
        case 'list':
        case 'start':
          break;
      }
    }
    return { inputs, outputs, decisions };
  }

  /** The same records that closed inputs were made of, once more; what they counted stands in the store. */
  rebuild(records: readonly FoldRecord[], counted: readonly Standing[]): void {
    const [tally, newest, before] = [this.#tally, this.#newestAtMs, new Set(this.#open.keys())];
    const doubled = this.#doubled;
    this.#tally = new Tally();
    for (const record of records) this.apply(record);
    for (const input of this.#open.values()) {
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
    const route = this.#routes.get(item.connection)?.get(row.epoch);
    item.counted = { class: row.class, pair: row.pair, basis: row.basis };
    item.epoch = row.epoch;
    if (route !== undefined) {
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
      case 'refusal':
        if (this.#options.estate.feeds.has(record.endpoint)) this.#tally.ingress(record.endpoint, record.at, 'refused');
        return;
      case 'epoch': {
        const { connection: was, epoch, phase, newWeight, forced } = record.record;
        const connection = this.#name(was);
        this.#learn(connection, { epoch, phase, newWeight });
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
    this.#judged = [...(all ? this.#open.values() : this.#touched)];
    for (const input of this.#judged) {
      this.#redirect(input, nowMs);
      const alone = this.#aloneOwing(input);
      for (const item of input.cases) {
        const served = servedBy(this.#options.estate, item.connection);
        const isDue = this.#isDue(input, item, served, nowMs);
        const owes = served.owesAlways || item === alone;
        this.#count(input, item, classOf(input, item, served.outputs, isDue, owes), item.counted.pair);
        if (item.candidate === null || (item.counted.pair !== null && WAS_COMPARED.has(item.counted.pair))) continue;
        const couples = couplesOf(input, item, served.outputs, isDue && this.#isShadowed(input));
        if (couples !== null) jobs.push({ input, item, couples });
      }
    }
    return jobs;
  }

  /**
   * On a shared feed: the candidate's output came out at a connection that the control has sent nothing to, and lacks where
   * the control has. It is the same output, at the wrong destination.
   */
  #redirect(input: OpenInput, nowMs: number): void {
    if (input.cases.length < 2) return;
    const isDue = (item: Case): boolean =>
      this.#isDue(input, item, servedBy(this.#options.estate, item.connection), nowMs) && item.counted.pair === null;
    const sent = ({ outputs }: Case, platform: Platform | null): boolean =>
      outputs.some((one) => one.platform === platform);
    for (const stray of input.cases) {
      const { candidate, control } = stray;
      if (candidate === null || !sent(stray, candidate) || sent(stray, control) || !isDue(stray)) continue;
      const own = input.cases.find((item) => sent(item, item.control) && !sent(item, item.candidate) && isDue(item));
      if (own === undefined) continue;
      for (const output of stray.outputs.splice(0)) {
        own.outputs.push(output);
        this.#index.addOutput({ input, item: own }, output);
      }
    }
  }

  /**
   * Which connection of a shared feed an input is for, only its outputs say. Where there is none at all, the first that
   * may have it answers for the input, so that it is not lost between them.
   */
  #aloneOwing({ cases }: OpenInput): Case | null {
    const always = (item: Case): boolean => servedBy(this.#options.estate, item.connection).owesAlways;
    if (cases.some((item) => item.outputs.length > 0 || (always(item) && item.applies))) return null;
    return cases.find((item) => !always(item)) ?? null;
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
        const { outputs } = servedBy(this.#options.estate, item.connection);
        return [{ input, item, couples: couplesOf(input, item, outputs, true) ?? [] }];
      }),
    );
  }

  /** From which on results of a connection count: the first since its roles were last given. */
  firstEpochOf(connection: string): number {
    const routes = [...(this.#routes.get(connection)?.values() ?? [])].sort((a, b) => a.epoch - b.epoch);
    const { phase } = routes.at(-1) ?? FIRST_ROUTE;
    const before = routes.findLastIndex((route) => route.phase !== phase);
    return routes[before + 1]?.epoch ?? FIRST_ROUTE.epoch;
  }

  /** Closes what has its end; what is left open is in the batch as it stands. */
  finish(nowMs: number): Tally {
    for (const input of this.#judged) {
      const isOver = input.cases.every((item) => {
        const served = servedBy(this.#options.estate, item.connection);
        const isDue = this.#isDue(input, item, served, nowMs) && this.#isShadowed(input);
        return isDue || isFinished(input, item, served.outputs);
      });
      if (isOver && !input.attempts.some(({ isOpen }) => isOpen)) this.#close(input);
      else if (this.#touched.has(input)) this.#tally.inputs.set(input.offset, JSON.stringify(input));
    }
    this.#touched.clear();
    this.#judged = [];
    this.#shedSurplus();
    const done = this.#tally;
    this.#tally = new Tally();
    return done;
  }

  #input(offset: number, record: RecordOf<'input'>, payload: Uint8Array | null): void {
    const feed = this.#name(record.feed);
    this.#tally.ingress(feed, record.at, 'open');
    const first = record.attemptOf === null ? null : (this.#open.get(record.attemptOf) ?? null);
    const attempt = { offset, atMs: record.at, isOpen: true };
    if (first !== null) {
      first.attempts.push(attempt);
      first.shadow = record.shadow;
      this.#attempts.set(offset, first);
      this.#touch(first, record.at);
      return;
    }
    const marks = marksOf(payload, record.msh10);
    const input: OpenInput = {
      offset: record.attemptOf ?? offset,
      feed,
      msh10: record.msh10,
      sha: record.sha,
      atMs: record.at,
      primary: record.primary,
      shadow: record.shadow,
      marks,
      attempts: [attempt],
      answer: null,
      shadowAnswer: null,
      movedAtMs: record.at,
      cases: this.#casesFor(feed, record.primary, record.shadow, payload),
    };
    this.#open.set(input.offset, input);
    this.#attempts.set(offset, input);
    this.#index.addInput(input);
    this.#touched.add(input);
  }

  #casesFor(feed: string, primary: Platform, shadow: Platform | null, payload: Uint8Array | null): Case[] {
    const reached = [primary, shadow];
    return (this.#options.estate.feeds.get(feed) ?? [feed]).map((connection) => {
      const { applies, correlate } = servedBy(this.#options.estate, connection);
      const route = this.#routeOf(connection);
      const candidate = candidateOf(route);
      return {
        connection,
        epoch: route.epoch,
        control: controlOf(route),
        candidate: candidate !== null && reached.includes(candidate) ? candidate : null,
        applies: applies === null || (payload !== null && matchesPredicate(payload, applies)),
        key: payload === null ? null : keyDigest(payload, correlate),
        outputs: [],
        decision: null,
        counted: { class: null, pair: null, basis: null },
      };
    });
  }

  #inputVerdict(offset: number, record: RecordOf<'input-verdict'>, payload: Uint8Array | null): void {
    const input = this.#attempts.get(record.input);
    if (input === undefined) return;
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
    const input = this.#attempts.get(record.input);
    if (input === undefined) return;
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
    place.item.outputs.push(output);
    this.#index.addOutput(place, output);
    this.#touch(place.input, record.at);
  }

  #isDoubled({ input, item }: { readonly input: OpenInput; readonly item: Case }, output: KnownOutput): boolean {
    if (output.role !== 'capture' || output.first !== output.offset || input.msh10 === null) return false;
    if (servedBy(this.#options.estate, item.connection).outputs === 'many') return false;
    return item.outputs.some(({ platform, role }) => role === 'capture' && platform === output.platform);
  }

  #placeOf(
    output: KnownOutput,
    record: RecordOf<'output'>,
    payload: Uint8Array | null,
  ): { readonly input: OpenInput; readonly item: Case } | null {
    if (record.attemptOf !== null) {
      const known = this.#index.caseOf(record.attemptOf);
      if (known !== null) return known;
    }
    const { origin, correlate, feed } = servedBy(this.#options.estate, output.connection);
    if (origin === 'platform') return null;
    const given = record.input === null ? undefined : this.#open.get(record.input);
    const item = given?.cases.find(({ connection }) => connection === output.connection);
    const own = given === undefined || item === undefined ? null : { input: given, item };
    const key = payload === null ? null : keyDigest(payload, correlate);
    const isTold = own !== null && key !== null && key === own.item.key;
    if (own !== null && (isTold || sameMessage(own.input.marks, output.marks))) return own;
    return this.#index.find(feed, output, key, own) ?? own;
  }

  /**
   * Nobody knows its input: kept as one of its own, so that it is counted and can still be resent. With origin: platform there
   * is none: the output itself is what is owed.
   */
  #loose(output: KnownOutput): { readonly input: OpenInput; readonly item: Case } {
    const route = this.#routeOf(output.connection);
    const { origin, feed } = servedBy(this.#options.estate, output.connection);
    const item: Case = {
      connection: output.connection,
      epoch: output.epoch,
      control: controlOf(route),
      candidate: origin === 'platform' ? null : candidateOf(route),
      applies: true,
      key: null,
      outputs: [],
      decision: null,
      counted: { class: null, pair: null, basis: null },
    };
    const input: OpenInput = {
      offset: output.offset,
      feed,
      msh10: origin === 'platform' ? output.msh10 : null,
      sha: output.sha,
      atMs: output.atMs,
      primary: output.platform,
      shadow: null,
      marks: output.marks,
      attempts: [],
      answer: null,
      shadowAnswer: null,
      movedAtMs: output.atMs,
      cases: [item],
    };
    this.#open.set(input.offset, input);
    this.#index.addInput(input);
    return { input, item };
  }

  #ordersOf(connection: string, payload: Uint8Array | null): KnownOutput['orders'] {
    const { direction } = servedBy(this.#options.estate, connection);
    if (payload === null || direction === null) return [];
    return orderMarksOf(payload, direction).map(({ number, state }) => ({
      number: createHash('sha256').update(number, 'latin1').digest('hex').slice(0, 32),
      state,
    }));
  }

  #outputVerdict(record: number, { output: offset, verdict, at: atMs }: RecordOf<'output-verdict'>): void {
    const place = this.#index.caseOf(offset);
    const output = place?.item.outputs.find((one) => one.offset === offset);
    if (place === null || output === undefined) return;
    const { input, item } = place;
    const wasDelivered = output.verdict === 'positive';
    if (!wasDelivered) output.verdict = verdict;
    this.#touch(input, atMs);
    if (verdict !== 'positive' || wasDelivered) return;
    const { platform, msh10, sha, epoch, connection } = output;
    const owesOne = servedBy(this.#options.estate, item.connection).outputs !== 'many' && input.msh10 !== null;
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
    const kind = servedBy(this.#options.estate, item.connection).direction === 'results' ? 'result' : 'order';
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
      this.#tally.ingress(servedBy(this.#options.estate, connection).feed, at, 'answeredAgain');
    }
  }

  #decision(record: RecordOf<'decision'>): void {
    const connection = this.#name(record.connection);
    const { id, cause, at } = record;
    this.#tally.decisions.push({ id, connection, input: record.input, cause, atMs: at });
    const input = record.input === null ? undefined : this.#open.get(record.input);
    const item = input?.cases.find((one) => one.connection === connection);
    if (input === undefined || item === undefined) return;
    item.decision = { id, action: null };
    this.#decisions.set(id, { input, item });
    this.#touch(input, at);
  }

  #resolution({ id, action, at }: RecordOf<'resolution'>): void {
    this.#tally.resolutions.push({ id, action, atMs: at });
    const place = this.#decisions.get(id);
    if (place === undefined || place.item.decision === null) return;
    place.item.decision.action = action;
    this.#touch(place.input, at);
  }

  /** A gateway process began: what its predecessor had open gets no verdict any more (rule 3). */
  #processEnded(atMs: number): void {
    for (const input of this.#open.values()) {
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

  #isDue(input: OpenInput, item: Case, served: Served, nowMs: number): boolean {
    if (input.attempts.some(({ isOpen }) => isOpen)) return false;
    // What the gateway has in its hands is not overdue.
    if (item.outputs.some(({ role, verdict }) => role === 'deliver' && verdict === null)) return false;
    const graceMs = Math.max(this.#options.graceMs, served.settleMs ?? 0);
    return nowMs - input.movedAtMs >= graceMs;
  }

  /** The other platform has had its copy; before that its output cannot be missing. */
  #isShadowed(input: OpenInput): boolean {
    return input.shadow === null || input.answer?.verdict !== 'positive' || input.shadowAnswer !== null;
  }

  #touch(input: OpenInput, atMs: number): void {
    input.movedAtMs = Math.max(input.movedAtMs, atMs);
    this.#touched.add(input);
  }

  #close(input: OpenInput): void {
    this.#tally.inputs.set(input.offset, null);
    this.#forget(input);
  }

  #forget(input: OpenInput): void {
    this.#open.delete(input.offset);
    for (const { offset } of input.attempts) this.#attempts.delete(offset);
    this.#index.remove(input);
    for (const { decision } of input.cases) if (decision !== null) this.#decisions.delete(decision.id);
  }

  /** The oldest wait in the store alone: their records bring them back. */
  #shedSurplus(): void {
    for (const input of this.#open.values()) {
      if (this.#open.size <= OPEN_LIMIT) return;
      this.#forget(input);
    }
  }

  #learn(connection: string, route: Route): void {
    const known = this.#routes.get(connection) ?? new Map<number, Route>();
    this.#routes.set(connection, known.set(route.epoch, route));
  }

  /** The newest. */
  #routeOf(connection: string): Route {
    return [...(this.#routes.get(connection)?.values() ?? [])].at(-1) ?? FIRST_ROUTE;
  }

  #name(name: string): string {
    return this.#options.estate.renamed.get(name) ?? name;
  }
}

function outcomeOf(verdict: Verdict): 'accepted' | 'rejected' | 'unanswered' {
  if (verdict === 'positive') return 'accepted';
  return verdict === 'lost' ? 'unanswered' : 'rejected';
}
