/**
 * Whether a signed document allows a move (rule 12). The gateway asks this by its own clock, with its own signers and its
 * own epoch history; provider and verbs ask the same function only to say no earlier. Pure: no clock, no files.
 */
import type { EpochRecord } from './admin-api.ts';
import { missingRoles, type Signer, type SignerRole } from './allowed-signers.ts';
import {
  APPROVAL_NAMESPACE,
  type ApprovalDocument,
  type DocumentFault,
  readApprovalDocument,
  SIGNOFF_NAMESPACE,
} from './approval-document.ts';
import type { MoveVerb } from './connection.ts';
import { isSamePerson } from './person.ts';
import type { Route } from './platform.ts';
import { isRevoked, type RevokedKeys } from './ssh/revoked-keys.ts';
import { isSignatureOf, readSignature } from './ssh/signature.ts';

/** Against what a gateway judges; it comes with its start, never with a request. */
export type Authority = {
  readonly deployment: string;
  readonly signers: readonly Signer[];
  readonly revoked: RevokedKeys;
};

export type SignedDocument = { readonly document: string; readonly signatures: readonly string[] };

export type ApprovalQuestion = {
  readonly connection: string;
  readonly kind: 'approval' | 'signoff';
  readonly verb: MoveVerb;
  readonly from: Route;
  readonly to: Pick<Route, 'phase' | 'newWeight'>;
  /** The name of the credential that makes the move. */
  readonly operator: string;
  readonly nowMs: number;
  /** Of this connection, oldest first. */
  readonly history: readonly EpochRecord[];
  readonly presented: SignedDocument | null;
};

export type ApprovalReason =
  | 'missing'
  | DocumentFault
  | 'wrong-deployment'
  | 'connection-not-named'
  | 'wrong-target'
  | 'weight-above-maximum'
  | 'not-yet-valid'
  | 'expired'
  | 'epoch-moved'
  | 'attempts-used'
  | 'own-approval'
  | 'signatures-missing';

export type SignedBy = { readonly person: string; readonly role: SignerRole; readonly fingerprint: string };

export type ApprovalVerdict =
  | {
      readonly ok: true;
      readonly digest: string;
      readonly signedBy: readonly SignedBy[];
      /** The move must be committed by then. */
      readonly notAfterMs: number;
    }
  | {
      readonly ok: false;
      readonly code: 'approval-missing' | 'approval-invalid';
      readonly reason: ApprovalReason;
      /** Of the document, where it could be read. */
      readonly digest: string | null;
      readonly message: string;
      readonly next: readonly string[];
    };

/** A person who signs twice, or too many who sign, are no reason to check signatures without end. */
const SIGNATURES_LIMIT = 16;
export const ROLES_NEEDED: Readonly<Record<'approval' | 'signoff', readonly SignerRole[]>> = {
  approval: ['engineering', 'lab-operations'],
  signoff: ['lab-operations'],
};

/** `readDocument`: for whoever judges one document many times. */
export function judgeApproval(
  question: ApprovalQuestion,
  authority: Authority,
  readDocument = readApprovalDocument,
): ApprovalVerdict {
  const { kind, presented, connection } = question;
  if (presented === null) {
    const message = `${connection}: a ${question.verb} needs a signed ${kind}, and none came with the request`;
    const next = kind === 'approval' ? ['cutover gate', 'cutover approve'] : ['cutover reconcile', 'cutover signoff'];
    return { ok: false, code: 'approval-missing', reason: 'missing', digest: null, message, next };
  }
  const read = readDocument(presented.document);
  if (!read.ok) return refuse(question, null, read.reason, `the ${kind} cannot be used: ${read.message}`);
  const { digest, document } = read;
  const fault =
    faultOfScope(question, document, authority) ??
    faultOfTime(question, document) ??
    faultOfHistory(question, document, digest);
  if (fault !== null) return refuse(question, digest, fault.reason, fault.message);
  const signed = judgeSignatures(question, presented, authority);
  if (!signed.ok) return refuse(question, digest, signed.reason, signed.message);
  return { ok: true, digest, signedBy: signed.value, notAfterMs: Date.parse(document.notAfter) };
}

type Fault = { readonly reason: ApprovalReason; readonly message: string };

