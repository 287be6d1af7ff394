/** Which criteria were green (or waived) when people signed, and are red now for a connection: what has to be made green again. */
import type { JudgedCriterion } from './gate-document.ts';

export type Voided = { readonly id: string; readonly reason: string; readonly remedy: string };

/** `name`: of the connection; what is red for all is red for it. */
export function voidedSince(
  before: readonly { readonly id: string; readonly verdict: string }[],
  now: readonly JudgedCriterion[],
  name: string,
): readonly Voided[] {
  const signedOn = new Set(before.flatMap(({ id, verdict }) => (verdict === 'red' ? [] : [id])));
  return now.flatMap(({ id, verdict, red, remedy }): Voided[] => {
    const own = red.find((one) => one.name === null || one.name === name);
    return verdict === 'red' && signedOn.has(id) && own !== undefined ? [{ id, reason: own.reason, remedy }] : [];
  });
}
