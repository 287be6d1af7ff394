/** The whole audit of an export, offline: what it contains, judged by its own chain, signatures, rules and witnesses. */
import type { EpochRecord } from '../admin-api.ts';
import type { Authority } from '../approval.ts';
import { type AuditedDocuments, judgeApprovals } from './approvals.ts';
import { type CheckpointOnFile, judgeCheckpoints } from './checkpoint.ts';
import { compareWithGateways, historiesIn, judgeEpochs } from './epochs.ts';
import type { Finding } from './finding.ts';
import { compareWithPulumi, type PulumiHistory } from './pulumi-history.ts';
import { readLedger } from './read-ledger.ts';

export type AuditBundle = {
  readonly deployment: string;
  readonly target: 'local' | 'production';
  readonly ledger: Uint8Array;
  /** Those of the export and those that the auditor brought. */
  readonly checkpoints: readonly CheckpointOnFile[];
  /** Null: they could not be asked when it was exported. */
  readonly gateways: ReadonlyMap<string, readonly EpochRecord[]> | null;
  readonly pulumi: PulumiHistory | null;
  readonly documents: AuditedDocuments;
  readonly authority: Authority | null;
  /** What was found wrong with the files themselves. */
  readonly fileFindings: readonly Finding[];
};

export type AuditVerdict = {
  /** `incomplete`: nothing is wrong, and not everything is attested. */
  readonly verdict: 'green' | 'incomplete' | 'red';
  readonly entries: number;
  readonly completeUpTo: number;
  readonly findings: readonly Finding[];
};

export function verifyAudit(bundle: AuditBundle): AuditVerdict {
  const ledger = readLedger(bundle.ledger, bundle.deployment);
  const { entries } = ledger;
  const checkpoints = judgeCheckpoints(bundle.checkpoints, entries, bundle.authority);
  const { histories, findings: unreadable } = historiesIn(entries);
  const findings = [
    ...bundle.fileFindings,
    ...ledger.findings,
    ...checkpoints.findings,
    ...unreadable,
    ...judgeEpochs(histories),
    ...judgeApprovals(histories, bundle.documents, bundle.authority, bundle.target),
    ...compareWithGateways(histories, bundle.gateways),
    ...compareWithPulumi(histories, bundle.pulumi, bundle.gateways),
  ];
  const { completeUpTo } = checkpoints;
  const isRed = findings.some(({ verdict }) => verdict === 'failed');
  const verdict = isRed ? 'red' : completeUpTo < entries.length || entries.length === 0 ? 'incomplete' : 'green';
  return { verdict, entries: entries.length, completeUpTo, findings };
}
