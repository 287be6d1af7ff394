/**
 * Evidence on disk: `stacks/<stack>/evidence/<sha256>.json`, written once and never again, verified at every read. The
 * file holds the canonical bytes and nothing else, so that `sha256sum` gives its name.
 */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  EVIDENCE_LIMIT_BYTES,
  type Evidence,
  type EvidenceKind,
  type FrozenEvidence,
  freezeEvidence,
  readFrozen,
} from '../core/evidence.ts';
import { namesIfThere, readIfThere } from './read-if-there.ts';

/** `projectFolder` is where Pulumi.yaml is. */
export function evidenceFolderOf(projectFolder: string, stack: string): string {
  return join(projectFolder, 'stacks', stack, 'evidence');
}

/** Freezes and stores it; the same evidence again is the same file. */
export async function storeEvidence(folder: string, evidence: Evidence): Promise<FrozenEvidence> {
  const frozen = freezeEvidence(evidence);
  await mkdir(folder, { recursive: true });
  const file = fileOf(folder, frozen.digest);
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(beside, 'wx', 0o644);
    try {
      await handle.writeFile(frozen.text, 'utf8');
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link and not a rename: what is there already stays, also if someone has changed it.
    await link(beside, file).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    });
  } finally {
    await rm(beside, { force: true });
  }
  return frozen;
}

export type ReadEvidence =
  | { readonly ok: true; readonly value: Evidence }
  /** `absent`: there is no such file; `damaged`: it is not what its name says. */
  | { readonly ok: false; readonly code: 'absent' | 'damaged'; readonly message: string };

export async function loadEvidence(folder: string, digest: string): Promise<ReadEvidence> {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return refuse('absent', `'${digest}' is no digest of evidence`);
  const file = fileOf(folder, digest);
  const size = await stat(file).then(
    (found) => found.size,
    () => null,
  );
  if (size === null) return refuse('absent', `the evidence ${digest} is not there: ${file} cannot be read`);
  if (size > EVIDENCE_LIMIT_BYTES) return refuse('damaged', `${file}: it is larger than evidence can be`);
  const content = await readIfThere(file);
  if (content.kind !== 'read')
    return refuse('damaged', content.kind === 'absent' ? `${file} is not there any more` : content.message);
  const bytes = content.value;
  // Read with a substitute, what is no text could be the text that it was.
  if (!isUtf8(bytes)) return refuse('damaged', `${file}: it is no text; restore it from the commit that added it`);
  const read = readFrozen(bytes.toString('utf8'), digest);
  return read.ok ? read : refuse('damaged', `${file}: ${read.message}; restore it from the commit that added it`);
}

export type FoundEvidence = {
  readonly found: readonly { readonly digest: string; readonly evidence: Evidence }[];
  /** What stands in the folder and is not what its name says, or cannot be read. */
  readonly damaged: readonly string[];
};

/** All evidence of one kind, newest first by its own time. */
export async function listEvidence(folder: string, kind: EvidenceKind): Promise<FoundEvidence> {
  const listed = await namesIfThere(folder);
  if (listed.kind === 'unreadable') return { found: [], damaged: [listed.message] };
  const all = listed.kind === 'absent' ? [] : listed.value;
  const names = all.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).sort();
  const found: { digest: string; evidence: Evidence }[] = [];
  const damaged: string[] = [];
  for (const name of names) {
    const digest = `sha256:${name.slice(0, 64)}`;
    const read = await loadEvidence(folder, digest);
    if (!read.ok) damaged.push(read.message);
    else if (read.value.kind === kind) found.push({ digest, evidence: read.value });
  }
  found.sort((a, b) => (a.evidence.at < b.evidence.at ? 1 : a.evidence.at > b.evidence.at ? -1 : 0));
  return { found, damaged };
}

function fileOf(folder: string, digest: string): string {
  return join(folder, `${digest.replace('sha256:', '')}.json`);
}

function refuse(code: 'absent' | 'damaged', message: string): ReadEvidence {
  return { ok: false, code, message };
}
