/**
 * Takes one journal from where the store is to where it is shipped to, a batch at a time. Everything in memory follows
 * from the store; after any failure the follower is thrown away and a new one begins there.
 */
import type { ComparisonDelta } from '../adapters/proof-batch.ts';
import type { PresentRules } from '../adapters/proof-rule-changes.ts';
import type { JournalRef, ProofWriter } from '../adapters/proof-writer.ts';
import type { ShippedRow } from '../adapters/shipped-records.ts';
import { COVERAGE_AREA } from '../core/compare/inspect.ts';
import { presentName } from '../core/former-names.ts';
import { readRecord } from '../core/journal-records.ts';
import type { Analysis } from './analysis.ts';
import type { Estate } from './estate.ts';
import { Fold, type FoldRecord, type PairJob } from './fold.ts';
import { type OpenInput, openInputSchema, underPresentNames } from './open-input.ts';
import { OrderWatch } from './order-watch.ts';
import { PayloadCache } from './payload-cache.ts';
import { compareAgain, countDoubled, type PairSurroundings, payloadsNeededBy, settlePair } from './settle-pairs.ts';

export type FollowerOptions = {
  readonly writer: ProofWriter;
  readonly estate: Estate;
  readonly analysis: Analysis;
  readonly graceMs: number;
  /** What a batch has found, once it is in the store. */
  readonly onCompared?: (found: readonly ComparisonDelta[]) => void;
};

type Inspected = { readonly connection: string; readonly epoch: number };
const OPEN_LOADED = 50_000;
const HEADS_LOADED = 50_000;
/** Looked through at once. */
const RECOMPARED_OFFSETS = 100_000;
/** Names of 250 connections and more; beyond it they are written again. */
const COVERED_LIMIT = 500_000;
/** Pairs whose payloads are in memory at the same time. */
const PAIRS_AT_ONCE = 500;

export class JournalFollower {
  readonly #options: FollowerOptions;
  readonly #journal: JournalRef;
  readonly #fold: Fold;
  readonly #order: OrderWatch;
  readonly #payloads: PayloadCache;
  /** What was seen to occur is written once: that it does is all that anyone asks. */
  readonly #covered = new Set<string>();
  #position: number;
  /** The contracts that the store knows of, as one text; null: not said yet. */
  #adopted: string | null = null;
  /** Some outputs may still have to be held against a contract of today. */
  #inspects = true;
  /** Up to which offset nothing is left that was compared under other rules than these. */
  #recomparing: { readonly basis: string; after: number } = { basis: '', after: 0 };

  private constructor(options: FollowerOptions, journal: JournalRef, fold: Fold, order: OrderWatch) {
    this.#options = options;
    this.#journal = journal;
    this.#fold = fold;
    this.#order = order;
    this.#payloads = new PayloadCache();
    this.#position = journal.position;
  }

  static async open(options: FollowerOptions, journal: JournalRef): Promise<JournalFollower> {
    const { writer, estate, graceMs } = options;
    await writer.takeNames(estate.renamed);
    const routes = await writer.routes(journal.id);
    const fold = new Fold({ estate, graceMs }, routes, journal.recordAtMs);
    const follower = new JournalFollower(
      options,
      journal,
      fold,
      new OrderWatch(estate, await writer.heads(journal.id, HEADS_LOADED)),
    );
    await follower.#load([...(await writer.states(journal.id, OPEN_LOADED))].reverse());
    return follower;
  }

  get position(): number {
    return this.#position;
  }

  get openInputs(): number {
    return this.#fold.openInputs;
  }

  /** Null: no record with a time has been read yet. */
  get newestAtMs(): number | null {
    return this.#fold.newestAtMs;
  }

