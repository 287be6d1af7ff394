/**
 * What a stretch of one journal changes in the proof store: rows as they are now, counts as differences to what stands
 * there. The worker gathers it; `proof-writer.ts` commits it together with the position.
 */
import type { MessageId } from '../core/admin-api.ts';
import type { Phase, Platform } from '../core/platform.ts';
import type { IngressOutcome, ObligationClass, PairState } from '../core/proof-results.ts';

export type ObligationRow = {
  readonly input: number;
  readonly connection: string;
  readonly epoch: number;
  readonly atMs: number;
  readonly class: ObligationClass;
  readonly pair: PairState | null;
  /** The rules that the pair was compared under. */
  readonly basis: string | null;
  readonly msh10: string;
  /** 64 hex digits. */
  readonly sha: string;
};
export type DeliveryRow = {
  readonly output: number;
  readonly connection: string;
  readonly input: number | null;
  readonly epoch: number;
  readonly platform: Platform;
  readonly atMs: number;
  readonly msh10: string;
  readonly sha: string;
};
export type ListedRow = {
  readonly offset: number;
  readonly connection: string;
  readonly list: string;
  readonly msh10: string;
  readonly sha: string;
  readonly about: number | null;
  readonly cause: string;
  readonly atMs: number;
};
export type OrderRow = {
  readonly connection: string;
  readonly number: string;
  readonly output: number;
  readonly kind: 'order' | 'result';
  readonly status: string;
  readonly platform: Platform;
  readonly epoch: number;
  readonly atMs: number;
  readonly msh10: string;
  readonly sha: string;
};
export type ComparisonDelta = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly day: string;
  matched: number;
  accepted: number;
  differing: number;
  missingCandidate: number;
  extraCandidate: number;
  missingBoth: number;
  answersDiffering: number;
  destinationsDiffering: number;
  outOfOrder: number;
  readonly delays: number[];
  firstAtMs: number;
  lastAtMs: number;
};
export type DifferenceDelta = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  /** Base64 of 32 bytes. */
  readonly key: string;
  readonly path: string;
  readonly kind: string;
  readonly code: string | null;
  readonly shape: string;
  readonly rule: string | null;
  count: number;
  pairs: number;
  magnitude: number | null;
  readonly examples: MessageId[];
  /** Places of examples that are none any more. */
  readonly withdrawn: string[];
  firstAtMs: number;
  lastAtMs: number;
};
export type FindingDelta = {
  readonly connection: string;
  readonly epoch: number;
  readonly basis: string;
  readonly platform: Platform;
  readonly area: string;
  readonly name: string;
  count: number;
  readonly examples: MessageId[];
  firstAtMs: number;
  lastAtMs: number;
};
export type OrderHead = {
  readonly connection: string;
  readonly key: string;
  readonly control: number;
  readonly candidate: number;
};
export type RouteRow = {
  readonly connection: string;
  readonly epoch: number;
  readonly phase: Phase;
  readonly newWeight: number;
  readonly forced: boolean;
  readonly atMs: number;
};

/** Everything that a stretch of one journal changes. */
export type ProofBatch = {
  readonly from: number;
  readonly to: number;
  readonly recordAtMs: number | null;
  /** State of an input that is still open, null: it is closed. */
  readonly inputs: ReadonlyMap<number, string | null>;
  readonly obligations: readonly ObligationRow[];
  /** Owed no more. */
  readonly withdrawn: readonly { readonly input: number; readonly connection: string }[];
  readonly deliveries: readonly DeliveryRow[];
  readonly hours: readonly {
    readonly connection: string;
    readonly hourMs: number;
    readonly class: string;
    readonly n: number;
  }[];
  readonly ingress: readonly {
    readonly feed: string;
    readonly minuteMs: number;
    readonly outcome: IngressOutcome;
    readonly n: number;
  }[];
  readonly listed: readonly ListedRow[];
  readonly decisions: readonly {
    readonly id: string;
    readonly connection: string;
    readonly input: number | null;
    readonly cause: string;
    readonly atMs: number;
  }[];
  readonly resolutions: readonly { readonly id: string; readonly action: string; readonly atMs: number }[];
  readonly routes: readonly RouteRow[];
  readonly comparison: readonly ComparisonDelta[];
  readonly differences: readonly DifferenceDelta[];
  readonly findings: readonly FindingDelta[];
  readonly hidden: readonly { readonly rule: string; readonly pair: string; readonly n: number }[];
  readonly heads: readonly OrderHead[];
  readonly orders: readonly OrderRow[];
  /** Outputs that came under another contract have been held against that of today up to here. */
  readonly inspected: readonly { readonly connection: string; readonly done: number }[];
};

/** All connections that it speaks of. */
export function connectionsOf(batch: ProofBatch): ReadonlySet<string> {
  const lists = [
    batch.obligations,
    batch.withdrawn,
    batch.deliveries,
    batch.hours,
    batch.listed,
    batch.decisions,
    batch.routes,
    batch.comparison,
    batch.differences,
    batch.findings,
    batch.heads,
    batch.orders,
    batch.inspected,
  ];
  return new Set(lists.flatMap((rows) => rows.map(({ connection }) => connection)));
}
