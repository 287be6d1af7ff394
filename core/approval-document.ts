/**
 * What people sign: an approval (towards new) or a sign-off (decommission). One strict schema, canonical JSON only, so
 * that the bytes that were signed have one meaning: no unknown member, no repeated key, no second spelling.
 */
import { z } from 'zod';
import { canonicalJson, digestOf, type Json } from './canonical-json.ts';

export const APPROVAL_NAMESPACE = 'cutover-approval';
export const SIGNOFF_NAMESPACE = 'cutover-signoff';

/** 1,000 connections with long names. */
export const DOCUMENT_LIMIT_CHARACTERS = 128 * 1024;
const CONNECTIONS_LIMIT = 1000;
const ATTEMPTS_LIMIT = 100;

/** No finer than a clock tells: engines read a long fraction in more than one way (V8 takes .0999999999 for .999). */
const moment = z.iso.datetime().regex(/^[^.]*(?:\.\d{1,3})?Z$/, 'a time in UTC, no finer than milliseconds');
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits');

export const approvalDocumentSchema = z.strictObject({
  deployment: z
    .string()
    .min(1)
    .max(200)
    .describe('the deployment of the inventory; an approval for another one does not count'),
  connections: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        fromEpoch: z.int().min(1).describe('the epoch that the people saw when they signed'),
      }),
    )
    .min(1)
    .max(CONNECTIONS_LIMIT),
  target: z
    .enum(['parallel', 'switched', 'decommissioned'])
    .describe('parallel: weights only; switched: weights on the way too; decommissioned: a sign-off'),
  maxWeight: z.int().min(0).max(100).optional().describe('the highest newWeight that it allows; without it: none'),
  evidence: digest.describe('of the frozen evidence that the decision rests on'),
  notBefore: moment.describe('UTC, by the clock of the gateway'),
  notAfter: moment,
  attempts: z
    .int()
    .min(1)
    .max(ATTEMPTS_LIMIT)
    .optional()
    .describe('moves into switched under it, per connection; default 1'),
  evidenceGrade: z.enum(['A', 'B', 'C']).optional().describe('sign-off: of the reconciliation'),
  accepted: z
    .array(z.strictObject({ class: z.string().min(1).max(100), count: z.int().min(0) }))
    .max(100)
    .optional()
    .describe('sign-off: what only legacy can still answer and is given up, by class'),
});
export type ApprovalDocument = z.output<typeof approvalDocumentSchema>;

export type ReadDocument =
  | { readonly ok: true; readonly digest: string; readonly document: ApprovalDocument }
  | { readonly ok: false; readonly reason: DocumentFault; readonly message: string };
export type DocumentFault = 'document-too-large' | 'document-malformed' | 'document-not-canonical';

export function readApprovalDocument(text: string): ReadDocument {
  if (text.length > DOCUMENT_LIMIT_CHARACTERS) {
    return fault('document-too-large', `it has ${text.length} characters, more than ${DOCUMENT_LIMIT_CHARACTERS}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fault('document-malformed', 'it is no JSON');
  }
  const parsed = approvalDocumentSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return fault('document-malformed', `${issue?.path.join('.') || 'document'}: ${issue?.message ?? 'does not fit'}`);
  }
  const document = parsed.data;
  if (canonicalText(document) !== text) {
    return fault('document-not-canonical', 'it is not canonical JSON (a repeated key, white space or another order)');
  }
  const unclear = inconsistencyOf(document);
  if (unclear !== null) return fault('document-malformed', unclear);
  return { ok: true, digest: digestOf(asJson(document)), document };
}

/** The bytes to sign; empty for what no canonical JSON can say (half a character in a name). */
export function canonicalText(document: ApprovalDocument): string {
  try {
    return canonicalJson(asJson(document));
  } catch {
    return '';
  }
}

/** Without the members that are not there. */
function asJson(document: ApprovalDocument): Json {
  return JSON.parse(JSON.stringify(document));
}

function inconsistencyOf(document: ApprovalDocument): string | null {
  const { connections, target, maxWeight, notBefore, notAfter } = document;
  const names = connections.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `connections: ${twice} is named twice`;
  if (Date.parse(notBefore) >= Date.parse(notAfter)) return 'notAfter is not after notBefore';
  if (target === 'parallel' && (maxWeight ?? 0) === 0) return 'maxWeight: with target parallel it allows nothing at 0';
  return null;
}

function fault(reason: DocumentFault, message: string): ReadDocument {
  return { ok: false, reason, message };
}
