/**
 * Judges what the worker has counted, for each connection: green only where outputs were compared, enough of them, under the
 * rules of today, since the last change that matters, and nothing differs that nobody has accepted. What is not
 * known is red (rule 10 of the design).
 */

import type { ComparedConnection, ComparedDifference, ContractBreach } from '../compare-document.ts';
import type { CompiledContract } from '../contracts/compile.ts';
import { counted } from '../count-words.ts';
import { coverageOf } from '../coverage/features.ts';
import type { Connection } from '../inventory.ts';
import { candidateOf, controlOf, type Phase } from '../platform.ts';
import {
  type ComparisonDay,
  DELAY_BUCKETS_MS,
  type DifferenceGroup,
  type OutputFinding,
  type RouteChange,
  type SeenNames,
} from '../proof-results.ts';
import type { CompiledRules } from '../rules/compiled.ts';
import { contractArea, INSPECTED } from './inspect.ts';

export type Thresholds = {
  /** Fewer pairs prove nothing. */
  readonly pairs: number;
  /** Of what history shows, 0 to 1. */
  readonly coverage: number;
};

export const DEFAULT_THRESHOLDS: Thresholds = { pairs: 100, coverage: 0.95 };
const UNSEEN_LIMIT = 100;
/** Kinds that no rule is asked about. */
const WITHOUT_RULES: ReadonlySet<string> = new Set(['missing-candidate', 'extra-candidate', 'missing-both', 'order']);

/** What is known of one connection. */
export type Known = {
  readonly connection: Connection;
  readonly rules: CompiledRules;
  readonly contract: CompiledContract | null;
  readonly days: readonly ComparisonDay[];
  readonly groups: readonly DifferenceGroup[];
  readonly coverage: readonly SeenNames[];
  /** What old messages show besides, by `--history`. */
  readonly history: ReadonlySet<string>;
  readonly breaches: readonly OutputFinding[];
  readonly routes: readonly RouteChange[];
  /** As the gateway says now; null: it could not be asked. */
  readonly live: { readonly phase: Phase; readonly epoch: number } | null;
  /** Why nothing of this can be relied on (the worker is behind, say); empty: it can. */
  readonly doubts: readonly string[];
};

const NO_COVERAGE = { known: 0, seen: 0, share: null, unseen: [] };
const NOT_COMPARED =
  'not compared: origin: platform, so the other platform gets no copy; `attest --what outputs` is what the gate asks for';

export function judgeConnection(known: Known, thresholds: Thresholds): ComparedConnection {
  const { connection, rules } = known;
  const stretch = stretchOf(known.routes);
  const inStretch = (each: { readonly epoch: number }): boolean => each.epoch >= stretch.firstEpoch;
  const current = known.days.filter((day) => inStretch(day) && day.basis === rules.digest);
  const groups = known.groups.filter(
    (group) => inStretch(group) && (group.basis === rules.digest || WITHOUT_RULES.has(group.kind)),
  );
  // What is missing, extra or out of order no rule changes: it counts whatever rules held.
  const { missingCandidate, extraCandidate, missingBoth, outOfOrder } = sumOf(known.days.filter(inStretch));
  const counts = { ...sumOf(current), missingCandidate, extraCandidate, missingBoth, outOfOrder };
  const coverage = connection.origin === 'platform' ? NO_COVERAGE : judgeCoverage(known, stretch);
  const contract = judgeContract(known, stretch);
  const others = known.days.filter((day) => inStretch(day) && day.basis !== rules.digest);
  const hasFormer = others.some(({ pairs }) => pairs > 0);
  const former = formerOf(others, counts.pairs);
  const measured = [
    ...known.doubts,
    ...routeReasons(known, stretch),
    ...countReasons(counts, former, thresholds),
    ...(contract?.breaches.some(({ is }) => is === 'drift')
      ? ['the candidate breaks the contract where the control does not']
      : []),
    ...(contract === null ? [] : contractReasons(contract, counts.pairs, thresholds)),
    ...coverageReasons(coverage.share, thresholds),
  ];
  const reasons = connection.origin === 'platform' ? [NOT_COMPARED] : measured;
  return {
    name: connection.name,
    practice: connection.practice,
    direction: connection.direction,
    wave: connection.wave,
    verdict: reasons.length === 0 ? 'green' : 'red',
    reasons,
    ...counts,
    matched: counts.matched + counts.accepted,
    delayMs: delaysOf(current),
    coverage: { ...coverage, unseen: coverage.unseen.slice(0, UNSEEN_LIMIT) },
    contract,
    grade: connection.correlate !== null ? 'key' : connection.outputs === 'one' ? 'order' : 'none',
    since: sinceOf(stretch, current, hasFormer),
    days: daysOf(current),
    differences: mergeGroups(groups),
  };
}

/** The epochs since the roles were last given: a change of weight voids nothing. */
export type Stretch = {
  readonly phase: Phase | null;
  readonly firstEpoch: number;
  readonly newestEpoch: number;
  readonly fromMs: number | null;
};

