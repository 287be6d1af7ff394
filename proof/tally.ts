/**
 * What a stretch of the journal changes in the proof store, gathered before it is committed: counts as differences to
 * what stands there, rows as they are now.
 */
import { createHash } from 'node:crypto';
import type {
  ComparisonDelta,
  DeliveryRow,
  DifferenceDelta,
  FindingDelta,
  ListedRow,
  ObligationRow,
  OrderHead,
  OrderRow,
  ProofBatch,
  RouteRow,
} from '../adapters/proof-batch.ts';
import type { MessageId } from '../core/admin-api.ts';
import type { Platform } from '../core/platform.ts';
import { DELAY_BUCKETS_MS, type IngressOutcome, type ObligationClass } from '../core/proof-results.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const EXAMPLES = 5;

/** Under which results are counted. */
export type Basis = { readonly connection: string; readonly epoch: number; readonly basis: string };

export type Counted = Exclude<
  {
    [K in keyof ComparisonDelta]: ComparisonDelta[K] extends number ? K : never;
  }[keyof ComparisonDelta],
  'epoch' | 'firstAtMs' | 'lastAtMs'
>;

export type DifferenceFound = {
  readonly path: string;
  readonly kind: string;
  readonly code: string | null;
  readonly shape: string;
  readonly rule: string | null;
  readonly magnitude: number | null;
};

export class Tally {
  readonly #obligations = new Map<string, ObligationRow>();
  readonly #withdrawn = new Map<string, { readonly input: number; readonly connection: string }>();
  readonly #hours = new Map<string, { connection: string; hourMs: number; class: string; n: number }>();
  readonly #ingress = new Map<string, { feed: string; minuteMs: number; outcome: IngressOutcome; n: number }>();
  readonly #comparison = new Map<string, ComparisonDelta>();
  readonly #differences = new Map<string, DifferenceDelta>();
  readonly #findings = new Map<string, FindingDelta>();
  readonly #hidden = new Map<string, { rule: string; pair: string; n: number }>();
  readonly #heads = new Map<string, OrderHead>();
  readonly inputs = new Map<number, string | null>();
  readonly deliveries: DeliveryRow[] = [];
  readonly listed: ListedRow[] = [];
  readonly decisions: ProofBatch['decisions'][number][] = [];
  readonly resolutions: ProofBatch['resolutions'][number][] = [];
  readonly routes: RouteRow[] = [];
  readonly orders: OrderRow[] = [];
  readonly inspected: ProofBatch['inspected'][number][] = [];

  /** The obligation stands so now. */
  obligation(row: ObligationRow): void {
    const key = `${row.connection}\n${row.input}`;
    this.#withdrawn.delete(key);
    this.#obligations.set(key, { ...row, msh10: asText(row.msh10) });
  }

  withdraw(input: number, connection: string): void {
    const key = `${connection}\n${input}`;
    this.#obligations.delete(key);
    this.#withdrawn.set(key, { input, connection });
  }

  classChanged(connection: string, atMs: number, from: ObligationClass | null, to: ObligationClass | null): void {
    for (const [one, n] of [
      [from, -1],
      [to, 1],
    ] as const) {
      if (one === null) continue;
      // What is filtered has no rows for the edges of a window: it is counted by the minute.
      const periodMs = one === 'filtered' ? MINUTE_MS : HOUR_MS;
      const hourMs = Math.floor(atMs / periodMs) * periodMs;
      const key = `${connection}\n${hourMs}\n${one}`;
      const known = this.#hours.get(key) ?? { connection, hourMs, class: one, n: 0 };
      known.n += n;
      this.#hours.set(key, known);
    }
  }

  ingress(feed: string, atMs: number, outcome: IngressOutcome, n = 1): void {
    const minuteMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
    const key = `${feed}\n${minuteMs}\n${outcome}`;
    const known = this.#ingress.get(key) ?? { feed, minuteMs, outcome, n: 0 };
    known.n += n;
    this.#ingress.set(key, known);
  }

  compared(basis: Basis, atMs: number, what: Counted, n = 1): void {
    this.#day(basis, atMs)[what] += n;
  }

  delayed(basis: Basis, atMs: number, delayMs: number): void {
    const found = DELAY_BUCKETS_MS.findIndex((upTo) => Math.abs(delayMs) <= upTo);
    const { delays } = this.#day(basis, atMs);
    const bucket = found < 0 ? DELAY_BUCKETS_MS.length : found;
    delays[bucket] = (delays[bucket] ?? 0) + 1;
  }

