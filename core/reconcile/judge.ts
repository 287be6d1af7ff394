/**
 * The equation of a connection, judged. Pure: counts and lists come in from the proof store, outside records as what
 * they lack or have too much.
 */

import type { MessageId } from '../admin-api.ts';
import { counted } from '../count-words.ts';
import type { Origin } from '../platform.ts';
import { INGRESS_OUTCOMES, type IngressOutcome, OBLIGATION_CLASSES, type ObligationClass } from '../proof-results.ts';
import type { Grade, Reconciled } from './document.ts';

export type Named = { readonly id: MessageId; readonly listed?: boolean };
export type CountedIds = { readonly total: number; readonly ids: readonly MessageId[] };

export type ConnectionFacts = {
  readonly name: string;
  readonly practice: string;
  readonly direction: 'orders' | 'results';
  readonly origin: Origin;
  readonly classes: Partial<Record<ObligationClass, number>>;
  readonly ingress: Partial<Record<IngressOutcome, number>>;
  readonly maybeSent: CountedIds;
  readonly suppressed: CountedIds;
  readonly uncorrelated: CountedIds;
  readonly openDecisions: number;
  /** Owed, settled, and not delivered by what the destination answered: unexplained or rejected. */
  readonly undelivered: readonly MessageId[];
  /** Delivered more than once for one input that owes one output. */
  readonly doubled: readonly MessageId[];
  readonly outside: OutsideFindings | null;
  readonly exclusions: readonly Exclusion[];
};

/** What the outside records say of it; both sets together. */
export type OutsideFindings = {
  readonly grade: Grade;
  /** Answered positively by the destination, and not in its own record. */
  readonly lost: readonly MessageId[];
  /** In the source's record, and never accepted from it. */
  readonly neverArrived: readonly MessageId[];
  readonly duplicated: readonly Named[];
  readonly unexpected: readonly MessageId[];
  readonly ambiguous: number;
};

/** Ids that are known and need no explanation, each with a reason. */
export type Exclusion = { readonly name: string; readonly ids: readonly string[] };

const LIST_LIMIT = 1000;

export function reconcileConnection(facts: ConnectionFacts): Reconciled {
  const { name, practice, direction, origin, outside } = facts;
  const counts = countsOf(facts);
  const ingress = (outcome: IngressOutcome): number => facts.ingress[outcome] ?? 0;
  const owed = OBLIGATION_CLASSES.reduce((sum, one) => sum + counts[one], 0);
  const found = discrepanciesOf(facts);
  const keep = <T extends Named>(items: readonly T[]): readonly T[] => unexplainedOf(items, facts.exclusions);
  const missing = keep(found.missing);
  const duplicated = keep(found.duplicated);
  const unexpected = keep(found.unexpected);
  const all = found.missing.length + found.duplicated.length + found.unexpected.length;
  const excluded = all - missing.length - duplicated.length - unexpected.length;
  const listed = duplicated.filter((one) => one.listed === true).length;
  // An unexplained one that an exclusion set explains is not missing, and is no fault.
  const explained = counts.unexplained > 0 && missing.length === 0 && excluded >= counts.unexplained;
  const reasons = reasonsOf(
    { owed, unexplained: explained ? 0 : counts.unexplained, missing, duplicated, unexpected },
    facts,
  );
  const balanced =
    (counts.unexplained === 0 || explained) &&
    missing.length === 0 &&
    duplicated.length === 0 &&
    unexpected.length === 0;
  return {
    name,
    practice,
    direction,
    owed,
    ...counts,
    attempts: INGRESS_OUTCOMES.reduce((sum, one) => sum + ingress(one), 0),
    accepted: ingress('accepted'),
    answeredAgain: ingress('answeredAgain'),
    refused: ingress('refused'),
    rejected: ingress('rejected'),
    unanswered: ingress('unanswered'),
    inFlight: ingress('open'),
    maybeSent: [...facts.maybeSent.ids],
    suppressed: [...facts.suppressed.ids],
    uncorrelated: [...facts.uncorrelated.ids],
    missing: cut(missing),
    duplicated: cut(duplicated),
    unexpected: cut(unexpected),
    counts: {
      maybeSent: facts.maybeSent.total,
      suppressed: facts.suppressed.total,
      uncorrelated: facts.uncorrelated.total,
      missing: missing.length,
      duplicated: duplicated.length,
      duplicatedListed: listed,
      unexpected: unexpected.length,
      openDecisions: facts.openDecisions,
      excluded,
    },
    ambiguous: outside?.ambiguous ?? 0,
    balanced,
    evidenceGrade: outside?.grade ?? 'C',
    ...(origin === 'platform' ? { outputsOnly: true } : {}),
    verdict: reasons.length === 0 ? 'green' : 'red',
    reasons,
  };
}

