/** Whether a signed document stood behind every move that needed one, judged as its gateway had to judge it then. */

import type { Signer } from '../allowed-signers.ts';
import { type Authority, judgeApproval, type SignedDocument } from '../approval.ts';
import { type ReadDocument, readApprovalDocument } from '../approval-document.ts';
import { needsSignature, verbOf } from '../connection.ts';
import { counted } from '../count-words.ts';
import { beginsAnew, originOf } from '../epoch-history.ts';
import { isRevoked, NO_REVOKED_KEYS } from '../ssh/revoked-keys.ts';
import type { Histories } from './epochs.ts';
import { type Finding, failed, fine, warning } from './finding.ts';

export type AuditedDocuments = {
  /** By digest. */
  readonly approvals: ReadonlyMap<string, SignedDocument>;
  /** Digests of evidence that is there and unchanged. */
  readonly evidence: ReadonlySet<string>;
};

export function judgeApprovals(
  histories: Histories,
  { approvals, evidence }: AuditedDocuments,
  authority: Authority | null,
  target: 'local' | 'production',
): Finding[] {
  if (target === 'local')
    return [warning('approvals', 'the gateways are of target local, where moves need no approval')];
  if (authority === null) return [failed('approvals', 'there are no signers to judge approvals by: --signers FILE')];
  // A key that was revoked later did sign then; that it was is said below.
  const then: Authority = { ...authority, revoked: NO_REVOKED_KEYS };
  // One document stands behind hundreds of moves.
  const known = new Map<string, ReadDocument>();
  const readOnce = (text: string): ReadDocument => {
    const read = known.get(text) ?? readApprovalDocument(text);
    known.set(text, read);
    return read;
  };
  const findings: Finding[] = [];
  let count = 0;
  for (const [name, history] of histories) {
    const records = history.map(({ record }) => record);
    for (const [index, { record, entry }] of history.entries()) {
      const before = records[index - 1];
      const verb = before === undefined || beginsAnew(record) ? null : verbOf(before, record, originOf(record));
      if (before === undefined || verb === null) continue;
      const raises =
        verb === 'weight' ? record.newWeight > before.newWeight : verb === 'switch' || verb === 'decommission';
      const kind = needsSignature(verb, raises ? 'new' : 'legacy');
      if (kind === null) continue;
      count++;
      const presented = record.approval === null ? null : (approvals.get(record.approval) ?? null);
      if (record.approval !== null && presented === null) {
        findings.push(
          failed('approvals', `${name}: epoch ${record.epoch} rests on ${record.approval}, which is not there`, entry),
        );
        continue;
      }
      const verdict = judgeApproval(
        {
          connection: record.connection,
          kind,
          verb,
          from: before,
          to: record,
          operator: record.by,
          nowMs: Date.parse(record.at),
          history: records.slice(0, index),
          presented,
        },
        then,
        readOnce,
      );
      if (!verdict.ok) findings.push(failed('approvals', `epoch ${record.epoch}: ${verdict.message}`, entry));
      else
        findings.push(
          ...remarksOn(
            `${name}: epoch ${record.epoch}`,
            entry,
            { evidence: evidenceOf(readOnce, presented), signedBy: verdict.signedBy },
            authority,
            evidence,
          ),
        );
    }
  }
  if (findings.some(({ verdict }) => verdict === 'failed')) return findings;
  const message = `${counted(count, 'move')} towards new or away from legacy, each under a document that two people (or Lab Operations) had signed for that time`;
  return [fine('approvals', message), ...findings];
}

function evidenceOf(read: (text: string) => ReadDocument, presented: SignedDocument | null): string {
  const found = read(presented?.document ?? '');
  return found.ok ? found.document.evidence : '';
}

type Behind = {
  readonly evidence: string;
  readonly signedBy: readonly { readonly person: string; readonly fingerprint: string }[];
};

function remarksOn(
  what: string,
  entry: number,
  { evidence: rests, signedBy }: Behind,
  { signers, revoked }: Authority,
  evidence: ReadonlySet<string>,
): Finding[] {
  const lacking = evidence.has(rests)
    ? []
    : [failed('evidence', `${what} rests on evidence ${rests}, which is not there unchanged`, entry)];
  const later = signedBy.filter(({ fingerprint }) => {
    const signer: Signer | undefined = signers.find(({ key }) => key.fingerprint === fingerprint);
    return signer !== undefined && isRevoked(signer.key, revoked);
  });
  return [
    ...lacking,
    ...later.map(({ person }) =>
      warning('approvals', `${what} was signed by ${person} with a key that is revoked today`, entry),
    ),
  ];
}
