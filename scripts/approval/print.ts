/** What a person reads before and after signing. */
import { counted } from '../../core/count-words.ts';
import type { ApprovalDocumentPrinted } from '../../core/documents.ts';
import { readableTime } from '../../core/readable-time.ts';
import { nameList } from '../runner/name-list.ts';
import type { Draft } from './draft.ts';

export function formatDraft({ kind, digest, document, evidence, signatures }: Draft): string[] {
  const { connections, target, maxWeight, notBefore, notAfter, attempts, evidenceGrade, accepted } = document;
  const limits =
    kind === 'approval'
      ? `weights up to ${maxWeight ?? 0}, ${counted(attempts ?? 1, 'switch', 'switches')} each`
      : `evidence grade ${evidenceGrade ?? 'unknown'}`;
  return [
    `${kind === 'approval' ? 'approval' : 'sign-off'} ${digest}`,
    `  deployment   ${document.deployment}`,
    `  connections  ${connections.length}: ${nameList(connections.map(({ name }) => name))}`,
    `  allows       ${target}, ${limits}`,
    `  window       ${readableTime(notBefore)} to ${readableTime(notAfter)} (the gateway's clock)`,
    `  rests on     ${evidence.kind} of ${readableTime(evidence.at)}, ${document.evidence}`,
    ...(accepted ?? []).map((one) => `  gives up     ${one.count} ${one.class} that only legacy can answer`),
    ...signatures.map(({ name }) => `  signed       ${signerIn(name)}`),
  ];
}

/** Of `<sha256>.<signer>.sig`. */
function signerIn(file: string): string {
  return /^[0-9a-f]{64}\.(.+)\.sig$/.exec(file)?.[1] ?? file;
}

export function formatSigned(document: ApprovalDocumentPrinted): string {
  const state =
    document.complete === null
      ? 'signed; whether it is complete, only the gateway will say'
      : document.complete
        ? 'signed and complete'
        : `signed; still missing: ${document.missing.join(', ')}`;
  const lines = [
    `${document.verb}: ${state}`,
    `  ${document.file}`,
    `  ${document.signature}`,
    ...document.warnings.map((warning) => `! ${warning}`),
    'next:',
    ...document.nextSteps.map((step) => `  ${step}`),
  ];
  return `${lines.join('\n')}\n`;
}
