/**
 * An audit export: one folder that holds everything an auditor needs offline, and a manifest with the SHA-256 of each
 * file. What it claims is judged by `core/audit`; here it is only written and read.
 */

import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { type EpochRecord, epochRecordSchema } from '../core/admin-api.ts';
import type { SignedDocument } from '../core/approval.ts';
import { readApprovalDocument } from '../core/approval-document.ts';
import { type Finding, failed, fine, warning } from '../core/audit/finding.ts';
import { type PulumiHistory, pulumiHistorySchema } from '../core/audit/pulumi-history.ts';
import type { AuditBundle } from '../core/audit/verify.ts';
import { counted } from '../core/count-words.ts';
import { readSignedDocument } from './approval-files.ts';
import { loadEvidence } from './evidence-files.ts';
import { makeFolder } from './make-folder.ts';
import { readSignedFiles } from './signed-files.ts';
import { readLocalSigners } from './signers-file.ts';

const manifestSchema = z.strictObject({
  kind: z.literal('audit-export'),
  deployment: z.string(),
  stack: z.string(),
  target: z.enum(['local', 'production']),
  at: z.string(),
  entries: z.int(),
  files: z.record(z.string(), z.string()).describe('path → sha256'),
});

const LINE_FEED = 0x0a;

const gatewaysSchema = z.strictObject({ connections: z.record(z.string(), z.array(epochRecordSchema)) });

export type Export = {
  readonly deployment: string;
  readonly stack: string;
  readonly target: 'local' | 'production';
  readonly at: string;
  /** As the database has them, whether or not they are entries. */
  readonly entries: readonly string[];
  /** Null: not every gateway could be asked. */
  readonly gateways: ReadonlyMap<string, readonly EpochRecord[]> | null;
  readonly pulumi: PulumiHistory | null;
  /** `stacks/<stack>`: approvals, evidence, checkpoints and signers are copied from there. */
  readonly stackFolder: string;
};

const COPIED = [
  'approvals',
  'evidence',
  'checkpoints',
  'signers',
  'revoked',
  'inventory.yaml',
  'raid.yaml',
  'handover.yaml',
];

