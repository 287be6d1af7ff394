/**
 * Compares the couples that are ready and counts what comes of it. A pair that was missing and has come after all is
 * taken out of the missing ones; a pair that was compared stays as it is.
 */
import type { MessageId } from '../core/admin-api.ts';
import type { Observation } from '../core/compare/pair.ts';
import { fieldText } from '../core/hl7/message.ts';
import type { PairState } from '../core/proof-results.ts';
import type { Analysis } from './analysis.ts';
import type { DoubledCapture, PairJob } from './fold.ts';
import type { Couple } from './judge-case.ts';
import type { KnownOutput, OpenInput, PlatformAnswer } from './open-input.ts';
import type { OrderWatch } from './order-watch.ts';
import type { Basis, DifferenceFound, Tally } from './tally.ts';

export type PairSurroundings = {
  readonly shard: number;
  readonly analysis: Analysis;
  /** Null: its order has been judged before. */
  readonly order: OrderWatch | null;
  readonly tally: Tally;
  /** Null: purged, or a gap in what was shipped. */
  readonly payloadOf: (record: number) => Uint8Array | null;
};

/** Worst first: several pairs of one input count as one under their worst. */
const WORST: readonly PairState[] = [
  'missingBoth',
  'missingCandidate',
  'extraCandidate',
  'differing',
  'accepted',
  'matched',
];
const LACK = { path: 'message', code: null, shape: '', rule: null, magnitude: null } as const;

/** Records whose payloads the comparison of these needs. */
export function payloadsNeededBy(jobs: readonly PairJob[]): ReadonlySet<number> {
  const needed = new Set<number>();
  for (const { input, couples } of jobs) {
    for (const { control, candidate } of couples) {
      if (control === null || candidate === null) continue;
      needed.add(control.offset).add(candidate.offset);
      if (input.answer !== null) needed.add(input.answer.record);
      if (input.shadowAnswer !== null) needed.add(input.shadowAnswer.record);
    }
  }
  return needed;
}

/** The pair's state as it is now; null: there was nothing to compare. */
export function settlePair(job: PairJob, around: PairSurroundings): PairState | null {
  const { input, item, couples } = job;
  const { tally } = around;
  const { connection, epoch } = item;
  const basis: Basis = { connection, epoch, basis: around.analysis.basisOf(connection) };
  const states = couples.map((couple) => settleCouple(input, couple, basis, around));
  if (couples.length === 0 && item.counted.class === 'unexplained') states.push('missingBoth');
  const next = WORST.find((state) => states.includes(state)) ?? null;
  const was = item.counted.pair;
  if (next === was) return was;
  if (was !== null) {
    // Only what was missing comes here again; it goes from where it was counted.
    const counted: Basis = { ...basis, basis: item.counted.basis ?? basis.basis };
    tally.compared(counted, input.atMs, LACKING[was] ?? 'missingBoth', -1);
    tally.differences(counted, input.atMs, idOf(around.shard, input), [{ ...LACK, kind: KIND[was] ?? was }], -1);
  }
  if (next !== null && LACKING[next] !== undefined) {
    tally.compared(basis, input.atMs, LACKING[next]);
    tally.differences(basis, input.atMs, idOf(around.shard, input), [{ ...LACK, kind: KIND[next] ?? next }]);
    answersOfLacking(input, basis, around);
  }
  return next;
}

/**
 * What was compared before, under the rules of today; what is missing, extra or out of order no rule changes, and stands
 * where it was counted. Null: payloads are purged, and it stays as it was.
 */
export function compareAgain({ input, item, couples }: PairJob, around: PairSurroundings): PairState | null {
  const whole = couples.filter(({ control, candidate }) => control !== null && candidate !== null);
  const isPurged = ({ control, candidate }: Couple): boolean =>
    [control, candidate].some((output) => output !== null && around.payloadOf(output.offset) === null);
  if (whole.length === 0 || whole.some(isPurged)) return null;
  const { connection, epoch } = item;
  const basis: Basis = { connection, epoch, basis: around.analysis.basisOf(connection) };
  const states = whole.map((couple) => settleCouple(input, couple, basis, { ...around, order: null }));
  return WORST.find((state) => states.includes(state)) ?? null;
}

/** An output too many is counted beside its pair, whenever it comes. */
export function countDoubled(
  { item, output }: DoubledCapture,
  { shard, analysis, tally }: Pick<PairSurroundings, 'shard' | 'analysis' | 'tally'>,
): void {
  const { connection, epoch } = item;
  const basis: Basis = { connection, epoch, basis: analysis.basisOf(connection) };
  tally.compared(basis, output.atMs, 'extraCandidate');
  const found = { ...LACK, kind: 'extra-candidate', shape: 'another one for the same input' };
  tally.differences(basis, output.atMs, idOf(shard, output), [found]);
}