function stretchOf(routes: readonly RouteChange[]): Stretch {
  const sorted = [...routes].sort((a, b) => a.epoch - b.epoch);
  const newest = sorted.at(-1);
  if (newest === undefined) return { phase: null, firstEpoch: 1, newestEpoch: 0, fromMs: null };
  const before = sorted.findLastIndex(({ phase }) => phase !== newest.phase);
  const first = sorted[before + 1] ?? newest;
  return { phase: newest.phase, firstEpoch: first.epoch, newestEpoch: newest.epoch, fromMs: first.atMs };
}

function routeReasons({ live }: Known, { phase, newestEpoch }: Stretch): string[] {
  if (live === null)
    return ['its gateway could not be asked: whether the results are of its present epoch is not known'];
  if (live.epoch > newestEpoch && !(newestEpoch === 0 && live.epoch === 1)) {
    return [`the results end before epoch ${live.epoch}, which the gateway is in`];
  }
  if (live.epoch < newestEpoch) {
    return [
      `the results go on to epoch ${newestEpoch}, and the gateway is in epoch ${live.epoch}: it was started from an old backup, or is another one (cutover doctor)`,
    ];
  }
  const now = newestEpoch === 0 ? live.phase : phase;
  return now !== null && candidateOf({ phase: now }) === null
    ? [`phase ${now}: no second platform runs beside the control`]
    : [];
}

type Counts = Pick<
  ComparedConnection,
  | 'pairs'
  | 'matched'
  | 'accepted'
  | 'differing'
  | 'missingCandidate'
  | 'extraCandidate'
  | 'missingBoth'
  | 'answersDiffering'
  | 'outOfOrder'
>;

function sumOf(days: readonly ComparisonDay[]): Counts {
  const sum = (of: (day: ComparisonDay) => number): number => days.reduce((total, day) => total + of(day), 0);
  return {
    pairs: sum(({ pairs }) => pairs),
    matched: sum(({ matched }) => matched),
    accepted: sum(({ accepted }) => accepted),
    differing: sum(({ differing }) => differing),
    missingCandidate: sum(({ missingCandidate }) => missingCandidate),
    extraCandidate: sum(({ extraCandidate }) => extraCandidate),
    missingBoth: sum(({ missingBoth }) => missingBoth),
    answersDiffering: sum(({ answersDiffering }) => answersDiffering),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
  };
}

/** Of the pairs compared under former rules those that have not been compared again; the most under any of them. */
function formerOf(others: readonly ComparisonDay[], again: number): number {
  const byBasis = Map.groupBy(others, ({ basis }) => basis);
  return Math.max(0, ...[...byBasis.values()].map((days) => sumOf(days).pairs - again));
}

/** `former`: pairs that were compared under rules that have changed since. */
function countReasons(counts: Counts, former: number, thresholds: Thresholds): string[] {
  const reasons: string[] = [];
  const say = (count: number, one: string, many: string): void => {
    if (count > 0) reasons.push(`${count} ${count === 1 ? one : many}`);
  };
  say(counts.differing, 'pair differs', 'pairs differ');
  say(counts.missingCandidate, 'output of the candidate is missing', 'outputs of the candidate are missing');
  say(counts.extraCandidate, 'output of the candidate is extra', 'outputs of the candidate are extra');
  say(counts.answersDiffering, 'answer differs', 'answers differ');
  say(counts.outOfOrder, 'output is out of order', 'outputs are out of order');
  const predate = former === 0 ? '' : ` (${former} predate the rules of today and do not count)`;
  if (counts.pairs === 0) reasons.push(`nothing was compared${predate}`);
  else if (counts.pairs < thresholds.pairs) {
    reasons.push(`${counted(counts.pairs, 'pair is', 'pairs are')} too few: ${thresholds.pairs} are wanted${predate}`);
  }
  return reasons;
}

/** Of a contract that has changed since nothing is known but what came afterwards: as many as of pairs are wanted. */
function contractReasons(
  { name, inspected }: NonNullable<ComparedConnection['contract']>,
  compared: number,
  { pairs }: Thresholds,
): string[] {
  if (inspected === 0) return [`nothing was held against the contract ${name}`];
  // Where pairs are too few as well, that is said, and enough.
  if (inspected >= pairs || compared < pairs) return [];
  const counted = `${inspected} ${inspected === 1 ? 'output was' : 'outputs were'}`;
  return [`${counted} held against the contract ${name} as it is today: ${pairs} are wanted`];
}

function coverageReasons(share: number | null, { coverage }: Thresholds): string[] {
  if (share === null) return ['nothing is known of what the connection carries'];
  if (share >= coverage) return [];
  return [`covers ${percent(share)} of what history shows: ${percent(coverage)} are wanted`];
}

function percent(share: number): string {
  return `${Math.floor(share * 1000) / 10} %`;
}

