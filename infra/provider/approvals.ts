/**
 * Finds the signed approval that an entry names: `stacks/<stack>/approvals/<sha256>.json` and, beside it, one
 * detached signature a signer (`<sha256>.<signer>.sig`). The gateway judges it; here it is only found and sent.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RouteRequestInput } from '../../core/admin-api.ts';
import { canonicalJson, digestOf, type Json } from '../../core/canonical-json.ts';
import { type Outcome, refused } from './outcome.ts';

type SentApproval = NonNullable<RouteRequestInput['approval']>;

/** `folder` is `stacks/<stack>/approvals`; `digest` is `sha256:…`. */
export async function readApproval(folder: string, digest: string): Promise<Outcome<SentApproval>> {
  const stem = digest.replace(/^sha256:/, '');
  const file = join(folder, `${stem}.json`);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return refused(`the approval ${digest} is not there: ${file} cannot be read`);
  const document = parseJson(text);
  if (document === undefined || digestOf(document) !== digest) {
    return refused(`${file} is not the document that ${digest} names: restore it from the commit that approved it`);
  }
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${stem}.`) && name.endsWith('.sig')).sort();
  if (names.length === 0) return refused(`the approval ${digest} has no signature: no ${stem}.*.sig in ${folder}`);
  const signatures = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return { ok: true, value: { document: canonicalJson(document), signatures } };
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
