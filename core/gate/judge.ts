/** All criteria together: the worst wins. A waiver takes a red away only for the connections and the time it names. */
import { CRITERIA, type Criterion, type Red } from './criteria.ts';
import type { JudgedCriterion } from './gate-document.ts';
import type { Observations } from './observations.ts';
import { isOwn, type ValidWaiver } from './waiver.ts';

export type GateVerdict = { readonly verdict: 'green' | 'red'; readonly criteria: readonly JudgedCriterion[] };

export function judgeGate(observations: Observations, waivers: readonly ValidWaiver[], operator: string): GateVerdict {
  const criteria = CRITERIA.map((criterion) => judgeOne(criterion, observations, waivers, operator));
  const isRed = observations.connections.length === 0 || criteria.some(({ verdict }) => verdict === 'red');
  return { verdict: isRed ? 'red' : 'green', criteria };
}

function judgeOne(
  { id, title, remedy, judge }: Criterion,
  observations: Observations,
  waivers: readonly ValidWaiver[],
  operator: string,
): JudgedCriterion {
  const { green, reds, evidence } = judge(observations);
  const own = waivers.filter((waiver) => waiver.criterion === id && !isOwn(waiver, operator));
  const names = observations.connections.map(({ name }) => name);
  const isWaived = ({ name }: Red): boolean =>
    names.length > 0 &&
    (name === null ? names : [name]).every((one) => own.some(({ connections }) => connections.includes(one)));
  const left = reds.filter((red) => !isWaived(red));
  const verdict = left.length > 0 ? 'red' : reds.length > 0 ? 'waived' : 'green';
  const used =
    verdict === 'green'
      ? []
      : own.map(({ by, reason, notAfter, connections }) => ({ by, reason, notAfter, connections }));
  return {
    id,
    title,
    verdict,
    reason: verdict === 'green' ? green : summaryOf(left.length > 0 ? left : reds),
    red: reds.map((red) => ({ ...red })),
    evidence: [...evidence],
    remedy,
    waivers: used,
  };
}

function summaryOf(reds: readonly Red[]): string {
  const [first] = reds;
  if (first === undefined) return '';
  const what = first.name === null ? first.reason : `${first.name}: ${first.reason}`;
  return reds.length === 1 ? what : `${what} (and ${reds.length - 1} more)`;
}
