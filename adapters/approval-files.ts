/**
 * The approvals on file, `stacks/<stack>/approvals/<sha256>.json`, oldest first by their own start. A file that is not
 * the document that its name says is left out; signatures are judged by the gateway.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { digestOf, type Json } from '../core/canonical-json.ts';
import type { ApprovalOnFile } from '../core/plan.ts';

const documentSchema = z.object({
  connections: z.array(z.object({ name: z.string(), fromEpoch: z.int() })),
  target: z.string(),
  notBefore: z.string().default(''),
});

export async function readApprovals(folder: string): Promise<readonly ApprovalOnFile[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  const found = await Promise.all(names.map(async (name) => readOne(await readFile(join(folder, name), 'utf8'), name)));
  const approvals = found.filter((one) => one !== null);
  return approvals
    .sort((a, b) => (a.notBefore < b.notBefore ? -1 : 1))
    .map(({ notBefore: _notBefore, ...approval }) => approval);
}

function readOne(text: string, name: string): (ApprovalOnFile & { readonly notBefore: string }) | null {
  let document: Json;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  const digest = digestOf(document);
  const parsed = documentSchema.safeParse(document);
  return parsed.success && name === `${digest.replace('sha256:', '')}.json` ? { digest, ...parsed.data } : null;
}
