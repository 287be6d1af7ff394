/**
 * A rule on a protected path, and one that says that new means something else, rests on another person's word: in
 * production that word is a signature over the rule's own content. Without it the rule accepts nothing.
 */
import type { Authority } from '../approval.ts';
import { canonicalJson, type Json } from '../canonical-json.ts';
import { isSamePerson } from '../person.ts';
import { isRevoked } from '../ssh/revoked-keys.ts';
import { isSignatureOf, readSignature } from '../ssh/signature.ts';
import { isProtected } from './protected.ts';
import type { Rule } from './rule.ts';

export const RULE_NAMESPACE = 'cutover-rule';

export function needsSignature(rule: Rule): boolean {
  if (rule.kind === 'changed-by-intent') return true;
  const [segment = '', field = '0'] = rule.path.split(/[-.]/);
  return rule.kind !== 'spelling' && isProtected(segment, Number(field));
}

/** What the approver signs: any change of the rule is another text. */
export function ruleText(rule: Rule): string {
  const content: Record<string, Json> = {};
  for (const [key, value] of Object.entries(rule)) if (value !== undefined) content[key] = value;
  return canonicalJson(content);
}

/** Why the rule is not signed as it has to be, or null. `authority` is null: there are no signers to judge by. */
export function signatureFault(
  rule: Rule,
  signature: string | null,
  authority: Authority | null,
  nowMs: number,
): string | null {
  const { approver } = rule;
  if (approver === undefined) return 'it names no approver';
  if (authority === null) return 'there are no signers to judge its signature by';
  if (signature === null) return `${approver} has not signed it`;
  const read = readSignature(signature);
  if (!read.ok) return `its signature: ${read.message}`;
  const { key, namespace } = read.value;
  if (namespace !== RULE_NAMESPACE) return `it was signed for another namespace than ${RULE_NAMESPACE}`;
  if (isRevoked(key, authority.revoked)) return `its key ${key.fingerprint} is revoked`;
  const signer = authority.signers.find(
    (one) =>
      one.key.blob.equals(key.blob) &&
      nowMs >= one.validAfterMs &&
      nowMs < one.validBeforeMs &&
      (one.namespaces === null || one.namespaces.includes(RULE_NAMESPACE)),
  );
  if (signer === undefined) return `its key ${key.fingerprint} is not among the signers, or not for rules, or not now`;
  const isOf = (name: string): boolean => signer.principals.some((principal) => isSamePerson(principal, name));
  if (!isOf(approver)) return `${signer.person} signed it, and its approver is ${approver}`;
  if (isOf(rule.owner)) return `${signer.person} signed it, who is its owner`;
  return isSignatureOf(ruleText(rule), read.value) ? null : 'the signature is of other content: sign it again';
}
