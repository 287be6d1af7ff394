/** Signatures of diff rules on disk: `stacks/rules/signatures/<name>@<digest>.sig`, detached, one for each form of a rule. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refOf } from '../core/rules/compile.ts';
import type { Rule } from '../core/rules/rule.ts';
import { RULE_NAMESPACE, ruleText } from '../core/rules/signed.ts';
import { type Signed, signWithSshKeygen } from './ssh-keygen.ts';

/** `folder`: the project's. Null: there is none. */
export function readRuleSignature(folder: string, rule: Rule): Promise<string | null> {
  return readFile(fileOf(folder, rule), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

/** The file that was written; or what signing said. */
export async function signRule(
  folder: string,
  rule: Rule,
  key: { readonly keyFile: string; readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly ok: true; readonly file: string } | Exclude<Signed, { ok: true }>> {
  const signed = await signWithSshKeygen(ruleText(rule), { ...key, namespace: RULE_NAMESPACE });
  if (!signed.ok) return signed;
  const file = fileOf(folder, rule);
  await mkdir(join(folder, 'stacks', 'rules', 'signatures'), { recursive: true });
  await writeFile(file, signed.signature, 'utf8');
  return { ok: true, file };
}

function fileOf(folder: string, rule: Rule): string {
  return join(folder, 'stacks', 'rules', 'signatures', `${refOf(rule)}.sig`);
}