  /** What one pair differs in; `n` is -1 where it has turned out not to. */
  differences(basis: Basis, atMs: number, id: MessageId, found: readonly DifferenceFound[], n: 1 | -1 = 1): void {
    const seen = new Set<DifferenceDelta>();
    for (const difference of found) {
      const group = this.#group(basis, atMs, difference);
      group.count += n;
      if (difference.magnitude !== null) group.magnitude = Math.max(group.magnitude ?? 0, difference.magnitude);
      seen.add(group);
    }
    for (const group of seen) {
      group.pairs += n;
      if (n < 0) group.withdrawn.push(id.at);
      else if (group.examples.length < EXAMPLES) group.examples.push(named(id));
    }
  }

  finding(basis: Basis, platform: Platform, atMs: number, id: MessageId, area: string, name: string): void {
    const key = [basis.connection, basis.epoch, basis.basis, platform, area, name].join('\n');
    const known = this.#findings.get(key) ?? {
      ...basis,
      platform,
      area,
      name: asText(name),
      count: 0,
      examples: [],
      firstAtMs: atMs,
      lastAtMs: atMs,
    };
    this.#findings.set(key, known);
    known.count++;
    if (known.examples.length < EXAMPLES) known.examples.push(named(id));
    widen(known, atMs);
  }

  hidden(rule: string, pair: string): void {
    const key = `${rule}\n${pair}`;
    const known = this.#hidden.get(key) ?? { rule, pair, n: 0 };
    known.n++;
    this.#hidden.set(key, known);
  }

  head(head: OrderHead): void {
    this.#heads.set(`${head.connection}\n${head.key}`, head);
  }

  get isEmpty(): boolean {
    const gathered = [this.#obligations, this.#withdrawn, this.#hours, this.#ingress, this.#comparison, this.inputs];
    return gathered.every(({ size }) => size === 0);
  }

  batch(from: number, to: number, recordAtMs: number | null): ProofBatch {
    return {
      from,
      to,
      recordAtMs,
      inputs: this.inputs,
      obligations: [...this.#obligations.values()],
      withdrawn: [...this.#withdrawn.values()],
      deliveries: this.deliveries.map((row) => ({ ...row, msh10: asText(row.msh10) })),
      hours: [...this.#hours.values()].filter(({ n }) => n !== 0),
      ingress: [...this.#ingress.values()].filter(({ n }) => n !== 0),
      listed: this.listed.map((row) => ({ ...row, msh10: asText(row.msh10) })),
      decisions: this.decisions,
      resolutions: this.resolutions,
      routes: this.routes,
      comparison: [...this.#comparison.values()],
      differences: [...this.#differences.values()],
      findings: [...this.#findings.values()],
      hidden: [...this.#hidden.values()],
      heads: [...this.#heads.values()],
      orders: this.orders.map((row) => ({ ...row, msh10: asText(row.msh10), status: asText(row.status) })),
      inspected: this.inspected,
    };
  }

  #day(basis: Basis, atMs: number): ComparisonDelta {
    const day = new Date(atMs).toISOString().slice(0, 10);
    const key = [basis.connection, basis.epoch, basis.basis, day].join('\n');
    const known = this.#comparison.get(key) ?? {
      ...basis,
      day,
      matched: 0,
      accepted: 0,
      differing: 0,
      missingCandidate: 0,
      extraCandidate: 0,
      missingBoth: 0,
      answersDiffering: 0,
      destinationsDiffering: 0,
      outOfOrder: 0,
      delays: Array.from({ length: DELAY_BUCKETS_MS.length + 1 }, () => 0),
      firstAtMs: atMs,
      lastAtMs: atMs,
    };
    this.#comparison.set(key, known);
    widen(known, atMs);
    return known;
  }

  #group(basis: Basis, atMs: number, found: DifferenceFound): DifferenceDelta {
    const { path, kind, code, shape, rule } = found;
    const key = createHash('sha256')
      .update(JSON.stringify([path, kind, code, shape, rule]))
      .digest('base64');
    const place = [basis.connection, basis.epoch, basis.basis, key].join('\n');
    const known = this.#differences.get(place) ?? {
      ...basis,
      key,
      path,
      kind,
      code: code === null ? null : asText(code),
      shape: asText(shape),
      rule,
      count: 0,
      pairs: 0,
      magnitude: null,
      examples: [],
      withdrawn: [],
      firstAtMs: atMs,
      lastAtMs: atMs,
    };
    this.#differences.set(place, known);
    widen(known, atMs);
    return known;
  }
}

function widen(span: { firstAtMs: number; lastAtMs: number }, atMs: number): void {
  span.firstAtMs = Math.min(span.firstAtMs, atMs);
  span.lastAtMs = Math.max(span.lastAtMs, atMs);
}

function named(id: MessageId): MessageId {
  return { ...id, msh10: asText(id.msh10) };
}

/** A hostile MSH-10 may hold what PostgreSQL refuses as text. */
export function asText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
