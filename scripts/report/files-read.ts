/** What the stack's folder says: gate, approvals, sign-offs, RAID log, checkpoint, reconciliation, drills, charter. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readSignedDocument } from '../../adapters/approval-files.ts';
import { listEvidence } from '../../adapters/evidence-files.ts';
import { readSignedFiles } from '../../adapters/signed-files.ts';
import { readLocalSigners } from '../../adapters/signers-file.ts';
import { type Authority, countSignatures } from '../../core/approval.ts';
import { type ApprovalDocument, readApprovalDocument } from '../../core/approval-document.ts';
import { checkpointSchema } from '../../core/audit/checkpoint.ts';
import { criterionSchema, frozenGateSchema } from '../../core/gate/gate-document.ts';
import { parseRaid } from '../../core/gate/raid.ts';
import { type Failed, formatProblem } from '../../core/located-yaml.ts';
import { DEFAULT_PROGRAMME, type Programme, parseProgramme } from '../../core/planning/programme.ts';
import type { Reconciled } from '../../core/report/answers.ts';
import type { ReportDocument, ReportSigned } from '../../core/report-document.ts';
import type { Context } from '../runner/context.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';

const gateSchema = frozenGateSchema.extend({ criteria: z.array(criterionSchema) });
const reconciledSchema = z.object({
  connections: z.array(
    z.object({
      name: z.string(),
      owed: z.int(),
      unexplained: z.int(),
      counts: z.object({ missing: z.int(), duplicated: z.int() }),
      balanced: z.boolean(),
      evidenceGrade: z.string(),
    }),
  ),
});
const drillSchema = z.object({ connections: z.array(z.object({ name: z.string(), verdict: z.string() })) });

export type OnFile = Pick<ReportDocument, 'gate' | 'signed' | 'raid' | 'checkpoint'> & {
  readonly programme: Programme;
  readonly reconciled: ReadonlyMap<string, Reconciled> | null;
  readonly drilled: ReadonlySet<string>;
  /** By name of a connection: the newest sign-off. */
  readonly signoffs: ReadonlyMap<string, ReportSigned>;
};

export async function readOnFile(context: Context, notKnown: string[]): Promise<OnFile> {
  const folder = stackFolderOf(context);
  const { deployment } = context.inventory;
  const evidence = join(folder, 'evidence');
  const newest = async <T>(
    kind: 'gate' | 'reconciliation',
    schema: z.ZodType<T>,
  ): Promise<(T & { digest: string }) | null> => {
    const { found, damaged } = await listEvidence(evidence, kind);
    notKnown.push(...damaged);
    const [first] = found.filter((one) => one.evidence.deployment === deployment);
    const parsed = schema.safeParse(first?.evidence.body);
    return first !== undefined && parsed.success ? { ...parsed.data, digest: first.digest } : null;
  };
  const gate = await newest('gate', gateSchema);
  const reconciliation = await newest('reconciliation', reconciledSchema);
  const drills = (await listEvidence(evidence, 'drill')).found.flatMap((one) => {
    const parsed = drillSchema.safeParse(one.evidence.body);
    return one.evidence.deployment === deployment && parsed.success ? parsed.data.connections : [];
  });
  const signers = await readLocalSigners(folder, deployment);
  const authority = signers.kind === 'read' ? signers.authority : null;
  const documents = await readDocuments(join(folder, 'approvals'), context, authority);
  if (documents.length > 0 && authority === null) notKnown.push('signatures: this machine has no signers file');
  return {
    gate,
    programme: await readYaml(join(folder, 'programme.yaml'), parseProgramme, DEFAULT_PROGRAMME, notKnown),
    raid: (await readYaml(join(folder, 'raid.yaml'), parseRaid, null, notKnown))?.items ?? null,
    checkpoint: await newestCheckpoint(join(folder, 'checkpoints')),
    signed: documents.map(({ signed }) => signed),
    signoffs: signoffsOf(documents),
    reconciled:
      reconciliation === null ? null : new Map(reconciliation.connections.map((one) => [one.name, reconciledOf(one)])),
    drilled: new Set(drills.flatMap(({ name, verdict }) => (verdict === 'passed' ? [name] : []))),
  };
}

function reconciledOf(one: z.output<typeof reconciledSchema>['connections'][number]): Reconciled {
  const { owed, unexplained, counts, evidenceGrade: grade, balanced: isBalanced } = one;
  return { owed, lost: unexplained + counts.missing, doubled: counts.duplicated, grade, isBalanced };
}

type SignedFile = { readonly document: ApprovalDocument; readonly signed: ReportSigned };

async function readDocuments(folder: string, context: Context, authority: Authority | null): Promise<SignedFile[]> {
  const selected = new Set(context.selected.map(({ name }) => name));
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  const found = await Promise.all(
    names.map(async (name): Promise<SignedFile[]> => {
      const file = await readSignedDocument(folder, `sha256:${name.slice(0, 64)}`);
      const read = readApprovalDocument(file?.text ?? '');
      if (file === null || !read.ok || !read.document.connections.some((one) => selected.has(one.name))) return [];
      const { document, digest } = read;
      const kind = document.target === 'decommissioned' ? 'signoff' : 'approval';
      const presented = { document: file.text, signatures: file.signatures.map(({ text }) => text) };
      // By the time at which they had to hold: a key that has ended since was good then.
      const counted =
        authority === null ? null : countSignatures(kind, presented, authority, Date.parse(document.notBefore));
      return [
        {
          document,
          signed: {
            digest,
            kind: kind === 'signoff' ? 'sign-off' : 'approval',
            target: document.target,
            connections: document.connections.length,
            evidence: document.evidence,
            notBefore: document.notBefore,
            notAfter: document.notAfter,
            signedBy: counted?.people.map(({ person }) => person) ?? [],
            missing: [...(counted?.missing ?? ['nobody could be told'])],
          },
        },
      ];
    }),
  );
  return found.flat().sort((a, b) => (a.signed.notBefore < b.signed.notBefore ? -1 : 1));
}

function signoffsOf(documents: readonly SignedFile[]): Map<string, ReportSigned> {
  const signoffs = new Map<string, ReportSigned>();
  for (const { document, signed } of documents) {
    if (signed.kind === 'sign-off') for (const { name } of document.connections) signoffs.set(name, signed);
  }
  return signoffs;
}

async function newestCheckpoint(folder: string): Promise<ReportDocument['checkpoint']> {
  const file = (await readSignedFiles(folder)).at(-1);
  if (file === undefined) return null;
  let json: unknown;
  try {
    json = JSON.parse(file.text);
  } catch {
    return null;
  }
  const parsed = checkpointSchema.safeParse(json);
  if (!parsed.success) return null;
  const { at, length, head } = parsed.data;
  return { file: `checkpoints/${file.name}`, at, length, head, isSigned: file.signature !== null };
}

type Parse<T> = (text: string, file: string) => { readonly ok: true; readonly value: T } | Failed;

async function readYaml<T, N>(file: string, parse: Parse<T>, otherwise: N, notKnown: string[]): Promise<T | N> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return otherwise;
  const parsed = parse(text, file);
  if (parsed.ok) return parsed.value;
  notKnown.push(...parsed.problems.map(formatProblem));
  return otherwise;
}
