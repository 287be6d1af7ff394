/** `approve` and `signoff`: show what is to be signed, sign it with the person's own key, and say who is still missing. */

import { join } from 'node:path';
import { z } from 'zod';
import { fingerprintIn, storeDocument, storeSignature } from '../../adapters/approval-files.ts';
import { loadEvidence } from '../../adapters/evidence-files.ts';
import { commitFiles } from '../../adapters/git.ts';
import { type LocalSigners, readLocalSigners } from '../../adapters/signers-file.ts';
import { signWithSshKeygen } from '../../adapters/ssh-keygen.ts';
import { type CountedSignatures, countSignatures, ROLES_NEEDED } from '../../core/approval.ts';
import { APPROVAL_NAMESPACE, SIGNOFF_NAMESPACE } from '../../core/approval-document.ts';
import type { ApprovalDocumentPrinted } from '../../core/documents.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { flagsFor, requireSome } from '../runner/selection.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';
import type { Printed } from '../runner/verb.ts';
import { confirmSigning } from './confirm.ts';
import { approvalsFolderOf, type Draft, draftFrom, type Kind, VERB_OF } from './draft.ts';
import { formatDraft, formatSigned } from './print.ts';

const NAMESPACES = { approval: APPROVAL_NAMESPACE, signoff: SIGNOFF_NAMESPACE } as const;

export async function signDocument(context: Context, args: Args, kind: Kind): Promise<Printed> {
  const { terminal } = context;
  requireSome(context.inventory);
  const draft = await draftFrom(context, args, kind);
  const folder = stackFolderOf(context);
  const local = await readLocalSigners(folder, context.inventory.deployment);
  if (local.kind === 'unusable') terminal.warn(`the signers cannot be used: ${local.message}`);
  if (local.kind === 'absent')
    terminal.warn(`${local.file} is not there: whether this key counts, only the gateway will say`);
  for (const line of formatDraft(draft)) terminal.show(line);
  await confirmSigning(context, args, VERB_OF[kind]);
  const signed = await signWithSshKeygen(draft.text, {
    keyFile: args.key ?? '',
    namespace: NAMESPACES[kind],
    env: context.env,
  });
  if (!signed.ok)
    throw new VerbStop(EXIT.failed, { code: 'not-signed', message: signed.message, next: [signed.remedy] });
  const before = draft.signatures.map(({ text }) => text);
  const own = judge(context, draft, local, [signed.signature]);
  const refusal = own?.notes[0];
  if (own !== null && refusal !== undefined) {
    const next = [`a line for this key in ${local.file}`, 'the key that the line is for'];
    throw new VerbStop(EXIT.refused, { code: 'signature-does-not-count', message: refusal, next });
  }
  const signer =
    own?.people[0]?.person ?? `key-${(fingerprintIn(signed.signature) ?? '').replace('SHA256:', '').slice(0, 12)}`;
  const approvals = approvalsFolderOf(context);
  const file = await storeDocument(approvals, draft.digest, draft.document);
  const signatureFile = await storeSignature(approvals, draft.digest, signer, signed.signature);
  const counted = judge(context, draft, local, [...before, signed.signature]);
  const warnings =
    args['no-commit'] === true
      ? []
      : await commit(context, draft, signer, [file, signatureFile, ...(await evidenceFilesOf(context, draft))]);
  const document = documentOf(context, draft, counted, { file, signatureFile, signer, warnings });
  return { document, text: formatSigned(document), exitCode: EXIT.done };
}

/** Null: without signers here nobody can say. */
function judge(
  context: Context,
  draft: Draft,
  local: LocalSigners,
  signatures: readonly string[],
): CountedSignatures | null {
  if (local.kind !== 'read') return null;
  const presented = { document: draft.text, signatures };
  return countSignatures(draft.kind, presented, local.authority, Date.parse(context.clock.now()));
}

async function commit(context: Context, draft: Draft, signer: string, files: readonly string[]): Promise<string[]> {
  const what = draft.kind === 'approval' ? 'Approval' : 'Sign-off';
  const outcome = await commitFiles(
    files,
    `${what} ${draft.digest.slice(0, 19)} of ${context.stack} signed by ${signer}`,
  );
  if (outcome.kind === 'failed') return [`not committed: ${outcome.message}`];
  if (outcome.kind === 'no-repository')
    return ['not committed: this is no git repository; hand the two files on yourself'];
  if (outcome.kind === 'committed' && outcome.push.kind === 'failed') return [`not pushed: ${outcome.push.message}`];
  return [];
}

/** What it rests on goes with it, and what that rests on: whoever signs next, or audits, reads them from git. */
async function evidenceFilesOf(context: Context, { document, evidence }: Draft): Promise<string[]> {
  const folder = join(stackFolderOf(context), 'evidence');
  const body = z.object({ criteria: z.array(z.object({ evidence: z.array(z.string()) })) }).safeParse(evidence.body);
  const named = body.success ? body.data.criteria.flatMap((criterion) => criterion.evidence) : [];
  const digests = [...new Set([document.evidence, ...named])];
  const found = await Promise.all(
    digests.map(async (digest) => ({ digest, read: await loadEvidence(folder, digest) })),
  );
  return found.flatMap(({ digest, read }) => (read.ok ? [join(folder, `${digest.replace('sha256:', '')}.json`)] : []));
}

type Stored = {
  readonly file: string;
  readonly signatureFile: string;
  readonly signer: string;
  readonly warnings: string[];
};

function documentOf(
  context: Context,
  draft: Draft,
  counted: CountedSignatures | null,
  stored: Stored,
): ApprovalDocumentPrinted {
  const { kind, digest, document } = draft;
  const verb = VERB_OF[kind];
  const people = counted?.people ?? [];
  const missing = counted === null ? [...ROLES_NEEDED[kind]] : [...counted.missing];
  const isComplete = counted !== null && counted.signedBy !== null;
  const act = kind === 'approval' ? 'switch' : 'decommission';
  const selection = flagsFor(
    context.inventory,
    document.connections.map(({ name }) => name),
  );
  const nextSteps = isComplete
    ? [`cutover ${act} --stack ${context.stack} ${selection}`]
    : [
        `${missing.join(' and ')}, another person: cutover ${verb} --stack ${context.stack} --document ${digest} --key FILE`,
      ];
  return {
    verb,
    ok: true,
    exitCode: EXIT.done,
    stack: context.stack,
    digest,
    document,
    evidence: { digest: document.evidence, kind: draft.evidence.kind, at: draft.evidence.at },
    signedBy: people.map(({ person, roles }) => ({ person, roles: [...roles] })),
    missing,
    complete: counted === null ? null : isComplete,
    file: stored.file,
    signature: stored.signatureFile,
    warnings: [...stored.warnings, ...(counted?.notes ?? [])],
    nextSteps,
  };
}
