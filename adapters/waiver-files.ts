/** Waivers of the gate on disk: `stacks/<stack>/waivers/<sha256>.json`, canonical, and the signature beside it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../core/canonical-json.ts';
import { digestOfText } from '../core/evidence.ts';
import { WAIVER_NAMESPACE, type Waiver, type WaiverOnFile } from '../core/gate/waiver.ts';
import { signWithSshKeygen } from './ssh-keygen.ts';

export type StoredWaiver =
  | { readonly ok: true; readonly file: WaiverOnFile; readonly files: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly remedy: string };

/** Signs first: an unsigned waiver is not written, nor is one that `whyNot` says would not count. */
export async function storeWaiver(
  folder: string,
  waiver: Waiver,
  key: { readonly keyFile: string; readonly env: NodeJS.ProcessEnv },
  whyNot: (signed: WaiverOnFile) => string | null,
): Promise<StoredWaiver> {
  const text = canonicalJson(waiver);
  const signed = await signWithSshKeygen(text, { ...key, namespace: WAIVER_NAMESPACE });
  if (!signed.ok) return signed;
  const name = `${digestOfText(text).slice('sha256:'.length)}.json`;
  const onFile = { name, text, signature: signed.signature };
  const reason = whyNot(onFile);
  if (reason !== null) {
    const remedy = `a line in \`signers\` for this key, with a role and the namespace ${WAIVER_NAMESPACE}`;
    return { ok: false, message: `the waiver would not count: ${reason}`, remedy };
  }
  await mkdir(folder, { recursive: true });
  const file = join(folder, name);
  await writeFile(file, text, 'utf8');
  await writeFile(`${file}.sig`, signed.signature, 'utf8');
  return { ok: true, file: onFile, files: [file, `${file}.sig`] };
}
