/**
 * Figures of moves: what senders felt around swaps, and moves that were refused. Every series is there from the start, at 0:
 * the first of something is no increase for who sees it only when it has happened.
 */
import { Gauge, type Registry } from 'prom-client';
import type { ApprovalReason } from '../core/approval.ts';
import type { MoveWatch } from './engine/move-requests.ts';
import type { SwapPause } from './engine/swap.ts';
import type { Column, Family, Labels } from './families.ts';

/** Senders give up after 5 to 30 s; the shortest of them that is unknown counts as the first. */
const BUCKETS_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const HISTOGRAM: readonly Column[] = [
  ...[...BUCKETS_SECONDS, '+Inf'].map((le) => ({ suffix: '_bucket', labels: { le: String(le) } })),
  { suffix: '_sum', labels: {} },
  { suffix: '_count', labels: {} },
];
const UNKNOWN_PATIENCE_MS = 5000;

/** A reason that is added has to be named here too. */
const REASONS: Readonly<Record<ApprovalReason | 'stale-epoch', true>> = {
  missing: true,
  'document-too-large': true,
  'document-malformed': true,
  'document-not-canonical': true,
  'wrong-deployment': true,
  'connection-not-named': true,
  'wrong-target': true,
  'weight-above-maximum': true,
  'not-yet-valid': true,
  expired: true,
  'epoch-moved': true,
  'attempts-used': true,
  'own-approval': true,
  'signatures-missing': true,
  'stale-epoch': true,
};

type Outcome = 'committed' | 'aborted';
/** `within`: how many pauses were no longer than the bucket, for each of them. */
type Pauses = { readonly within: number[]; sumSeconds: number; count: number };

export class MoveFigures implements MoveWatch {
  readonly #pauses = new Map<string, Map<Outcome, Pauses>>();
  /** By connection. */
  readonly tooLong = new Map<string, number>();
  staleEpochs = 0;
  readonly #ackTimeoutMsOf: (connection: string) => number | null;

  constructor(ackTimeoutMsOf: (connection: string) => number | null) {
    this.#ackTimeoutMsOf = ackTimeoutMsOf;
  }

  swapFelt(connection: string, { pauseMs, isAborted }: SwapPause): void {
    const outcome: Outcome = isAborted ? 'aborted' : 'committed';
    this.#noted(connection, outcome, pauseMs / 1000);
    const patienceMs = this.#ackTimeoutMsOf(connection) ?? UNKNOWN_PATIENCE_MS;
    if (pauseMs > patienceMs) this.tooLong.set(connection, (this.tooLong.get(connection) ?? 0) + 1);
  }

  staleEpoch(): void {
    this.staleEpochs++;
  }

  #noted(connection: string, outcome: Outcome, seconds: number): void {
    const outcomes = this.#pauses.get(connection) ?? new Map<Outcome, Pauses>();
    const pauses = outcomes.get(outcome) ?? { within: BUCKETS_SECONDS.map(() => 0), sumSeconds: 0, count: 0 };
    for (const [index, bucket] of BUCKETS_SECONDS.entries()) {
      if (seconds <= bucket) pauses.within[index] = (pauses.within[index] ?? 0) + 1;
    }
    pauses.sumSeconds += seconds;
    pauses.count += 1;
    this.#pauses.set(connection, outcomes.set(outcome, pauses));
  }

  /** One series set for each connection and outcome that there was. */
  pauses(): Family {
    const rows: Labels[] = [];
    const values: number[] = [];
    for (const [connection, outcomes] of this.#pauses) {
      for (const [outcome, { within, sumSeconds, count }] of outcomes) {
        rows.push({ connection, outcome });
        values.push(...within, count, sumSeconds, count);
      }
    }
    return {
      name: 'cutover_pause_seconds',
      help: 'Longest time from a message to its answer around a swap, as its sender felt it; 0 where none waited',
      type: 'histogram',
      rows,
      columns: HISTOGRAM,
      values: Float64Array.from(values),
    };
  }
}

export type MoveSource = {
  /** For want of a valid approval or sign-off, by reason. */
  refused(): ReadonlyMap<string, number>;
  readonly figures: MoveFigures;
};

export function moveMetrics(registry: Registry, { refused, figures }: MoveSource): void {
  const refusedMoves: Gauge<'reason'> = new Gauge({
    name: 'cutover_moves_refused_total',
    help: 'Moves refused for want of a valid approval or sign-off, and (since the start) for an epoch that is not the newest',
    labelNames: ['reason'],
    registers: [registry],
    collect: () => {
      for (const reason of Object.keys(REASONS)) refusedMoves.set({ reason }, 0);
      for (const [reason, count] of refused()) refusedMoves.set({ reason }, count);
      refusedMoves.set({ reason: 'stale-epoch' }, figures.staleEpochs);
    },
  });
}
