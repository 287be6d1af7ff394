/**
 * The worker: elected by a lock that lives as long as its database connection, it takes every journal of the deployment
 * on, batch by batch. Whatever fails, it lets go of everything, waits, and begins again where the database is.
 */
import type { Logger } from 'pino';
import { MigrationRefusal } from '../adapters/postgres-migrations.ts';
import type { ComparisonDelta } from '../adapters/proof-batch.ts';
import { type JournalRef, ProofWriter, type WorkerIdentity } from '../adapters/proof-writer.ts';
import { formatProblems } from '../core/located-yaml.ts';
import type { Analysis } from './analysis.ts';
import type { Reread } from './analysis-of.ts';
import type { Estate } from './estate.ts';
import { JournalFollower } from './journal-follower.ts';

/**
 * - `connecting`: the database has not been reached. `standby`: another worker is elected. `working`: this one is.
 * - `failing`: it tries again by itself; the log says why.
 */
export const WORKER_STATES = ['connecting', 'standby', 'working', 'failing'] as const;
type WorkerStateName = (typeof WORKER_STATES)[number];

export type JournalStatus = {
  readonly shard: number;
  readonly incarnation: string;
  readonly position: number;
  readonly lagRecords: number;
  /** Age of the newest record that is accounted for, where some wait; 0: none waits. */
  readonly lagSeconds: number;
  readonly openInputs: number;
};

export type WorkerStatus = {
  readonly state: WorkerStateName;
  /** False: the files do not hold, and what held before goes on. */
  readonly definitionsHold: boolean;
  readonly failures: number;
  readonly journals: readonly JournalStatus[];
  /** By connection, since this process began. */
  readonly compared: ReadonlyMap<string, Compared>;
};

/** Pairs of outputs, and how many of them are not the same: different, or there on one platform only. */
export type Compared = { pairs: number; divergent: number };

export type WorkerOptions = {
  readonly identity: WorkerIdentity;
  readonly databaseUrl: string;
  readonly estate: Estate;
  readonly analysis: Analysis;
  /** Whether the rules and contracts of the project have changed; asked every few seconds, and at once after `reread`. */
  readonly definitions: () => Promise<Reread>;
  readonly settleMs: number;
  readonly logger: Logger;
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Called between batches, at most once a minute. */
  readonly chores: (writer: ProofWriter) => Promise<void>;
};