const LACKING: Partial<Record<PairState, 'missingCandidate' | 'extraCandidate' | 'missingBoth'>> = {
  missingCandidate: 'missingCandidate',
  extraCandidate: 'extraCandidate',
  missingBoth: 'missingBoth',
};
const KIND: Partial<Record<PairState, string>> = {
  missingCandidate: 'missing-candidate',
  extraCandidate: 'extra-candidate',
  missingBoth: 'missing-both',
};

function settleCouple(input: OpenInput, couple: Couple, basis: Basis, around: PairSurroundings): PairState {
  const { control, candidate } = couple;
  if (control === null) return 'extraCandidate';
  if (candidate === null) return 'missingCandidate';
  const [given, other] = answersOf(input, control, candidate, around);
  const [left, right] = [observationOf(control, given, around), observationOf(candidate, other, around)];
  const { tally, analysis } = around;
  const atMs = input.atMs;
  const id = idOf(around.shard, { msh10: control.msh10, sha: control.sha, offset: control.offset });
  const { differences, delayMs } = analysis.compare(basis.connection, left, right);
  const found: DifferenceFound[] = differences.map(({ hidden, path, kind, code, shape, rule }) => {
    if (rule !== null && hidden !== null) tally.hidden(rule, hidden.pair);
    return { path, kind, code, shape, rule, magnitude: hidden?.numericDifference ?? null };
  });
  const { order } = around;
  if (order?.isOutOfOrder(basis.connection, order.keyOf(basis.connection, left.payload), control, candidate) === true) {
    tally.compared(basis, atMs, 'outOfOrder');
    found.push({ ...LACK, path: 'order', kind: 'order', shape: 'after a later one of its key' });
  }
  if (found.some(({ path }) => path === 'answer')) tally.compared(basis, atMs, 'answersDiffering');
  if (found.some(({ path }) => path === 'destination')) tally.compared(basis, atMs, 'destinationsDiffering');
  tally.delayed(basis, atMs, delayMs);
  tally.differences(basis, atMs, id, found);
  const state = found.length === 0 ? 'matched' : found.every(({ rule }) => rule !== null) ? 'accepted' : 'differing';
  tally.compared(basis, atMs, state);
  return state;
}

function observationOf(
  output: KnownOutput,
  answer: Observation['answer'],
  { payloadOf }: PairSurroundings,
): Observation {
  const { platform, msh10, sha, atMs, connection } = output;
  return {
    platform,
    payload: payloadOf(output.offset) ?? new Uint8Array(),
    msh10,
    sha,
    atMs,
    destination: connection,
    answer,
  };
}

/** By MSA-1 where both can be read; where one has none, or is purged, by what the gateway made of each. */
function answersOf(
  input: OpenInput,
  control: KnownOutput,
  candidate: KnownOutput,
  { payloadOf }: PairSurroundings,
): readonly [Observation['answer'], Observation['answer']] {
  const of = ({ platform }: KnownOutput): Read | null => {
    const answer = platform === input.primary ? input.answer : input.shadowAnswer;
    if (answer === null) return null;
    const payload = payloadOf(answer.record);
    return { answer, payload, code: payload === null ? null : fieldText(payload, 'MSA-1') };
  };
  const [given, other] = [of(control), of(candidate)];
  const areRead = given?.code != null && other?.code != null;
  const told = (one: Read | null): Observation['answer'] =>
    one === null
      ? null
      : { verdict: areRead ? (one.code ?? one.answer.verdict) : one.answer.verdict, payload: one.payload };
  return [told(given), told(other)];
}

type Read = { readonly answer: PlatformAnswer; readonly payload: Uint8Array | null; readonly code: string | null };

/** One platform refused what the other took: no output, and that is why. */
function answersOfLacking(input: OpenInput, basis: Basis, { tally, shard }: PairSurroundings): void {
  const [given, other] = [input.answer?.verdict, input.shadowAnswer?.verdict];
  if (given === undefined || other === undefined || given === other || other === 'dropped') return;
  tally.compared(basis, input.atMs, 'answersDiffering');
  const shape = input.primary === 'legacy' ? `${given} against ${other}` : `${other} against ${given}`;
  tally.differences(basis, input.atMs, idOf(shard, input), [{ ...LACK, path: 'answer', kind: 'answer', shape }]);
}

function idOf(shard: number, { msh10, sha, offset }: Pick<OpenInput, 'msh10' | 'sha' | 'offset'>): MessageId {
  return { msh10: msh10 ?? '', sha256: sha.slice(0, 12), at: `${shard}/${offset}` };
}
