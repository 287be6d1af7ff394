/**
 * Evidence: frozen canonical JSON that a decision rests on, named by the SHA-256 of its bytes. What an approval or a
 * sign-off names can so be checked years later, and a changed byte is another document. Never message content.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json } from './canonical-json.ts';

/** What measured or collected it. */
export const EVIDENCE_KINDS = [
  'gate',
  'comparison',
  'reconciliation',
  'drill',
  'drain-rehearsal',
  'connectivity',
  'alert-receipt',
  'attestation',
  'rehearsal',
] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/** A gate over 250 connections takes about 1 MB. */
export const EVIDENCE_LIMIT_BYTES = 16 * 1024 * 1024;

export const evidenceSchema = z.strictObject({
  kind: z.enum(EVIDENCE_KINDS),
  deployment: z.string().min(1),
  stack: z.string().min(1),
  /** When it was frozen, by the clock of whoever froze it. */
  at: z.iso.datetime(),
  /** The connections that it speaks of, sorted. */
  connections: z.array(z.string()),
  /** By kind; ids, digests, field paths, counts and times only. */
  body: z.json(),
});
export type Evidence = Omit<z.output<typeof evidenceSchema>, 'body'> & { readonly body: Json };

export type FrozenEvidence = {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** The canonical JSON itself: these bytes are stored and nothing else. */
  readonly text: string;
  readonly evidence: Evidence;
};

/** Freezes it; throws for what JSON cannot carry, or what is too large to be read by anyone. */
export function freezeEvidence(given: Evidence): FrozenEvidence {
  const evidence = evidenceSchema.parse({ ...given, connections: [...given.connections].sort() });
  const text = canonicalJson(evidence);
  if (Buffer.byteLength(text) > EVIDENCE_LIMIT_BYTES) throw new RangeError('evidence is larger than anyone can read');
  return { digest: digestOfText(text), text, evidence };
}

export type EvidenceFault = { readonly ok: false; readonly message: string };

/** Reads what claims to be the evidence of this digest: bytes, form and schema are all checked. */
export function readFrozen(
  text: string,
  digest: string,
): { readonly ok: true; readonly value: Evidence } | EvidenceFault {
  if (digestOfText(text) !== digest) return fault('its bytes do not have the digest of its name: it was changed');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fault('it is no JSON');
  }
  const parsed = evidenceSchema.safeParse(json);
  if (!parsed.success) return fault(`it is no evidence: ${parsed.error.issues[0]?.path.join('.')} does not fit`);
  if (canonicalJson(parsed.data) !== text) return fault('it is not canonical JSON');
  return { ok: true, value: parsed.data };
}

export function digestOfText(text: string): string {
  return `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;
}

function fault(message: string): EvidenceFault {
  return { ok: false, message };
}
