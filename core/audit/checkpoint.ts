/**
 * A checkpoint of the ledger: its length, its head and the newest epoch of every connection, signed after a verb and kept
 * outside the database. A chain alone cannot show that its end was cut, or that all of it was written anew; this does.
 */
import { z } from 'zod';
import type { Authority } from '../approval.ts';
import { canonicalJson } from '../canonical-json.ts';
import { epochBodySchema, type LedgerEntry } from '../ledger-entry.ts';
import { isRevoked } from '../ssh/revoked-keys.ts';
import { isSignatureOf, readSignature } from '../ssh/signature.ts';
import { type Finding, failed, fine, warning } from './finding.ts';

export const CHECKPOINT_NAMESPACE = 'cutover-checkpoint';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export const checkpointSchema = z.strictObject({
  kind: z.literal('ledger-checkpoint'),
  deployment: z.string(),
  stack: z.string(),
  target: z.enum(['local', 'production']).describe('production: its moves needed approvals'),
  at: z.iso.datetime(),
  length: z.int().min(1).describe('entries that the ledger had'),
  head: digest.describe('of its last entry'),
  epochs: z.record(z.string(), z.strictObject({ epoch: z.int(), digest })).describe('the newest of each connection'),
});
export type Checkpoint = z.output<typeof checkpointSchema>;

export type CheckpointOnFile = { readonly name: string; readonly text: string; readonly signature: string | null };

export type JudgedCheckpoints = {
  readonly findings: readonly Finding[];
  /** The ledger is attested up to this entry. */
  readonly completeUpTo: number;
  /** Of the signed ones; `production` where any says so, null where there is none. */
  readonly target: Checkpoint['target'] | null;
  readonly newest: Checkpoint | null;
};

/** `authority` is null: there are no signers to judge by, and no signature counts. */
export function judgeCheckpoints(
  files: readonly CheckpointOnFile[],
  entries: readonly LedgerEntry[],
  authority: Authority | null,
): JudgedCheckpoints {
  const findings: Finding[] = [];
  const valid: Checkpoint[] = [];
  for (const file of files) {
    const read = readCheckpoint(file, authority);
    if (typeof read === 'string') findings.push(failed('checkpoint', `${file.name}: ${read}`));
    else valid.push(read);
  }
  valid.sort((a, b) => a.length - b.length);
  findings.push(...forksAmong(valid));
  let completeUpTo = 0;
  for (const checkpoint of valid) {
    const fault = faultOf(checkpoint, entries);
    if (fault === null) completeUpTo = checkpoint.length;
    else {
      findings.push(fault);
      break;
    }
  }
  const newest = valid.at(-1) ?? null;
  if (newest === null)
    findings.push(
      warning(
        'checkpoint',
        'there is no checkpoint: a cut end or a ledger written anew would not show (verbs and worker sign them with CUTOVER_CHECKPOINT_KEY)',
      ),
    );
  else if (completeUpTo === newest.length) {
    findings.push(
      fine(
        'checkpoint',
        `the ledger agrees with ${valid.length} signed checkpoints, the newest of ${newest.at} at entry ${newest.length}`,
      ),
    );
    if (entries.length > newest.length) {
      const message = `entries ${newest.length + 1} to ${entries.length} are newer than the newest checkpoint: chained, and not attested`;
      findings.push(warning('checkpoint', message, newest.length + 1));
    }
  }
  const targets = new Set(valid.map(({ target }) => target));
  const target = targets.has('production') ? 'production' : ([...targets][0] ?? null);
  return { findings, completeUpTo, target, newest };
}

function readCheckpoint({ text, signature }: CheckpointOnFile, authority: Authority | null): Checkpoint | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  const parsed = checkpointSchema.safeParse(json);
  if (!parsed.success) return 'it is no checkpoint';
  if (canonicalJson(parsed.data) !== text) return 'it is not canonical JSON';
  if (authority === null) return 'there are no signers to judge its signature by';
  if (parsed.data.deployment !== authority.deployment) return `it is of deployment ${parsed.data.deployment}`;
  if (signature === null) return 'it is not signed';
  const read = readSignature(signature);
  if (!read.ok) return `its signature: ${read.message}`;
  const { key, namespace } = read.value;
  if (namespace !== CHECKPOINT_NAMESPACE)
    return `its signature was made for another namespace than ${CHECKPOINT_NAMESPACE}`;
  const lines = authority.signers.filter(
    (one) =>
      one.key.blob.equals(key.blob) && (one.namespaces === null || one.namespaces.includes(CHECKPOINT_NAMESPACE)),
  );
  if (lines.length === 0) return `its key ${key.fingerprint} may not sign checkpoints`;
  const atMs = Date.parse(parsed.data.at);
  if (!lines.some((one) => atMs >= one.validAfterMs && atMs < one.validBeforeMs))
    return `its key ${key.fingerprint} was not valid at ${parsed.data.at}`;
  if (isRevoked(key, authority.revoked)) return `its key ${key.fingerprint} is revoked`;
  return isSignatureOf(text, read.value) ? parsed.data : 'its signature is not one of this text';
}

/** Two signed checkpoints of one length with two heads: there are two ledgers. */
function forksAmong(valid: readonly Checkpoint[]): Finding[] {
  return valid.flatMap((checkpoint, index) => {
    const before = valid[index - 1];
    if (before === undefined || before.length !== checkpoint.length || before.head === checkpoint.head) return [];
    const message = `a fork: two signed checkpoints at entry ${checkpoint.length} (${before.at}, ${checkpoint.at}) name different heads`;
    return [failed('checkpoint', message, checkpoint.length)];
  });
}

function faultOf(checkpoint: Checkpoint, entries: readonly LedgerEntry[]): Finding | null {
  const { length, head, at, epochs } = checkpoint;
  const last = entries[length - 1];
  if (last === undefined) {
    const message = `entries ${entries.length + 1} to ${length} are missing: the checkpoint of ${at} has seen ${length}; the end was cut, or this is an older export`;
    return failed('checkpoint', message, entries.length + 1);
  }
  if (last.digest !== head) {
    const message = `entry ${length} is not the one that the checkpoint of ${at} was signed over: the ledger was written anew, or is a fork of it`;
    return failed('checkpoint', message, length);
  }
  const newest = newestEpochs(entries.slice(0, length));
  const differing = Object.entries(epochs).find(([name, one]) => newest.get(name)?.digest !== one.digest);
  if (differing === undefined && newest.size === Object.keys(epochs).length) return null;
  const message = `the checkpoint of ${at} names another newest epoch of ${differing?.[0] ?? 'a connection'} than the ledger has`;
  return failed('checkpoint', message, length);
}

export function newestEpochs(entries: readonly LedgerEntry[]): Map<string, { epoch: number; digest: string }> {
  const newest = new Map<string, { epoch: number; digest: string }>();
  for (const { kind, body } of entries) {
    if (kind !== 'epoch') continue;
    const parsed = epochBodySchema.safeParse(body);
    if (!parsed.success) continue;
    const { connection, epoch, digest: own } = parsed.data;
    if ((newest.get(connection)?.epoch ?? 0) < epoch) newest.set(connection, { epoch, digest: own });
  }
  return newest;
}
