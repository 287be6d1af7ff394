/**
 * The judge of swaps at the end of a night, by the journal alone (rule 8): nothing is judged by a route that it has left,
 * what a `quiesce` swap had to wait for does not come after its epoch, and a change-over at an offset is one for every
 * output of an earlier input, whoever died meanwhile.
 */
import { FIRST_ROUTE, type Platform, type Route } from '../../../core/platform.ts';
import type { JournalMeta, OutputRecord, RouteEpochRecord } from '../../engine/records.ts';
import type { JournalView } from './journal-view.ts';
import { ownerOf, type Violate } from './oracle.ts';
import { keyInMessage } from './witness.ts';

/** As the simulated inventory has it. */
const SETTLE_MS = 1000;

type Epoch = {
  readonly epoch: number;
  readonly offset: number;
  readonly atMs: number;
  readonly isQuiesced: boolean;
  /** The route before, where it was left at an offset. */
  readonly former: Route | null;
  readonly forcedAt: number;
  readonly route: Route;
};

const NO_EPOCH: Omit<Epoch, 'epoch'> = {
  offset: 0,
  atMs: 0,
  isQuiesced: false,
  former: null,
  forcedAt: 0,
  route: FIRST_ROUTE,
};

export class SwapsJudgement {
  readonly #view: JournalView;
  readonly #violate: Violate;
  readonly #epochs = new Map<string, Epoch>();
  /** `input platform` → when that platform had answered it. */
  readonly #answered = new Map<string, number>();
  /** Inputs whose source was told that they are taken, and the newest attempt of each input. */
  readonly #accepted = new Set<number>();
  readonly #newestAttempt = new Map<number, number>();
  readonly #seen = new Set<string>();
  /** Outputs by their first attempt that were to be delivered and have no verdict, as where a crash came between. */
  readonly #undelivered = new Set<number>();
  readonly #firstOf = new Map<number, number>();
  /** `connection input` that a person is asked about: it is closed. */
  readonly #decided = new Set<string>();

  constructor(view: JournalView, violate: Violate) {
    this.#view = view;
    this.#violate = violate;
  }

  run(): void {
    for (const { offset, meta, payload } of this.#view.all()) this.#record(offset, meta, payload);
  }

  #record(offset: number, meta: JournalMeta, payload: Buffer | null): void {
    switch (meta.t) {
      case 'epoch':
        this.#epoch(offset, meta);
        return;
      case 'input':
        this.#newestAttempt.set(meta.attemptOf ?? offset, offset);
        return;
      case 'input-verdict': {
        const input = this.#view.at(meta.input)?.meta;
        if (input?.t !== 'input' || meta.verdict !== 'positive') return;
        const first = input.attemptOf ?? meta.input;
        this.#answered.set(`${first} ${input.primary}`, meta.at);
        this.#accepted.add(first);
        return;
      }
      case 'shadow': {
        const input = this.#view.at(meta.input)?.meta;
        if (input?.t !== 'input' || meta.verdict !== 'positive') return;
        this.#answered.set(`${input.attemptOf ?? meta.input} ${meta.platform}`, meta.at);
        return;
      }
      case 'output':
        this.#output(meta, payload);
        this.#firstOf.set(offset, meta.attemptOf ?? offset);
        if (meta.role === 'deliver' && meta.attemptOf === null) this.#undelivered.add(offset);
        return;
      case 'output-verdict':
        if (meta.verdict !== 'lost') this.#undelivered.delete(this.#firstOf.get(meta.output) ?? meta.output);
        return;
      case 'decision':
        this.#decided.add(`${meta.connection} ${meta.input}`);
        return;
      default:
        return;
    }
  }

  #epoch(offset: number, { record, atOffset, at }: RouteEpochRecord): void {
    const { connection, epoch, forced, verb } = record;
    const before = this.#epochs.get(connection) ?? NO_EPOCH;
    const isQuiesced = !forced && !atOffset && (verb === 'switch' || verb === 'rollback' || verb === 'weight');
    this.#epochs.set(connection, {
      epoch,
      offset,
      atMs: at,
      isQuiesced,
      former: atOffset ? before.route : null,
      forcedAt: forced ? offset : before.forcedAt,
      route: record,
    });
  }

  #output(meta: OutputRecord, payload: Buffer | null): void {
    const last = this.#epochs.get(meta.connection);
    if (last === undefined) return;
    if (meta.epoch !== last.epoch)
      this.#violate(8, `${meta.msh10}: judged by epoch ${meta.epoch}, the journal is at epoch ${last.epoch}`);
    const key = `${meta.input} ${meta.platform}`;
    const isFirst = meta.attemptOf === null && !this.#seen.has(key);
    this.#seen.add(key);
    if (this.#view.givenUp.has(`${meta.connection} ${meta.input}`)) return;
    const isUnsettled = meta.attemptOf === null || this.#undelivered.has(meta.attemptOf);
    if (meta.input !== null && isUnsettled && payload !== null) this.#atOffset(meta, meta.input, payload, last);
    const answeredAtMs = this.#answered.get(key);
    if (!isFirst || meta.input === null || answeredAtMs === undefined || !last.isQuiesced) return;
    const isInTime = meta.at - answeredAtMs < SETTLE_MS && answeredAtMs < last.atMs;
    if (isInTime && meta.input < last.offset)
      this.#violate(
        8,
        `${meta.msh10}: the swap to epoch ${last.epoch} has not waited for its output of ${meta.platform}`,
      );
  }

  /**
   * An output for an accepted input that had not settled, so that the change-over after it was open: the first that the
   * journal counts to it, or another attempt where the one before got no verdict. The former route says whose it is, but for
   * what an earlier forced rollback has given to another.
   */
  #atOffset({ msh10, platform, role, connection }: OutputRecord, input: number, payload: Buffer, last: Epoch): void {
    const { former, offset, forcedAt, epoch } = last;
    const newest = this.#newestAttempt.get(input) ?? input;
    if (former === null || newest > offset || input < forcedAt || !this.#accepted.has(input)) return;
    if (this.#decided.has(`${connection} ${input}`)) return;
    const owner: Platform = ownerOf(former, keyInMessage(payload));
    const isRight = owner === platform ? role === 'deliver' || role === 'suppress' : role !== 'deliver';
    if (!isRight)
      this.#violate(
        8,
        `${msh10}: ${platform}'s output for an input before the change-over to epoch ${epoch} has the role ${role}; ${owner} owned it`,
      );
  }
}