const ELECT_EVERY_MS = 2_000;
const IDLE_MS = 300;
const HEARTBEAT_MS = 5_000;
const REREAD_MS = 5_000;
const SWEEP_MS = 1_000;
const ROUND_USUALLY_MS = 5_000;
const CHORES_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 15_000;
/** Shipping takes a moment: only after it does silence mean that nothing has come. */
const SHIPPING_SLACK_MS = 3_000;
const STATEMENT_LIMIT_MS = 120_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #startedAtMs: number;
  readonly #followers = new Map<number, JournalFollower>();
  #state: WorkerStateName = 'connecting';
  #failures = 0;
  #failuresInARow = 0;
  #journals: readonly JournalStatus[] = [];
  /** When `#journals` was true. */
  #journalsAtMs = 0;
  readonly #compared: Map<string, Compared>;
  #stopping = false;
  #heartbeatAtMs = 0;
  #rereadAtMs: number;
  #refusal = '';
  #sweptAtMs = 0;
  #choresAtMs = 0;
  #wake: () => void = () => {};

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#startedAtMs = options.now();
    this.#compared = new Map([...options.estate.connections.keys()].map((name) => [name, { pairs: 0, divergent: 0 }]));
    this.#rereadAtMs = this.#startedAtMs;
  }

  status(): WorkerStatus {
    // While a round hangs, what was true at the end of the last one gets older.
    const olderSeconds = Math.max(0, this.#options.now() - this.#journalsAtMs - ROUND_USUALLY_MS) / 1000;
    const journals = this.#journals.map((one) => ({ ...one, lagSeconds: one.lagSeconds + olderSeconds }));
    const definitionsHold = this.#refusal === '';
    return { state: this.#state, definitionsHold, failures: this.#failures, journals, compared: this.#compared };
  }

  /** `run` resolves after the batch in hand. */
  stop(): void {
    this.#stopping = true;
    this.#wake();
  }

  /** Rules and contracts are looked at again before the next batch. */
  reread(): void {
    this.#rereadAtMs = 0;
    this.#wake();
  }

  /** @throws MigrationRefusal: the database is of a newer program. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      let writer: ProofWriter | null = null;
      try {
        const { identity, databaseUrl } = this.#options;
        writer = await ProofWriter.open(identity, { url: databaseUrl, statementLimitMs: STATEMENT_LIMIT_MS });
        await this.#serve(writer);
      } catch (error) {
        if (error instanceof MigrationRefusal) throw error;
        await this.#failed(error);
      } finally {
        this.#followers.clear();
        await writer?.close();
      }
    }
  }

  async #serve(writer: ProofWriter): Promise<void> {
    while (!this.#stopping && !(await writer.elect())) {
      this.#become('standby');
      await this.#pause(ELECT_EVERY_MS);
    }
    while (!this.#stopping) {
      const taken = await this.#round(writer);
      this.#become('working');
      this.#failuresInARow = 0;
      if (taken === 0) await this.#pause(IDLE_MS);
    }
  }

  /** One batch of every journal; resolves with the number of records taken. */
  async #round(writer: ProofWriter): Promise<number> {
    const { now, chores, analysis } = this.#options;
    if (now() - this.#rereadAtMs >= REREAD_MS) await this.#rereadDefinitions();
    if (now() - this.#heartbeatAtMs >= HEARTBEAT_MS) {
      await writer.heartbeat(this.#startedAtMs, analysis.basis());
      this.#heartbeatAtMs = now();
    }
    const sweeps = now() - this.#sweptAtMs >= SWEEP_MS;
    if (sweeps) this.#sweptAtMs = now();
    const databaseNowMs = await writer.nowMs();
    const journals = await writer.journals();
    let taken = 0;
    for (const journal of journals) {
      if (journal.former !== null) {
        taken += await this.#begin(writer, journal.id, journal.former);
        continue;
      }
      const follower = await this.#follower(writer, journal);
      const advanced = await follower.advance(journal.shippedUpTo, databaseNowMs - SHIPPING_SLACK_MS, sweeps);
      taken += advanced === 0 && (await follower.recompare()) ? 1 : advanced;
    }
    this.#journals = journals.map((journal) => this.#statusOf(journal, databaseNowMs));
    this.#journalsAtMs = now();
    if (now() - this.#choresAtMs >= CHORES_MS) {
      this.#choresAtMs = now();
      await chores(writer);
    }
    return taken;
  }

  /** One that goes on from another waits until that one is accounted for, and takes along what is still open of it. */
  async #begin(writer: ProofWriter, journal: number, former: NonNullable<JournalRef['former']>): Promise<number> {
    if (!former.isDone) return 0;
    await writer.goOnFrom(former, journal);
    this.#followers.delete(former.id);
    return 1;
  }

  /** Changed ones count from the next batch on, and the store says at once which hold. */
  async #rereadDefinitions(): Promise<void> {
    const { now, definitions, logger } = this.#options;
    this.#rereadAtMs = now();
    const read = await definitions();
    const refusal = read.kind === 'refused' ? formatProblems(read.problems) : '';
    if (refusal !== '' && refusal !== this.#refusal) {
      logger.error({ event: 'definitions-refused' }, `rules and contracts stay as they were: ${refusal}`);
    }
    this.#refusal = refusal;
    if (read.kind !== 'changed') return;
    this.#heartbeatAtMs = 0;
    logger.info({ event: 'definitions-changed' }, 'rules or contracts have changed: they count from here on');
  }

  async #follower(writer: ProofWriter, journal: JournalRef): Promise<JournalFollower> {
    const known = this.#followers.get(journal.id);
    if (known !== undefined) return known;
    const { estate, analysis, settleMs } = this.#options;
    const onCompared = (found: readonly ComparisonDelta[]): void => this.#count(found);
    const follower = await JournalFollower.open({ writer, estate, analysis, graceMs: settleMs, onCompared }, journal);
    this.#followers.set(journal.id, follower);
    return follower;
  }

  #statusOf({ id, shard, incarnation, shippedUpTo }: JournalRef, nowMs: number): JournalStatus {
    const follower = this.#followers.get(id);
    const position = follower?.position ?? 0;
    const lagRecords = Math.max(0, shippedUpTo - position);
    const newestAtMs = follower?.newestAtMs ?? this.#startedAtMs;
    const lagSeconds = lagRecords === 0 ? 0 : Math.max(0, nowMs - newestAtMs) / 1000;
    return { shard, incarnation, position, lagRecords, lagSeconds, openInputs: follower?.openInputs ?? 0 };
  }

  #count(found: readonly ComparisonDelta[]): void {
    for (const { connection, matched, accepted, differing, missingCandidate, extraCandidate } of found) {
      const known = this.#compared.get(connection) ?? { pairs: 0, divergent: 0 };
      this.#compared.set(connection, known);
      // What is taken back later has been found all the same: these only rise.
      const divergent = Math.max(0, differing) + Math.max(0, missingCandidate) + Math.max(0, extraCandidate);
      known.divergent += divergent;
      known.pairs += Math.max(0, matched) + Math.max(0, accepted) + divergent;
    }
  }

  async #failed(error: unknown): Promise<void> {
    this.#failures += 1;
    this.#failuresInARow += 1;
    this.#become('failing');
    // Said when it begins and then ever more rarely: after 1, 2, 4, 8, … failures in a row.
    if (Number.isInteger(Math.log2(this.#failuresInARow))) {
      const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      this.#options.logger.warn({ event: 'worker-failed', code, inARow: this.#failuresInARow }, message);
    }
    if (this.#stopping) return;
    const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failuresInARow - 1));
    await this.#pause(longest * (0.5 + this.#options.random() / 2));
  }

  #become(state: WorkerStateName): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state !== 'failing') this.#options.logger.info({ event: 'worker-state', state }, state);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