function faultOfScope(
  { connection, kind, to }: ApprovalQuestion,
  document: ApprovalDocument,
  { deployment }: Authority,
): Fault | null {
  if (document.deployment !== deployment) {
    return {
      reason: 'wrong-deployment',
      message: `it is for deployment ${document.deployment}; this is ${deployment}`,
    };
  }
  if (!document.connections.some(({ name }) => name === connection)) {
    return { reason: 'connection-not-named', message: 'it does not name this connection' };
  }
  const allowed = document.target;
  const isTarget =
    kind === 'signoff'
      ? allowed === 'decommissioned'
      : allowed === to.phase || (allowed === 'switched' && to.phase === 'parallel');
  if (!isTarget) return { reason: 'wrong-target', message: `its target is ${allowed}; this move leads to ${to.phase}` };
  const maximum = document.maxWeight ?? 0;
  if (to.phase === 'parallel' && to.newWeight > maximum) {
    return { reason: 'weight-above-maximum', message: `it allows newWeight up to ${maximum}; this is ${to.newWeight}` };
  }
  return null;
}

/** The newest epoch's own time counts too: a clock that was set back since then opens no closed window, and no key. */
function timeOf({ nowMs, history }: ApprovalQuestion): number {
  return Math.max(nowMs, Date.parse(history.at(-1)?.at ?? '') || 0);
}

function faultOfTime(question: ApprovalQuestion, { notBefore, notAfter }: ApprovalDocument): Fault | null {
  const now = timeOf(question);
  const clock = `by the gateway's clock it is ${new Date(now).toISOString()}`;
  if (now < Date.parse(notBefore))
    return { reason: 'not-yet-valid', message: `it is valid from ${notBefore} on; ${clock}` };
  if (now >= Date.parse(notAfter)) return { reason: 'expired', message: `it was valid until ${notAfter}; ${clock}` };
  return null;
}

/** Whatever happened since `fromEpoch` must have been made under this document, or lead back to legacy. */
function faultOfHistory(
  { connection, verb, from, history }: ApprovalQuestion,
  document: ApprovalDocument,
  digest: string,
): Fault | null {
  const fromEpoch = document.connections.find(({ name }) => name === connection)?.fromEpoch ?? 0;
  if (fromEpoch > from.epoch) {
    return {
      reason: 'epoch-moved',
      message: `it begins at epoch ${fromEpoch}; the connection is at epoch ${from.epoch}`,
    };
  }
  for (const [index, record] of history.entries()) {
    if (record.epoch <= fromEpoch || record.approval === digest || leadsToLegacy(record, history[index - 1])) continue;
    const what = `epoch ${record.epoch} (${record.verb} by ${record.by}) was made since, not under it`;
    return { reason: 'epoch-moved', message: `it was signed for epoch ${fromEpoch}; ${what}` };
  }
  const attempts = document.attempts ?? 1;
  const used = history.filter((record) => record.approval === digest && record.phase === 'switched').length;
  if (verb === 'switch' && used >= attempts) {
    return {
      reason: 'attempts-used',
      message: `it allows ${attempts} switch${attempts === 1 ? '' : 'es'}, and ${used} were made under it`,
    };
  }
  return null;
}

export function leadsToLegacy(record: EpochRecord, before: EpochRecord | undefined): boolean {
  if (record.verb === 'rollback') return true;
  return record.verb === 'weight' && before !== undefined && record.newWeight < before.newWeight;
}

type Signed =
  | { readonly ok: true; readonly value: readonly SignedBy[] }
  | { readonly ok: false; readonly reason: ApprovalReason; readonly message: string };

/** Every role by a person of its own; one who moves must not be among those who signed. */
function judgeSignatures(question: ApprovalQuestion, presented: SignedDocument, authority: Authority): Signed {
  const { kind, operator } = question;
  const { people, notes, signedBy } = countSignatures(kind, presented, authority, timeOf(question));
  const own = people.find(({ principals }) => principals.some((name) => isSamePerson(name, operator)));
  if (own !== undefined) {
    const message = `${own.person} signed it, and '${operator}' makes the move: the one who moves cannot approve`;
    return { ok: false, reason: 'own-approval', message };
  }
  if (signedBy !== null) return { ok: true, value: signedBy };
  const named = people.map(({ person, roles }) => `${person} (${roles.join(', ') || 'no role'})`).join(', ');
  const valid = people.length === 0 ? 'none is' : `valid: ${named}`;
  const lacking = missingRoles(authority.signers).filter((role) => ROLES_NEEDED[kind].includes(role));
  const unfilled = lacking.length === 0 ? [] : [`the gateway's signers name nobody for ${lacking.join(', ')}`];
  const needed = ROLES_NEEDED[kind].join(' and ');
  const first = `it needs valid signatures of ${needed}, by different people; ${valid}`;
  return { ok: false, reason: 'signatures-missing', message: [first, ...notes, ...unfilled].join('; ') };
}