/** The destination's own record outweighs its answers: what it does not have was not delivered. */
function countsOf({ classes, outside }: ConnectionFacts): Record<ObligationClass, number> {
  const lost = Math.min(outside?.lost.length ?? 0, classes.delivered ?? 0);
  return {
    delivered: (classes.delivered ?? 0) - lost,
    destinationRejected: classes.destinationRejected ?? 0,
    filtered: classes.filtered ?? 0,
    unexplained: (classes.unexplained ?? 0) + lost,
    decisions: classes.decisions ?? 0,
    pending: classes.pending ?? 0,
  };
}

type Faults = {
  readonly owed: number;
  readonly unexplained: number;
  readonly missing: readonly Named[];
  readonly duplicated: readonly Named[];
  readonly unexpected: readonly Named[];
};

/** Why it is red; none: it is green. */
function reasonsOf(
  { owed, unexplained, missing, duplicated, unexpected }: Faults,
  { openDecisions }: ConnectionFacts,
): string[] {
  const reasons: string[] = [];
  const listed = duplicated.filter((one) => one.listed === true).length;
  const ofThemListed = listed > 0 ? `, ${listed} of them listed as maybe sent` : '';
  if (owed === 0) reasons.push('no message was owed in this window: nothing is proven');
  if (unexplained > 0) reasons.push(`${unexplained} unexplained: accepted, and not shown to be delivered`);
  if (missing.length > 0) reasons.push(`${missing.length} missing at the destination: ${first(missing)}`);
  if (duplicated.length > 0) reasons.push(`${duplicated.length} doubled${ofThemListed}: ${first(duplicated)}`);
  if (unexpected.length > 0) reasons.push(`${unexpected.length} unexpected at the destination: ${first(unexpected)}`);
  if (openDecisions > 0)
    reasons.push(`${counted(openDecisions, 'decision is', 'decisions are')} open: cutover resolve`);
  return reasons;
}

/**
 * What was not delivered is missing, unless the outside record has it: then it arrived by another way, and its row is
 * not unexpected either.
 */
function discrepanciesOf({ undelivered, doubled, outside, maybeSent }: ConnectionFacts): {
  readonly missing: readonly Named[];
  readonly duplicated: readonly Named[];
  readonly unexpected: readonly Named[];
} {
  const unexpected = [...(outside?.unexpected ?? [])];
  const missing: Named[] = [];
  for (const id of undelivered) {
    const arrived = unexpected.findIndex(({ msh10 }) => msh10 !== '' && msh10 === id.msh10);
    if (arrived < 0) missing.push({ id });
    else unexpected.splice(arrived, 1);
  }
  missing.push(...[...(outside?.lost ?? []), ...(outside?.neverArrived ?? [])].map((id) => ({ id })));
  const listed = new Set(maybeSent.ids.map(({ msh10, sha256 }) => `${msh10} ${sha256}`));
  const duplicated = [...doubled.map((id) => ({ id })), ...(outside?.duplicated ?? [])].map(({ id }) => ({
    id,
    listed: listed.has(`${id.msh10} ${id.sha256}`),
  }));
  return { missing, duplicated, unexpected: unexpected.map((id) => ({ id })) };
}

/** An id is explained as often as it is written down: a lab uses MSH-10 again, and the next one is another message. */
function unexplainedOf<T extends Named>(items: readonly T[], exclusions: readonly Exclusion[]): readonly T[] {
  const left = new Map<string, number>();
  for (const id of exclusions.flatMap(({ ids }) => ids)) left.set(id, (left.get(id) ?? 0) + 1);
  return items.filter(({ id: { msh10 } }) => {
    const times = left.get(msh10) ?? 0;
    if (times > 0) left.set(msh10, times - 1);
    return times === 0;
  });
}

function cut(items: readonly Named[]): MessageId[] {
  return items.slice(0, LIST_LIMIT).map(({ id }) => id);
}

function first(items: readonly Named[]): string {
  const shown = items.slice(0, 3).map(({ id }) => (id.msh10 === '' ? id.at : id.msh10));
  return shown.join(', ') + (items.length > shown.length ? ', …' : '');
}
