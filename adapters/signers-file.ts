/**
 * `stacks/<stack>/signers` (OpenSSH allowed_signers) and `revoked` beside it, as this machine has them. They only let a verb
 * say no, or a name, earlier: what counts are the signers that the gateway was started with.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllowedSigners } from '../core/allowed-signers.ts';
import type { Authority } from '../core/approval.ts';
import { NO_REVOKED_KEYS, readRevokedKeys } from '../core/ssh/revoked-keys.ts';

export type LocalSigners =
  | { readonly kind: 'read'; readonly file: string; readonly authority: Authority }
  | { readonly kind: 'absent'; readonly file: string }
  | { readonly kind: 'unusable'; readonly file: string; readonly message: string };

/** `folder` is `stacks/<stack>`. */
export async function readLocalSigners(folder: string, deployment: string): Promise<LocalSigners> {
  const file = join(folder, 'signers');
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return { kind: 'absent', file };
  const parsed = parseAllowedSigners(text);
  if (!parsed.ok) {
    const [first] = parsed.problems;
    return { kind: 'unusable', file, message: `${file}:${first?.line}: ${first?.message} → ${first?.remedy}` };
  }
  const revokedFile = join(folder, 'revoked');
  const content = await readFile(revokedFile).catch(() => null);
  const revoked = content === null ? { ok: true as const, value: NO_REVOKED_KEYS } : readRevokedKeys(content);
  if (!revoked.ok) return { kind: 'unusable', file: revokedFile, message: `${revokedFile}: ${revoked.message}` };
  return { kind: 'read', file, authority: { deployment, signers: parsed.value, revoked: revoked.value } };
}