/** `out` must not hold anything yet. */
export async function writeAuditBundle(out: string, given: Export): Promise<void> {
  makeFolder(out);
  await writeFile(join(out, 'ledger.jsonl'), given.entries.map((line) => `${line}\n`).join(''));
  if (given.gateways !== null) {
    await writeFile(join(out, 'gateways.json'), JSON.stringify({ connections: Object.fromEntries(given.gateways) }));
  }
  if (given.pulumi !== null) await writeFile(join(out, 'pulumi-history.json'), JSON.stringify(given.pulumi));
  for (const name of COPIED) {
    await cp(join(given.stackFolder, name), join(out, name), { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
  const { deployment, stack, target, at } = given;
  const head = { kind: 'audit-export', deployment, stack, target, at, entries: given.entries.length };
  const manifest = { ...head, files: Object.fromEntries(await digestsIn(out)) };
  await writeFile(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

export type Brought = {
  /** A folder with `signers` and `revoked` that the auditor trusts; null: those of the export. */
  readonly signersFolder: string | null;
  /** A folder of checkpoints that was kept elsewhere; null: none. */
  readonly checkpointsFolder: string | null;
};

export type ReadBundle =
  | { readonly ok: true; readonly value: AuditBundle }
  | { readonly ok: false; readonly message: string };

export async function readAuditBundle(folder: string, brought: Brought): Promise<ReadBundle> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => null);
  if (text === null) return { ok: false, message: `${folder} is no audit export: it has no manifest.json` };
  const manifest = manifestSchema.safeParse(jsonOf(text));
  if (!manifest.success)
    return { ok: false, message: `${join(folder, 'manifest.json')} is no manifest of an audit export` };
  const { deployment, target, files } = manifest.data;
  const fileFindings = await judgeFiles(folder, files);
  const ledger = await readFile(join(folder, 'ledger.jsonl')).catch(() => Buffer.alloc(0));
  const lines = ledger.reduce((count, byte) => count + (byte === LINE_FEED ? 1 : 0), 0);
  if (lines !== manifest.data.entries)
    fileFindings.push(failed('files', `${manifest.data.entries} entries were exported, and ledger.jsonl has ${lines}`));
  const gateways = gatewaysSchema.safeParse(await jsonFile(folder, 'gateways.json'));
  const pulumi = pulumiHistorySchema.safeParse(await jsonFile(folder, 'pulumi-history.json'));
  const local = await readLocalSigners(brought.signersFolder ?? folder, deployment);
  if (local.kind === 'unusable') fileFindings.push(failed('signers', local.message));
  if (brought.signersFolder === null) {
    fileFindings.push(
      warning('signers', 'the signers are those of the export itself: bring your own with --signers FOLDER'),
    );
  }
  const own = await readSignedFiles(join(folder, 'checkpoints'));
  const kept = brought.checkpointsFolder === null ? [] : await readSignedFiles(brought.checkpointsFolder);
  const value: AuditBundle = {
    deployment,
    target,
    ledger,
    checkpoints: [...new Map([...own, ...kept].map((one) => [`${one.text}\n${one.signature}`, one])).values()],
    gateways: gateways.success ? new Map(Object.entries(gateways.data.connections)) : null,
    pulumi: pulumi.success ? pulumi.data : null,
    documents: {
      approvals: await documentsIn(join(folder, 'approvals')),
      evidence: await evidenceIn(join(folder, 'evidence')),
    },
    authority: local.kind === 'read' ? local.authority : null,
    signersFrom: brought.signersFolder === null ? 'export' : 'auditor',
    fileFindings,
  };
  return { ok: true, value };
}

async function judgeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<Finding[]> {
  const present = new Map(await digestsIn(folder));
  const changed = Object.entries(files).filter(([name, digest]) => present.get(name) !== digest);
  const added = [...present.keys()].filter((name) => files[name] === undefined);
  const findings = [
    ...changed.map(([name]) =>
      failed('files', `${name} is ${present.has(name) ? 'not as it was exported' : 'missing'}`),
    ),
    ...added.map((name) => failed('files', `${name} was added after the export`)),
  ];
  return findings.length > 0
    ? findings
    : [fine('files', `${counted(Object.keys(files).length, 'file is', 'files are')} as exported`)];
}

async function digestsIn(folder: string): Promise<[string, string][]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  const names = paths.map((path) => relative(folder, path)).filter((name) => name !== 'manifest.json');
  return Promise.all(
    names.sort().map(async (name): Promise<[string, string]> => {
      return [
        name,
        createHash('sha256')
          .update(await readFile(join(folder, name)))
          .digest('hex'),
      ];
    }),
  );
}

async function documentsIn(folder: string): Promise<Map<string, SignedDocument>> {
  const found = new Map<string, SignedDocument>();
  for (const name of await readdir(folder).catch(() => [])) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
    const digest = `sha256:${name.slice(0, 64)}`;
    const signed = await readSignedDocument(folder, digest);
    const read = readApprovalDocument(signed?.text ?? '');
    if (signed === null || !read.ok || read.digest !== digest) continue;
    found.set(digest, { document: signed.text, signatures: signed.signatures.map(({ text }) => text) });
  }
  return found;
}

async function evidenceIn(folder: string): Promise<Set<string>> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  const digests = names.map((name) => `sha256:${name.slice(0, 64)}`);
  const loaded = await Promise.all(
    digests.map(async (digest) => ({ digest, read: await loadEvidence(folder, digest) })),
  );
  return new Set(loaded.filter(({ read }) => read.ok).map(({ digest }) => digest));
}

async function jsonFile(folder: string, name: string): Promise<unknown> {
  return jsonOf(await readFile(join(folder, name), 'utf8').catch(() => ''));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** True where nothing is in the way. */
export async function isEmptyFolder(folder: string): Promise<boolean> {
  makeFolder(dirname(folder));
  return (await readdir(folder).catch(() => [])).length === 0;
}
