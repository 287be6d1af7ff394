/**
 * The approvals and sign-offs on file: `stacks/<stack>/approvals/<sha256>.json` and one `<sha256>.<signer>.sig` for each
 * signer. A file that is not the document that its name says is left out; what counts is what the gateway accepts.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type ApprovalDocument, canonicalText } from '../core/approval-document.ts';
import { digestOf, type Json } from '../core/canonical-json.ts';
import type { ApprovalOnFile } from '../core/plan.ts';
import { readSignature } from '../core/ssh/signature.ts';

const documentSchema = z.object({
  connections: z.array(z.object({ name: z.string(), fromEpoch: z.int() })),
  target: z.string(),
  maxWeight: z.int().default(0),
  evidence: z.string().default(''),
  notBefore: z.string().default(''),
  notAfter: z.string().default(''),
});

/** Oldest first by their own start. `nowMs`: by this machine's clock, to pick the one to send. */
export async function readApprovals(folder: string, nowMs: number): Promise<readonly ApprovalOnFile[]> {
  const all = await readdir(folder).catch(() => []);
  const names = all.filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => readOne(await readFile(join(folder, name), 'utf8'), name, all, nowMs)),
  );
  const approvals = found.filter((one) => one !== null);
  return approvals
    .sort((a, b) => (a.notBefore < b.notBefore ? -1 : 1))
    .map(({ notBefore: _notBefore, ...approval }) => approval);
}

type Found = ApprovalOnFile & { readonly notBefore: string };

function readOne(text: string, name: string, all: readonly string[], nowMs: number): Found | null {
  let document: Json;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  const digest = digestOf(document);
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success || name !== `${stemOf(digest)}.json`) return null;
  const { notAfter, ...rest } = parsed.data;
  const signatures = signatureNames(all, digest).length;
  return { digest, ...rest, signatures, notAfter, isOver: nowMs >= Date.parse(notAfter) };
}

export type SignatureOnFile = { readonly name: string; readonly text: string };
export type SignedOnFile = { readonly text: string; readonly signatures: readonly SignatureOnFile[] };

/** Null where there is no such document. */
export async function readSignedDocument(folder: string, digest: string): Promise<SignedOnFile | null> {
  const text = await readFile(join(folder, `${stemOf(digest)}.json`), 'utf8').catch(() => null);
  if (text === null) return null;
  const names = signatureNames(await readdir(folder), digest);
  const signatures = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  );
  return { text, signatures };
}

/** Writes the canonical bytes and nothing else; the path of the file. */
export async function storeDocument(folder: string, digest: string, document: ApprovalDocument): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${stemOf(digest)}.json`);
  await writeFile(file, canonicalText(document), 'utf8');
  return file;
}

/** `signer`: the person, or where nobody knows the key its fingerprint. The path of the file. */
export async function storeSignature(folder: string, digest: string, signer: string, text: string): Promise<string> {
  const safe = signer.replaceAll(/[^A-Za-z0-9@._-]/g, '_').slice(0, 80);
  // Two people whose names a file name cannot tell apart must not overwrite each other's signature.
  const name = safe === signer ? safe : `${safe}-${digestOf(signer).slice('sha256:'.length, 'sha256:'.length + 8)}`;
  const file = join(folder, `${stemOf(digest)}.${name}.sig`);
  await writeFile(file, text, 'utf8');
  return file;
}

/** Of the key that made a signature; null where it is none. */
export function fingerprintIn(signature: string): string | null {
  const read = readSignature(signature);
  return read.ok ? read.value.key.fingerprint : null;
}

function signatureNames(all: readonly string[], digest: string): string[] {
  return all.filter((name) => name.startsWith(`${stemOf(digest)}.`) && name.endsWith('.sig')).sort();
}

function stemOf(digest: string): string {
  return digest.replace(/^sha256:/, '');
}
