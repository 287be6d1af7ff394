/**
 * A waiver: one criterion, for named connections, given up knowingly by a person with a role, for a reason and a time. It
 * is signed like an approval, and shown wherever the gate is.
 */
import { z } from 'zod';
import type { Authority } from '../approval.ts';
import { canonicalJson } from '../canonical-json.ts';
import { isSamePerson } from '../person.ts';
import { readableTime } from '../readable-time.ts';
import { isRevoked } from '../ssh/revoked-keys.ts';
import { isSignatureOf, readSignature } from '../ssh/signature.ts';

export const WAIVER_NAMESPACE = 'cutover-waiver';

export const waiverSchema = z.strictObject({
  kind: z.literal('waiver'),
  deployment: z.string(),
  criterion: z.string(),
  connections: z.array(z.string()).min(1),
  reason: z.string().min(1).max(500),
  notAfter: z.iso.datetime(),
});
export type Waiver = z.output<typeof waiverSchema>;

export type WaiverOnFile = { readonly name: string; readonly text: string; readonly signature: string | null };
/** `names`: every name of the person who signed it. */
export type ValidWaiver = Waiver & { readonly by: string; readonly names: readonly string[] };
export type JudgedWaivers = { readonly valid: readonly ValidWaiver[]; readonly ignored: readonly string[] };

export function judgeWaivers(
  files: readonly WaiverOnFile[],
  authority: Authority | null,
  nowMs: number,
): JudgedWaivers {
  const valid: ValidWaiver[] = [];
  const ignored: string[] = [];
  for (const file of files) {
    const read = readWaiver(file, authority, nowMs);
    if (typeof read === 'string') ignored.push(`${file.name}: ${read}`);
    else valid.push(read);
  }
  return { valid, ignored };
}

/** Why one does not count; null: it does. */
export function judgeWaiver(file: WaiverOnFile, authority: Authority | null, nowMs: number): string | null {
  const read = readWaiver(file, authority, nowMs);
  return typeof read === 'string' ? read : null;
}

function readWaiver(
  { text, signature }: WaiverOnFile,
  authority: Authority | null,
  nowMs: number,
): ValidWaiver | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  const parsed = waiverSchema.safeParse(json);
  if (!parsed.success || canonicalJson(parsed.data) !== text) return 'it is no waiver in canonical JSON';
  if (authority === null) return 'there are no signers to judge it by';
  if (parsed.data.deployment !== authority.deployment) return `it is for deployment ${parsed.data.deployment}`;
  if (nowMs >= Date.parse(parsed.data.notAfter)) return `it ended at ${readableTime(parsed.data.notAfter)}`;
  const read = readSignature(signature ?? '');
  if (!read.ok) return `its signature: ${read.message}`;
  const { key, namespace } = read.value;
  if (namespace !== WAIVER_NAMESPACE) return `it was signed for another namespace than ${WAIVER_NAMESPACE}`;
  const signer = authority.signers.find(
    (one) =>
      one.key.blob.equals(key.blob) &&
      one.roles.length > 0 &&
      nowMs >= one.validAfterMs &&
      nowMs < one.validBeforeMs &&
      (one.namespaces === null || one.namespaces.includes(WAIVER_NAMESPACE)),
  );
  if (signer === undefined || isRevoked(key, authority.revoked))
    return `its key ${key.fingerprint} may not waive anything (no line of the signers with a role and namespace ${WAIVER_NAMESPACE})`;
  return isSignatureOf(text, read.value)
    ? { ...parsed.data, by: signer.person, names: signer.principals }
    : 'its signature is not one of this text';
}

/** A person cannot waive what they operate. */
export function isOwn(waiver: ValidWaiver, operator: string): boolean {
  return waiver.names.some((name) => isSamePerson(name, operator));
}