export type CountedSignatures = {
  /** Whose signatures are valid. */
  readonly people: readonly Signer[];
  /** Why the others do not count. */
  readonly notes: readonly string[];
  /** Every role by a person of its own; null: not yet. */
  readonly signedBy: readonly SignedBy[] | null;
  readonly missing: readonly SignerRole[];
};

export function countSignatures(
  kind: 'approval' | 'signoff',
  presented: SignedDocument,
  authority: Authority,
  nowMs: number,
): CountedSignatures {
  const needed = ROLES_NEEDED[kind];
  if (presented.signatures.length > SIGNATURES_LIMIT) {
    const notes = [`it comes with more than ${SIGNATURES_LIMIT} signatures`];
    return { people: [], notes, signedBy: null, missing: needed };
  }
  const notes: string[] = [];
  const byPerson = new Map<string, Signer>();
  for (const [index, armored] of presented.signatures.entries()) {
    const found = signerOf(armored, presented.document, kind, nowMs, authority);
    if (typeof found === 'string') notes.push(`signature ${index + 1}: ${found}`);
    else byPerson.set(found.person, joined(byPerson.get(found.person), found));
  }
  const people = [...byPerson.values()];
  const signedBy = assignRoles(needed, people);
  const missing = signedBy === null ? needed.filter((role) => !people.some(({ roles }) => roles.includes(role))) : [];
  return { people, notes, signedBy, missing };
}

/** Who signs with two keys is one person, with the roles of both. */
function joined(known: Signer | undefined, found: Signer): Signer {
  return known === undefined ? found : { ...found, roles: [...new Set([...known.roles, ...found.roles])] };
}

/** The signer whose signature it is, or why it does not count. */
function signerOf(
  armored: string,
  document: string,
  kind: 'approval' | 'signoff',
  nowMs: number,
  authority: Authority,
): Signer | string {
  const read = readSignature(armored);
  if (!read.ok) return read.message;
  const { key, namespace } = read.value;
  const wanted = kind === 'approval' ? APPROVAL_NAMESPACE : SIGNOFF_NAMESPACE;
  if (namespace !== wanted) return `it was made for another namespace than ${wanted}`;
  if (isRevoked(key, authority.revoked)) return `its key ${key.fingerprint} is revoked`;
  const lines = authority.signers.filter((signer) => signer.key.blob.equals(key.blob));
  const [known] = lines;
  if (known === undefined) return `its key ${key.fingerprint} is not among the gateway's signers`;
  const timely = lines.filter(({ validAfterMs, validBeforeMs }) => nowMs >= validAfterMs && nowMs < validBeforeMs);
  if (timely.length === 0) return `the key of ${known.person} is not valid at this time`;
  const fitting = timely.filter(({ namespaces }) => namespaces === null || namespaces.includes(wanted));
  const [signer] = fitting;
  if (signer === undefined) return `the key of ${known.person} may not sign for ${wanted}`;
  if (!isSignatureOf(document, read.value)) return `it is not ${known.person}'s signature of this document`;
  return { ...signer, roles: [...new Set(fitting.flatMap(({ roles }) => roles))] };
}

/** Gives every role a person of their own; null where that cannot be done. */
function assignRoles(needed: readonly SignerRole[], people: readonly Signer[]): readonly SignedBy[] | null {
  const [role, ...others] = needed;
  if (role === undefined) return [];
  for (const signer of people.filter(({ roles }) => roles.includes(role))) {
    const rest = assignRoles(
      others,
      people.filter(({ person }) => person !== signer.person),
    );
    if (rest !== null) return [{ person: signer.person, role, fingerprint: signer.key.fingerprint }, ...rest];
  }
  return null;
}

function refuse(
  { connection, kind }: ApprovalQuestion,
  digest: string | null,
  reason: ApprovalReason,
  message: string,
): ApprovalVerdict {
  const what = digest === null ? '' : `the ${kind} ${digest.slice(0, 19)}… does not allow this: `;
  const next = kind === 'approval' ? ['cutover gate', 'cutover approve'] : ['cutover signoff'];
  return { ok: false, code: 'approval-invalid', reason, digest, message: `${connection}: ${what}${message}`, next };
}