  /**
   * One batch up to `shippedUpTo`. `idleNowMs`: the time that counts where nothing waits; `all`: look at everything that
   * is open, not only at what has moved. Resolves with the number of records taken.
   */
  async advance(shippedUpTo: number, idleNowMs: number, all: boolean): Promise<number> {
    const { writer } = this.#options;
    await this.#adoptRules();
    await this.#adoptContracts();
    const from = this.#position;
    const rows = from < shippedUpTo ? await writer.records(this.#journal.id, from, shippedUpTo) : [];
    const records = toFoldRecords(rows);
    await this.#revive(records);
    for (const { offset, payload } of rows) if (payload !== null) this.#payloads.put(offset, payload);
    for (const record of records) {
      this.#fold.apply(record);
      this.#inspect(record);
    }
    // A gap at the end has no records: the position moves over it all the same.
    const to = rows.length === 0 ? Math.max(from, shippedUpTo) : (rows.at(-1)?.offset ?? from);
    const newest = this.#fold.newestAtMs ?? 0;
    const nowMs = to >= shippedUpTo ? Math.max(newest, idleNowMs) : newest;
    for (const doubled of this.#fold.takeDoubled()) {
      const { analysis } = this.#options;
      countDoubled(doubled, { shard: this.#journal.shard, analysis, tally: this.#fold.tally });
    }
    await this.#compare(this.#fold.judge(nowMs, all));
    const tally = this.#fold.finish(nowMs);
    for (const head of this.#order.takeChanged()) tally.head(head);
    const batch = tally.batch(from, to, this.#fold.newestAtMs);
    if (to > from || !tally.isEmpty) await writer.commit(this.#journal.id, batch);
    this.#options.onCompared?.(batch.comparison);
    this.#position = to;
    return rows.length;
  }

  /** Rules that have changed void what was counted under former ones; what they touch is compared again, from the beginning. */
  async #adoptRules(): Promise<readonly PresentRules[]> {
    const { writer, analysis, estate } = this.#options;
    const present = [...estate.connections.keys()].map((connection) => ({
      connection,
      basis: analysis.basisOf(connection),
      fromEpoch: this.#fold.firstEpochOf(connection),
    }));
    if (this.#recomparing.basis === analysis.basis()) return present;
    await writer.voidFormer(present);
    this.#recomparing = { basis: analysis.basis(), after: 0 };
    return present;
  }

  /** A stretch of what was compared under former rules. False once nothing is left; for when nothing new waits. */
  async recompare(): Promise<boolean> {
    const { writer, analysis } = this.#options;
    const present = await this.#adoptRules();
    const { after } = this.#recomparing;
    if (after >= this.#position) return this.#inspectAgain();
    const upTo = Math.min(after + RECOMPARED_OFFSETS, this.#position);
    const stretch = { after, upTo, limit: PAIRS_AT_ONCE };
    const inputs = await writer.comparedOtherwise(this.#journal.id, stretch, present);
    const isCut = inputs.length === PAIRS_AT_ONCE;
    this.#recomparing.after = isCut ? (inputs.at(-1) ?? upTo) : upTo;
    if (inputs.length === 0) return true;
    await this.#rebuild(inputs.filter((offset) => !this.#fold.isOpen(offset)));
    const jobs = this.#fold.comparedOtherwise(inputs, (connection) => analysis.basisOf(connection));
    await this.#eachPair(jobs, (job, around) => {
      const pair = compareAgain(job, around);
      if (pair !== null) this.#fold.paired(job.input, job.item, pair, analysis.basisOf(job.item.connection));
    });
    const tally = this.#fold.finish(this.#fold.newestAtMs ?? 0);
    await writer.commit(this.#journal.id, tally.batch(this.#position, this.#position, null));
    return true;
  }

  /** Before the first output is held against it; whoever of the journals' followers comes first says it for all. */
  async #adoptContracts(): Promise<void> {
    const { writer, analysis, estate } = this.#options;
    const areas = [...estate.connections.keys()].map((connection) => ({
      connection,
      area: analysis.contractOf(connection),
    }));
    const adopted = JSON.stringify(areas);
    if (this.#adopted === adopted) return;
    await writer.adoptContracts(areas);
    this.#adopted = adopted;
    this.#inspects = true;
  }

  /** A stretch of the outputs that came under another contract than that of today. False once nothing is left. */
  async #inspectAgain(): Promise<boolean> {
    await this.#adoptContracts();
    if (!this.#inspects) return false;
    const { writer } = this.#options;
    const open = new Map((await writer.openInspections(this.#journal.id)).map((one) => [one.connection, one]));
    this.#inspects = open.size > 0;
    if (!this.#inspects) return false;
    const from = Math.min(...[...open.values()].map(({ done }) => done));
    const upTo = Math.max(...[...open.values()].map(({ upto }) => upto));
    const rows = await writer.records(this.#journal.id, from, upTo);
    const last = rows.at(-1)?.offset ?? upTo;
    for (const record of toFoldRecords(rows)) {
      this.#inspect(record, ({ connection, epoch }) => {
        const one = open.get(connection);
        const isOpen = one !== undefined && record.offset > one.done && record.offset <= one.upto;
        return isOpen && epoch >= this.#fold.firstEpochOf(connection);
      });
    }
    for (const { connection, done, upto } of open.values()) {
      if (last > done) this.#fold.tally.inspected.push({ connection, done: Math.min(last, upto) });
    }
    const tally = this.#fold.finish(this.#fold.newestAtMs ?? 0);
    await writer.commit(this.#journal.id, tally.batch(this.#position, this.#position, null));
    return true;
  }

  #compare(jobs: readonly PairJob[]): Promise<void> {
    const { analysis } = this.#options;
    return this.#eachPair(jobs, (job, around) => {
      const { counted, connection } = job.item;
      const pair = settlePair(job, around);
      if (pair !== counted.pair) this.#fold.paired(job.input, job.item, pair, analysis.basisOf(connection));
    });
  }

  async #eachPair(jobs: readonly PairJob[], settle: (job: PairJob, around: PairSurroundings) => void): Promise<void> {
    for (let at = 0; at < jobs.length; at += PAIRS_AT_ONCE) {
      const some = jobs.slice(at, at + PAIRS_AT_ONCE);
      const needed = payloadsNeededBy(some);
      const missing = [...needed].filter((offset) => !this.#payloads.has(offset));
      const fetched = new Map(
        (await this.#options.writer.recordsAt(this.#journal.id, missing)).map(({ offset, payload }) => [
          offset,
          payload,
        ]),
      );
      const around: PairSurroundings = {
        shard: this.#journal.shard,
        analysis: this.#options.analysis,
        order: this.#order,
        tally: this.#fold.tally,
        payloadOf: (offset) => this.#payloads.get(offset) ?? fetched.get(offset) ?? null,
      };
      for (const job of some) settle(job, around);
    }
  }

  /** `again`: of an output that was looked at before, against its contract alone, and whether it still has to be. */
  #inspect({ offset, record, payload }: FoldRecord, again: ((of: Inspected) => boolean) | null = null): void {
    if (record.t !== 'output' || payload === null || record.attemptOf !== null || record.role === 'park') return;
    const { analysis, estate } = this.#options;
    const connection = presentName(estate.renamed, record.connection);
    const basis = { connection, epoch: record.epoch, basis: analysis.basisOf(connection) };
    if (again !== null && !again(basis)) return;
    const id = { msh10: record.msh10, sha256: record.sha.slice(0, 12), at: `${this.#journal.shard}/${offset}` };
    for (const { area, name } of analysis.inspect(connection, payload)) {
      const isCoverage = area === COVERAGE_AREA;
      if (isCoverage && again !== null) continue;
      if (isCoverage && this.#isCovered([connection, record.epoch, record.platform, basis.basis, name])) continue;
      this.#fold.tally.finding(basis, record.platform, record.at, id, area, name);
    }
  }

  #isCovered(parts: readonly (string | number)[]): boolean {
    const key = parts.join('\n');
    if (this.#covered.has(key)) return true;
    if (this.#covered.size >= COVERED_LIMIT) this.#covered.clear();
    this.#covered.add(key);
    return false;
  }

  /** What the records speak of and memory does not hold: from the store, or made again from the records themselves. */
  async #revive(records: readonly FoldRecord[]): Promise<void> {
    const { writer } = this.#options;
    const { id } = this.#journal;
    const unknown = this.#fold.unknownTo(records);
    if (unknown.inputs.size + unknown.outputs.size + unknown.decisions.size === 0) return;
    const inputs = new Set(unknown.inputs);
    for (const { input } of await writer.decisionsAt(id, [...unknown.decisions])) if (input !== null) inputs.add(input);
    const outputs = await writer.recordsAt(id, [...unknown.outputs]);
    for (const { record } of toFoldRecords(outputs)) {
      if (record.t === 'output' && record.input !== null) inputs.add(record.input);
    }
    // An attempt leads to the first one.
    for (const { record } of toFoldRecords(await writer.recordsAt(id, [...inputs]))) {
      if (record.t === 'input' && record.attemptOf !== null) inputs.add(record.attemptOf);
    }
    const wanted = [...inputs, ...unknown.outputs];
    await this.#load(await writer.states(id, wanted.length, wanted));
    await this.#rebuild(wanted.filter((offset) => !this.#fold.isOpen(offset)));
  }

  async #load(stored: readonly { readonly input: number; readonly state: string }[]): Promise<void> {
    const unreadable: number[] = [];
    for (const { input, state } of stored) {
      const open = stateOf(state);
      if (open === null) unreadable.push(input);
      else this.#fold.load(underPresentNames(this.#options.estate, open));
    }
    await this.#rebuild(unreadable);
  }

  async #rebuild(inputs: readonly number[]): Promise<void> {
    if (inputs.length === 0) return;
    const { writer } = this.#options;
    const { id } = this.#journal;
    const about = toFoldRecords(await writer.recordsAbout(id, inputs, this.#position));
    const theirs = about.flatMap(({ offset, record }) => (record.t === 'output' ? [offset] : []));
    const ends = toFoldRecords(await writer.recordsAbout(id, theirs, this.#position));
    const all = new Map([...about, ...ends].map((record) => [record.offset, record]));
    const inOrder = [...all.values()]
      .sort((a, b) => a.offset - b.offset)
      .filter(({ offset }) => !this.#fold.isOpen(offset));
    this.#fold.rebuild(inOrder, await writer.obligationsOf(id, inputs));
  }
}

function toFoldRecords(rows: readonly ShippedRow[]): readonly FoldRecord[] {
  return rows.flatMap(({ offset, meta, payload }) => {
    const record = readRecord(meta);
    return record === null ? [] : [{ offset, record, payload }];
  });
}

/** Null: another version of this program wrote it; the records themselves say it once more. */
function stateOf(text: string): OpenInput | null {
  const read = openInputSchema.safeParse(JSON.parse(text));
  return read.success ? read.data : null;
}
