/**
 * Fields in which a difference can harm a patient: who it is, which order, which test, which value, in which unit, how
 * final. A rule may accept another spelling of the same there, per code and on another person's word; nothing else.
 */
import type { Rule } from './rule.ts';

const PROTECTED: Readonly<Record<string, readonly number[]>> = {
  PID: [3, 5, 7, 8],
  ORC: [2, 3],
  OBR: [2, 3, 4, 7, 25],
  OBX: [2, 3, 5, 6, 7, 8, 11],
};
/** Segments that have a code of their own, so that a rule can be held to it. */
const CODED: ReadonlySet<string> = new Set(['OBR', 'OBX']);

/** `field` 0: the whole segment, which covers every field of it. */
export function isProtected(segment: string, field: number): boolean {
  const fields = PROTECTED[segment];
  if (fields === undefined) return false;
  return field === 0 || fields.includes(field);
}

/** What is wrong with a rule on a protected path, or null. */
export function protectionRefusal(
  rule: Rule,
  segment: string,
  field: number,
): { readonly message: string; readonly remedy: string } | null {
  if (!isProtected(segment, field)) return null;
  const where = `${rule.path} is protected`;
  switch (rule.kind) {
    case 'ignore':
    case 'values':
    case 'generated':
    case 'changed-by-intent':
      return {
        message: `${where}: kind '${rule.kind}' is not accepted there`,
        remedy: 'correct the mapping, or use numeric, date, table or spelling for what means the same',
      };
    case 'numeric':
      if (rule.within > 0) return { message: `${where}: within must be 0 there`, remedy: 'leave `within` out' };
      break;
    case 'date':
      if (rule.withinSeconds > 0) {
        return { message: `${where}: withinSeconds must be 0 there`, remedy: 'leave `withinSeconds` out' };
      }
      break;
    case 'table':
      break;
    case 'spelling':
      return null;
  }
  if (CODED.has(segment) && rule.codes === undefined) {
    return { message: `${where}: the rule must name its codes`, remedy: 'add `codes: [...]`' };
  }
  if (rule.approver === undefined || rule.approver === rule.owner) {
    return { message: `${where}: it needs an approver who is not its owner`, remedy: 'add `approver: NAME`' };
  }
  return null;
}
