/**
 * Approvals and sign-offs in the ledger: each is recorded before the first epoch that rests on it, with its signatures. So
 * whoever has the ledger can judge every move, also where the files are gone.
 */
import { z } from 'zod';
import type { SignedDocument } from '../approval.ts';
import { readApprovalDocument } from '../approval-document.ts';
import type { LedgerEntry } from '../ledger-entry.ts';

/** The body of its `decision` entry. */
export const recordedDocumentSchema = z.strictObject({
  signedDocument: z.strictObject({ digest: z.string(), document: z.string(), signatures: z.array(z.string()) }),
});
export type RecordedDocument = z.output<typeof recordedDocumentSchema>;

/** By digest; what does not have its digest is none. */
export function documentsIn(entries: readonly LedgerEntry[]): Map<string, SignedDocument> {
  const found = new Map<string, SignedDocument>();
  for (const { kind, body } of entries) {
    if (kind !== 'decision') continue;
    const parsed = recordedDocumentSchema.safeParse(body);
    if (!parsed.success) continue;
    const { digest, document, signatures } = parsed.data.signedDocument;
    const read = readApprovalDocument(document);
    if (read.ok && read.digest === digest) found.set(digest, joined(found.get(digest), { document, signatures }));
  }
  return found;
}

/** Of the ledger first; a document that is there twice has the signatures of both. */
export function joinDocuments(
  recorded: ReadonlyMap<string, SignedDocument>,
  onFile: ReadonlyMap<string, SignedDocument>,
): Map<string, SignedDocument> {
  const all = new Map(recorded);
  for (const [digest, signed] of onFile) all.set(digest, joined(all.get(digest), signed));
  return all;
}

function joined(known: SignedDocument | undefined, other: SignedDocument): SignedDocument {
  if (known === undefined) return other;
  return { document: known.document, signatures: [...new Set([...known.signatures, ...other.signatures])] };
}
