/** The whole audit of an export, offline: what it contains, judged by its own chain, signatures, rules and witnesses. */
import type { EpochRecord } from '../admin-api.ts';
import type { Authority } from '../approval.ts';
import { type AuditedDocuments, judgeApprovals } from './approvals.ts';
import { type CheckpointOnFile, type JudgedCheckpoints, judgeCheckpoints } from './checkpoint.ts';
import { compareWithGateways, historiesIn, judgeEpochs } from './epochs.ts';
import { type Finding, failed } from './finding.ts';
import { compareWithPulumi, type PulumiHistory } from './pulumi-history.ts';
import { readLedger } from './read-ledger.ts';
import { documentsIn, joinDocuments } from './recorded-documents.ts';

export type AuditBundle = {
  readonly deployment: string;
  /** As the export says; signed checkpoints have the last word. */
  readonly target: 'local' | 'production';
  readonly ledger: Uint8Array;
  /** Those of the export and those that the auditor brought. */
  readonly checkpoints: readonly CheckpointOnFile[];
  /** Null: they could not be asked when it was exported. */
  readonly gateways: ReadonlyMap<string, readonly EpochRecord[]> | null;
  readonly pulumi: PulumiHistory | null;
  /** On file; those that the ledger holds are taken from there. */
  readonly documents: AuditedDocuments;
  readonly authority: Authority | null;
  /** Whose word it is who may sign: who writes an export anew writes its signers as well. */
  readonly signersFrom: 'auditor' | 'export';
  /** What was found wrong with the files themselves. */
  readonly fileFindings: readonly Finding[];
};

export type AuditVerdict = {
  /** `incomplete`: nothing is wrong, and not everything is attested, or a witness is missing. */
  readonly verdict: 'green' | 'incomplete' | 'red';
  readonly entries: number;
  readonly completeUpTo: number;
  readonly lacking: readonly Lacking[];
  readonly findings: readonly Finding[];
};
/** What a green verdict needs beside a ledger without a fault. */
export type Lacking = 'signers' | 'checkpoint' | 'gateways' | 'pulumi';

export function verifyAudit(bundle: AuditBundle): AuditVerdict {
  const ledger = readLedger(bundle.ledger, bundle.deployment);
  const { entries } = ledger;
  const checkpoints = judgeCheckpoints(bundle.checkpoints, entries, bundle.authority);
  const { histories, findings: unreadable } = historiesIn(entries);
  const documents = {
    approvals: joinDocuments(documentsIn(entries), bundle.documents.approvals),
    evidence: bundle.documents.evidence,
  };
  const target = checkpoints.target === 'production' ? 'production' : bundle.target;
  const findings = [
    ...bundle.fileFindings,
    ...ledger.findings,
    ...checkpoints.findings,
    ...judgeTarget(bundle, checkpoints),
    ...unreadable,
    ...judgeEpochs(histories),
    ...judgeApprovals(histories, documents, bundle.authority, target),
    ...compareWithGateways(histories, bundle.gateways),
    ...compareWithPulumi(histories, bundle.pulumi, bundle.gateways),
  ];
  const { completeUpTo } = checkpoints;
  const isAttested = entries.length > 0 && completeUpTo === entries.length;
  const lacking: Lacking[] = [
    ...(bundle.signersFrom === 'export' ? (['signers'] as const) : []),
    ...(isAttested ? [] : (['checkpoint'] as const)),
    ...(bundle.gateways === null ? (['gateways'] as const) : []),
    ...(bundle.pulumi === null ? (['pulumi'] as const) : []),
  ];
  const isRed = findings.some(({ verdict }) => verdict === 'failed');
  const verdict = isRed ? 'red' : lacking.length > 0 ? 'incomplete' : 'green';
  return { verdict, entries: entries.length, completeUpTo, lacking, findings };
}

/** The manifest is not signed: who calls production local there would have no approval looked at. */
function judgeTarget({ target }: AuditBundle, checkpoints: JudgedCheckpoints): Finding[] {
  if (checkpoints.target === null || checkpoints.target === target) return [];
  const message = `the export says that it is of target ${target}; its signed checkpoints say ${checkpoints.target}`;
  return [failed('files', message)];
}
