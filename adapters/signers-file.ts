/**
 * `stacks/<stack>/signers` (OpenSSH allowed_signers) and `revoked` beside it, as this machine has them. They only let a verb
 * say no, or a name, earlier: what counts are the signers that the gateway was started with.
 */
import { join } from 'node:path';
import { parseAllowedSigners } from '../core/allowed-signers.ts';
import type { Authority } from '../core/approval.ts';
import { NO_REVOKED_KEYS, readRevokedKeys } from '../core/ssh/revoked-keys.ts';
import { readIfThere } from './read-if-there.ts';

export type LocalSigners =
  | { readonly kind: 'read'; readonly file: string; readonly authority: Authority }
  | { readonly kind: 'absent'; readonly file: string }
  | { readonly kind: 'unusable'; readonly file: string; readonly message: string };

/** `folder` is `stacks/<stack>`. */
export async function readLocalSigners(folder: string, deployment: string): Promise<LocalSigners> {
  const file = join(folder, 'signers');
  const text = await readIfThere(file);
  if (text.kind === 'absent') return { kind: 'absent', file };
  if (text.kind === 'unreadable') return { kind: 'unusable', file, message: text.message };
  const parsed = parseAllowedSigners(text.value.toString('utf8'));
  if (!parsed.ok) {
    const [first] = parsed.problems;
    return { kind: 'unusable', file, message: `${file}:${first?.line}: ${first?.message} → ${first?.remedy}` };
  }
  const revokedFile = join(folder, 'revoked');
  const content = await readIfThere(revokedFile);
  if (content.kind === 'unreadable') return { kind: 'unusable', file: revokedFile, message: content.message };
  const revoked =
    content.kind === 'absent' ? { ok: true as const, value: NO_REVOKED_KEYS } : readRevokedKeys(content.value);
  if (!revoked.ok) return { kind: 'unusable', file: revokedFile, message: `${revokedFile}: ${revoked.message}` };
  return { kind: 'read', file, authority: { deployment, signers: parsed.value, revoked: revoked.value } };
}