/** History: what the control of its time sent, in every epoch. Seen: what both platforms have sent in this stretch. */
function judgeCoverage({ coverage, history: old }: Known, { firstEpoch, phase }: Stretch) {
  const candidate = phase === null ? null : candidateOf({ phase });
  const history = new Set<string>(old);
  const seen = new Set<string>();
  for (const { names, platform, epoch } of coverage) {
    const isSeen = platform === candidate && epoch >= firstEpoch;
    for (const name of names) (isSeen ? seen : history).add(name);
  }
  return coverageOf(history, seen);
}

function judgeContract({ contract, breaches }: Known, { firstEpoch, phase }: Stretch): ComparedConnection['contract'] {
  if (contract === null) return null;
  const area = contractArea(contract);
  const found = breaches.filter((each) => each.area === area && each.epoch >= firstEpoch);
  const control = phase === null ? 'legacy' : controlOf({ phase });
  const byName = new Map<string, ContractBreach>();
  let inspected = 0;
  for (const { name, platform, count, exampleIds } of found) {
    if (name === INSPECTED) {
      if (platform !== control) inspected += count;
      continue;
    }
    const known = byName.get(name) ?? { name, control: 0, candidate: 0, is: 'habit', exampleIds: [] };
    const both = {
      control: known.control + (platform === control ? count : 0),
      candidate: known.candidate + (platform === control ? 0 : count),
    };
    const is = both.control === 0 ? 'drift' : both.candidate === 0 ? 'cured' : 'habit';
    const examples = platform === control ? known.exampleIds : [...exampleIds, ...known.exampleIds];
    byName.set(name, { name, ...both, is, exampleIds: examples.slice(0, 5) });
  }
  const order = ['drift', 'habit', 'cured'];
  const sorted = [...byName.values()].sort(
    (a, b) => order.indexOf(a.is) - order.indexOf(b.is) || b.candidate - a.candidate,
  );
  return { name: contract.name, inspected, breaches: sorted };
}

/** Unaccepted ones first, then by how often. Groups of several epochs are one. */
export function mergeGroups(groups: readonly DifferenceGroup[]): ComparedDifference[] {
  const merged = new Map<string, ComparedDifference>();
  for (const { path, kind, code, shape, rule, count, pairs, exampleIds } of groups) {
    const key = [path, kind, code, shape, rule].join('\n');
    const known = merged.get(key);
    merged.set(key, {
      path,
      kind,
      code,
      shape,
      count: count + (known?.count ?? 0),
      pairs: pairs + (known?.pairs ?? 0),
      ...(rule === null ? {} : { rule: nameOfRule(rule) }),
      exampleIds: [...(known?.exampleIds ?? []), ...exampleIds].slice(0, 5),
    });
  }
  return [...merged.values()].sort(byWeight);
}

export function byWeight(a: ComparedDifference, b: ComparedDifference): number {
  return Number(a.rule !== undefined) - Number(b.rule !== undefined) || b.count - a.count || (a.path < b.path ? -1 : 1);
}

/** `name@digest` → `name`. */
export function nameOfRule(ref: string): string {
  return ref.replace(/@[0-9a-f]+$/, '');
}

function delaysOf(days: readonly ComparisonDay[]): ComparedConnection['delayMs'] {
  const buckets = DELAY_BUCKETS_MS.map((_, index) => days.reduce((sum, day) => sum + (day.delays[index] ?? 0), 0));
  const over = days.reduce((sum, day) => sum + (day.delays[DELAY_BUCKETS_MS.length] ?? 0), 0);
  const total = buckets.reduce((sum, count) => sum + count, over);
  if (total === 0) return null;
  const quantile = (share: number): number => {
    let rank = Math.ceil(total * share);
    for (const [index, count] of buckets.entries()) {
      rank -= count;
      if (rank <= 0) return DELAY_BUCKETS_MS[index] ?? 0;
    }
    // Longer than the last bucket: nobody knows how much.
    return (DELAY_BUCKETS_MS.at(-1) ?? 0) * 10;
  };
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

function daysOf(days: readonly ComparisonDay[]): ComparedConnection['days'] {
  const byDay = new Map<string, { day: string; pairs: number; amiss: number }>();
  for (const { day, pairs, differing, missingCandidate, extraCandidate } of days) {
    const known = byDay.get(day) ?? { day, pairs: 0, amiss: 0 };
    known.pairs += pairs;
    known.amiss += differing + missingCandidate + extraCandidate;
    byDay.set(day, known);
  }
  return [...byDay.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
}

function sinceOf(stretch: Stretch, current: readonly ComparisonDay[], hasFormer: boolean): string | null {
  const first = Math.min(...current.map(({ firstAtMs }) => firstAtMs));
  const from = hasFormer && Number.isFinite(first) ? first : (stretch.fromMs ?? first);
  return Number.isFinite(from) ? new Date(from).toISOString() : null;
}
